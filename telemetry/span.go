package telemetry

import "context"

// A Span names a passage of one seam of the pipeline: what passes, and through which source, feed, stream or sink.
type Span struct {
	Name  string // of the seam
	Label string // what Value is: "source", "feed", "stream" or "sink"; "" if the seam is one for all
	Value string
}

// The seams, in the order in which a value passes them.

// Exchange is one call of a source's Observe.
func Exchange(source string) Span { return Span{"exchange", "source", source} }

// Compute is what makes a round's bundle of its readings; [Transform] is inside it.
func Compute(feed string) Span { return Span{"compute", "feed", feed} }

// Transform makes points of one source's readings, by rules or by a module.
func Transform(feed string) Span { return Span{"transform", "feed", feed} }

// Sign puts claims on record and signs them; the [Append] of the claims is inside it.
func Sign() Span { return Span{Name: "sign"} }

// Append brings records to the disk.
func Append(stream string) Span { return Span{"append", "stream", stream} }

// Attest makes attestations of a slice of observations; [Sign] and [Append] are inside it.
func Attest() Span { return Span{Name: "attest"} }

// Seal makes the anchor of one window; [Sign] and [Append] are inside it.
func Seal() Span { return Span{Name: "seal"} }

// Deliver is one exchange of a sink with its peer.
func Deliver(sink string) Span { return Span{"deliver", "sink", sink} }

// NoSpans follows no span, at no cost. Recorders that only measure embed it.
type NoSpans struct{}

// Span returns ctx and nothing to do.
func (NoSpans) Span(ctx context.Context, _ Span) (context.Context, func(error)) { return ctx, noEnd }

func noEnd(error) {}
