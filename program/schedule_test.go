package program_test

import (
	"math"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/program"
)

func TestAPromotionIsDueFromItsRoundOn(t *testing.T) {
	current, candidate, next := new(program.Program), new(program.Program), new(program.Program)
	names := map[*program.Program]string{current: "current", candidate: "candidate", next: "next"}
	one := program.Schedule{{Program: current}}
	promoted := append(one, program.Due{From: 20_000, Program: candidate})
	rolledBack := append(promoted, program.Due{From: 30_000, Program: current})
	abandoned := append(promoted, program.Due{From: 20_000, Program: next}) // before its round came
	late := program.Schedule{{From: 5_000, Program: current}, {From: 20_000, Program: candidate}}
	for _, c := range []struct {
		name     string
		schedule program.Schedule
		round    dodona.Round
		want     string
	}{
		{"one, ever", one, 0, "current"},
		{"one, for ever", one, math.MaxUint64, "current"},
		{"the round before", promoted, 19_999, "current"},
		{"its round", promoted, 20_000, "candidate"},
		{"the round after", promoted, 20_001, "candidate"},
		{"before a rollback", rolledBack, 29_999, "candidate"},
		{"the rollback's round", rolledBack, 30_000, "current"},
		{"a round of the past", rolledBack, 19_999, "current"},
		{"what was put in its place", abandoned, 20_000, "next"},
		{"before what was put in its place", abandoned, 19_999, "current"},
		{"before the first", late, 1, "current"},
	} {
		if got := names[c.schedule.For(c.round).Program]; got != c.want {
			t.Errorf("%s: in round %d %s is due, want %s", c.name, c.round, got, c.want)
		}
	}
}
