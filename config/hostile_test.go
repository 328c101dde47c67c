//go:build unix

package config_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// endless yields one byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// TestHostileFilesAreRefusedSoon loads what would take a careless reader for ever, or all memory. What it costs is measured in
// processor time and in bytes, not by the clock: a busy machine must not fail it, and a reader whose work grows with the
// square of a megabyte needs a hundred times as much.
func TestHostileFilesAreRefusedSoon(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const n = 1<<20 - 100
	many := func(s string) string { return strings.Repeat(s, n/len(s)) }
	var sources, deep strings.Builder
	for i := 0; sources.Len() < n; i++ {
		fmt.Fprintf(&sources, "  s%d: {from: [a%d]}\n", i, i)
	}
	for i := range 1400 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, r := range map[string]io.Reader{
		"endless":      endless('a'),
		"brackets":     strings.NewReader(many("[")),
		"braces":       strings.NewReader(many("{a: ")),
		"dashes":       strings.NewReader(many("- ")),
		"questions":    strings.NewReader(many("? ")),
		"tags":         strings.NewReader(many("!a ")),
		"anchors":      strings.NewReader(many("&a ")),
		"colons":       strings.NewReader(many(": ")),
		"list":         strings.NewReader("roles: [" + many("é,") + "]"),
		"map":          strings.NewReader("roles: {" + many("é: ,") + "}"),
		"lines":        strings.NewReader(many("a: b\n")),
		"few lines":    strings.NewReader(strings.Repeat("a: b\n", 33_000)), // not too many words
		"inner lines":  strings.NewReader("node:\n" + strings.Repeat("  a: b\n", 33_000)),
		"text":         strings.NewReader("roles: " + many("x")),
		"at":           strings.NewReader("node: {name: \"" + many("a@:/") + "\"}"),
		"block":        strings.NewReader("roles: |\n" + many(" é\n")),
		"feeds":        strings.NewReader("feeds:\n" + sources.String()),
		"deep":         strings.NewReader(deep.String()),
		"blank":        strings.NewReader(many("\n")),
		"quotes":       strings.NewReader(many("'\"")),
		"secrets":      strings.NewReader("api: {tokens: [" + many("abcdefgh,") + "]}"),
		"one secret":   strings.NewReader("api: {tokens: [" + many("abcdefgh ") + "]}"),
		"private keys": strings.NewReader("x: " + many(strings.Repeat("a", 64)+" ")),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			worked := processorTime(t)
			_, err := config.Load(r, name, kinds())
			worked = processorTime(t) - worked
			runtime.ReadMemStats(&after)
			if worked > time.Minute { // a second is usual
				t.Errorf("it took %v of a processor", worked)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 2<<30 { // a tenth is usual
				t.Errorf("it took %d MiB of memory", took>>20)
			} else {
				t.Logf("%v of a processor, %d MiB", worked.Round(time.Millisecond), took>>20)
			}
			var mistakes *strict.MistakesError
			if !errors.As(err, &mistakes) {
				t.Errorf("got %.200v, want mistakes", err)
			} else if len(err.Error()) > 64<<10 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// processorTime returns how long this process has worked, on all processors together.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
