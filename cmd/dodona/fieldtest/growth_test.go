//go:build integration

package fieldtest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A bound is by how much a measure may grow: from the calm before the faults to the last one, with every source brought back a few times between
// them, and a minute, over all calms. What is compared is the least in a calm: connections, exchanges and garbage come and go.
type bound struct {
	name, unit     string
	of             func(sample) float64
	between, slope float64
	fills          bool // for some minutes: its slope begins behind the first phase
}

// What grows when something is forgotten. The heap is what lives, so that garbage is no growth. What a node remembers of its last rounds and its
// journal fill in the first minutes: between has room for that, and slope begins behind it. Resident memory has garbage too, as much as what lives: its
// slope may be twice the heap's.
var bounds = []bound{
	{name: "resident memory", unit: " MiB", of: func(s sample) float64 { return s.resident }, between: 40, slope: 1, fills: true},
	{name: "live heap", unit: " MiB", of: func(s sample) float64 { return s.heap }, between: 24, slope: 0.5, fills: true},
	{name: "goroutines", of: func(s sample) float64 { return s.goroutines }, between: 12, slope: 1},
	{name: "descriptors", of: func(s sample) float64 { return s.open }, between: 8, slope: 0.5},
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

// slope returns by how much values grow in a minute, by least squares.
func slope(at []time.Time, values []float64) float64 {
	var x, y, xx, xy float64
	for i, v := range values {
		m := at[i].Sub(at[0]).Minutes()
		x, y, xx, xy = x+m, y+v, xx+m*m, xy+m*v
	}
	n := float64(len(values))
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
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

// settle waits until no more is held than in the calm before the faults, as far as it may grow: exchanges that are slow on a busy machine end. What
// was forgotten is not waited away.
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

// grown tells how each measure went, calm by calm, and which grew.
func grown(samples []sample, calms []span) (told, faults []string) {
	const enough = 4 // calms; of fewer, there is no slope
	for _, b := range bounds {
		var at []time.Time
		var values []float64
		for _, c := range calms {
			if v, any := least(samples, c.from, c.to, b.of); any {
				at, values = append(at, c.from), append(values, v)
			}
		}
		line := fmt.Sprintf("%s, calm by calm:", b.name)
		for _, v := range values {
			line += fmt.Sprintf(" %.1f", v)
		}
		line += b.unit
		if len(values) < 2 {
			faults = append(faults, fmt.Sprintf("%s was measured in %d calms, want two at least", b.name, len(values)))
			continue
		}
		if by := values[len(values)-1] - values[0]; by > b.between {
			faults = append(faults, fmt.Sprintf("%s grew by %.1f%s, want at most %.0f", b.name, by, b.unit, b.between))
		}
		if b.fills {
			at, values = at[1:], values[1:]
		}
		if len(values) >= enough {
			perMinute := slope(at, values)
			line += fmt.Sprintf("; %+.2f a minute", perMinute)
			if perMinute > b.slope {
				faults = append(faults, fmt.Sprintf("%s grows by %.2f%s a minute, want at most %.2f", b.name, perMinute, b.unit, b.slope))
			}
		}
		told = append(told, line)
	}
	return told, faults
}
