package journal

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// lookNow looks after the readers of a stream and journals what is to be told.
func (j *Journal) lookNow(t *testing.T, stream string) {
	t.Helper()
	events, err := j.lanes[stream].keepReaders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if untold := j.tellReaders(events); len(untold) > 0 {
		t.Fatalf("events are not told: %+v", untold)
	}
}

// readerNamed returns how a reader of the journal stands, nil if there is none.
func readerNamed(t *testing.T, j *Journal, name string) *ReaderStatus {
	t.Helper()
	for _, r := range j.Status(t.Context()).Readers {
		if r.Name == name {
			return &r
		}
	}
	return nil
}

func readerEvents(t *testing.T, j *Journal) (events []ReaderEvent) {
	t.Helper()
	for _, rec := range all(t, j, dodona.TopicEvent, dodona.EventReader) {
		var e ReaderEvent
		if err := json.Unmarshal(rec.Body, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// expectQuietly says what is configured without waking the housekeeping, which the test does itself.
func (j *Journal) expectQuietly(readers ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.expected = make(map[string]bool)
	for _, name := range readers {
		j.expected[name] = true
	}
}

// clock is one that the test sets.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

// TestAnOrphanIsToldKeptAndRemoved: its grace goes on through a restart, and what it had finished is where a reader of
// its name begins when it is configured again.
func TestAnOrphanIsToldKeptAndRemoved(t *testing.T) {
	dir, at := t.TempDir(), new(clock)
	at.ms.Store(time.Now().UnixMilli())
	cfg := Config{Dir: dir, Node: "gw-1", ReaderGrace: 72 * time.Hour, Now: at.now}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 0, 10)
	read(t, j, "sink-gone", 10, dodona.TopicReading)
	read(t, j, "sink-here", 10, dodona.TopicReading)
	fill(t, j, 10, 20)
	j.lookNow(t, streamRaw)
	if r := readerNamed(t, j, "sink-gone"); r == nil || !r.Configured || !r.Orphaned.IsZero() {
		t.Fatalf("before anything was said: %+v", r)
	}
	j.expectQuietly("sink-here")
	j.lookNow(t, streamRaw)
	r := readerNamed(t, j, "sink-gone")
	if r == nil || !r.Own || r.Configured || !r.Until.Equal(at.now().Truncate(time.Second).Add(72*time.Hour)) || r.Backlog != 10 {
		t.Fatalf("the orphan is shown as %+v", r)
	}
	if r := readerNamed(t, j, "sink-here"); r == nil || !r.Configured || !r.Until.IsZero() {
		t.Fatalf("the other reader is shown as %+v", r)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	at.ms.Add((71 * time.Hour).Milliseconds())
	if j, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	j.expectQuietly("sink-here")
	j.lookNow(t, streamRaw)
	if readerNamed(t, j, "sink-gone") == nil {
		t.Fatal("removed before its time")
	}
	at.ms.Add((2 * time.Hour).Milliseconds())
	j.lookNow(t, streamRaw)
	if r := readerNamed(t, j, "sink-gone"); r != nil {
		t.Fatalf("its time is over: %+v", r)
	}
	if readerNamed(t, j, "sink-here") == nil {
		t.Fatal("a configured reader is removed")
	}
	events := readerEvents(t, j)
	if len(events) != 2 || events[0].What != "orphaned" || events[1].What != "removed" || events[1].Reader != "sink-gone" ||
		events[1].Backlog != 10 || events[1].Finished != 10 {
		t.Fatalf("told %+v", events)
	}
	j.expectQuietly("sink-here", "sink-gone")
	wantReadings(t, read(t, j, "sink-gone", 10, dodona.TopicReading), 10)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAnOrphanComesBackUntouched within its grace, and its mark goes with it.
func TestAnOrphanComesBackUntouched(t *testing.T) {
	j := open(t, Config{ReaderGrace: time.Hour})
	fill(t, j, 0, 10)
	read(t, j, "sink-back", 10, dodona.TopicReading)
	j.expectQuietly()
	j.lookNow(t, streamRaw)
	if r := readerNamed(t, j, "sink-back"); r == nil || r.Until.IsZero() {
		t.Fatalf("the orphan is shown as %+v", r)
	}
	j.expectQuietly("sink-back")
	j.lookNow(t, streamRaw)
	if r := readerNamed(t, j, "sink-back"); r == nil || !r.Configured || !r.Orphaned.IsZero() {
		t.Fatalf("configured again, it is shown as %+v", r)
	}
	j.expectQuietly()
	j.lookNow(t, streamRaw)
	fill(t, j, 10, 12)
	wantReadings(t, read(t, j, "sink-back", 2, dodona.TopicReading), 10)
	if r := readerNamed(t, j, "sink-back"); r == nil || !r.Orphaned.IsZero() {
		t.Fatalf("read again, it is shown as %+v", r)
	}
}

// TestReadersOfOthersAreNotTouched: another node's, on the same server, whatever this one expects.
func TestReadersOfOthersAreNotTouched(t *testing.T) {
	a := open(t, Config{Listen: "127.0.0.1:0"}) // no grace
	b := joinAs(t, a, "gw-2", dodona.Digest{})
	fill(t, a, 0, 1)
	read(t, a, "mine", 1, dodona.TopicReading)
	read(t, b, "theirs", 1, dodona.TopicReading)
	a.expectQuietly()
	a.lookNow(t, streamRaw)
	if readerNamed(t, a, "mine") != nil {
		t.Error("without a grace an orphan goes at once")
	}
	if r := readerNamed(t, a, "theirs"); r == nil || r.Own || r.Configured || r.Node != "gw-2" {
		t.Errorf("the other node's reader: %+v", r)
	}
}

// TestReadersOfAnOldNameAreThisFolders: the node was renamed.
func TestReadersOfAnOldNameAreThisFolders(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 0, 1)
	read(t, j, "validate", 1, dodona.TopicReading)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir, Node: "gw-2"})
	j.expectQuietly("validate")
	j.lookNow(t, streamRaw)
	if r := readerNamed(t, j, "validate"); r != nil {
		t.Errorf("the reader of the old name is there: %+v", r)
	}
}

// TestAnOrphanDoesNotBlockItsStream: long before its grace is over.
func TestAnOrphanDoesNotBlockItsStream(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	for stream, topic := range map[string]dodona.Topic{streamRaw: dodona.TopicReading, streamProof: dodona.TopicObservation} {
		t.Run(stream, func(t *testing.T) {
			limits := Limits{Bytes: 2 * unit.MiB}
			j := open(t, Config{Raw: limits, Proof: limits, ReaderGrace: 72 * time.Hour})
			rec := func(i int) dodona.Record {
				r := reading(i)
				r.Topic, r.Body = topic, body8k
				return r
			}
			if err := j.Append(t.Context(), rec(0)); err != nil {
				t.Fatal(err)
			}
			read(t, j, "sink-gone", 1, topic)
			j.Expect()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			written := 0
			for ; written < 600 && readerNamed(t, j, "sink-gone") != nil; written++ {
				if err := j.Append(ctx, rec(written+1)); err != nil {
					t.Fatalf("append %d: %v", written, err)
				}
			}
			if written < 100 || written == 600 {
				t.Errorf("the orphan was there for %d records; it must go when the stream is full, and then", written)
			}
			var last ReaderEvent
			for ctx.Err() == nil && last.What != readerRemoved { // the housekeeping tells after it has removed
				for _, e := range readerEvents(t, j) {
					last = e
				}
			}
			if !strings.Contains(last.Why, "no room") || last.Backlog == 0 || last.Reader != "sink-gone" {
				t.Errorf("told %+v", last)
			}
		})
	}
}

// TestTheGraceBeginsWhenTheClockIsSet: a gateway without a battery marks an orphan in 1970, and then learns the time.
func TestTheGraceBeginsWhenTheClockIsSet(t *testing.T) {
	at := new(clock)
	at.ms.Store(100_000)
	j := open(t, Config{ReaderGrace: 72 * time.Hour, Now: at.now})
	fill(t, j, 0, 10)
	read(t, j, "sink-gone", 5, dodona.TopicReading)
	j.expectQuietly("other")
	j.lookNow(t, streamRaw)
	now := time.Now()
	for _, step := range []struct {
		at   time.Time
		kept bool
	}{{now, true}, {now.Add(71 * time.Hour), true}, {now.Add(73 * time.Hour), false}} {
		at.ms.Store(step.at.UnixMilli())
		j.lookNow(t, streamRaw)
		if r := readerNamed(t, j, "sink-gone"); (r != nil) != step.kept {
			t.Errorf("%s after the clock was set: %+v, kept should be %t", step.at.Sub(now), r, step.kept)
		}
	}
}

// TestWhereAReaderStoodIsToldBeforeItIsRemoved: a kill between the two must not make the next one of its name begin anew.
func TestWhereAReaderStoodIsToldBeforeItIsRemoved(t *testing.T) {
	at := new(clock)
	at.ms.Store(time.Now().UnixMilli())
	j := open(t, Config{ReaderGrace: time.Hour, Now: at.now})
	proofs := j.lanes[streamProof]
	fill(t, j, 0, 10)
	read(t, j, "sink-gone", 5, dodona.TopicReading)
	j.expectQuietly("other")
	j.lookNow(t, streamRaw)
	at.ms.Add(2 * 3600_000)
	release, looked := make(chan struct{}), make(chan struct{})
	proofs.visits <- func() { <-release } // no event can be told meanwhile
	go func() {
		defer close(looked)
		if _, err := j.lanes[streamRaw].keepReaders(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for len(proofs.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	if readerNamed(t, j, "sink-gone") == nil {
		t.Error("it is removed before anybody knows where it stood")
	}
	close(release)
	<-looked
	if r := readerNamed(t, j, "sink-gone"); r != nil {
		t.Errorf("it is there still: %+v", r)
	}
	if events := readerEvents(t, j); len(events) != 2 || events[1].What != readerRemoved {
		t.Errorf("events %+v, want that it was orphaned and that it was removed", events)
	}
}
