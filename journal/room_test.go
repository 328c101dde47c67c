package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var body500 = []byte(strings.Repeat("x", 500))

// observed is what an observer appends for a round of one of six feeds: the claim of an observation, and the observation.
func observed(i int) [2]dodona.Record {
	feed, id := "f"+strconv.Itoa(i%6), strconv.Itoa(i)
	return [2]dodona.Record{
		{Topic: dodona.TopicClaim, Key: "observation." + feed + ".abc", ID: id + "-0xab", Body: body500, After: before(i, "-0xab")},
		{Topic: dodona.TopicObservation, Key: feed, ID: id, Body: body500},
	}
}

// before is the ID of the record before that of round i.
func before(i int, suffix string) string {
	if i < 6 {
		return ""
	}
	return strconv.Itoa(i-6) + suffix
}

// fillUp appends observations, as one node would, until they wait; it returns how many there are, and what the last one met.
func fillUp(t *testing.T, j *Journal, from int) (n int, err error) {
	t.Helper()
	for n = from; n < from+100_000; n++ {
		for _, r := range observed(n) {
			err = appendUntilBlocked(t, j, r)
			if err != nil {
				return n, err
			}
		}
	}
	t.Fatal("nothing stops the observers")
	return n, nil
}

// appendUntilBlocked appends until that is done, or until the stream says that appends wait.
func appendUntilBlocked(t *testing.T, j *Journal, recs ...dodona.Record) (err error) {
	for err = ErrUnknown; errors.Is(err, ErrUnknown); { // it was on its way when it was given up: again, it is known then
		ctx, cancel := context.WithCancel(t.Context())
		stop := cancelWhenBlocked(j, recs[0].Topic, cancel)
		err = j.Append(ctx, recs...)
		stop()
		cancel()
	}
	return err
}

// cancelWhenBlocked calls cancel once the stream of a topic says that appends wait.
func cancelWhenBlocked(j *Journal, topic dodona.Topic, cancel func()) (stop func()) {
	stream, _ := streamOf(topic)
	ctx, done := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if j.lanes[stream].blocked() != "" {
				cancel()
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() { done(); wg.Wait() }
}

// answerAll does as a validator: for each observation it appends a claim and an answer twice as large, a slice at a time.
func answerAll(t *testing.T, j *Journal, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	done, last := 0, 0
	newest := make(map[string]string)
	for recs, err := range j.From(ctx, "validate", dodona.TopicObservation) {
		if err != nil {
			t.Fatal(err)
		}
		claims, answers := make([]dodona.Record, len(recs)), make([]dodona.Record, len(recs))
		for k, r := range recs {
			i, _ := strconv.Atoi(r.ID)
			claims[k] = dodona.Record{Topic: dodona.TopicClaim, Key: "report." + r.Key + ".abc", ID: r.ID + "-0xcd", Body: body500, After: newest["c"+r.Key]}
			answers[k] = dodona.Record{Topic: dodona.TopicData, Key: r.Key, ID: r.ID, Body: append(body500, body500...), After: newest["d"+r.Key]}
			newest["c"+r.Key], newest["d"+r.Key] = claims[k].ID, answers[k].ID
			if i > 0 && i <= last {
				t.Fatalf("observation %d comes after %d", i, last)
			}
			last = i
		}
		for _, part := range [][]dodona.Record{claims, answers} {
			if err := j.Append(ctx, part...); err != nil {
				t.Fatalf("after %d of %d observations: %v: %+v", done, n, err, j.Status(context.Background()).Streams[1])
			}
		}
		if done += len(recs); done >= n {
			cancel() // the next request finishes this slice and then ends
		}
	}
	if done < n {
		t.Fatalf("%d of %d observations were answered: %+v", done, n, j.Status(t.Context()).Streams[1])
	}
}

// A validator that was away until the stream was full comes back, claims and answers all of it in the same stream, and the
// observers go on.
func TestFullStreamDrainsWhenItsReaderComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}})
	for _, r := range observed(0) {
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	read(t, j, "validate", 1, dodona.TopicObservation)
	n, err := fillUp(t, j, 1)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "reader validate has not finished") || errors.Is(err, ErrUnknown) {
		t.Fatalf("observation %d: %v, want it to wait for the reader, by name", n, err)
	}
	proof := j.Status(t.Context()).Streams[1]
	if proof.Bytes > proof.Limit/2 {
		t.Fatalf("observers filled %d of %d bytes, and nothing is left to their reader", proof.Bytes, proof.Limit)
	}
	answerAll(t, j, n-1)
	if err := appendWithin(t, j, observed(n)[0], observed(n)[1]); err != nil {
		t.Fatalf("observations still wait: %v", err)
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

// A stream that observers filled beyond its limit, as those did that knew no mark, drains as well.
func TestOverfullStreamDrains(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1", Proof: Limits{Bytes: 8 * unit.MiB}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 800 // about 1.6 MiB
	for i := range n {
		for _, r := range observed(i) {
			if err := j.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			read(t, j, "validate", 1, dodona.TopicObservation)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir, Proof: Limits{Bytes: unit.MiB}})
	answerAll(t, j, n-1)
	if err := appendWithin(t, j, observed(n)[0], observed(n)[1]); err != nil {
		t.Fatalf("observations still wait: %v", err)
	}
	l := j.lanes[streamProof]
	for range 10 { // what was given beyond the limit is taken back
		l.keepHouse(t.Context())
		l.mu.Lock()
		l.wide.since = l.wide.since.Add(-wideFor)
		l.mu.Unlock()
	}
	info, err := l.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(unit.MiB); info.Config.MaxBytes != limit || info.State.Bytes > uint64(limit) {
		t.Fatalf("the store has %d bytes of %d, want the limit to be %d again", info.State.Bytes, info.Config.MaxBytes, limit)
	}
}

func appendWithin(t *testing.T, j *Journal, recs ...dodona.Record) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, r := range recs {
		if err := j.Append(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// TestRoomBeyondTheLimitStandsForAWhile: whoever was given it may be far away, or try only now and then.
func TestRoomBeyondTheLimitStandsForAWhile(t *testing.T) {
	l := aside(open(t, Config{}), streamRaw)
	limit := uint64(l.limits.Bytes)
	width := func() uint64 {
		info, err := l.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return uint64(info.Config.MaxBytes)
	}
	widen := func(to uint64) {
		if err := l.setLimit(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	later := func() { l.wide.since = l.wide.since.Add(-wideFor) }
	for _, c := range []struct {
		what   string
		before func()
		bytes  uint64 // in the stream
		needs  int64
		want   uint64
	}{
		{"just seen", func() { widen(limit + 1000) }, 0, 0, limit + 1000},
		{"more given since", func() { later(); widen(limit + 2000) }, 0, 0, limit + 2000},
		{"in use", later, limit/8*7 + 1, 0, limit + 2000},
		{"a moment after that", func() {}, 0, 0, limit + 2000},
		{"waited for", later, limit / 8, int64(limit/8*7) + 1 + 8, limit + 2000},
		{"for long", later, 0, 0, limit},
		{"not wide", later, 0, 0, limit},
		{"given anew", func() { widen(limit + 2000) }, 0, 0, limit + 2000},
	} {
		c.before()
		l.needs.Store(c.needs)
		if err := l.narrow(t.Context(), space{said: width(), bytes: c.bytes}); err != nil {
			t.Fatal(err)
		}
		if got := width(); got != c.want {
			t.Errorf("%s: the limit is %d, want %d", c.what, got, c.want)
		}
	}
}

func TestMarkLeavesRoomForEveryReader(t *testing.T) {
	l := &lane{limits: Limits{Bytes: 100 * unit.MiB}}
	// What comes of an observation and its claim: a claim and an answer, 1.3 times as much; and at a sink, half as much.
	for readers := 1; readers <= 20; readers++ {
		mark := float64(l.roomMark(space{readers: readers, said: unlimited}))
		if grown := mark * (1.3 + 0.5*float64(readers-1)); grown > float64(l.limits.Bytes) {
			t.Errorf("%d readers: observers stop at %.0f bytes, and %.0f come of them, which is more than %d", readers, mark, grown, l.limits.Bytes)
		}
	}
}

func TestOnlyObserversStopAtTheMark(t *testing.T) {
	claimOf := func(kind string) dodona.Record { return dodona.Record{Topic: dodona.TopicClaim, Key: kind + ".f.abc"} }
	for _, row := range []struct {
		recs []dodona.Record
		want bool
	}{
		{[]dodona.Record{{Topic: dodona.TopicObservation, Key: "f"}}, true},
		{[]dodona.Record{claimOf("observation")}, true},
		{[]dodona.Record{claimOf("report")}, false},
		{[]dodona.Record{claimOf("anchor")}, false},
		{[]dodona.Record{claimOf("observations")}, false},
		{[]dodona.Record{claimOf("observation"), claimOf("report")}, false},
		{[]dodona.Record{{Topic: dodona.TopicReceipt, Key: "observation.f"}}, false},
		{[]dodona.Record{{Topic: dodona.TopicData}, {Topic: dodona.TopicLeaf}, {Topic: dodona.TopicIntent}, {Topic: dodona.TopicEvent}}, false},
	} {
		if got := observes(row.recs); got != row.want {
			t.Errorf("%v: %v, want %v", row.recs, got, row.want)
		}
	}
}

// Claims and answers fill a slice's share of the stream only, so that what a reader makes of a slice fits into one append.
func TestSlicesFitTheStream(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j := open(t, Config{Proof: Limits{Bytes: 2 * unit.MiB}})
	const n = 600
	for i := range n {
		r := dodona.Record{Topic: dodona.TopicObservation, Key: fmt.Sprintf("f%d", i%7), ID: strconv.Itoa(i), Body: body500}
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := 0
	for recs, err := range j.From(ctx, "validate", dodona.TopicObservation) {
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, r := range recs {
			bytes += len(r.Body)
		}
		if most := int(2 * unit.MiB / 16); bytes > most {
			t.Fatalf("a slice of %d records has %d bytes, want at most %d", len(recs), bytes, most)
		}
		if got += len(recs); got >= n {
			cancel()
		}
	}
	if got != n {
		t.Fatalf("%d records, want %d", got, n)
	}
}

// An append that is larger than what is left, though the stream is not near its limit, has room made for it.
func TestLargeAppendsFitSmallStreams(t *testing.T) {
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for i := range 12 {
		recs := make([]dodona.Record, 370)
		for k := range recs {
			recs[k] = dodona.Record{Topic: dodona.TopicEvent, Key: "rejected", ID: fmt.Sprintf("%d-%d", i, k), Body: body500[:300+i]}
		}
		if err := j.Append(ctx, recs...); err != nil {
			t.Fatalf("append %d: %v: %+v", i, err, j.Status(t.Context()).Streams[1])
		}
	}
}
