package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
)

// A deaf process is a node whose readers may go.
type deafProcess struct {
	*process
	url      string
	out, err *os.File // what it writes to is read here
}

// deaf starts a node with pipes behind its standard output and error; words come before the program on the command line.
func deaf(t *testing.T, words ...string) deafProcess {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := `
node: {data: ./data}
api: {listen: "127.0.0.1:0"}
log: {level: debug}
sources: {s: {sim: {seed: 1}}}
feeds: {f: {every: 100ms, from: [s]}}
sinks: {lines: {stdout: {}}}
`
	if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := append(words, program, "run", "node.yaml")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = dir
	out, outEnd := pair(t)
	said, saidEnd := pair(t)
	cmd.Stdout, cmd.Stderr = outEnd, saidEnd
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = outEnd.Close(), saidEnd.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := deafProcess{process: &process{t: t, cmd: cmd}, out: out, err: said}
	var so []byte
	for p.url == "" { // no more of it is read
		chunk := make([]byte, 4096)
		n, err := said.Read(chunk)
		if err != nil {
			t.Fatalf("%v, after\n%s", err, so)
		}
		so = append(so, chunk[:n]...)
		if m := served.FindSubmatch(so); m != nil && strings.HasSuffix(string(so), "\n") {
			p.url = string(m[1])
		}
	}
	return p
}

func pair(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	return reader, writer
}

// state returns what the node says of its feed and of its sink.
func (p deafProcess) state() (round dodona.Round, sink api.SinkStatus, err error) {
	var feed api.FeedStatus
	var s api.Status
	for path, into := range map[string]any{"/v1/feeds/f": &feed, "/v1/status": &s} {
		raw, err := get(p.url + path)
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			return 0, sink, err
		}
	}
	if feed.Latest == nil || len(s.Sinks) != 1 {
		return 0, sink, fmt.Errorf("no answer yet, or no sink: %+v", s.Sinks)
	}
	return feed.Latest.Round, s.Sinks[0], nil
}

// TestANodeOutlivesWhoeverReadsIt: a log collector that ends, or the program behind a pipe, costs no round.
func TestANodeOutlivesWhoeverReadsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	t.Parallel()
	for _, c := range []struct {
		name  string
		words []string
	}{
		{"by itself", nil},
		{"where its parent ignores SIGPIPE, as systemd does", []string{"sh", "-c", `trap "" PIPE; exec "$@"`, "sh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := deaf(t, c.words...)
			_, _ = p.out.Close(), p.err.Close()
			var first dodona.Round
			eventually(t, patience, func() error {
				round, sink, err := p.state()
				if err != nil {
					return err
				}
				if sink.State != "stuck" || !strings.Contains(sink.LastError, "nobody reads standard output any more") || sink.Failures == 0 {
					return fmt.Errorf("of its sink it says %+v", sink)
				}
				if first == 0 {
					first = round
				}
				if round < first+1000 {
					return fmt.Errorf("its newest answer is of %d, want one of a second after %d", round, first)
				}
				return nil
			})
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("it ended with %v, though all was kept", err)
			}
		})
	}
}
