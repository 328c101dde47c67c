package journal

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A busy stream is written to while it is purged.
type busy struct {
	jetstream.Stream
	meanwhile func()
}

func (b busy) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	b.meanwhile()
	return b.Stream.Purge(ctx, opts...)
}

// TestWhatIsFreedIsNotedFirstAndCounted: a kill in the middle leaves no loss, and what is written meanwhile hides nothing.
func TestWhatIsFreedIsNotedFirstAndCounted(t *testing.T) {
	counted := new(telemetrytest.Tally)
	j := open(t, Config{Recorder: counted})
	l := aside(j, streamRaw)
	var visits sync.WaitGroup
	visits.Go(func() {
		for visit := range l.visits {
			visit()
		}
	})
	defer visits.Wait()
	defer close(l.visits)
	fill(t, j, 0, 10)
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := j.lanes[streamRaw].stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for place := range uint64(12) {
		l.seen[fmt.Sprint(place)] = seen{place: place}
	}
	l.stream = busy{l.stream, func() {
		if from, certain := j.heads.freed(streamRaw); from != 7 || !certain {
			t.Errorf("before anything is freed it is noted that %d is the first to be left (%t), want 7", from, certain)
		}
		fill(t, j, 10, 13)
	}}
	if err := l.purge(t.Context(), s, 7); err != nil {
		t.Fatal(err)
	}
	after, err := j.lanes[streamRaw].stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts := counted.Counts()
	if after.State.FirstSeq != 7 || after.State.Msgs != 7 {
		t.Errorf("%d records from %d on are left, want 7 from 7 on", after.State.Msgs, after.State.FirstSeq)
	}
	if l.stat.Freed != 6 || counts[telemetry.JournalFreed.Of(streamRaw)] != 6 {
		t.Errorf("%d records are freed, counted %d; want 6", l.stat.Freed, counts[telemetry.JournalFreed.Of(streamRaw)])
	}
	if got, want := counts[telemetry.JournalFreedBytes.Of(streamRaw)], before.State.Bytes-min(before.State.Bytes, after.State.Bytes); got != want {
		t.Errorf("%d bytes are counted as freed, want %d", got, want)
	}
	if got := counted.Levels(telemetry.JournalBytes.Of(streamRaw)); !slices.Contains(got, int64(after.State.Bytes)) {
		t.Errorf("the stream is said to have %d bytes, want %d", got, after.State.Bytes)
	}
	for place := range uint64(12) {
		if _, known := l.seen[fmt.Sprint(place)]; known != (place == 0 || place >= 7) {
			t.Errorf("what stood at %d of the places from 7 on is remembered: %t", place, known)
		}
	}
}

// A hooked stream has something done when it is looked at for the nth time.
type hooked struct {
	jetstream.Stream
	n  int
	do func()
}

func (h *hooked) Info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	if h.n--; h.n == 0 {
		h.do()
	}
	return h.Stream.Info(ctx, opts...)
}

// TestNothingIsFreedInAnotherStreamThanWasMeasured: the server has lost that one since, and somebody made it anew, at lower places.
func TestNothingIsFreedInAnotherStreamThanWasMeasured(t *testing.T) {
	for n := range 3 { // before each look: at the stream, at its settings, and whether they are noted
		j := open(t, Config{})
		l := aside(j, streamRaw)
		close(l.dead)
		fill(t, j, 0, 10)
		s, err := l.measure(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made := l.stream.CachedInfo().Config
		l.stream = &hooked{l.stream, n + 1, func() {
			if err := j.js.DeleteStream(t.Context(), l.streamName); err != nil {
				t.Fatal(err)
			}
			if _, err := j.js.CreateStream(t.Context(), made); err != nil {
				t.Fatal(err)
			}
			l.write(t, reading(0), foreign)
		}}
		err = l.purge(t.Context(), s, 7)
		info, lookErr := j.lanes[streamRaw].stream.Info(t.Context())
		if lookErr != nil {
			t.Fatal(lookErr)
		}
		if err == nil || info.State.Msgs != 1 || freed(info.Config.Metadata) > 1 {
			t.Errorf("before look %d: %v, %d records are left of one, and noted is that those before %d are freed", n, err, info.State.Msgs, freed(info.Config.Metadata))
		}
	}
}

// TestTheFirstRecordToKeepIsItsWriters: what is noted as freed is this chain's, whoever else writes to the stream.
func TestTheFirstRecordToKeepIsItsWriters(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamRaw)
	l.stat.head.Sequence = 40
	at := func(sequence uint64) dodona.Record {
		r := reading(int(sequence))
		r.Sequence, r.Node = sequence, "gw-1"
		return r
	}
	first := l.write(t, at(5), j.writer)
	l.write(t, at(90), foreign)
	strange(t, l, at(0))
	l.write(t, at(6), j.writer)
	last := l.write(t, at(91), foreign)
	for cut, want := range map[uint64]uint64{first: 5, first + 1: 6, first + 2: 6, first + 3: 6, last: 41, last + 1: 41} {
		if place, got, err := l.firstFrom(t.Context(), space{first: first, last: last}, cut); err != nil || got != want || place != cut {
			t.Errorf("cut at %d of %d to %d: the first to keep is %d at %d, %v, want %d there", cut, first, last, got, place, err, want)
		}
	}
	l.streamName = "NOBODY"
	if _, got, err := l.firstFrom(t.Context(), space{first: first, last: last}, first); err == nil {
		t.Errorf("without an answer: %d, want an error", got)
	}
}
