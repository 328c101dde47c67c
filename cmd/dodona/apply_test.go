package main

import (
	"log/slog"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestMemoryAndLogLevelAreAppliedEachTime: a reload applies both to the process that runs.
func TestMemoryAndLogLevelAreAppliedEachTime(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}()
	level := new(slog.LevelVar)
	for _, c := range []struct {
		memory  unit.Size
		level   string
		percent int
	}{
		{64 * unit.MiB, "debug", 50}, {256 * unit.MiB, "error", 50}, {256*unit.MiB + 1, "info", 100}, {64 * unit.MiB, "warn", 50},
	} {
		if most, err := memlimit.FromCgroup(); err == nil && most > 0 && most < uint64(c.memory) {
			t.Skipf("the tests have no more than %d bytes themselves", most)
		}
		var cfg config.Config
		cfg.Node.Memory, cfg.Log.Level = c.memory, config.Level(c.level)
		least := int64(c.memory)*6/10 + profileTable()
		apply(&cfg, level)
		if got, most := debug.SetMemoryLimit(-1), int64(c.memory)*6/10+profileTable(); got < least || got > most { // the table grows
			t.Errorf("%s: the heap's goal is %d, want %d to %d", c.memory, got, least, most)
		}
		if got := debug.SetGCPercent(100); got != c.percent {
			t.Errorf("%s: the collector lets %d %% grow, want %d", c.memory, got, c.percent)
		}
		var want slog.Level
		if err := want.UnmarshalText([]byte(c.level)); err != nil || level.Level() != want {
			t.Errorf("%s: the log is at %s", c.level, level.Level())
		}
	}
}
