package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Material is what a round is computed from: together with a document and its transform it is all there is, so that
// equal material gives an equal bundle on any machine.
type Material struct {
	Round    dodona.Round
	Node     string                        // the node that observes; copied to the bundle
	Readings []dodona.Reading              // those the round kept
	Absent   map[string]Absence            // by source, for sources without readings
	Salt     func(index int) dodona.Digest // of the reading at that index, sorted by [dodona.SortReadings]; nil: zero
}

// Compute returns the bundle of a round: the transform over the readings, then [Evaluate] over its points. A transform
// that fails or panics makes a missed round. The bundle names readings by digest, and no salt is in it.
func Compute(ctx context.Context, doc Document, t dodona.Transform, m Material) dodona.Bundle {
	b := dodona.Bundle{Feed: doc.Feed, Round: m.Round, Node: m.Node, Quality: dodona.Bad}
	var err error
	if b.Rules, err = doc.JSON(); err != nil { // only rules that were never parsed
		b.Missed = err.Error()
		return b
	}
	b.Origin.Rules = dodona.Keccak256(b.Rules)
	readings := Tidy(m.Readings)
	result, err := apply(ctx, t, dodona.Call{Feed: doc.Feed.ID(), Round: m.Round, Readings: slices.Clone(readings)})
	b.Origin.Version = result.Version
	b.Points, b.Fuel, b.Transcript, b.State = result.Points, result.Fuel, result.Transcript, result.State
	b.Shadow = result.Shadow
	b.Origin.ReadingsRoot = ReadingsRoot(readings, result.Transcript, m.Salt)

	refs := refsOf(readings)
	outcome := Evaluate(doc, m.Round, result.Points, withSilent(doc, m.Absent, refs))
	b.Inputs, b.Quality, b.Value, b.Missed = outcome.Inputs, outcome.Quality, outcome.Value, outcome.Missed
	nameReadings(b.Inputs, readings, refs, t)
	if err != nil {
		b.Quality, b.Value, b.Missed = dodona.Bad, nil, plain.Cut(transformFailed+err.Error(), 512)
	}
	return b
}

// transformFailed begins the reason of a round that was missed because its transform failed.
const transformFailed = "transform readings: "

// TransformError returns why the transform of a round failed; empty if it did not.
func TransformError(b dodona.Bundle) string {
	if why, failed := strings.CutPrefix(b.Missed, transformFailed); failed {
		return why
	}
	return ""
}

// Absences returns the absences that a bundle's inputs record, as [Material] wants them.
func Absences(inputs []dodona.Input) map[string]Absence {
	absent := map[string]Absence{}
	for _, input := range inputs {
		if input.Status == dodona.InputFailed || input.Status == dodona.InputLate {
			absent[input.Source] = Absence{input.Status, input.Reason}
		}
	}
	return absent
}

// Tidy returns readings as a round sees them: sorted, each once, times as they will be read back from the journal.
func Tidy(readings []dodona.Reading) []dodona.Reading {
	sorted := slices.Clone(readings)
	for i := range sorted {
		// Without the monotonic clock, which no record keeps and which would order them differently after a step.
		sorted[i].Received = sorted[i].Received.Round(0).UTC()
	}
	dodona.SortReadings(sorted)
	seen := make(map[dodona.Digest]struct{}, len(sorted))
	return slices.DeleteFunc(sorted, func(r dodona.Reading) bool {
		d := r.Digest()
		_, again := seen[d]
		seen[d] = struct{}{}
		return again
	})
}

// ReadingsRoot returns the Merkle root over the salted digests of readings in the order of [dodona.SortReadings], each
// once. What capabilities answered to a module is evidence too: a transcript is the last leaf, as a reading of no source.
func ReadingsRoot(readings []dodona.Reading, transcript []byte, salt func(int) dodona.Digest) dodona.Digest {
	if len(transcript) > 0 {
		readings = append(slices.Clip(readings), dodona.Reading{Item: "transcript", Body: transcript})
	}
	leaves := make([]dodona.Digest, len(readings))
	for i, r := range readings {
		var s dodona.Digest
		if salt != nil {
			s = salt(i)
		}
		leaves[i] = r.Leaf(s)
	}
	return dodona.Root(leaves...)
}

// nameReadings names the readings of a source at those of its inputs whose points they may have: a feed of a hundred topics would otherwise name each
// of a hundred messages a hundred times. What may be nobody's, and everything where the transform does not tell, is named at the first, or at all.
func nameReadings(inputs []dodona.Input, readings []dodona.Reading, refs map[string][]dodona.ReadingRef, t dodona.Transform) {
	told, tells := t.(interface {
		May(r dodona.Reading, point string) bool
	})
	of := map[string][]*dodona.Input{}
	for i := range inputs {
		of[inputs[i].Source] = append(of[inputs[i].Source], &inputs[i])
	}
	for source, all := range of {
		if !tells || len(all) == 1 {
			for _, in := range all {
				in.Readings = refs[source]
			}
			delete(of, source)
		}
	}
	next := map[string]int{} // refs are in the order of readings
	for _, r := range readings {
		named := false
		for _, in := range of[r.Source] {
			if told.May(r, in.Point) {
				in.Readings, named = append(in.Readings, refs[r.Source][next[r.Source]]), true
			}
		}
		if all := of[r.Source]; !named && len(all) > 0 {
			all[0].Readings = append(all[0].Readings, refs[r.Source][next[r.Source]])
		}
		next[r.Source]++
	}
}

// refsOf names readings by digest, by source.
func refsOf(readings []dodona.Reading) map[string][]dodona.ReadingRef {
	refs := map[string][]dodona.ReadingRef{}
	for _, r := range readings {
		refs[r.Source] = append(refs[r.Source], dodona.ReadingRef{
			Digest: r.Digest(), Item: r.Item, Received: r.Received, Size: len(r.Body), Detail: r.Detail,
		})
	}
	return refs
}

// withSilent adds to absent the sources that gave no readings and no reason.
func withSilent(doc Document, absent map[string]Absence, refs map[string][]dodona.ReadingRef) map[string]Absence {
	all := map[string]Absence{}
	for _, source := range sourcesOf(doc.From) {
		if a, found := absent[source]; found {
			all[source] = a
		} else if len(refs[source]) == 0 {
			all[source] = Absence{dodona.InputFailed, "has no reading yet"}
		}
	}
	return all
}

// apply runs the transform; its panic is an error, because one feed's bug must not take the others down.
func apply(ctx context.Context, t dodona.Transform, c dodona.Call) (result dodona.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = dodona.Result{}, fmt.Errorf("panic: %v", p)
		}
	}()
	return t.Apply(ctx, c)
}
