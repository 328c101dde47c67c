package module

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module/manifest"

	"github.com/google/go-cmp/cmp"
)

func TestStandardGoFindsTheRoundAndTheDirectory(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	wasm := filepath.Join(t.TempDir(), "stdgo.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", wasm, "./testdata/abi/stdgo")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	spec, _ := fileGuest(t)
	var err error
	if spec.Wasm, err = os.ReadFile(wasm); err != nil {
		t.Fatal(err)
	}
	spec.Limits = manifest.Limits{Pages: 256, Fuel: manifest.MaxFuel, Depth: manifest.MaxDepth}
	m := load(t, newTestEngine(t, Options{Interpreter: true, Memory: 160 << 20}), spec) // compiles it much faster, and keeps 70 MiB of it
	ev := Event{Round: 1_795_349_071_000, Readings: []dodona.Reading{{Source: "a", Received: time.UnixMilli(1)}}}
	out, runErr := m.Run(t.Context(), ev)
	if runErr != nil {
		t.Fatal(runErr, out.Logs)
	}
	var got []string
	for _, line := range out.Logs {
		got = append(got, line.Text)
	}
	want := []string{
		"args 0 environ 0",
		"now 2026-11-22T12:04:31Z slept 1.5s",
		"random 8 <nil>",
		`table "a,1\nb,2\n" <nil>`,
		"link open /sub/up: Capabilities insufficient",
		"secret open ../secret: No such file or directory",
		"write open /new: Read-only file system",
		"none true",
		"absolutefalse insidefalse largefalse loopfalse parentfalse subtrue table.csvfalse <nil>",
		"stdin 0 EOF",
		"without an end",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if last := out.Logs[len(out.Logs)-1].Level; last != slog.LevelWarn {
		t.Errorf("standard error is logged as %v", last)
	}
	spec.Host, ev.Recorded, ev.Replay = unreachable(t), out.Transcript, true
	spec.Dir = t.TempDir() // empty
	again, err := load(t, newTestEngine(t, Options{Interpreter: true, Memory: 160 << 20}), spec).Run(t.Context(), ev)
	if err != nil || again.Fuel != out.Fuel {
		t.Errorf("replay: %v, fuel %d and %d", err, again.Fuel, out.Fuel)
	}
	if diff := cmp.Diff(out.Logs, again.Logs); diff != "" {
		t.Errorf("replay (-first +again):\n%s", diff)
	}
}
