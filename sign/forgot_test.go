package sign

import (
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
	s := New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return now }, Forgot: func() time.Time { return forgot }})
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
