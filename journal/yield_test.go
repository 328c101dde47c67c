package journal

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestAReaderThatYieldsStopsNobody: what it had not finished in time is freed and counted, to the record, and it goes on behind that, whether it stood
// with a slice in hand or was away.
func TestAReaderThatYieldsStopsNobody(t *testing.T) {
	const most = 640
	cfg := Config{Dir: t.TempDir(), Raw: Limits{Bytes: 2 * unit.MiB}}
	j := open(t, cfg)
	fill := func(from, to int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		for i := from; i < to; i++ {
			r, other := reading(i), dodona.Record{Topic: dodona.TopicRound, Key: "btc", ID: strconv.Itoa(i), Body: []byte("{}")}
			r.Body = body8k
			if err := j.Append(ctx, r, other); err != nil {
				t.Fatalf("record %d waits for the reader: %v", i, err)
			}
		}
	}
	of := j.Yielding(true, dodona.TopicReading, "kraken")
	fill(0, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, last := 0, -1
	var appended []time.Time // of what it saw
	for recs, err := range of.From(ctx, "slow", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		if seen == 0 { // it has a slice in hand while four times the stream goes by
			fill(10, most/2)
		}
		for _, r := range recs {
			n, _ := strconv.Atoi(r.ID)
			if n <= last || r.Topic != dodona.TopicReading {
				t.Fatalf("%s %s comes after %d", r.Topic, r.ID, last)
			}
			last, seen, appended = n, seen+1, append(appended, r.Appended)
		}
		if last == most/2-1 {
			cancel()
		}
	}
	lost, err := j.Overtaken(t.Context(), "slow")
	if err != nil || lost.Records == 0 || lost.Until.Before(lost.From) || lost.From.IsZero() {
		t.Fatalf("overtaken: %+v, %v", lost, err)
	}
	held := 0 // on their way to it, or in its hand
	for _, at := range appended {
		if !at.Before(lost.From) && !at.After(lost.Until) {
			held++
		}
	}
	if got := seen + int(lost.Records) - held; got != most/2 || held == 0 {
		t.Fatalf("it saw %d, %d were freed before it had finished them, %d of them in hand: of %d, want %d", seen, lost.Records, held, got, most/2)
	}
	fill(most/2, most) // it is away
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, cfg)
	of, ctx, cancel = j.Yielding(true, dodona.TopicReading, "kraken"), t.Context(), func() {}
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	for recs, err := range of.From(ctx, "slow", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(recs); recs[len(recs)-1].ID == strconv.Itoa(most-1) {
			cancel()
		}
	}
	lost, err = j.Overtaken(t.Context(), "slow")
	if got := seen + int(lost.Records) - held; err != nil || got != most {
		t.Fatalf("after it was away: it saw %d, and %d were freed before, %d of them in hand (%v): of %d, want %d", seen, lost.Records, held, err, got, most)
	}
	told := 0
	for rec, err := range j.Scan(t.Context(), dodona.TopicEvent, dodona.EventReader, nil) {
		if err != nil {
			t.Fatal(err)
		}
		var e ReaderEvent
		if json.Unmarshal(rec.Body, &e) == nil && e.What == readerOvertaken && e.Reader == "slow" && e.Backlog > 0 && e.Why != "" {
			told++
		}
	}
	if told < 1 || told > 2 {
		t.Errorf("%d events tell of it, want one for each hour", told)
	}
	for _, r := range j.Status(t.Context()).Readers {
		if r.Name == "slow" && (!r.Yields || r.Overtaken.Records != lost.Records) {
			t.Errorf("the status says %+v", r)
		}
	}
}

// TestAReaderOfItsOwnSeesNoOtherNode, also of a source that both nodes call the same.
func TestAReaderOfItsOwnSeesNoOtherNode(t *testing.T) {
	j := open(t, Config{Listen: "127.0.0.1:0"})
	other := open(t, Config{Node: "gw-2", URL: "nats://" + j.Addr().String()})
	for i, by := range []*Journal{j, other, j} {
		if err := by.Append(t.Context(), reading(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		reader string
		own    bool
		keys   []string
		want   int
	}{{"mine", true, []string{"kraken"}, 2}, {"all", false, []string{"kraken"}, 3}, {"many", true, make([]string, mostYieldKeys+1), 2}, {"none", true, []string{"other"}, 0}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		got := 0
		if c.want == 0 {
			cancel()
		}
		for recs, err := range j.Yielding(c.own, dodona.TopicReading, c.keys...).From(ctx, c.reader, dodona.TopicReading) {
			if err != nil {
				t.Fatal(err)
			}
			if got += len(recs); got >= c.want {
				cancel()
			}
		}
		cancel()
		if got != c.want {
			t.Errorf("%s read %d records, want %d", c.reader, got, c.want)
		}
	}
}

// TestWhatAReaderHasNotFinishedIsCountedOfEachKey, by its position, and for those keys alone that it read.
func TestWhatAReaderHasNotFinishedIsCountedOfEachKey(t *testing.T) {
	j := open(t, Config{})
	all := func(string) bool { return true }
	if got, err := j.Unfinished(t.Context(), "slow", dodona.TopicReading, all); err != nil || len(got) != 0 {
		t.Errorf("of no reader: %+v, %v", got, err)
	}
	for i := range 10 {
		other := reading(i)
		other.Key = "other"
		if err := j.Append(t.Context(), reading(i), other); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for recs, err := range j.Yielding(true, dodona.TopicReading, "kraken", "other").From(ctx, "slow", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(recs); seen == 20 {
			for i := range 3 { // while it has the last ones in hand, and asks for no more
				if err := j.Append(t.Context(), reading(10+i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if seen > 20 {
			break // with these in hand
		}
	}
	got, err := j.Unfinished(t.Context(), "slow", dodona.TopicReading, all)
	if err != nil || len(got) != 1 || got[0].Key != "kraken" || got[0].Records != 3 || got[0].From.IsZero() || got[0].Until.Before(got[0].From) {
		t.Errorf("got %+v, %v, want 3 of kraken", got, err)
	}
	if got, err = j.Unfinished(t.Context(), "slow", dodona.TopicReading, func(key string) bool { return key != "kraken" }); err != nil || len(got) != 0 {
		t.Errorf("of others: %+v, %v", got, err)
	}
}
