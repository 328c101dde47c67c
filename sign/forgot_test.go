package sign

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// TestALedgerThatLostItsDiskIsNotBelieved: what this process signed stays signed, and is on record again once it signs on.
func TestALedgerThatLostItsDiskIsNotBelieved(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	a, s := newAudit(k), newSigner(k, d.process(nil))
	for round := dodona.Round(1); round <= 5; round++ {
		if err, _ := a.sign(t, s, claimOf("report", "a", round, 0)); err != nil {
			t.Fatal(err)
		}
	}
	d.forget()
	if err, _ := a.sign(t, s, claimOf("report", "a", 6, 0)); err != nil { // finds out, by a conflict
		t.Fatal(err)
	}
	d.forget()
	for _, c := range []struct {
		claim dodona.Claim
		want  error
	}{
		{claimOf("report", "a", 6, 1), dodona.ErrConflict},
		{claimOf("report", "a", 5, 1), ErrPassed},
	} {
		s.forgetKnown("report", "a")
		if err, _ := a.sign(t, s, c.claim); !errors.Is(err, c.want) {
			t.Errorf("round %d: %v, want %v", c.claim.Round, err, c.want)
		}
	}
	if err, _ := a.sign(t, s, claimOf("report", "a", 6, 0)); err != nil {
		t.Fatalf("what was signed, again: %v", err)
	}
	if list := d.keys["report.a."+hex20(k.Address())]; len(list) != 1 {
		t.Fatalf("it is on record %d times again, want once", len(list))
	}
	if err, _ := a.sign(t, s, claimOf("report", "a", 7, 0)); err != nil {
		t.Fatal(err)
	}
}

// forgetKnown makes the signer look at the ledger again, as it does after an append of unknown outcome.
func (s *Signer) forgetKnown(kind, name string) {
	s.locks[subject{kind, name}].known = false
}

// TestRoundsThatOthersMayHaveClaimedAreNotSigned: another process with the key claimed them, and the ledger forgot.
func TestRoundsThatOthersMayHaveClaimedAreNotSigned(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	now := time.UnixMilli(100_000)
	var forgot time.Time
	s := New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return now }, Forgot: func(context.Context) (time.Time, error) { return forgot, nil }})
	mine := claimOf("report", "a", 100_000, 0)
	if _, err := s.Sign(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	forgot = now
	d.forget()
	now = now.Add(time.Minute)
	if _, err := s.Sign(t.Context(), mine); err != nil {
		t.Errorf("this process's own claim, again: %v", err)
	}
	forgot = now.Add(time.Hour)
	if _, err := s.Sign(t.Context(), claimOf("report", "c", dodona.RoundAt(now), 0)); !errors.Is(err, ErrBefore) || !errors.Is(err, ErrClock) {
		t.Errorf("lost by a time that is to come: %v, want %v and %v", err, ErrBefore, ErrClock)
	}
	forgot = now
	if _, err := s.Sign(t.Context(), claimOf("report", "d", dodona.RoundAt(now), 0)); errors.Is(err, ErrClock) {
		t.Errorf("lost by now: %v, which no clock is to blame for", err)
	}
	forgot = now.Add(16 * time.Second) // with what is added for rounds and clocks, 20 s ahead: clocks can be right
	if _, err := s.Sign(t.Context(), claimOf("report", "e", dodona.RoundAt(now), 0)); !errors.Is(err, ErrBefore) || errors.Is(err, ErrClock) {
		t.Errorf("lost by 20 s ahead: %v, want %v alone", err, ErrBefore)
	}
	forgot = forgot.Add(time.Millisecond)
	if _, err := s.Sign(t.Context(), claimOf("report", "e", dodona.RoundAt(now), 0)); !errors.Is(err, ErrClock) {
		t.Errorf("lost by more than 20 s ahead: %v, want %v", err, ErrClock)
	}
	forgot = time.UnixMilli(100_000)
	last := dodona.RoundAt(forgot.Add(2 * Ahead))
	for _, name := range []string{"a", "b"} {
		if _, err := s.Sign(t.Context(), claimOf("report", name, last, 0)); !errors.Is(err, ErrBefore) {
			t.Errorf("%s: the last round that may have been claimed: %v, want %v", name, err, ErrBefore)
		}
		if _, err := s.Sign(t.Context(), claimOf("report", name, last+1, 0)); err != nil {
			t.Errorf("%s: the first that cannot have been: %v", name, err)
		}
	}
}

// TestNothingIsSignedWhoseGroundMayBeGone: the ledger forgets while the claim is appended, or cannot say whether it did. The claim is on
// record then, and all the same nobody signs it: not when it is asked for again, and not another process that finds it there.
func TestNothingIsSignedWhoseGroundMayBeGone(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	now := time.UnixMilli(100_000)
	var forgot time.Time
	silent := errors.New("no answer")
	failure := silent
	process := func() *Signer {
		return New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return now }, Forgot: func(context.Context) (time.Time, error) {
			return forgot, failure
		}})
	}
	s, c := process(), claimOf("report", "a", 100_000, 0)
	if _, err := s.Sign(t.Context(), c); !errors.Is(err, silent) {
		t.Fatalf("the ledger does not say what it forgot: %v", err)
	}
	failure, forgot = nil, now
	for who, signer := range map[string]*Signer{"the same": s, "another": process()} {
		if _, err := signer.Sign(t.Context(), c); !errors.Is(err, ErrBefore) {
			t.Errorf("%s process signs what is on record without a ground: %v", who, err)
		}
	}
	if list := d.keys["report.a."+hex20(k.Address())]; len(list) != 1 {
		t.Errorf("it is on record %d times, want once", len(list))
	}
	forgot = now.Add(-time.Minute)
	if _, err := s.Sign(t.Context(), c); err != nil {
		t.Errorf("what was lost was older: %v", err)
	}
}
