package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestALogOfJSONHasNoOtherLines: whoever collects it parses each line of standard error.
func TestALogOfJSONHasNoOtherLines(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	t.Parallel()
	// The unit of celsius is warned of, so that there is a warning.
	text := "node: {data: ./data}\nlog: {format: json, level: error}\napi: {listen: %q}\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {unit: celsius, from: [s]}}\n"
	write := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "node.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := func(p *process, key, want string) error {
		for line := range strings.Lines(p.stderr.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%q is no JSON", line)
			}
			if text := fmt.Sprint(fields[key]); strings.Contains(text, want) && fields["time"] != nil && fields["level"] != nil && fields["msg"] != nil {
				return nil
			}
		}
		return fmt.Errorf("no %s of %q among\n%s", key, want, p.stderr)
	}
	dir := t.TempDir()
	write(dir, fmt.Sprintf(text, "127.0.0.1:0"))
	p := launch(t, dir, "run", "node.yaml", "--new-network")
	eventually(t, patience, func() error { return said(p, "url", "http://127.0.0.1:") })
	write(dir, "nodes: {}\n")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error { return said(p, "error", `unknown key "nodes"`) })
	if code := p.stop(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
	for key, want := range map[string]string{"warning": "celsius", "key": "0x", "id": "0x", "version": "test", "msg": "everything acknowledged is on disk"} {
		if err := said(p, key, want); err != nil {
			t.Error(err)
		}
	}

	other := t.TempDir()
	write(other, strings.Replace(fmt.Sprintf(text, "127.0.0.1:0"), "./data", "./node.yaml/data", 1))
	p = launch(t, other, "run", "node.yaml")
	if err := p.cmd.Wait(); err == nil || p.cmd.ProcessState.ExitCode() != exitUsage {
		t.Errorf("a folder that cannot be made: %v", err)
	}
	if err := said(p, "error", "start node: "); err != nil {
		t.Error(err)
	}
}
