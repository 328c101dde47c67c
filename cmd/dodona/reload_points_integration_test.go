//go:build integration

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestANameThatIsGivenToAnotherRegisterBringsNoOldValue: each register of libmodbus holds its own address, so an answer says which one it is of. The names
// of two points are swapped again and again while a node signs; one is renamed and scaled, and one that a feed needs is taken away. Each round has the
// value of the rules that it was signed with, and all of them replay.
func TestANameThatIsGivenToAnotherRegisterBringsNoOldValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	peer := filepath.Join(dir, "peer")
	if out, err := exec.Command("sh", "-c", `gcc -O1 -o "$1" ../../source/modbus/testdata/peer.c $(pkg-config --cflags --libs libmodbus)`, "sh", peer).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	port := peertest.Port(t)
	peertest.Start(t, peertest.Command{Name: peer, Args: []string{strconv.Itoa(port)}, ReadyLine: "listening"})
	file := filepath.Join(dir, "gw.yaml")
	write := func(registers, from string) {
		t.Helper()
		text := fmt.Sprintf("node: {name: gw, data: ./data}\nsources:\n  plant:\n    modbus: {address: \"127.0.0.1:%d\", registers: {%s}}\nfeeds:\n  f: {every: 200ms, stale: 5s, decimals: 1, from: [%s]}\n", port, registers, from)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const (
		asIs    = "a: {holding: 100}, b: {holding: 200}"
		swapped = "a: {holding: 200}, b: {holding: 100}"
	)
	write(asIs, "plant.a")
	p := launch(t, dir, "run", "gw.yaml", "--listen", "127.0.0.1:0")
	p.awaitURL()
	latest := func() (a dodona.Answer, value string) {
		if err := getJSON(p.url+"/v1/feeds/f/latest", &a); err != nil {
			return a, err.Error()
		}
		return a, a.Attestation.Report.Value.String()
	}
	awaits := func(want string) {
		t.Helper()
		eventually(t, patience, func() error {
			if _, got := latest(); got != want {
				return fmt.Errorf("the answer is %s, want %s; it said:\n%s", got, want, p.stderr)
			}
			return nil
		})
	}
	reload := func(registers, from, want string) {
		t.Helper()
		write(registers, from)
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		awaits(want)
	}
	awaits("1000")
	for range 5 {
		reload(swapped, "plant.a", "2000")
		reload(asIs, "plant.a", "1000")
	}
	reload("c: {holding: 100, scale: 0.1}", "plant.c", "100")

	// Without the point that the feed needs the file is refused, and the node goes on as it was.
	write("b: {holding: 200}", "plant.c")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.awaitSaid("plant.c")
	before, _ := latest()
	eventually(t, patience, func() error {
		if now, got := latest(); now.Attestation.Report.Round < before.Attestation.Report.Round+1000 || got != "100" {
			return fmt.Errorf("round %d has %s", now.Attestation.Report.Round, got)
		}
		return nil
	})

	var all struct {
		Rounds []struct {
			Round    uint64
			Attested bool
			Text     string
		}
	}
	if err := getJSON(p.url+"/v1/feeds/f/rounds?limit=100", &all); err != nil {
		t.Fatal(err)
	}
	replayed := 0
	for _, r := range all.Rounds {
		if !r.Attested {
			continue
		}
		raw, err := get(fmt.Sprintf("%s/v1/feeds/f/rounds/%d/bundle", p.url, r.Round))
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct{ Rules json.RawMessage }
		if err := json.Unmarshal(raw, &bundle); err != nil {
			t.Fatal(err)
		}
		want := "200.0"
		switch {
		case bytes.Contains(bundle.Rules, []byte(`"0.1"`)):
			want = "10.0"
		case bytes.Contains(bundle.Rules, []byte(`"at":100,`)):
			want = "100.0"
		}
		if r.Text != want {
			t.Errorf("round %d has %s by rules that mean %s: %s", r.Round, r.Text, want, bundle.Rules)
		}
		replayed++
		out := new(bytes.Buffer)
		if code := execute(t.Context(), []string{"replay", "-"}, terminal{in: bytes.NewReader(raw), out: out, err: out}); code != exitDone {
			t.Errorf("round %d does not replay: %d, %s", r.Round, code, out)
		}
	}
	if replayed == 0 {
		t.Error("no round was replayed")
	}
}
