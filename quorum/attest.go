package quorum

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Means is what a validator attests with.
type Means struct {
	Signer dodona.Signer
	Ledger dodona.Keeper

	// Refused says whether an error of the signer is its last word on a claim: the round is never signed, and its
	// observation is rejected. Any other error ends Attest, to be tried again. Nil means dodona.ErrConflict only.
	Refused func(error) bool
	// Doubted says of such an error that nothing is known to be signed instead, but may have been lost. Nil means never.
	Doubted func(error) bool

	// Rejected is told each rejection once it is durable, in order; for the log. Nil tells nobody.
	Rejected func(Rejection)

	// Unreadable is told each answer of the journal that cannot be believed, which is then passed over: any program that may write
	// to the server can make one, and it must not stop the others. Nil tells nobody.
	Unreadable func(error)
}

// maxRaces is how often another process may attest in between before Attest gives up.
const maxRaces = 4

// Attest decides a slice and has it signed, appended and remembered, and says what became of it. When it returns nil
// the slice is finished. After an error, do the same slice again: what was done is recognised. It blocks while the
// journal is full, until ctx ends.
//
// Another process with the same key may attest the same observations: whoever comes second finds them attested.
func (v *Validator) Attest(ctx context.Context, m Means, now time.Time, recs []dodona.Record) (counts Counts, err error) {
	if m.Refused == nil {
		m.Refused = func(err error) bool { return errors.Is(err, dodona.ErrConflict) }
	}
	if m.Doubted == nil {
		m.Doubted = func(error) bool { return false }
	}
	if m.Rejected == nil {
		m.Rejected = func(Rejection) {}
	}
	if m.Unreadable == nil {
		m.Unreadable = func(error) {}
	}
	ctx, end := v.recorder.Span(ctx, telemetry.Attest())
	defer func() { end(err) }()
	for e := v.Step(now, recs); e != nil; e = v.Next(e) {
		if e, err = v.perform(ctx, m, e); err != nil {
			return counts, err
		}
		counts = counts.Plus(e.Counts())
		for _, r := range e.Rejections() {
			m.Rejected(r)
		}
	}
	return counts, nil
}

// perform does what a step wants, and returns the effects that were committed: those of e, or, where another
// process was faster, those of the same step decided anew.
func (v *Validator) perform(ctx context.Context, m Means, e *Effects) (*Effects, error) {
	for races, lookups := 0, 0; ; {
		lists, refused, err := m.sign(ctx, e.Claims)
		if err != nil {
			return nil, err
		}
		if len(refused) > 0 {
			learned, err := v.learn(ctx, m, claimsOf(refused))
			if err != nil {
				return nil, err
			}
			if learned > 0 && lookups < len(e.items) { // each settles an observation, and another process may be a slice ahead
				lookups++
				e = v.again(e)
				continue
			}
		}
		e.refused = refused
		recs, err := e.Records(lists)
		if err != nil {
			return nil, err
		}
		if len(recs) > 0 {
			err = m.Ledger.Append(ctx, recs...)
		}
		switch {
		case err == nil:
			v.Commit(e)
			return e, nil
		case !errors.Is(err, dodona.ErrConflict) || races == maxRaces:
			return nil, fmt.Errorf("append %d attestations and rejections: %w", len(recs), err)
		}
		if err := v.lookAgain(ctx, m, e.Claims); err != nil {
			return nil, err
		}
		races++
		e = v.again(e)
	}
}

// lookAgain learns what others appended for the feeds of the claims, after a conflict: which answer is the newest, and what
// is attested for the rounds.
func (v *Validator) lookAgain(ctx context.Context, m Means, claims []dodona.Claim) error {
	for _, c := range claims {
		rec, err := m.Ledger.Last(ctx, dodona.TopicData, c.Subject)
		if err != nil && !errors.Is(err, dodona.ErrNotFound) {
			return fmt.Errorf("look for the newest answer of %s: %w", c.Subject, err)
		}
		v.mu.Lock()
		v.memoryOf(c.Subject).newest = rec.ID
		v.mu.Unlock()
	}
	_, err := v.learn(ctx, m, claims)
	return err
}

// sign signs claims in one call, so that they share a flush. It returns a list of signatures a claim, which has the signer's
// own. If one is refused for good it signs one by one, and the lists of refused claims are empty.
func (m Means) sign(ctx context.Context, claims []dodona.Claim) (lists [][]dodona.Signature, refused map[int]refusal, err error) {
	if len(claims) == 0 {
		return nil, nil, nil
	}
	signatures, err := m.Signer.Sign(ctx, claims...)
	if err == nil {
		lists, err = listsOf(signatures)
		return lists, nil, err
	}
	if !m.Refused(err) {
		return nil, nil, fmt.Errorf("sign %d reports: %w", len(claims), err)
	}
	lists, refused = make([][]dodona.Signature, len(claims)), make(map[int]refusal)
	for i, c := range claims {
		signatures, err := m.Signer.Sign(ctx, c)
		if err != nil {
			if !m.Refused(err) {
				return nil, nil, fmt.Errorf("sign report of %s: %w", c.Subject, err)
			}
			refused[i] = refusal{c, err, m.Doubted(err)}
			continue
		}
		own, err := listsOf(signatures)
		if err != nil {
			return nil, nil, err
		}
		if len(own) != 1 {
			return nil, nil, fmt.Errorf("sign report of %s: %d signatures of one claim", c.Subject, len(own))
		}
		lists[i] = own[0]
	}
	return lists, refused, nil
}

// listsOf makes a list of each signature.
func listsOf(signatures [][]byte) ([][]dodona.Signature, error) {
	lists := make([][]dodona.Signature, len(signatures))
	for i, s := range signatures {
		if len(s) != len(dodona.Signature{}) {
			return nil, fmt.Errorf("assemble attestations: signature %d has %d bytes, want %d", i, len(s), len(dodona.Signature{}))
		}
		lists[i] = []dodona.Signature{dodona.Signature(s)}
	}
	return lists, nil
}

// claimsOf returns the claims that were refused.
func claimsOf(refused map[int]refusal) []dodona.Claim {
	claims := make([]dodona.Claim, 0, len(refused))
	for _, i := range slices.Sorted(maps.Keys(refused)) {
		claims = append(claims, refused[i].claim)
	}
	return claims
}

// learn restores what the ledger holds as attested for the rounds of the claims, and returns how many it found.
// What it finds and cannot believe is told and passed over.
func (v *Validator) learn(ctx context.Context, m Means, claims []dodona.Claim) (found int, err error) {
	for _, c := range claims {
		rec, err := dodona.Find(ctx, m.Ledger, dodona.TopicData, c.Subject, c.Round)
		if errors.Is(err, dodona.ErrNotFound) {
			continue
		}
		if err != nil {
			return found, fmt.Errorf("look for round %d of %s: %w", uint64(c.Round), c.Subject, err)
		}
		if err := v.Restore(rec); err != nil {
			m.Unreadable(err)
			continue
		}
		found++
	}
	return found, nil
}
