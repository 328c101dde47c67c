package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestANodeWhosePortIsTakenSaysWhereElse, and runs there when it is told to.
func TestANodeWhosePortIsTakenSaysWhereElse(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs nodes")
	}
	if _, err := binary(); err != nil { // before the folder changes
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	said(t, "key", "new", "--raw", "node.key")
	write(t, ".", map[string]string{
		"two.yaml":  "endpoint: http://127.0.0.1:1/x\nsignature_key: {file: node.key}\n",
		"long.yaml": "node: {data: ./long}\n" + hourly,
	})
	for file, inFile := range map[string]bool{"two.yaml": false, "long.yaml": true} {
		code, talk := fails(t, ".", "run", file, "--listen", taken.Addr().String())
		_, hint, _ := strings.Cut(talk, "another program has that port; dodona run "+file+" --listen ")
		address, rest, _ := strings.Cut(hint, " ")
		if code != exitFailed || !strings.HasPrefix(rest, "serves elsewhere") || strings.Contains(rest, `api: {listen: "`+address+`"}`) != inFile {
			t.Fatalf("exit code %d, it says %s", code, talk)
		}
		if url := launch(t, ".", "run", file, "--listen", address).awaitURL(); url != "http://"+address {
			t.Errorf("it serves at %s, not at %s, where it said that it could", url, address)
		}
	}
	for listen, want := range map[string]string{
		"192.0.2.1:80": `--listen: "192.0.2.1:80" can be reached from other machines`, "127.0.0.1:99999": `--listen: port "99999"`, "nowhere": "--listen: ",
	} {
		if code, talk := fails(t, ".", "run", "long.yaml", "--listen", listen); code != exitUsage || !strings.Contains(talk, want) {
			t.Errorf("--listen %s: exit code %d, %s", listen, code, talk)
		}
	}
}

// TestANodeThatHasThePortIsNamed with its configuration: it may be the very one that somebody wants to start again.
func TestANodeThatHasThePortIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node")
	}
	t.Parallel()
	dir := t.TempDir()
	text := "node: {data: %}\n" + hourly
	write(t, dir, map[string]string{"gw.yaml": strings.Replace(text, "%", "./first", 1), "again.yaml": strings.Replace(text, "%", "./second", 1)})
	url := launch(t, dir, "run", "gw.yaml", "--listen", "127.0.0.1:0").awaitURL()
	_, talk := fails(t, dir, "run", "again.yaml", "--listen", strings.TrimPrefix(url, "http://"))
	if want := ", the node of " + filepath.Join(dir, "gw.yaml") + ", has that port"; !strings.Contains(talk, want) {
		t.Errorf("it says %s, want %q", talk, want)
	}
}

// fails runs a node that is to end by itself, and returns how, and what it said.
func fails(t testing.TB, dir string, args ...string) (code int, talk string) {
	t.Helper()
	p := launch(t, dir, args...)
	_ = p.cmd.Wait() // its exit code says it
	return p.cmd.ProcessState.ExitCode(), p.stderr.String()
}
