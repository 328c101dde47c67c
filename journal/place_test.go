package journal

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// readerOn returns a reader of a lane that nobody has opened.
func readerOn(l *lane, name string) *readerState {
	return &readerState{l: l, name: name, durable: reader(l.j.cfg.Node, name), topics: []dodona.Topic{dodona.TopicReading}}
}

// consumer makes a durable reader on the server, of any name, and returns how it stands.
func consumer(t *testing.T, l *lane, durable string, cfg jetstream.ConsumerConfig) *jetstream.ConsumerInfo {
	t.Helper()
	cfg.Durable, cfg.AckPolicy, cfg.FilterSubjects = durable, jetstream.AckAllPolicy, []string{l.j.net.topic(dodona.TopicReading)}
	c, err := l.stream.CreateOrUpdateConsumer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// finish reads n records with a consumer and finishes the first of them.
func finish(t *testing.T, l *lane, durable string, n, finished int) {
	t.Helper()
	c, err := l.stream.Consumer(t.Context(), durable)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(n)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		if n--; finished > 0 {
			if finished--; finished == 0 {
				if err := m.DoubleAck(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n != 0 || batch.Error() != nil {
		t.Fatalf("%d are missing, %v", n, batch.Error())
	}
}

func isThere(t *testing.T, l *lane, durable string) bool {
	t.Helper()
	_, err := l.stream.Consumer(t.Context(), durable)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// TestWhereAReaderBegins: where it began, where one that it takes over stood, where it stood when it was removed, or at the oldest.
func TestWhereAReaderBegins(t *testing.T) {
	j := open(t, Config{})
	l := j.lanes[streamRaw]
	fill(t, j, 0, 8)
	j.tellReaders([]ReaderEvent{{Reader: "removed", Node: "gw-1", Stream: streamRaw, What: readerRemoved, Finished: 4}})
	j.tellReaders([]ReaderEvent{{Reader: "both", Node: "gw-1", Stream: streamRaw, What: readerRemoved, Finished: 4}})
	began := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 3}
	consumer(t, l, "gw-1_there", began)
	consumer(t, l, "gw-1_all", jetstream.ConsumerConfig{})
	consumer(t, l, "gw-1_own", began)
	for _, name := range []string{"left", "untouched", "own", "both"} {
		consumer(t, l, name, jetstream.ConsumerConfig{})
	}
	finish(t, l, "left", 5, 2)
	finish(t, l, "untouched", 5, 0)
	finish(t, l, "own", 5, 5)
	finish(t, l, "both", 5, 1)
	for _, c := range []struct {
		name string
		from uint64 // 0: the oldest
		heir bool
	}{
		{"there", 3, false}, {"all", 0, false}, {"own", 3, false}, {"left", 3, true}, {"untouched", 0, true}, {"both", 2, true}, {"removed", 5, false}, {"new", 0, false},
	} {
		r := readerOn(l, c.name)
		cfg := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
		policy := jetstream.DeliverAllPolicy
		if c.from > 0 {
			policy = jetstream.DeliverByStartSequencePolicy
		}
		if _, err := r.place(t.Context(), &cfg, 1); err != nil || cfg.OptStartSeq != c.from || cfg.DeliverPolicy != policy || r.heir != c.heir {
			t.Errorf("%s: begins at %d (policy %d), an heir %t, %v; want at %d, %t", c.name, cfg.OptStartSeq, cfg.DeliverPolicy, r.heir, err, c.from, c.heir)
		}
		for _, call := range []string{"at once", "again"} {
			if err := r.adopted(t.Context()); err != nil || r.heir {
				t.Errorf("%s: taken over %s: %v, still an heir %t", c.name, call, err, r.heir)
			}
			if c.heir && call == "at once" {
				if isThere(t, l, c.name) {
					t.Errorf("%s: the reader before is still there", c.name)
				}
				consumer(t, l, c.name, jetstream.ConsumerConfig{}) // of somebody else, who is not taken over
			}
		}
		if c.heir && !isThere(t, l, c.name) {
			t.Errorf("%s: a reader that was not taken over is removed", c.name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"there", "left"} {
		if _, err := readerOn(l, name).place(ended, new(jetstream.ConsumerConfig), 1); err == nil {
			t.Errorf("%s: placed without an answer", name)
		}
	}
}

// TestAReaderThatCannotBeLookedUpIsNotPlaced: whether one is left that names no node decides where it begins.
func TestAReaderThatCannotBeLookedUpIsNotPlaced(t *testing.T) {
	j := open(t, Config{})
	l := aside(j, streamRaw)
	silent := errors.New("no answer")
	for _, name := range []string{"x", "gw-1_x"} {
		l.stream = mute{j.lanes[streamRaw].stream, name, silent}
		if _, err := readerOn(l, "x").place(t.Context(), new(jetstream.ConsumerConfig), 1); !errors.Is(err, silent) {
			t.Errorf("nothing is said of %s: %v, want %v", name, err, silent)
		}
	}
}

// A mute stream says nothing of one reader.
type mute struct {
	jetstream.Stream
	name string
	err  error
}

func (m mute) Consumer(ctx context.Context, name string) (jetstream.Consumer, error) {
	if name == m.name {
		return nil, m.err
	}
	return m.Stream.Consumer(ctx, name)
}

func TestAReaderBeginsBehindWhatIsFinished(t *testing.T) {
	for finished, want := range map[uint64]uint64{0: 0, 1: 2, 2: 3} {
		cfg := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
		new(readerState).startAt(&cfg, finished)
		if cfg.OptStartSeq != want || (cfg.DeliverPolicy == jetstream.DeliverAllPolicy) != (want == 0) {
			t.Errorf("finished to %d: begins at %d (policy %d), want %d", finished, cfg.OptStartSeq, cfg.DeliverPolicy, want)
		}
	}
}

// TestWhereItStoodIsItsLastRemoval: of this name, node and stream, in a stream that still has that place.
func TestWhereItStoodIsItsLastRemoval(t *testing.T) {
	j := open(t, Config{})
	fill(t, j, 0, 8)
	n := 0
	tell := func(t *testing.T, body []byte) {
		t.Helper()
		n++
		if err := j.Append(t.Context(), dodona.Record{Topic: dodona.TopicEvent, Key: dodona.EventReader, ID: strconv.Itoa(n), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(name string, finished uint64) ReaderEvent {
		return ReaderEvent{Reader: name, Node: "gw-1", Stream: streamRaw, What: readerRemoved, Finished: finished}
	}
	with := func(e ReaderEvent, change func(*ReaderEvent)) ReaderEvent { change(&e); return e }
	for _, c := range []struct {
		name   string
		events []ReaderEvent
		want   uint64
	}{
		{"never", nil, 0},
		{"once", []ReaderEvent{gone("once", 3)}, 3},
		{"twice", []ReaderEvent{gone("twice", 5), gone("twice", 3)}, 3},
		{"thrice", []ReaderEvent{gone("thrice", 2), gone("thrice", 5), gone("thrice", 4)}, 4},
		{"of-another-name", []ReaderEvent{gone("another-name", 3)}, 0},
		{"of-another-node", []ReaderEvent{with(gone("of-another-node", 3), func(e *ReaderEvent) { e.Node = "gw-2" })}, 0},
		{"of-another-stream", []ReaderEvent{with(gone("of-another-stream", 3), func(e *ReaderEvent) { e.Stream = streamProof })}, 0},
		{"orphaned", []ReaderEvent{with(gone("orphaned", 3), func(e *ReaderEvent) { e.What = readerOrphaned })}, 0},
		{"the-end", []ReaderEvent{gone("the-end", 8)}, 8},
		{"behind-the-end", []ReaderEvent{gone("behind-the-end", 9)}, 0},
	} {
		for _, e := range c.events {
			body, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			tell(t, body)
			tell(t, []byte("{")) // is no event
		}
		if got, err := j.lanes[streamRaw].removedAt(t.Context(), c.name); got != c.want || err != nil {
			t.Errorf("%s: stood at %d, want %d (%v)", c.name, got, c.want, err)
		}
	}
}

// TestWhatIsDueWithAReader stands at the bounds: of its grace, and of the room that the stream needs.
func TestWhatIsDueWithAReader(t *testing.T) {
	at := new(clock)
	at.ms.Store(1_795_349_070_000)
	j := open(t, Config{ReaderGrace: time.Hour, Now: at.now})
	l := j.lanes[streamRaw]
	fill(t, j, 0, 8)
	now := at.now().UTC()
	long := strings.Repeat("x", 245) // the ID of its event is too long, so it cannot be told
	info := func(finished, pending uint64, delivered int) *jetstream.ConsumerInfo {
		return &jetstream.ConsumerInfo{AckFloor: jetstream.SequenceInfo{Stream: finished}, Delivered: jetstream.SequenceInfo{Stream: 8}, NumPending: pending, NumAckPending: delivered}
	}
	for _, c := range []struct {
		name       string
		reader     string
		configured bool
		info       *jetstream.ConsumerInfo
		since      time.Time
		pressed    uint64
		kept       bool
		what, mark string // the event that is returned, and the mark that is left
		why        string // what was told of its removal
	}{
		{"new", "a", false, info(4, 4, 0), time.Time{}, 0, true, readerOrphaned, now.Format(time.RFC3339), ""},
		{"a second before its time", "b", false, info(4, 4, 0), now.Add(time.Second - time.Hour), 0, true, "", "before", ""},
		{"its time", "c", false, info(4, 4, 0), now.Add(-time.Hour), 0, false, "", "", "for 1h0m0s"},
		{"in the way", "d", false, info(4, 4, 0), now, 6, false, "", "", "no room"},
		{"in the way since it became an orphan", "e", false, info(4, 4, 0), time.Time{}, 6, false, "", "", "no room"},
		{"just not in the way", "f", false, info(4, 4, 0), now, 5, true, "", "before", ""},
		{"in the way with what it was given", "g", false, info(4, 0, 4), now, 6, false, "", "", "no room"},
		{"in the way with nothing", "h", false, info(4, 0, 0), now, 6, true, "", "before", ""},
		{"configured again", "i", true, info(4, 4, 0), now.Add(-2 * time.Hour), 6, true, "", "", ""},
		{"its time, and it cannot be told", "j" + long, false, info(4, 4, 0), now.Add(-time.Hour), 0, true, "", "before", ""},
		{"in the way, and it cannot be told", "k" + long, false, info(4, 4, 0), now, 6, false, readerRemoved, "", ""},
	} {
		durable := reader("gw-1", c.reader)
		made := consumer(t, l, durable, jetstream.ConsumerConfig{Metadata: map[string]string{orphanKey: "before"}})
		c.info.Name, c.info.Config = made.Name, made.Config
		e, err := l.judgeReader(t.Context(), c.info, c.configured, c.since, c.pressed)
		if err != nil || e.What != c.what {
			t.Errorf("%s: %+v, %v, want %q", c.name, e, err, c.what)
		}
		if c.what == readerOrphaned && (!e.Until.Equal(now.Add(time.Hour)) || e.Finished != 4 || e.Backlog != 4) {
			t.Errorf("%s: %+v", c.name, e)
		}
		if there := isThere(t, l, durable); there != c.kept {
			t.Errorf("%s: kept %t, want %t", c.name, there, c.kept)
		} else if there {
			now, err := l.stream.Consumer(t.Context(), durable)
			if err != nil {
				t.Fatal(err)
			}
			if got := now.CachedInfo().Config.Metadata[orphanKey]; got != c.mark {
				t.Errorf("%s: the mark is %q, want %q", c.name, got, c.mark)
			}
		}
		var told []ReaderEvent
		for _, e := range readerEvents(t, j) {
			if e.Reader == c.reader {
				told = append(told, e)
			}
		}
		if c.why == "" && len(told) > 0 || c.why != "" && (len(told) != 1 || !strings.Contains(told[0].Why, c.why) || told[0].Finished != 4 || told[0].Backlog != 4) {
			t.Errorf("%s: told %+v, want that it was removed: %q", c.name, told, c.why)
		}
	}
	gone := info(4, 4, 0)
	gone.Name = "gw-1_nobody"
	if e, err := l.judgeReader(t.Context(), gone, false, now.Add(-time.Hour), 0); err != nil || e.What != "" {
		t.Errorf("it is gone already: %+v, %v", e, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	gone.Name = consumer(t, l, "gw-1_stays", jetstream.ConsumerConfig{}).Name
	if e, err := l.judgeReader(ended, gone, false, now.Add(-time.Hour), 0); err == nil || e.What != "" {
		t.Errorf("it could not be removed: %+v, and no error", e)
	}
}
