//go:build integration

package fieldtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A bound is by how much a measure may grow: between two times of calm, with hundreds of faults between them, each of which would leave what is
// forgotten, and, of memory, in each minute of the slope over the least of each half minute while there are faults. Connections come and go meanwhile.
type bound struct {
	name, unit     string
	of             func(sample) float64
	between, slope float64 // slope 0: it is only told
}

// What grows when something is forgotten. A collector leaves slack, and the journal keeps blocks in memory until they are full.
var bounds = []bound{
	{"resident memory", "MiB", func(s sample) float64 { return s.resident }, 40, 1},
	{"heap", "MiB", func(s sample) float64 { return s.heap }, 24, 1},
	{"goroutines", "", func(s sample) float64 { return s.goroutines }, 12, 0},
	{"descriptors", "", func(s sample) float64 { return s.open }, 8, 0},
}

// least returns the least of the samples taken in a window.
func least(samples []sample, from, to time.Time, of func(sample) float64) (value float64, any bool) {
	var in []float64
	for _, s := range samples {
		if !s.at.Before(from) && s.at.Before(to) {
			in = append(in, of(s))
		}
	}
	if len(in) == 0 {
		return 0, false
	}
	return slices.Min(in), true
}

// slope returns by how much the least of each half minute grows in a minute, by least squares.
func slope(samples []sample, from, to time.Time, of func(sample) float64) (perMinute float64, windows int) {
	const window = 30 * time.Second
	var xs, ys []float64
	for at := from; !at.Add(window).After(to); at = at.Add(window) {
		if y, any := least(samples, at, at.Add(window), of); any {
			xs, ys = append(xs, at.Sub(from).Minutes()), append(ys, y)
		}
	}
	var x, y, xx, xy float64
	for i := range xs {
		x, y, xx, xy = x+xs[i], y+ys[i], xx+xs[i]*xs[i], xy+xs[i]*ys[i]
	}
	n := float64(len(xs))
	if d := n*xx - x*x; d > 0 {
		perMinute = (n*xy - x*y) / d
	}
	return perMinute, len(xs)
}

// A span is a time of calm, in which samples were taken.
type span struct{ from, to time.Time }

// calm lets the node alone for a while, and for as long as it takes to measure it a few times.
func (n *node) calm(ctx context.Context, d time.Duration) span {
	const few = 4
	from := time.Now()
	pause(ctx, d)
	taken := 0
	n.await(ctx, patience, func(s snapshot) bool {
		if s.at.After(from) {
			taken++
		}
		return taken >= few
	})
	return span{from, time.Now()}
}

// settle waits until no more is held than in the calm before the faults, as far as it may grow: exchanges that are slow on a busy machine end.
func (n *node) settle(before span) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		n.mu.Lock()
		samples := n.samples
		n.mu.Unlock()
		grown := false
		for _, b := range bounds {
			first, _ := least(samples, before.from, before.to, b.of)
			grown = grown || b.of(samples[len(samples)-1]) > first+b.between
		}
		if !grown {
			return
		}
	}
}

// judgeGrowth compares the calm before the faults with the calm after them, and, if there is enough of it, looks at the slope from warm to ended,
// when the faults were over.
func judgeGrowth(t *testing.T, samples []sample, before span, warm, ended time.Time, after span) {
	t.Helper()
	const enough = 12 // half minutes; of less, memory is compared as the rest is, although a young journal and a young heap still grow
	for _, b := range bounds {
		first, _ := least(samples, before.from, before.to, b.of)
		last, _ := least(samples, after.from, after.to, b.of)
		perMinute, windows := slope(samples, warm, ended, b.of)
		line := fmt.Sprintf("%s: %.1f %s in the calm before the faults, %.1f after them", b.name, first, b.unit, last)
		if windows >= enough {
			line += fmt.Sprintf("; %+.2f %s a minute over %d half minutes", perMinute, b.unit, windows)
		}
		t.Log(line)
		switch {
		case last > first+b.between && (b.slope == 0 || windows < enough):
			t.Errorf("%s grew by %.1f %s, want at most %.0f", b.name, last-first, b.unit, b.between)
		case windows >= enough && b.slope > 0 && perMinute > b.slope:
			t.Errorf("%s grows by %.2f %s a minute, want at most %.2f", b.name, perMinute, b.unit, b.slope)
		}
	}
}
