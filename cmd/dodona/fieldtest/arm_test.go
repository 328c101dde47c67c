//go:build integration

package fieldtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// readByARM makes one exchange with one source of each sort by the program for a 32-bit gateway, emulated: 64-bit alignment and word sizes have
// broken many Go programs on ARM.
func readByARM(t *testing.T, program, file string, sources []source) {
	const emulator = "/usr/bin/qemu-arm-static"
	if _, err := os.Stat(emulator); err != nil {
		t.Fatalf("%s is missing; run: make deps", emulator)
	}
	args := []string{program, "source", "read", file, "--json", "--wait", "2m"}
	var chosen []source
	last := ""
	for _, s := range sources {
		if sort := s.name[:len(s.name)-1]; sort != last { // all but its number
			last = sort
			chosen = append(chosen, s)
			args = append(args, s.name)
		}
	}
	read := exec.Command(emulator, args...)
	read.Dir = filepath.Dir(file)
	var talk bytes.Buffer
	read.Stderr = &talk
	read.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, failed := read.Output() // also if one of several points did not come yet
	var readings []struct {
		dodona.Reading
		Points []dodona.Point
		Error  string
	}
	if err := json.Unmarshal(out, &readings); err != nil {
		t.Fatalf("%v, %v: %.1000s\n%s", failed, err, out, &talk)
	}
	all, good := 0, map[string]int{}
	for _, r := range readings {
		if r.Error != "" {
			t.Errorf("%s: %s", r.Source, r.Error)
		}
		for _, p := range r.Points {
			if p.Quality != dodona.Bad {
				good[r.Source]++
				all++
			}
		}
	}
	for _, s := range chosen {
		if good[s.name] == 0 {
			t.Errorf("source %s has no point", s.name)
		}
	}
	t.Logf("%d sources gave %d points", len(chosen), all)
}
