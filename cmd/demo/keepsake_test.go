package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/table"
)

// TestCommandsOfTheAdviceCanBePasted from a terminal of any usual width, wherever the program is.
func TestCommandsOfTheAdviceCanBePasted(t *testing.T) {
	here := filepath.Join(t.TempDir(), "a folder with a name that is much longer than what any terminal takes beside a command")
	bin := filepath.Join(here, "bin")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(filepath.Join(bin, "dodona"), []byte("#!/bin/sh\necho \"asked: $*\"\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	for _, width := range []int{0, 140, 80, 60, 50} {
		lines := wrapped(placeOf(filepath.Join(bin, "demo")).meanwhile("http://127.0.0.1:45678"), width)
		var script []string
		for i, line := range lines {
			if table.Measure(line) > width && width > 0 {
				t.Errorf("at %d columns %q is wider", width, line)
			}
			if strings.HasPrefix(line, "  ") || i > 0 && strings.HasSuffix(lines[i-1], `\`) {
				script = append(script, line)
			}
		}
		script = append(script, "cd /", "dodona there")
		said, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Join(script, "\n")).CombinedOutput()
		const api = " --api http://127.0.0.1:45678\n"
		want := "asked: status" + api + "asked: explain " + onChain + api + "asked: feed watch " + onChain + api + "asked: there\n"
		if err != nil || string(said) != want {
			t.Errorf("at %d columns\n%s\nsays, %v,\n%s", width, strings.Join(lines, "\n"), err, said)
		}
	}
}
