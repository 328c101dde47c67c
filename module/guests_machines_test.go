//go:build integration && linux

package module

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestGuestsGiveTheSameAnswersOnAllMachines adds the guests of std Go, which are too large to keep, to those that are
// kept, and asks all of them on this machine, compiled and interpreted, and, by a test binary built for it, compiled on an
// emulated arm64 and interpreted on an emulated ARMv7: every guest says what the table says, and uses the fuel that it uses here.
func TestGuestsGiveTheSameAnswersOnAllMachines(t *testing.T) {
	guests := t.TempDir()
	if err := os.CopyFS(guests, os.DirFS(filepath.Join("testdata", "guests"))); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join("..", "scripts", "guests.sh"), guests, "go").CombinedOutput(); err != nil {
		t.Fatalf("build std Go's guests: %v\n%s", err, out)
	}
	for _, machine := range []struct {
		name, arch string
		command    []string
	}{
		{"this", runtime.GOARCH, nil},
		{"arm64", "arm64", []string{"qemu-aarch64-static"}},
		{"ARMv7", "arm", []string{"qemu-arm-static"}},
	} {
		const test = "TestGuestsOfAllLanguagesGiveTheSameAnswers"
		here := len(machine.command) == 0
		passed := t.Run(machine.name, func(t *testing.T) {
			command := append(machine.command, testBinary(t, machine.arch), "-test.v", "-test.run=^"+test+"$", "-guests="+guests)
			if here {
				command = append(command, "-record-answers") // with the fuel of std Go's, for the others to compare with
			} else {
				command = append(command, "-only-compiled") // the interpreter is the same Go here, and ARMv7 has no other
			}
			out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS: "+test)) {
				t.Fatalf("%s: %v\n%.8000s", strings.Join(command, " "), err, out)
			}
		})
		if here && !passed {
			return // the others have nothing to compare with
		}
	}
}

// testBinary builds the tests of this package for a processor, without the race detector, with which std Go's guests
// take minutes.
func testBinary(t *testing.T, arch string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", file, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GOARM=7", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", arch, err, out)
	}
	return file
}
