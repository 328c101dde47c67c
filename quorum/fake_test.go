package quorum_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/quorum"
)

// fakeLedger is a journal in memory with the rules of the real one that matter here: appends are atomic and
// idempotent by (topic, key, id).
type fakeLedger struct {
	mu    sync.Mutex
	recs  []dodona.Record
	index map[[3]string]int
}

func newFakeLedger() *fakeLedger { return &fakeLedger{index: map[[3]string]int{}} }

func (l *fakeLedger) append(at time.Time, recs ...dodona.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range recs {
		id := [3]string{string(r.Topic), r.Key, r.ID}
		if _, there := l.index[id]; there {
			continue
		}
		r.Appended, r.Sequence = at, uint64(len(l.recs)+1)
		l.index[id] = len(l.recs)
		l.recs = append(l.recs, r)
	}
}

func (l *fakeLedger) topic(t dodona.Topic) []dodona.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []dodona.Record
	for _, r := range l.recs {
		if r.Topic == t {
			list = append(list, r)
		}
	}
	return list
}

func (l *fakeLedger) last(t dodona.Topic, key string) (last dodona.Record, found bool) {
	for _, r := range l.topic(t) {
		if r.Key == key {
			last, found = r, true
		}
	}
	return last, found
}

// fakeSigner keeps the law of claims: per subject the round rises, and an equal round has equal digests.
// Its claims outlive it in the map it is given.
type fakeSigner struct {
	address dodona.Address
	claims  map[string]dodona.Claim
	broken  error // returned once, after the claims are kept
}

func (s *fakeSigner) Sign(_ context.Context, claims ...dodona.Claim) ([][]byte, error) {
	kept := map[string]dodona.Claim{}
	for _, c := range claims {
		last, found := kept[c.Subject]
		if !found {
			last, found = s.claims[c.Subject]
		}
		if found && (c.Round < last.Round || (c.Round == last.Round && c != last)) {
			return nil, dodona.ErrConflict
		}
		kept[c.Subject] = c
	}
	for subject, c := range kept {
		s.claims[subject] = c
	}
	if err := s.broken; err != nil {
		s.broken = nil
		return nil, err
	}
	out := make([][]byte, len(claims))
	for i, c := range claims {
		sig := signtest.Sign(s.address, c.Digest)
		out[i] = sig[:]
	}
	return out, nil
}

var (
	member   = dodona.Address{1, 2, 3}
	stranger = dodona.Address{9, 9, 9}
	group    = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{member}}
	network  = dodona.Network{Name: "test", First: group.Digest()}
	price    = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}
	door     = dodona.Feed{Name: "door", Kind: dodona.Bool}
	mode     = dodona.Feed{Name: "mode", Kind: dodona.Enum, Labels: []string{"off", "on", "auto"}}
	every    = 10 * time.Second
	start    = time.Date(2026, 11, 22, 12, 4, 30, 0, time.UTC)
)

func feeds(list ...dodona.Feed) map[dodona.FeedID]quorum.Feed {
	m := map[dodona.FeedID]quorum.Feed{}
	for _, f := range list {
		m[f.ID()] = quorum.Feed{Feed: f, Every: every}
	}
	return m
}

func newValidator(t testing.TB) *quorum.Validator {
	t.Helper()
	return validator(t, func(*quorum.Config) {})
}

// validator returns one whose configuration is changed.
func validator(t testing.TB, change func(*quorum.Config)) *quorum.Validator {
	t.Helper()
	c := quorum.Config{
		Network: network, Quorum: group, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(price, door, mode), Recover: signtest.Recover, Workers: 2,
	}
	change(&c)
	v, err := quorum.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// observe returns the record of an honest observation of the n-th round, appended 3 ms after its instant.
func observe(f dodona.Feed, n int, value int64) dodona.Record {
	at := start.Add(time.Duration(n) * every)
	return record(dodona.Observation{
		Feed: f.ID(), Name: f.Name, Round: dodona.RoundAt(at), Value: dodona.NewInt192(value),
		Origin: dodona.Origin{Version: dodona.Digest{1}, Rules: dodona.Digest{2}, ReadingsRoot: dodona.Digest{3}},
		Signer: member,
	}, at.Add(3*time.Millisecond))
}

// record signs an observation as the signer it names and makes its record.
func record(o dodona.Observation, appended time.Time) dodona.Record {
	o.Signature = signtest.Sign(o.Signer, o.Digest(network.ID()))
	body, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return dodona.Record{
		Topic: dodona.TopicObservation, Key: o.Name, ID: strconv.FormatUint(uint64(o.Round), 10), Node: "gw-7",
		Body: body, Appended: appended,
	}
}

// altered returns rec with its observation changed and signed again.
func altered(rec dodona.Record, change func(*dodona.Observation)) dodona.Record {
	var o dodona.Observation
	if err := json.Unmarshal(rec.Body, &o); err != nil {
		panic(err)
	}
	change(&o)
	return record(o, rec.Appended)
}

// signatures signs every claim with the fake scheme as the member.
func signatures(claims []dodona.Claim) [][]dodona.Signature {
	out := make([][]dodona.Signature, len(claims))
	for i, c := range claims {
		out[i] = []dodona.Signature{signtest.Sign(member, c.Digest)}
	}
	return out
}

// attest runs one whole step and returns what would be appended.
func attest(t testing.TB, v *quorum.Validator, recs ...dodona.Record) (*quorum.Effects, []dodona.Record) {
	t.Helper()
	e := v.Step(start.Add(time.Hour), recs)
	out, err := e.Records(signatures(e.Claims))
	if err != nil {
		t.Fatal(err)
	}
	v.Commit(e)
	return e, out
}

func sameRecords(a, b []dodona.Record) bool {
	return slices.EqualFunc(a, b, func(x, y dodona.Record) bool {
		return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Key, y.Key), cmp.Compare(x.ID, y.ID), bytes.Compare(x.Body, y.Body)) == 0
	})
}
