package quorum_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/quorum"
)

// rejected returns the one rejection that v answers rec with.
func rejected(t *testing.T, v *quorum.Validator, rec dodona.Record) quorum.Rejection {
	t.Helper()
	e, out := attest(t, v, rec)
	if len(e.Claims) != 0 || len(out) != 1 {
		t.Fatalf("got %d claims and %d records, want none and one", len(e.Claims), len(out))
	}
	if out[0].Topic != dodona.TopicEvent || out[0].Key != dodona.EventRejected || out[0].ID == "" {
		t.Fatalf("got record %+v, want an event", out[0])
	}
	var r quorum.Rejection
	if err := json.Unmarshal(out[0].Body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatCannotBeBelievedIsRejectedWithItsReason(t *testing.T) {
	good := observe(price, 0, 100)
	round := dodona.RoundAt(start)
	body := func(from, to string) dodona.Record {
		rec := good
		rec.Body = bytes.Replace(rec.Body, []byte(from), []byte(to), 1)
		if bytes.Equal(rec.Body, good.Body) {
			t.Fatalf("%q is not in %s", from, good.Body)
		}
		return rec
	}
	at := func(appended time.Time) dodona.Record {
		rec := good
		rec.Appended = appended
		return rec
	}
	filed := func(key, id string) dodona.Record {
		rec := good
		rec.Key, rec.ID = key, id
		return rec
	}
	other := price
	other.Decimals = 2
	for name, c := range map[string]struct {
		rec  dodona.Record
		want quorum.Reason
	}{
		"empty":               {dodona.Record{Topic: dodona.TopicObservation}, quorum.ReasonMalformed},
		"no JSON":             {body(`{"feed"`, `{feed`), quorum.ReasonMalformed},
		"unknown member":      {body(`{"feed"`, `{"x":1,"feed"`), quorum.ReasonMalformed},
		"repeated member":     {body(`"name":"btc.usd"`, `"name":"btc.usd","name":"btc.usd"`), quorum.ReasonMalformed},
		"capital member":      {body(`"name"`, `"Name"`), quorum.ReasonMalformed},
		"trailing data":       {body(`"}`, `"}{}`), quorum.ReasonMalformed},
		"round as a float":    {body(`"round":1795349070000`, `"round":1795349070000.0`), quorum.ReasonMalformed},
		"value with a zero":   {body(`"value":"100"`, `"value":"0100"`), quorum.ReasonMalformed},
		"too wide a value":    {body(`"value":"100"`, `"value":"`+strings.Repeat("9", 60)+`"`), quorum.ReasonMalformed},
		"too long":            {body(`"}`, `"}`+strings.Repeat(" ", 8192)), quorum.ReasonMalformed},
		"unknown feed":        {observe(dodona.Feed{Name: "gold", Kind: dodona.Number}, 0, 1), quorum.ReasonFeed},
		"other decimals":      {observe(other, 0, 1), quorum.ReasonIdentity},
		"another feed's name": {altered(good, func(o *dodona.Observation) { o.Name = "door" }), quorum.ReasonIdentity},
		"another key":         {filed("door", good.ID), quorum.ReasonSubject},
		"another id":          {filed(good.Key, "7"), quorum.ReasonSubject},
		"id with a zero":      {filed(good.Key, "0"+good.ID), quorum.ReasonSubject},
		"a stranger":          {altered(good, func(o *dodona.Observation) { o.Signer = stranger }), quorum.ReasonMember},
		"a third state":       {observe(door, 0, 2), quorum.ReasonValue},
		"a negative state":    {observe(door, 0, -1), quorum.ReasonValue},
		"no such label":       {observe(mode, 0, 3), quorum.ReasonValue},
		"altered value":       {body(`"value":"100"`, `"value":"101"`), quorum.ReasonSignature},
		"altered origin":      {body(`"version":"0x01`, `"version":"0x02`), quorum.ReasonSignature},
		"long before":         {at(start.Add(-501 * time.Millisecond)), quorum.ReasonEarly},
		"never appended":      {at(time.Time{}), quorum.ReasonEarly},
		"long after":          {at(start.Add(30*time.Second + time.Millisecond)), quorum.ReasonLate},
		"the last round":      {altered(good, func(o *dodona.Observation) { o.Round = math.MaxUint64 }), quorum.ReasonEarly},
		"round zero":          {altered(good, func(o *dodona.Observation) { o.Round = 0 }), quorum.ReasonLate},
	} {
		t.Run(name, func(t *testing.T) {
			r := rejected(t, newValidator(t), c.rec)
			if r.Reason != c.want {
				t.Errorf("got reason %s (%s), want %s", r.Reason, r.Message, c.want)
			}
			if r.Message == "" || r.Digest != dodona.Keccak256(c.rec.Body) || r.Size != len(c.rec.Body) || r.Topic != dodona.TopicObservation {
				t.Errorf("got %+v", r)
			}
		})
	}
	if round == 0 {
		t.Fatal("the table's round is zero")
	}
}

func TestRoundsAreOpenFromEarlyToThreeIntervals(t *testing.T) {
	for _, c := range []struct {
		appended time.Duration
		every    time.Duration
		open     bool
	}{
		{-501 * time.Millisecond, every, false},
		{-500 * time.Millisecond, every, true},
		{30 * time.Second, every, true},
		{30*time.Second + 1, every, false},
		{60 * time.Second, time.Hour, true},
		{60*time.Second + 1, time.Hour, false},
		{60 * time.Second, math.MaxInt64, true},
	} {
		from, to := grid.Open(dodona.RoundAt(start), c.every)
		at := start.Add(c.appended)
		if open := !at.Before(from) && !at.After(to); open != c.open {
			t.Errorf("appended %s, every %s: open is %t, want %t", c.appended, c.every, open, c.open)
		}
	}
}

func TestABacklogIsNotStale(t *testing.T) {
	v := newValidator(t)
	e := v.Step(start.Add(90*24*time.Hour), []dodona.Record{observe(price, 0, 1)})
	if len(e.Claims) != 1 {
		t.Errorf("got %v: freshness is the append's, not the reader's", e.Counts())
	}
}

func TestOrderIsKept(t *testing.T) {
	v := newValidator(t)
	second := observe(price, 2, 200)
	if e, _ := attest(t, v, second); e.Counts().Attested != 1 {
		t.Fatal(e.Counts())
	}
	if r := rejected(t, v, observe(price, 1, 100)); r.Reason != quorum.ReasonOrder {
		t.Errorf("an older round: got %s", r.Reason)
	}
	if e, out := attest(t, v, second); e.Counts().Repeated != 1 || len(out) != 0 {
		t.Errorf("the same again: got %v", e.Counts())
	}
	for name, twin := range map[string]dodona.Record{
		"another value":  observe(price, 2, 201),
		"another origin": altered(second, func(o *dodona.Observation) { o.Origin.ReadingsRoot = dodona.Digest{9} }),
	} {
		if r := rejected(t, v, twin); r.Reason != quorum.ReasonEquivocation {
			t.Errorf("%s: got %s", name, r.Reason)
		}
	}
	if e, _ := attest(t, v, observe(price, 3, 300)); e.Counts().Attested != 1 {
		t.Errorf("the next round: got %v", e.Counts())
	}
}

func TestEquivocationInsideOneSliceIsSeen(t *testing.T) {
	v := newValidator(t)
	e, out := attest(t, v, observe(price, 0, 1), observe(price, 0, 2))
	if c := e.Counts(); c.Attested != 1 || c.Rejected != 1 || len(out) != 2 {
		t.Fatalf("got %v", c)
	}
	if r := e.Rejections()[0]; r.Reason != quorum.ReasonEquivocation {
		t.Errorf("got %s", r.Reason)
	}
}

func TestARejectionIsBounded(t *testing.T) {
	huge := strings.Repeat("\xff<é", 1<<20)
	rec := dodona.Record{Topic: dodona.TopicObservation, Key: huge, ID: huge, Node: huge, Body: []byte(`{"name":"` + huge)}
	e, out := attest(t, newValidator(t), rec)
	if len(out) != 1 || len(out[0].Body) > 4096 {
		t.Fatalf("got %d records, the first of %d bytes; want one of at most 4096", len(out), len(out[0].Body))
	}
	if r := e.Rejections()[0]; len(r.Key) > 128 || len(r.Message) > 384 {
		t.Errorf("got a key of %d and a message of %d bytes", len(r.Key), len(r.Message))
	}
}

func TestTheRefusedClaimOfASignerBecomesAnAlarm(t *testing.T) {
	v := newValidator(t)
	e := v.Step(start, []dodona.Record{observe(price, 0, 1), observe(door, 0, 1)})
	sigs := signatures(e.Claims)
	sigs[0] = nil
	out, err := e.Records(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Topic != dodona.TopicEvent || out[1].Topic != dodona.TopicData || e.Rejections()[0].Reason != quorum.ReasonConflict {
		t.Fatalf("got %s and %s", out[0].Topic, out[1].Topic)
	}
	v.Commit(e)
	if _, found := v.Last("btc.usd"); found {
		t.Error("the refused round counts as attested")
	}
	if again, err := e.Records(signatures(e.Claims)); err != nil || again[0].Topic != dodona.TopicData {
		t.Errorf("with its signature: got %v, %v", again, err)
	}
}

func TestForeignSignaturesAreNotAssembled(t *testing.T) {
	e := newValidator(t).Step(start, []dodona.Record{observe(price, 0, 1)})
	foreign := signtest.Sign(stranger, e.Claims[0].Digest)
	own := signtest.Sign(member, e.Claims[0].Digest)
	for name, lists := range map[string][][]dodona.Signature{
		"none": nil, "of two claims": {{own}, {own}}, "a stranger's": {{foreign}}, "zeros": {{{}}},
		"one twice": {{own, own}}, "a stranger's too": {{own, foreign}},
	} {
		if out, err := e.Records(lists); err == nil {
			t.Errorf("%s: got %d records, want an error", name, len(out))
		}
	}
}

func TestSignaturesAreChecked(t *testing.T) {
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	q := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}}
	n := dodona.Network{Name: "real", First: q.Digest()}
	v, err := quorum.New(quorum.Config{Network: n, Quorum: q, Scheme: dodona.ECDSA(secp.Recover), Feeds: feeds(price), Recover: secp.Recover})
	if err != nil {
		t.Fatal(err)
	}
	o := dodona.Observation{Feed: price.ID(), Name: price.Name, Round: dodona.RoundAt(start), Value: dodona.NewInt192(5), Signer: key.Address()}
	o.Signature = key.Sign(o.Digest(n.ID()))
	sign := func() dodona.Record {
		body, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return dodona.Record{Topic: dodona.TopicObservation, Key: o.Name, ID: "1795349070000", Body: body, Appended: start}
	}
	good := sign()
	o.Value = dodona.NewInt192(6)
	forged := sign()
	if r := v.Step(start, []dodona.Record{forged}).Rejections(); len(r) != 1 || r[0].Reason != quorum.ReasonSignature {
		t.Errorf("forged: got %+v", r)
	}
	e := v.Step(start, []dodona.Record{good})
	if len(e.Claims) != 1 {
		t.Fatalf("good: got %+v", e.Rejections())
	}
	sig := key.Sign(e.Claims[0].Digest)
	if _, err := e.Records([][]dodona.Signature{{sig}}); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesWhatItCannotServe(t *testing.T) {
	three := dodona.Quorum{Scheme: "ecdsa", K: 2, Members: []dodona.Address{{1}, {2}, {3}}}
	config := func(change func(*quorum.Config)) quorum.Config {
		c := quorum.Config{Network: network, Quorum: group, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(price), Recover: signtest.Recover}
		change(&c)
		return c
	}
	for want, c := range map[string]quorum.Config{
		"this build supports 1 of 1": config(func(c *quorum.Config) { c.Quorum = three }),
		"want ecdsa":                 config(func(c *quorum.Config) { c.Quorum.Scheme = "frost" }),
		"no other":                   config(func(c *quorum.Config) { c.Quorum = dodona.Quorum{Scheme: "frost", Key: &dodona.GroupKey{2, 32: 1}} }),
		"not zero":                   config(func(c *quorum.Config) { c.Quorum.Members = []dodona.Address{{}} }),
		"0 of 1":                     config(func(c *quorum.Config) { c.Quorum.K = 0 }),
		"was founded by quorum":      config(func(c *quorum.Config) { c.Network.First = dodona.Digest{} }),
		"no function to recover":     config(func(c *quorum.Config) { c.Recover = nil }),
		"its id is":                  config(func(c *quorum.Config) { c.Feeds = map[dodona.FeedID]quorum.Feed{{}: {Feed: price, Every: 1}} }),
		"every 0s":                   config(func(c *quorum.Config) { c.Feeds = map[dodona.FeedID]quorum.Feed{price.ID(): {Feed: price}} }),
	} {
		if _, err := quorum.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A shortSigner returns signatures of too few bytes.
type shortSigner struct{ fakeSigner }

func (s *shortSigner) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	signatures, err := s.fakeSigner.Sign(ctx, claims...)
	for i := range signatures {
		signatures[i] = signatures[i][:64]
	}
	return signatures, err
}

func TestBrokenSignaturesAreNotAssembled(t *testing.T) {
	ledger := newFakeLedger()
	signer := &shortSigner{fakeSigner{address: member, claims: map[string]dodona.Claim{}}}
	c := &crashing{ledger, &signer.fakeSigner, 1 << 30}
	_, err := newValidator(t).Attest(t.Context(), quorum.Means{Signer: signer, Ledger: c}, start, []dodona.Record{observe(price, 0, 1)})
	if err == nil || !strings.Contains(err.Error(), "has 64 bytes, want 65") || len(ledger.topic(dodona.TopicData)) != 0 {
		t.Errorf("got %v and %d answers, want an error and none", err, len(ledger.topic(dodona.TopicData)))
	}
}
