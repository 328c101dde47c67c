package journal

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var body8k = []byte(strings.Repeat("x", 8<<10))

func TestFullStreamFreesTheOldest(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB}})
	for i := range 1000 { // four times the limit
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var raw StreamStatus
	for range 600 { // what is being freed now is counted a moment later
		raw = j.Status(t.Context()).Streams[0]
		if raw.Records+raw.Freed == 1000 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if raw.Freed == 0 || raw.Bytes > raw.Limit || raw.Records+raw.Freed != 1000 {
		t.Fatalf("%+v, want freed records, within the limit, none uncounted", raw)
	}
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit takes what was freed for lost: %+v, %v", losses, err)
	}
}

func TestFreedRecordsAreNoLossAfterReopening(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Node: "gw-1", Raw: Limits{Bytes: 2 * unit.MiB}}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		r := reading(i)
		r.Body = body8k
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

func TestFullStreamWaitsForItsReaders(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB}})
	if err := j.Append(t.Context(), reading(0)); err != nil {
		t.Fatal(err)
	}
	read(t, j, "slow", 1, dodona.TopicReading)
	var err error
	n := 1
	for ; err == nil && n < 1000; n++ {
		r := reading(n)
		r.Body = body8k
		err = appendUntilBlocked(t, j, r)
	}
	n-- // the last one did not fit
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "reader slow has not finished") || errors.Is(err, ErrUnknown) {
		t.Fatalf("append to a full stream: %v, want it to name the reader", err)
	}
	if n < 150 {
		t.Fatalf("only %d records fit", n)
	}
	// Nothing was freed, and the reader finds everything; when it has, there is room.
	blocked := make(chan error, 1)
	go func() {
		r := reading(n)
		r.Body = body8k
		blocked <- j.Append(t.Context(), r)
	}()
	recs := read(t, j, "slow", n-1, dodona.TopicReading)
	if recs[0].ID != "1" {
		t.Fatalf("first record is %s", recs[0].ID)
	}
	if err := <-blocked; err != nil {
		t.Fatalf("append once the reader has finished: %v", err)
	}
}

func TestOldRecordsAreFreed(t *testing.T) {
	j := open(t, Config{Raw: Limits{Bytes: 2 * unit.MiB, Age: time.Nanosecond}})
	for i := range 10 {
		if err := j.Append(t.Context(), reading(i)); err != nil {
			t.Fatal(err)
		}
	}
	j.lanes[streamRaw].keepHouse(t.Context())
	if raw := j.Status(t.Context()).Streams[0]; raw.Records != 0 || raw.Freed != 10 {
		t.Fatalf("%+v, want all 10 freed", raw)
	}
	if err := j.Append(t.Context(), reading(10)); err != nil {
		t.Fatal(err)
	}
	if got := all(t, j, dodona.TopicReading, "kraken"); len(got) != 1 || got[0].Sequence != 11 {
		t.Fatalf("the stream holds %+v", got)
	}
}

func TestLastClaimOutlivesRetention(t *testing.T) {
	for _, limits := range []Limits{{Bytes: 2 * unit.MiB}, {Bytes: 256 * unit.MiB, Age: time.Nanosecond}} {
		j := open(t, Config{Proof: limits})
		const dead = "report.dead.abc"
		for i := range 3 {
			if err := j.Append(t.Context(), claim(dead, i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 600 {
			r := dodona.Record{Topic: dodona.TopicObservation, Key: "btc.usd", ID: strconv.Itoa(i), Body: body8k}
			if err := j.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		j.lanes[streamProof].keepHouse(t.Context())
		if proof := j.Status(t.Context()).Streams[1]; proof.Freed < 100 {
			t.Fatalf("%+v: nothing was freed", proof)
		}
		last, err := j.Last(t.Context(), dodona.TopicClaim, dead)
		if err != nil || last.ID != "2-0xab" {
			t.Fatalf("last claim: %+v, %v", last, err)
		}
		if err := j.Append(t.Context(), claim(dead, 3)); err != nil {
			t.Fatalf("next claim: %v", err)
		}
		if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
			t.Fatalf("audit: %+v, %v", losses, err)
		}
	}
}
