package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/unit"
)

func all(t testing.TB, j *Journal, topic dodona.Topic, key string) (recs []dodona.Record) {
	t.Helper()
	for r, err := range j.Scan(t.Context(), topic, key, nil) {
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, r)
	}
	return recs
}

func TestAppendTwiceChangesNothing(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	batch := []dodona.Record{reading(1), reading(2), reading(2), reading(3)}
	for range 2 {
		if err := j.Append(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir})
	if err := j.Append(t.Context(), reading(3), reading(4)); err != nil {
		t.Fatal(err)
	}
	got := all(t, j, dodona.TopicReading, "kraken")
	if len(got) != 4 || got[3].ID != "4" || got[3].Sequence != 4 {
		t.Fatalf("the stream holds %+v, want the readings 1 to 4 once", got)
	}
}

func TestRecordsAreChained(t *testing.T) {
	j := open(t, Config{})
	for i := range 20 {
		if err := j.Append(t.Context(), reading(2*i), reading(2*i+1)); err != nil {
			t.Fatal(err)
		}
	}
	var before dodona.Record
	for i, r := range all(t, j, dodona.TopicReading, "kraken") {
		if i > 0 && (r.Sequence != before.Sequence+1 || r.Previous != digestOf(before, j.writer)) {
			t.Fatalf("record %+v does not follow %+v", r, before)
		}
		before = r
	}
}

func TestMalformedRecordIsRefusedForEver(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB}})
	for _, c := range []struct {
		name string
		rec  dodona.Record
	}{
		{"topic", dodona.Record{Topic: "rumour", Key: "a", ID: "1"}},
		{"key", dodona.Record{Topic: dodona.TopicReading, Key: "a b", ID: "1"}},
		{"id", dodona.Record{Topic: dodona.TopicReading, Key: "a"}},
		{"id\n", dodona.Record{Topic: dodona.TopicReading, Key: "a", ID: "1\r\nNats-Rollup: all"}},
		{"node", dodona.Record{Topic: dodona.TopicReading, Key: "a", ID: "1", Node: "gw-2"}},
		{"large", dodona.Record{Topic: dodona.TopicReading, Key: "a", ID: "1", Body: make([]byte, bus.MaxPayload)}},
		{"half", dodona.Record{Topic: dodona.TopicReading, Key: "a", ID: "1", Body: make([]byte, 1<<20)}},
	} {
		if err := j.Append(t.Context(), c.rec); !dodona.IsPermanent(err) {
			t.Errorf("%s: %v, want a permanent error", c.name, err)
		}
	}
}

func TestLargeRecordIsReadWhole(t *testing.T) {
	j := open(t, Config{})
	body := []byte(strings.Repeat("x", 3<<20))
	if err := j.Append(t.Context(), reading(0), dodona.Record{Topic: dodona.TopicReading, Key: "big", ID: "1", Body: body}, reading(1)); err != nil {
		t.Fatal(err)
	}
	recs := read(t, j, "me", 3, dodona.TopicReading)
	if len(recs) != 3 || len(recs[1].Body) != len(body) || recs[2].ID != "1" {
		t.Fatalf("got %d records", len(recs))
	}
}

// TestManyAppendAtOnce checks that concurrent appends share flushes and that none is lost or doubled.
func TestManyAppendAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	for _, durability := range []Durability{Batch, Strict} {
		t.Run(string(durability), func(t *testing.T) {
			j := open(t, Config{Durability: durability})
			const callers, each = 64, 15
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := range each {
						key := "c" + strconv.Itoa(c)
						c := claim("report."+key, i)
						c.Body = body400
						err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicReading, Key: key, ID: claimID(i), Body: body400}, c)
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			for c := range callers {
				key := "c" + strconv.Itoa(c)
				for topic, k := range map[dodona.Topic]string{dodona.TopicReading: key, dodona.TopicClaim: "report." + key} {
					got := all(t, j, topic, k)
					if len(got) != each {
						t.Fatalf("%s of %s: %d records, want %d", topic, k, len(got), each)
					}
					for i, r := range got {
						if r.ID != claimID(i) {
							t.Fatalf("%s of %s: record %d is %s", topic, k, i, r.ID)
						}
					}
				}
			}
			if losses, err := j.Audit(t.Context()); err != nil || len(losses) > 0 {
				t.Fatalf("audit: %+v, %v", losses, err)
			}
			raw := j.Status(t.Context()).Streams[0]
			t.Logf("%d records in %d flushes", raw.Written, raw.Flushes)
			if durability == Strict && raw.Flushes != raw.Written {
				t.Errorf("strict: %d flushes for %d appends", raw.Flushes, raw.Written)
			}
			if durability == Batch && raw.Flushes > raw.Written/3 {
				t.Errorf("batch: %d flushes for %d appends", raw.Flushes, raw.Written)
			}
		})
	}
}

func TestAppendOfManyRecordsIsOneFlush(t *testing.T) {
	j := open(t, Config{})
	var recs []dodona.Record
	for i := range maxAppend {
		recs = append(recs, reading(i))
	}
	if err := j.Append(t.Context(), recs...); err != nil {
		t.Fatal(err)
	}
	if got := j.Status(t.Context()).Streams[0]; got.Flushes != 1 || got.Written != maxAppend {
		t.Fatalf("%+v, want one flush", got)
	}
	if err := j.Append(t.Context(), append(recs, reading(maxAppend))...); !dodona.IsPermanent(err) {
		t.Fatalf("%d records: %v, want a permanent error", maxAppend+1, err)
	}
}

// join opens a second journal, in a folder of its own, on the server of the first.
func join(t testing.TB, first *Journal, node string) *Journal {
	t.Helper()
	return open(t, Config{Node: node, URL: "nats://" + first.Addr().String()})
}

func TestClaimWrittenInBetweenConflicts(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"})
	b := join(t, a, "gw-2")
	const key = "report.btc.usd.abc"
	if err := a.Append(t.Context(), claim(key, 0)); err != nil {
		t.Fatal(err)
	}
	late := claim(key, 1) // decided on when there was none
	late.After = ""
	for _, by := range []struct {
		name string
		*Journal
	}{{"the other process", b}, {"the same process", a}} {
		name, j := by.name, by.Journal
		err := j.Append(t.Context(), late, dodona.Record{Topic: dodona.TopicEvent, Key: "reload", ID: "1"})
		if !errors.Is(err, dodona.ErrConflict) {
			t.Fatalf("%s appends what was decided too early: %v, want ErrConflict", name, err)
		}
		if got := all(t, a, dodona.TopicEvent, "reload"); len(got) != 0 {
			t.Fatalf("half of a refused append is there: %+v", got)
		}
		// Looking does not make an old decision good.
		if last, err := j.Last(t.Context(), dodona.TopicClaim, key); err != nil || last.ID != claimID(0) {
			t.Fatalf("last: %+v, %v", last, err)
		}
		if err := j.Append(t.Context(), late); !errors.Is(err, dodona.ErrConflict) {
			t.Fatalf("%s looks and appends the old decision: %v, want ErrConflict", name, err)
		}
		// The same claim is no conflict: it is there already.
		if err := j.Append(t.Context(), claim(key, 0)); err != nil {
			t.Fatalf("%s appends what is there: %v", name, err)
		}
	}
	for round, j := range []*Journal{1: b, 2: a, 3: a, 4: b} {
		if round == 0 {
			continue
		}
		if err := j.Append(t.Context(), claim(key, round)); err != nil {
			t.Fatalf("append after looking: %v", err)
		}
	}
	if err := a.Append(t.Context(), claim(key, 4), claim("report.other.abc", 0)); err != nil {
		t.Fatalf("append of what the other wrote, and of more: %v", err)
	}
	if got := all(t, b, dodona.TopicClaim, key); len(got) != 5 {
		t.Fatalf("%d claims, want 5", len(got))
	}
}

// TestAnotherAnswerUnderOneIDConflicts: what is filed by its round alone is there already only if it says the same.
func TestAnotherAnswerUnderOneIDConflicts(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"})
	b := join(t, a, "gw-2")
	answer := dodona.Record{Topic: dodona.TopicData, Key: "btc.usd", ID: "1000", Body: []byte(`{"value":"1"}`)}
	if err := a.Append(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	other := answer
	other.Body = []byte(`{"value":"2"}`)
	for _, by := range []struct {
		name string
		*Journal
	}{{"another process", b}, {"the same process", a}} {
		name, j := by.name, by.Journal
		if err := j.Append(t.Context(), other); !errors.Is(err, dodona.ErrConflict) {
			t.Errorf("%s appends another answer of a round: %v, want ErrConflict", name, err)
		}
		if err := j.Append(t.Context(), answer); err != nil {
			t.Errorf("%s appends the same answer: %v", name, err)
		}
	}
}

// TestOneOfManyDecisionsWins: appends that were decided on one record, in one flight or in several, from one process or
// from two.
func TestOneOfManyDecisionsWins(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"})
	b := join(t, a, "gw-2")
	const key = "report.btc.usd.abc"
	before := ""
	for round := range 20 {
		var wins atomic.Int32
		var winner atomic.Value
		var group sync.WaitGroup
		for n := range 16 {
			group.Go(func() {
				r := dodona.Record{Topic: dodona.TopicClaim, Key: key, ID: fmt.Sprint(round, "-", n), Body: []byte("{}"), After: before}
				switch err := []*Journal{a, b}[n%2].Append(t.Context(), r); {
				case err == nil:
					wins.Add(1)
					winner.Store(r.ID)
				case !errors.Is(err, dodona.ErrConflict):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if wins.Load() != 1 {
			t.Fatalf("round %d: %d of 16 decisions were appended, want 1", round, wins.Load())
		}
		before = winner.Load().(string)
	}
}

// TestTwoNodesOfANetworkKeepTwoChains appends to one stream from both sides at once.
func TestTwoNodesOfANetworkKeepTwoChains(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	a := open(t, Config{Listen: "127.0.0.1:0"})
	b := join(t, a, "gw-2")
	var wg sync.WaitGroup
	for n, j := range []*Journal{a, b} {
		for c := range 8 {
			wg.Go(func() {
				for i := range 20 {
					id := fmt.Sprintf("%d-%d-%d", n, c, i)
					if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: "reload", ID: id}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	if got := all(t, a, dodona.TopicEvent, "reload"); len(got) != 320 {
		t.Fatalf("%d records, want 320", len(got))
	}
	for _, j := range []*Journal{a, b} {
		if losses, err := j.Audit(t.Context()); err != nil || len(losses) > 0 {
			t.Fatalf("audit: %+v, %v", losses, err)
		}
		if audit := j.Status(t.Context()).Streams[1].Audit; audit.Records != 160 {
			t.Fatalf("audit saw %d records of this writer, want 160", audit.Records)
		}
	}
}

func TestAppendAfterCloseIsRefused(t *testing.T) {
	j := open(t, Config{})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), reading(1)); !errors.Is(err, ErrClosed) {
		t.Fatalf("append: %v, want ErrClosed", err)
	}
	for _, err := range j.From(t.Context(), "me", dodona.TopicReading) {
		if !errors.Is(err, ErrClosed) {
			t.Fatalf("read: %v, want ErrClosed", err)
		}
	}
}

func TestEndedContextWritesNothing(t *testing.T) {
	j := open(t, Config{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for i := range 100 {
		err := j.Append(ctx, reading(i))
		if err == nil {
			t.Fatal("append with an ended context succeeded")
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("append: %v", err)
		}
	}
}

// TestCallersMayLeaveAtAnyTime runs under the race detector: a caller that leaves shares nothing with the lane.
func TestCallersMayLeaveAtAnyTime(t *testing.T) {
	j := open(t, Config{})
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*50*time.Microsecond)
			defer cancel()
			first := reading(i)
			first.Key = "source-" + strconv.Itoa(i) // the lane has to ask the store about it
			if err := j.Append(ctx, first); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("append %d: got %v, want nil or the end of the context", i, err)
			}
		})
	}
	group.Wait()
}
