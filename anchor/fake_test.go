package anchor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/signtest"
)

var (
	member  = dodona.Address{1, 2, 3}
	ones    = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{member}}
	network = dodona.Network{Name: "test", First: ones.Digest()}
)

// errCrash is what every call returns once the power is gone.
var errCrash = errors.New("power cut")

// A fakeLedger is a journal in memory with the rules of the real one that matter here: appends are atomic and
// idempotent by (topic, key, id), and an anchor follows the one that its writer decided on. It loses power after a number of calls, before or after what the last one does.
type fakeLedger struct {
	recs  map[string][]dodona.Record // by topic and key
	index map[[3]string]bool
	at    time.Time

	fuse  int // the call at which the power is cut; negative: never
	after bool
	once  bool // it is back for the next call
	calls int
}

func newFakeLedger() *fakeLedger {
	return &fakeLedger{recs: map[string][]dodona.Record{}, index: map[[3]string]bool{}, fuse: -1}
}

// cut reports whether the power is gone before a call does anything, and after it did.
func (l *fakeLedger) cut() (before, after bool) {
	l.calls++
	if l.fuse < 0 || l.calls < l.fuse {
		return false, false
	}
	if l.calls == l.fuse {
		return !l.after, l.after
	}
	return !l.once, !l.once
}

func (l *fakeLedger) Append(_ context.Context, recs ...dodona.Record) error {
	before, after := l.cut()
	if before {
		return errCrash
	}
	for _, r := range recs {
		list := l.of(r.Topic, r.Key)
		if n := len(list); r.Topic == dodona.TopicAnchor && n > 0 && list[n-1].ID != r.ID && list[n-1].ID != r.After {
			return dodona.ErrConflict
		}
	}
	l.put(l.at, recs...)
	if after {
		return errCrash
	}
	return nil
}

func (l *fakeLedger) put(at time.Time, recs ...dodona.Record) {
	for _, r := range recs {
		id := [3]string{string(r.Topic), r.Key, r.ID}
		if l.index[id] {
			continue
		}
		l.index[id] = true
		r.Appended = at
		key := string(r.Topic) + " " + r.Key
		l.recs[key] = append(l.recs[key], r)
	}
}

func (l *fakeLedger) of(topic dodona.Topic, key string) []dodona.Record {
	return l.recs[string(topic)+" "+key]
}

func (l *fakeLedger) Last(_ context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	if before, _ := l.cut(); before {
		return dodona.Record{}, errCrash
	}
	list := l.of(topic, key)
	if len(list) == 0 {
		return dodona.Record{}, dodona.ErrNotFound
	}
	return list[len(list)-1], nil
}

func (l *fakeLedger) Scan(_ context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		if gone, _ := l.cut(); gone {
			yield(dodona.Record{}, errCrash)
			return
		}
		started := false
		for _, r := range l.of(topic, key) {
			if !started && before != nil && before(r) {
				continue
			}
			started = true
			if !yield(r, nil) {
				return
			}
		}
	}
}

// A fakeSigner keeps the law of claims. Its claims outlive it.
type fakeSigner struct {
	ledger *fakeLedger
	claims map[string]dodona.Claim
	signed map[dodona.Round]dodona.Digest
}

func newFakeSigner(l *fakeLedger) *fakeSigner {
	return &fakeSigner{l, map[string]dodona.Claim{}, map[dodona.Round]dodona.Digest{}}
}

var errPassed = errors.New("a higher round is already claimed")

func refused(err error) bool { return errors.Is(err, dodona.ErrConflict) || errors.Is(err, errPassed) }

func (s *fakeSigner) Sign(_ context.Context, claims ...dodona.Claim) ([][]byte, error) {
	before, after := s.ledger.cut()
	if before {
		return nil, errCrash
	}
	out := make([][]byte, len(claims))
	for i, c := range claims {
		last, found := s.claims[c.Subject]
		switch {
		case found && c.Round < last.Round:
			return nil, errPassed
		case found && c.Round == last.Round && c != last:
			return nil, dodona.ErrConflict
		}
		s.claims[c.Subject] = c
		s.signed[c.Round] = c.Digest
		sig := signtest.Sign(member, c.Digest)
		out[i] = sig[:]
	}
	if after {
		return nil, errCrash // the claim is on record, the signature is lost
	}
	return out, nil
}

// A world is one node's journal and signer, and what feeds do.
type world struct {
	ledger *fakeLedger
	signer *fakeSigner
	series *anchor.Series
	every  time.Duration
	grids  []anchor.Grid
}

func newWorld(every time.Duration, grids ...anchor.Grid) *world {
	l := newFakeLedger()
	return &world{ledger: l, signer: newFakeSigner(l), every: every, grids: grids}
}

func feed(name string) dodona.Feed {
	return dodona.Feed{Name: name, Kind: dodona.Number, Unit: "USD", Decimals: 2}
}

func gridOf(name string, every time.Duration) anchor.Grid {
	return anchor.Grid{Feed: feed(name), Every: every}
}

func answerOf(f dodona.Feed, r dodona.Round, value int64) dodona.Answer {
	id := f.ID()
	seed := dodona.Keccak256(id[:], []byte(r.ID()), []byte(strconv.FormatInt(value, 10)))
	return dodona.Answer{Network: network, Quorum: ones, Feed: f, Attestation: dodona.Attestation{
		Report: dodona.Report{Feed: id, Round: r, Value: dodona.NewInt192(value)}, Observed: seed,
		Signatures: []dodona.Signature{signtest.Sign(member, seed)},
	}}
}

// attest appends an answer, at an instant.
func (w *world) attest(at time.Time, name string, r dodona.Round) dodona.Answer {
	a := answerOf(feed(name), r, int64(r%100000)-50000)
	body, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	w.ledger.put(at, dodona.Record{Topic: dodona.TopicData, Key: name, ID: r.ID(), Body: body})
	return a
}

// miss appends a missed round.
func (w *world) miss(name string, r dodona.Round, why string) {
	body, err := json.Marshal(dodona.Bundle{Feed: feed(name), Round: r, Missed: why})
	if err != nil {
		panic(err)
	}
	w.ledger.put(r.Time(), dodona.Record{Topic: dodona.TopicRound, Key: name, ID: r.ID(), Body: body})
}

// restart forgets what is in memory.
func (w *world) restart(t testing.TB) {
	t.Helper()
	s, err := anchor.New(anchor.Config{Network: network, Quorum: ones, Every: w.every, Scheme: dodona.ECDSA(signtest.Recover)})
	if err != nil {
		t.Fatal(err)
	}
	w.series = s
}

// advance seals everything that is due.
func (w *world) advance(t testing.TB, now time.Time) (anchors []dodona.Anchor, err error) {
	t.Helper()
	if w.series == nil {
		w.restart(t)
	}
	w.ledger.at = now
	for {
		a, sealed, err := w.series.Advance(t.Context(), anchor.Means{Signer: w.signer, Ledger: w.ledger, Refused: refused}, now, w.grids)
		if err != nil || !sealed {
			return anchors, err
		}
		anchors = append(anchors, a)
	}
}

func (w *world) mustAdvance(t testing.TB, now time.Time) []dodona.Anchor {
	t.Helper()
	anchors, err := w.advance(t, now)
	if err != nil {
		t.Fatal(err)
	}
	return anchors
}

// audit reads every anchor from the records, checks it as a signer would, and returns its leaves.
func (w *world) audit(t testing.TB) (anchors []dodona.Anchored, leaves [][]dodona.Leaf) {
	t.Helper()
	w.ledger.fuse = -1
	var last dodona.Anchor
	for _, rec := range w.ledger.of(dodona.TopicAnchor, anchor.KeySeries) {
		var a dodona.Anchored
		if err := json.Unmarshal(rec.Body, &a); err != nil {
			t.Fatal(err)
		}
		list, err := anchor.Leaves(t.Context(), w.ledger, a.Anchor)
		if err != nil {
			t.Fatal(err)
		}
		err = anchor.Check(a.Anchor, last, network.ID(), list, anchor.Rules{Every: w.every, Grids: w.grids, OffGrid: true})
		if err != nil {
			t.Fatalf("anchor at %s: %v\n%s", a.Anchor.To, err, lines(list))
		}
		if got := w.signer.signed[a.Anchor.To]; got != a.Anchor.Digest(network.ID()) {
			t.Fatalf("anchor at %s is not what was signed", a.Anchor.To)
		}
		anchors, leaves, last = append(anchors, a), append(leaves, list), a.Anchor
	}
	return anchors, leaves
}

func lines(leaves []dodona.Leaf) (s string) {
	for _, l := range leaves {
		s += fmt.Sprintf("%d %s %s %s\n", l.Kind, l.Feed.Short(), l.Round, l.Value)
	}
	return s
}
