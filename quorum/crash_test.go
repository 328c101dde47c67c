package quorum_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/quorum"
)

var errCrash = errors.New("the power went")

// Scan makes the fake a ledger for Attest.
func (l *fakeLedger) Scan(_ context.Context, topic dodona.Topic, key string, before func(dodona.Record) bool) iter.Seq2[dodona.Record, error] {
	return func(yield func(dodona.Record, error) bool) {
		for _, r := range l.topic(topic) {
			if r.Key == key && !before(r) && !yield(r, nil) {
				return
			}
		}
	}
}

// Last makes the fake a ledger for Attest.
func (l *fakeLedger) Last(_ context.Context, topic dodona.Topic, key string) (dodona.Record, error) {
	if rec, found := l.last(topic, key); found {
		return rec, nil
	}
	return dodona.Record{}, dodona.ErrNotFound
}

// outrun reports whether a data record does not follow the one that its writer decided on, or another has its name.
func (l *fakeLedger) outrun(recs []dodona.Record) bool {
	for _, r := range recs {
		last, _ := l.last(dodona.TopicData, r.Key)
		there := last.ID == r.ID && bytes.Equal(last.Body, r.Body)
		if r.Topic == dodona.TopicData && !there && (last.ID == r.ID || last.ID != r.After) {
			return true
		}
	}
	return false
}

// crashing is a signer and a ledger that stop at the n-th of their steps: before or after each effect.
type crashing struct {
	*fakeLedger
	*fakeSigner
	left int
}

func (c *crashing) step() error {
	if c.left--; c.left < 0 {
		return errCrash
	}
	return nil
}

func (c *crashing) Append(_ context.Context, recs ...dodona.Record) error {
	if err := c.step(); err != nil {
		return err
	}
	if c.outrun(recs) {
		return dodona.ErrConflict
	}
	c.append(start.Add(time.Hour), recs...) // after every observation
	return c.step()
}

func (c *crashing) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	sigs, err := c.fakeSigner.Sign(ctx, claims...)
	if err != nil {
		return nil, err
	}
	return sigs, c.step()
}

// audit fails if a (feed, round) has two attestations, or a feed's rounds do not rise.
func audit(t *testing.T, l *fakeLedger) (attestations int) {
	t.Helper()
	type subject struct {
		feed  dodona.FeedID
		round dodona.Round
	}
	seen, last := map[subject]bool{}, map[dodona.FeedID]dodona.Round{}
	for _, rec := range l.topic(dodona.TopicData) {
		var a dodona.Answer
		if err := json.Unmarshal(rec.Body, &a); err != nil {
			t.Fatal(err)
		}
		r := a.Attestation.Report
		if seen[subject{r.Feed, r.Round}] {
			t.Errorf("two attestations of %s round %d", a.Feed.Name, r.Round)
		}
		if r.Round <= last[r.Feed] {
			t.Errorf("%s: round %d after %d", a.Feed.Name, r.Round, last[r.Feed])
		}
		if signer, err := signtest.Recover(r.Digest(network.ID()), a.Attestation.Signatures[0]); err != nil || signer != member {
			t.Errorf("%s round %d: signed by %s, %v", a.Feed.Name, r.Round, signer, err)
		}
		seen[subject{r.Feed, r.Round}], last[r.Feed] = true, r.Round
		attestations++
	}
	return attestations
}

func TestACrashAtEveryStepChangesNothing(t *testing.T) {
	// Several rounds of one feed in a slice: a signer signs nothing below its newest claim, so a step that claimed
	// two of them at once would lose the first to a crash.
	slice := []dodona.Record{
		observe(price, 0, 10), observe(door, 0, 1), observe(price, 1, 11), observe(price, 1, 12), // the last one is an equivocation
		observe(mode, 0, 9), // not a label
		observe(price, 2, 13), observe(door, 1, 0), observe(price, 0, 10), observe(price, 3, 14),
	}
	var want []dodona.Record
	for crashAt := 0; ; crashAt++ {
		ledger := newFakeLedger()
		signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
		left, crashes := crashAt, 0
		for {
			v := newValidator(t)
			for _, f := range []dodona.Feed{price, door, mode} {
				if rec, found := ledger.last(dodona.TopicData, f.Name); found {
					if err := v.Restore(rec); err != nil {
						t.Fatal(err)
					}
				}
			}
			c := &crashing{ledger, signer, left}
			_, err := v.Attest(t.Context(), quorum.Means{Signer: c, Ledger: c}, start, slice)
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("crash at step %d: %v", crashAt, err)
			}
			crashes++
			left = 1 << 30
		}
		if n := audit(t, ledger); n != 6 {
			t.Fatalf("crash at step %d: %d attestations, want 6", crashAt, n)
		}
		if want == nil { // the crash at the first step: nothing had happened
			want = ledger.recs
		}
		if !sameRecords(ledger.recs, want) {
			t.Fatalf("crash at step %d: got\n%s\nwant\n%s", crashAt, list(ledger.recs), list(want))
		}
		if crashes == 0 {
			t.Logf("%d steps", crashAt)
			return
		}
	}
}

func list(recs []dodona.Record) (s string) {
	for _, r := range recs {
		s += fmt.Sprintf("%s %s %s\n", r.Topic, r.Key, r.ID)
	}
	return s
}

func TestARestoredValidatorRaisesNoFalseAlarm(t *testing.T) {
	ledger := newFakeLedger()
	signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
	c := &crashing{ledger, signer, 1 << 30}
	var slice []dodona.Record
	for i := range 5 {
		slice = append(slice, observe(price, i, int64(i)))
	}
	late := start.Add(every * 10)
	if _, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: c, Ledger: c}, late, slice); err != nil {
		t.Fatal(err)
	}
	last, _ := ledger.last(dodona.TopicData, "btc.usd")
	last.Appended = start.Add(45 * time.Second) // the slice was read and attested then
	v := newValidator(t)
	if err := v.Restore(last); err != nil {
		t.Fatal(err)
	}
	e, out := attest(t, v, slice...)
	if e.Counts().Repeated != 5 || len(out) != 0 {
		t.Errorf("the slice of before the restart: got %v", e.Counts())
	}
	twin := observe(price, 4, 99)
	if r := rejected(t, v, twin); r.Reason != quorum.ReasonEquivocation {
		t.Errorf("a contradiction of the restored round: got %s", r.Reason)
	}
	newer := observe(price, 3, 3)
	newer.Appended = start.Add(30*time.Second + 29*time.Second)
	if e := v.Step(late, []dodona.Record{newer}); e.Counts().Rejected != 1 {
		t.Errorf("an old round appended after the restored one: got %v", e.Counts())
	}
}

func TestRestoreTakesNothingOnTrust(t *testing.T) {
	_, out := attest(t, newValidator(t), observe(price, 5, 1))
	good := out[0]
	change := func(f func(*dodona.Answer)) dodona.Record {
		var a dodona.Answer
		if err := json.Unmarshal(good.Body, &a); err != nil {
			t.Fatal(err)
		}
		f(&a)
		rec := good
		rec.Body, _ = json.Marshal(a)
		return rec
	}
	for name, rec := range map[string]dodona.Record{
		"an event":        {Topic: dodona.TopicEvent, Key: good.Key, ID: good.ID, Body: good.Body},
		"no answer":       {Topic: dodona.TopicData, Key: good.Key, ID: good.ID, Body: []byte("7")},
		"a far-off round": change(func(a *dodona.Answer) { a.Attestation.Report.Round = 1 << 62 }),
		"another feed":    change(func(a *dodona.Answer) { a.Feed = door }),
		"no signature":    change(func(a *dodona.Answer) { a.Attestation.Signatures = nil }),
		"a stranger's": change(func(a *dodona.Answer) {
			a.Attestation.Signatures[0] = signtest.Sign(stranger, a.Attestation.Report.Digest(network.ID()))
		}),
		"an enormous answer": {Topic: dodona.TopicData, Key: good.Key, ID: good.ID, Body: make([]byte, 1<<20)},
	} {
		v := newValidator(t)
		if err := v.Restore(rec); err == nil {
			t.Errorf("%s: restored", name)
		}
		if _, found := v.Last("btc.usd"); found {
			t.Errorf("%s: remembered", name)
		}
	}
	v := newValidator(t)
	foreign := change(func(a *dodona.Answer) { a.Network.Name = "another" })
	if err := v.Restore(foreign); err != nil {
		t.Errorf("another network's: %v", err)
	}
	if _, found := v.Last("btc.usd"); found {
		t.Error("another network's: remembered")
	}
}

func TestTwoValidatorsWithOneKeyAttestOnce(t *testing.T) {
	ledger := newFakeLedger()
	signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
	c := &crashing{ledger, signer, 1 << 30}
	means := quorum.Means{Signer: c, Ledger: c}
	first, second := newValidator(t), newValidator(t)
	var slice []dodona.Record
	for i := range 6 {
		slice = append(slice, observe(price, i, int64(i)))
	}
	// The first is three rounds ahead when the second wakes up.
	for _, turn := range []struct {
		v    *quorum.Validator
		recs []dodona.Record
	}{{first, slice[:3]}, {second, slice[:4]}, {first, slice[3:]}, {second, slice[4:]}} {
		if _, err := turn.v.Attest(t.Context(), means, start, turn.recs); err != nil {
			t.Fatal(err)
		}
	}
	if n := audit(t, ledger); n != 6 {
		t.Errorf("%d attestations, want 6", n)
	}
	if events := ledger.topic(dodona.TopicEvent); len(events) != 0 {
		t.Errorf("got events:\n%s", list(events))
	}
}

// TestAttestGoesOnBehindWhatItDoesNotBelieve: the newest record of a feed may be of a former quorum, or of a stranger who may
// write to the server; the next answer comes after it all the same, known from the start or met on the way.
func TestAttestGoesOnBehindWhatItDoesNotBelieve(t *testing.T) {
	for name, body := range map[string]string{"rubbish": "rubbish", "another network's": `{"network":{"name":"old"}}`} {
		for _, known := range []bool{true, false} {
			ledger := newFakeLedger()
			signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
			c := &crashing{ledger, signer, 1 << 30}
			strange := dodona.Record{Topic: dodona.TopicData, Key: price.Name, ID: "7", Body: []byte(body)}
			ledger.append(start, strange)
			v := newValidator(t)
			if known {
				_ = v.Restore(strange) // an error or not, it is the newest
			}
			if _, err := v.Attest(t.Context(), quorum.Means{Signer: c, Ledger: c}, start, []dodona.Record{observe(price, 0, 1), observe(price, 1, 2)}); err != nil {
				t.Errorf("%s, known from the start %v: %v", name, known, err)
			}
			if got := len(ledger.topic(dodona.TopicData)); got != 3 {
				t.Errorf("%s, known from the start %v: %d data records, want 3", name, known, got)
			}
		}
	}
}

func TestAttestGoesOnAfterAnErrorOfTheSigner(t *testing.T) {
	v := newValidator(t)
	ledger := newFakeLedger()
	signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}, broken: errors.New("journal: no space left")}
	means := quorum.Means{Signer: signer, Ledger: &crashing{ledger, signer, 1 << 30}}
	slice := []dodona.Record{observe(price, 0, 1), observe(price, 1, 2)}
	if _, err := v.Attest(t.Context(), means, start, slice); err == nil {
		t.Fatal("the error was swallowed")
	}
	if _, err := v.Attest(t.Context(), means, start, slice); err != nil {
		t.Fatal(err)
	}
	if n := audit(t, ledger); n != 2 {
		t.Errorf("%d attestations, want 2", n)
	}
}

// doubting signs no price.
type doubting struct {
	*fakeSigner
	err error
}

func (d doubting) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	for _, c := range claims {
		if c.Subject == price.Name {
			return nil, d.err
		}
	}
	return d.fakeSigner.Sign(ctx, claims...)
}

// TestARejectionSaysWhyTheSignerRefused: that a round is not signed while something may be lost is no alarm.
func TestARejectionSaysWhyTheSignerRefused(t *testing.T) {
	doubt := errors.New("what was claimed for the round may have been lost")
	for want, err := range map[quorum.Reason]error{
		quorum.ReasonUnsigned: doubt,
		quorum.ReasonConflict: errors.New("a higher round is already claimed: 7"),
	} {
		ledger := newFakeLedger()
		signer := &fakeSigner{address: member, claims: map[string]dodona.Claim{}}
		var told []quorum.Rejection
		counts, failed := newValidator(t).Attest(t.Context(), quorum.Means{
			Signer: doubting{signer, err}, Ledger: &crashing{ledger, signer, 1 << 30},
			Refused:  func(error) bool { return true },
			Doubted:  func(err error) bool { return err == doubt },
			Rejected: func(r quorum.Rejection) { told = append(told, r) },
		}, start, []dodona.Record{observe(door, 0, 1), observe(price, 0, 1)})
		if failed != nil || counts.Attested != 1 || len(told) != 1 {
			t.Fatalf("%v: %s, %v; told %+v", err, counts, failed, told)
		}
		if r := told[0]; r.Reason != want || r.Key != observe(price, 0, 1).Key || !strings.Contains(r.Message, err.Error()) {
			t.Errorf("%v: told %+v, want %s with the signer's words", err, r, want)
		}
	}
}
