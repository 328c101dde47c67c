//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/sdk"
)

// TestEverySkeletonBuildsAndPassesItsTests does what `dodona module new` says to do next. deps.sh installs the compiler of
// C, and Go is here; the others are hundreds of megabytes, so they are tried where they are.
func TestEverySkeletonBuildsAndPassesItsTests(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range sdk.Languages {
		t.Run(lang, func(t *testing.T) {
			flags := compilerOf(t, lang)
			dir := t.TempDir()
			skeletonShell(t, dir, program, "dodona module new "+lang+" kiln-7")
			dir = filepath.Join(dir, "kiln-7")
			skeletonShell(t, dir, program, "make -s "+flags)
			said := skeletonShell(t, dir, program, "dodona module test")
			if !strings.Contains(said, "kiln-7_test.yaml: kiln-7.wasm\n") || !strings.HasSuffix(said, "\n3 cases, 0 failed\n") {
				t.Errorf("dodona module test says\n%s", said)
			}
		})
	}
}

// compilerOf skips the test where a language's compiler is missing, and returns what make must be told.
func compilerOf(t *testing.T, lang string) string {
	switch lang {
	case "rust":
		for _, rustc := range []string{os.Getenv("RUSTC"), "/usr/bin/rustc", "rustc"} { // Debian's has the target of its package
			dir, err := exec.Command(rustc, "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
			if cores, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "libcore-*.rlib")); err == nil && len(cores) > 0 {
				return "RUSTC=" + rustc
			}
		}
		t.Skip("no rustc with the target wasm32-unknown-unknown (Debian: rustc libstd-rust-dev-wasm32)")
	case "assemblyscript":
		if _, err := exec.LookPath("npm"); err != nil {
			t.Fatal("no npm, which make test needs for the contracts too")
		}
	case "tinygo":
		for _, tinygo := range []string{os.Getenv("TINYGO"), "tinygo", "../../.cache/tinygo/tinygo"} {
			if path, err := exec.LookPath(tinygo); err == nil {
				path, err = filepath.Abs(path)
				if err != nil {
					t.Fatal(err)
				}
				return "TINYGO=" + path
			}
		}
		t.Skip("no tinygo; make guests-tinygo builds it")
	}
	return ""
}

func skeletonShell(t *testing.T, dir, program, command string) string {
	t.Helper()
	said, err := guideShell(t, dir, program, command)
	if err != nil {
		t.Fatalf("$ %s\n%s%v", command, said, err)
	}
	return said
}
