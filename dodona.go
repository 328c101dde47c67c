// Package dodona is the vocabulary of an oracle node for the edge: the words its stages pass to each other
// and the seams they meet at.
//
// A value flows
//
//	source ─Reading▶ transform ─Point▶ feed ─Observation▶ sign ─▶ ┃journal┃   function calls in one process
//	┃journal┃ ◀▶ quorum ◀▶ anchor ◀▶ sink, api, explain                       durable readers, any process
//
// and each word of that line is a folder beside this file, a stage. Stages know this package and never each other;
// package node joins them. A type belongs here only if two stages pass it between them, so reading dodona.go (the seams) and the
// files of words beside it, each named by what it is about, is reading the architecture.
package dodona

import (
	"context"
	"errors"
	"iter"
)

// A Source brings readings. Observe returns the next ones: a polled source makes one exchange a call,
// a pushed one waits for its peer. Its one caller is its pump, which owns the clock and the back-off.
//
// Observe returns when ctx ends. An error is worth a retry unless [IsPermanent] says otherwise.
type Source interface {
	Observe(ctx context.Context) (Batch, error)
	Close() error
}

// A Batch is what one exchange brought: register blocks, rows, one message. It is journaled whole.
type Batch struct {
	Readings []Reading
	Cursor   []byte                      // where to go on; stored with the readings, given back to open
	Ack      func(context.Context) error // tells the peer once the readings are durable; nil if it need not know
}

// A Transform turns readings into points, from nothing but the call; what capabilities told it is in Transcript.
// One bad reading is a point of bad quality with its reason, never an error that hides the others.
type Transform interface {
	Apply(ctx context.Context, c Call) (Result, error)
}

// A Call is everything a transform may know.
type Call struct {
	Feed     FeedID
	Round    Round
	Readings []Reading // sorted by (source, item, received): arrival order is not deterministic
}

// A Result is everything a transform said.
type Result struct {
	Points     []Point
	Version    Digest // of the module, or of the extraction rule
	Fuel       uint64 // 0 for transforms without code
	Transcript []byte // what capabilities answered, for replay; nil without capabilities

	// State is what a module keeps for its next round, by key: the whole of it, not what changed. Nil without state.
	State map[string][]byte

	// Shadow is what another version said to the same call; nil if none ran. An error is of the one that answers alone.
	Shadow *Shadow
}

// A Signer signs claims: all durable before any signature returns. [ErrConflict]: never sign, raise the alarm.
// The signatures are r‖s‖v, 65 bytes each, in the order of the claims; nil for a vote, which is claimed and not signed.
type Signer interface {
	Sign(ctx context.Context, claims ...Claim) (signatures [][]byte, err error)
}

// A Journal remembers. Append is atomic, durable on return, idempotent by (Topic, Key, ID), and blocks when full.
// What two writers must not both decide (claims, data, anchors) names what it was decided on: see [Record].
// From yields what the named reader has not finished, in order; asking for the next slice finishes the one before.
type Journal interface {
	Append(ctx context.Context, recs ...Record) error
	From(ctx context.Context, reader string, topics ...Topic) iter.Seq2[[]Record, error]
}

// A Ledger is a journal to look things up in.
//
// Last returns the newest record of a topic and key, or [ErrNotFound].
// Scan yields them in order, starting with the first for which before is false; nil starts with the oldest that is kept.
// Before must be monotone, true up to some record and false from there on: see [Round.Before].
type Ledger interface {
	Last(ctx context.Context, topic Topic, key string) (Record, error)
	Scan(ctx context.Context, topic Topic, key string, before func(Record) bool) iter.Seq2[Record, error]
}

// A Keeper is a ledger that also keeps what is decided on it. Append is that of [Journal]: after [ErrConflict] the newest
// record of one of the keys is not the one that the record's After names, and nothing was appended; after any other error
// the records may have been kept or not.
type Keeper interface {
	Ledger
	Append(ctx context.Context, recs ...Record) error
}

// A Sink delivers records, idempotently by ID. Receipts are journaled, so that explain can end in a transaction.
type Sink interface {
	Deliver(ctx context.Context, recs []Record) ([]Receipt, error)
}

// ErrConflict: a different digest is already claimed for this subject and round. Never sign; raise the alarm.
var ErrConflict = errors.New("conflicts with what is already claimed")

// ErrNotFound: the journal holds no such record. Answer "unknown", do not retry.
var ErrNotFound = errors.New("not found")

// Find returns the record of a topic and key that is filed by a round, or [ErrNotFound].
func Find(ctx context.Context, l Ledger, topic Topic, key string, round Round) (Record, error) {
	for rec, err := range l.Scan(ctx, topic, key, round.Before()) {
		if err != nil {
			return Record{}, err
		}
		if rec.ID == round.ID() {
			return rec, nil
		}
		break
	}
	return Record{}, ErrNotFound
}

// Permanent marks err as one that trying again cannot mend: a refused password, a missing register.
// It returns nil for nil. The pump still tries again, but slowly, and says so.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type permanentError struct{ error }

func (p permanentError) Unwrap() error { return p.error }
