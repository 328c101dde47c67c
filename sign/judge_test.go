package sign

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func TestSharedNetworksWaitForTheirPast(t *testing.T) {
	base := dodona.RoundAt(clock)
	k, d := newTestKey(t), newDisk()
	a := newAudit(k)
	if err, _ := a.sign(t, newSigner(k, d.process(nil)), claimOf("report", "a", base+100, 0)); err != nil {
		t.Fatal(err)
	}
	at := clock
	s := New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return at }, Since: base})
	if err, _ := a.sign(t, s, claimOf("report", "b", base-1, 0)); !errors.Is(err, ErrBefore) {
		t.Errorf("a round before the start: got %v, want ErrBefore", err)
	}
	if err, _ := a.sign(t, s, claimOf("report", "a", base+200, 0)); !errors.Is(err, ErrBefore) {
		t.Errorf("before the newest claim has passed: got %v, want ErrBefore", err)
	}
	at = at.Add(100 * time.Millisecond)
	if err, _ := a.sign(t, s, claimOf("report", "a", base+200, 0)); !errors.Is(err, ErrBefore) {
		t.Errorf("at the instant of the newest claim: got %v, want ErrBefore", err)
	}
	at = at.Add(time.Millisecond)
	if err, _ := a.sign(t, s, claimOf("report", "a", base+200, 0)); err != nil {
		t.Errorf("after the newest claim has passed: %v", err)
	}
	if err, _ := a.sign(t, s, claimOf("report", "b", base, 0)); err != nil {
		t.Errorf("the round of the start: %v", err)
	}
	a.check(t, d)
}

// TestOnlyThePastOfBeforeTheStartIsWaitedFor: a claim of this process, read again after an append of unknown outcome, is no
// claim of before its start.
func TestOnlyThePastOfBeforeTheStartIsWaitedFor(t *testing.T) {
	base := dodona.RoundAt(clock)
	k, d := newTestKey(t), newDisk()
	a := newAudit(k)
	faulty := func(step int) fault {
		if step == 1 { // Last, Append
			return loseAfter
		}
		return fine
	}
	s := New(Options{Key: k, Journal: d.process(faulty), Now: func() time.Time { return clock }, Since: base})
	c := claimOf("report", "a", base+1000, 0)
	if err, _ := a.sign(t, s, c); !errors.Is(err, errUnknown) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	if err, _ := a.sign(t, s, c); err != nil {
		t.Errorf("the claim that is on record: %v", err)
	}
	// A subject that had no claim when it was first read has none to wait for either.
	if err, _ := a.sign(t, s, claimOf("report", "a", base+1001, 0)); err != nil {
		t.Errorf("the next round: %v", err)
	}
	a.check(t, d)
}

// TestConflictsSayWhatDiffers: an operator who is told of a conflict must see which of the two digests it is.
func TestConflictsSayWhatDiffers(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	s := newSigner(k, d.process(nil))
	c := claimOf("report", "a", 5, 0)
	if _, err := s.Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for text, change := range map[string]func(*dodona.Claim){
		"a @5: digest ":   func(c *dodona.Claim) { c.Digest[0] ^= 1 },
		"a @5: observed ": func(c *dodona.Claim) { c.Observed[0] ^= 1 },
	} {
		other := c
		change(&other)
		_, err := s.Sign(t.Context(), other)
		if !errors.Is(err, dodona.ErrConflict) || !strings.Contains(strings.ReplaceAll(err.Error(), c.Round.String(), "@5"), text) {
			t.Errorf("got %v, want a conflict with %q", err, text)
		}
	}
}
