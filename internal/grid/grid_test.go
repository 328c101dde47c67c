package grid

import (
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"pgregory.net/rapid"
)

func TestGridIsAboveTheLastRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "every")) * time.Millisecond
		last := dodona.Round(rapid.Uint64Range(0, 1<<45).Draw(t, "last"))
		step := dodona.Round(every.Milliseconds())
		next := Next(last, every)
		if next <= last || next-last > step || next%step != 0 || At(last, every) != next-step {
			t.Fatalf("after %d every %d comes %d", last, step, next)
		}
		if from := From(last, every); from < last || from-last >= step || from%step != 0 || From(next, every) != next {
			t.Fatalf("from %d on every %d begins %d", last, step, from)
		}
	})
}

func ExampleNext() {
	fmt.Println(Next(1_795_349_070_001, 10*time.Second))
	// Output: 2026-11-22T12:04:40Z
}
