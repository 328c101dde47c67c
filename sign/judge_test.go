package sign

import (
	"context"
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
	every := func(name string) time.Duration {
		return map[string]time.Duration{"a": time.Second, "b": 5 * time.Second}[name]
	}
	s := New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return at }, Since: base, Every: every})
	for _, c := range []struct {
		name  string
		ahead dodona.Round
		want  error
	}{
		{"a", 200, ErrBefore},
		{"b", 200, ErrBefore},
		{"a", 100 + 2000 + 1000 - 1, ErrBefore}, // a's newest claim is 100 ms above the start
		{"a", 100 + 2000 + 1000, nil},
		{"b", 100 + 2000 + 1000, ErrBefore},
		{"a", 6000, nil}, // what this process claims moves nothing
		{"a", 6001, nil},
		{"b", 2000 + 5000 - 1, ErrBefore},
		{"b", 2000 + 5000, nil},
	} {
		at = (base + c.ahead).Time()
		if err, _ := a.sign(t, s, claimOf("signature", c.name+".s", base+c.ahead, 0)); err != nil {
			t.Errorf("a signature, which needs the votes of others alone: %v", err)
		}
		if err, _ := a.sign(t, s, claimOf("report", c.name, base+c.ahead, 0)); !errors.Is(err, c.want) {
			t.Errorf("%s, %d ms after the start: got %v, want %v", c.name, c.ahead, err, c.want)
		}
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
	at := clock.Add(3 * time.Second)
	s := New(Options{
		Key: k, Journal: d.process(faulty), Now: func() time.Time { return at }, Since: base, Every: func(string) time.Duration { return time.Second },
	})
	c := claimOf("report", "a", base+3000, 0)
	if err, _ := a.sign(t, s, c); !errors.Is(err, errUnknown) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	if err, _ := a.sign(t, s, c); err != nil {
		t.Errorf("the claim that is on record: %v", err)
	}
	// A subject that had no claim when it was first read has none to wait for either.
	if err, _ := a.sign(t, s, claimOf("report", "a", base+3001, 0)); err != nil {
		t.Errorf("the next round: %v", err)
	}
	a.check(t, d)
}

// TestSignaturesOfBeforeTheStartAreWaitedForToo: the newest claim of before may be a signature, of a round above the highest vote.
func TestSignaturesOfBeforeTheStartAreWaitedForToo(t *testing.T) {
	base := dodona.RoundAt(clock)
	k, d := newTestKey(t), newDisk()
	if _, err := newSigner(k, d.process(nil)).Sign(t.Context(), claimOf("vote", "a", base+100, 0), claimOf("signature", "a", base+500, 0)); err != nil {
		t.Fatal(err)
	}
	s := New(Options{
		Key: k, Journal: d.process(nil), Now: func() time.Time { return clock.Add(time.Minute) }, Since: base,
		Every: func(string) time.Duration { return time.Second },
	})
	first := base + 500 + 2000 + 1000
	if _, err := s.Sign(t.Context(), claimOf("vote", "a", first-1, 0)); !errors.Is(err, ErrBefore) {
		t.Errorf("before the signed round has passed: %v, want %v", err, ErrBefore)
	}
	if _, err := s.Sign(t.Context(), claimOf("vote", "a", first, 0)); err != nil {
		t.Errorf("after it: %v", err)
	}
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

// TestALockNeverFalls: of what the ledger has and what the process knows, a lock takes the claim that binds it further, and the
// record that the next one follows.
func TestALockNeverFalls(t *testing.T) {
	five, other, six := claimOf("report", "a", 5, 0), claimOf("report", "a", 5, 1), claimOf("report", "a", 6, 0)
	observed := five
	observed.Observed[0] ^= 1
	onRecord := func(c dodona.Claim) standing { return on(recordID(c), c) }
	lost := func(c dodona.Claim, id string) standing {
		s := onRecord(c)
		s.id, s.lost = id, true
		return s
	}
	for _, c := range []struct {
		name              string
		last, found, want standing
	}{
		{"nothing, and nothing was known", standing{}, standing{}, standing{}},
		{"the first", standing{}, onRecord(five), onRecord(five)},
		{"the same", onRecord(five), onRecord(five), onRecord(five)},
		{"a higher round", onRecord(five), onRecord(six), onRecord(six)},
		{"a lower round", onRecord(six), onRecord(five), lost(six, recordID(five))},
		{"the same round with another digest", onRecord(five), onRecord(other), lost(five, recordID(other))},
		{"the same round with another observed digest", onRecord(five), onRecord(observed), lost(five, recordID(observed))},
		{"nothing any more", onRecord(five), standing{}, lost(five, "")},
		{"still nothing", lost(five, ""), standing{}, lost(five, "")},
		{"another one after nothing", lost(five, ""), onRecord(other), lost(five, recordID(other))},
		{"the same again", lost(five, ""), onRecord(five), onRecord(five)},
		{"a higher round after nothing", lost(five, ""), onRecord(six), onRecord(six)},
	} {
		got := c.last.found(c.found)
		if !got.equals(c.want) || got.id != c.want.id || got.lost != c.want.lost {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestEveryClaimOfACallNeedsItsGround: what this process signed before stands, whatever comes with it in a call.
func TestEveryClaimOfACallNeedsItsGround(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	now := time.UnixMilli(100_000)
	var forgot time.Time
	asked := 0
	s := New(Options{Key: k, Journal: d.process(nil), Now: func() time.Time { return now }, Forgot: func(context.Context) (time.Time, error) {
		asked++
		return forgot, nil
	}})
	mine, fresh := claimOf("report", "a", 100_000, 0), claimOf("report", "b", 100_000, 0)
	if _, err := s.Sign(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	forgot = now
	for i, call := range [][]dodona.Claim{{mine, fresh}, {fresh, mine}} {
		_, err := s.Sign(t.Context(), call...)
		var refused *ClaimError
		if !errors.Is(err, ErrBefore) || !errors.As(err, &refused) || refused.Claim != fresh || refused.Index != 1-i {
			t.Errorf("call %d: %v, want %v of claim %d", i, err, ErrBefore, 1-i)
		}
	}
	asked = 0
	if _, err := s.Sign(t.Context(), mine); err != nil || asked != 0 {
		t.Errorf("its own alone: %v, the ledger was asked %d times, want 0", err, asked)
	}
	forgot, asked = time.Time{}, 0
	if _, err := s.Sign(t.Context(), claimOf("report", "d", 100_000, 0), claimOf("report", "e", 100_000, 0)); err != nil || asked != 1 {
		t.Errorf("nothing was lost: %v, the ledger was asked %d times, want once", err, asked)
	}
	forgot, asked = now.Add(-time.Minute), 0
	if _, err := s.Sign(t.Context(), mine, fresh, claimOf("report", "c", 100_000, 0)); err != nil || asked != 1 {
		t.Errorf("what was lost was older: %v, the ledger was asked %d times, want once", err, asked)
	}
}

// TestALedgerThatDoesNotAnswerHasNotNothing: what it could not say is no claim, and no lack of one.
func TestALedgerThatDoesNotAnswerHasNotNothing(t *testing.T) {
	k, d := newTestKey(t), newDisk()
	silent := true
	p := d.process(func(step int) fault {
		if silent {
			return loseBefore
		}
		return fine
	})
	s, c := newSigner(k, p), claimOf("report", "a", 5, 0)
	if _, err := s.Sign(t.Context(), c); !errors.Is(err, errUnknown) || p.steps != 1 {
		t.Errorf("got %v after %d questions, want %v after one", err, p.steps, errUnknown)
	}
	silent = false
	if _, err := s.Sign(t.Context(), c); err != nil {
		t.Errorf("once it answers: %v", err)
	}
}

// TestALoneNodeWaitsForNoPast: without Since no other process can have claimed what is not on record.
func TestALoneNodeWaitsForNoPast(t *testing.T) {
	base := dodona.RoundAt(clock)
	k, d := newTestKey(t), newDisk()
	if _, err := newSigner(k, d.process(nil)).Sign(t.Context(), claimOf("report", "a", base+100, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := newSigner(k, d.process(nil)).Sign(t.Context(), claimOf("report", "a", base+200, 0)); err != nil {
		t.Errorf("before the newest claim has passed: %v", err)
	}
}

// on returns what stands after claims, on a record.
func on(id string, claims ...dodona.Claim) (s standing) {
	for _, c := range claims {
		s = s.with(c)
	}
	s.id = id
	return s
}
