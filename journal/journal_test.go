package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The client leaves it behind when an object has been put before its goroutine began: at most one a module.
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"),
		// A server that ends right after a mirror was made a stream of its own waits 10 s for an answer from itself.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*stream).tryDeleteSourcingConsumer.func1"),
	)
}

// open opens a journal that closes with the test.
func open(t testing.TB, cfg Config) *Journal {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Node == "" {
		cfg.Node = "gw-1"
	}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// read returns the next n records of a reader and finishes them.
func read(t testing.TB, j *Journal, reader string, n int, topics ...dodona.Topic) (all []dodona.Record) {
	t.Helper()
	if n < 1 {
		t.Fatalf("reader %s is asked for %d records: it would wait for one that nobody writes", reader, n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the machine may have much else to do
	defer cancel()
	for recs, err := range j.From(ctx, reader, topics...) {
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, recs...); len(all) >= n {
			cancel() // the next request finishes this slice and then ends
		}
	}
	if len(all) < n {
		t.Fatalf("reader %s got %d records, want %d", reader, len(all), n)
	}
	return all
}

func reading(i int) dodona.Record {
	return dodona.Record{Topic: dodona.TopicReading, Key: "kraken", ID: strconv.Itoa(i), Body: fmt.Appendf(nil, `{"n":%d}`, i)}
}

// claim returns the claim of a round, decided on that of the round before; round 0 is the first.
func claim(key string, round int) dodona.Record {
	r := dodona.Record{Topic: dodona.TopicClaim, Key: key, ID: claimID(round), Body: []byte("{}")}
	if round > 0 {
		r.After = claimID(round - 1)
	}
	return r
}

func claimID(round int) string { return strconv.Itoa(round) + "-0xab" }

func TestAppendThenReadInOrder(t *testing.T) {
	j := open(t, Config{})
	for i := range 10 {
		if err := j.Append(t.Context(), reading(i), claim("report.btc.usd.abc", i)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for recs, err := range j.From(t.Context(), "me", dodona.TopicReading, dodona.TopicRound) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			if r.ID != strconv.Itoa(n) || r.Sequence != uint64(n+1) || r.Node != "gw-1" || r.Key != "kraken" {
				t.Fatalf("record %d is %+v", n, r)
			}
			n++
		}
		if n == 10 {
			break
		}
	}
	last, err := j.Last(t.Context(), dodona.TopicClaim, "report.btc.usd.abc")
	if err != nil || last.ID != "9-0xab" {
		t.Fatalf("last claim is %+v, %v", last, err)
	}
	if _, err := j.Last(t.Context(), dodona.TopicData, "btc.usd"); !errors.Is(err, dodona.ErrNotFound) {
		t.Fatalf("last data: %v, want ErrNotFound", err)
	}
}

func TestScanBeginsWhereToldTo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j := open(t, Config{})
	var recs []dodona.Record
	for i := range 300 {
		recs = append(recs, reading(i), dodona.Record{Topic: dodona.TopicRound, Key: "btc.usd", ID: strconv.Itoa(i)})
	}
	if err := j.Append(t.Context(), recs...); err != nil {
		t.Fatal(err)
	}
	for from := -1; from <= 301; from += 7 {
		next := max(from, 0)
		for r, err := range j.Scan(t.Context(), dodona.TopicReading, "kraken", func(r dodona.Record) bool {
			n, _ := strconv.Atoi(r.ID)
			return n < from
		}) {
			if err != nil || r.ID != strconv.Itoa(next) {
				t.Fatalf("from %d: record %q, %v, want %d", from, r.ID, err, next)
			}
			next++
		}
		if next != 300 && from < 300 {
			t.Fatalf("from %d: scan ended at %d", from, next)
		}
	}
}

func TestReopenedJournalGoesOn(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		started := time.Now()
		j, err := Open(context.Background(), Config{Dir: dir, Node: "gw-1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("open %d took %v", round, time.Since(started))
		for i := range 5 {
			if err := j.Append(t.Context(), reading(round*5+i)); err != nil {
				t.Fatal(err)
			}
		}
		for i, r := range read(t, j, "me", 5, dodona.TopicReading) {
			if r.Sequence != uint64(round*5+i+1) {
				t.Fatalf("opening %d: record %d has sequence %d", round, i, r.Sequence)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
