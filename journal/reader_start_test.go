package journal

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dodona-oracle/dodona"
)

// nextOf returns the next n records of a reader that is taken slice by slice; it has finished all but the last slice.
func nextOf(t *testing.T, r *readerState, n int) (recs []dodona.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(recs) < n {
		slice, err := r.next(ctx)
		if err != nil {
			t.Fatalf("after %d records of %d: %v", len(recs), n, err)
		}
		recs = append(recs, slice...)
	}
	if len(recs) != n {
		t.Fatalf("%d records, want %d", len(recs), n)
	}
	return recs
}

// TestAReaderGoesOnBehindWhatItYielded after the connection was lost in the middle, and forgets what was on its way.
func TestAReaderGoesOnBehindWhatItYielded(t *testing.T) {
	j := open(t, Config{})
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	defer j.closeReader(r)
	fill(t, j, 0, 1)
	for from := 0; from < 9; {
		n := min(4, from+1) // 1, 2, 4 and the rest
		wantReadings(t, nextOf(t, r, n), from)
		from += n
		// Whoever breaks down here has seen the slice, and has not asked for the next one.
		r.close()
		r.asked, r.delivery = 7, 7
		more := min(4, from+1)
		fill(t, j, from, from+more)
		if err := r.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !r.open || r.asked != 0 || r.delivery != 0 || r.ack != "" || r.inbox == nil {
			t.Errorf("it begins with %d asked, %d delivered, %q to be finished", r.asked, r.delivery, r.ack)
		}
		there, err := r.l.stream.Consumer(t.Context(), r.durable)
		if err != nil {
			t.Fatal(err)
		}
		if got := there.CachedInfo(); got.NumPending != uint64(more) || got.Config.Metadata[folderKey] != j.writer {
			t.Errorf("%d records are before it, want %d; its folder is %q", got.NumPending, more, got.Config.Metadata[folderKey])
		}
	}
}

// TestAReaderBeginsAnewInAnotherStream: a place of the one before says nothing there.
func TestAReaderBeginsAnewInAnotherStream(t *testing.T) {
	j := open(t, Config{})
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	defer j.closeReader(r)
	fill(t, j, 0, 1)
	wantReadings(t, nextOf(t, r, 1), 0)
	r.close()
	born := r.born
	r.position, r.born = 1000, born.Add(-time.Hour)
	wantReadings(t, nextOf(t, r, 1), 0)
	if !r.born.Equal(born) {
		t.Errorf("its places are of the stream of %s, want %s", r.born, born)
	}
}

// TestAReaderThatDiedGoesOnBehindWhatItFinished: what was on its way to it comes again first, in order.
func TestAReaderThatDiedGoesOnBehindWhatItFinished(t *testing.T) {
	j := open(t, Config{})
	fill(t, j, 0, 9)
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	defer j.closeReader(r)
	if err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.close()
	finish(t, r.l, r.durable, 7, 3)
	wantReadings(t, nextOf(t, r, 6), 3)
}

// TestASliceIsFinishedWithTheNext, and with the end of a reader only that which was finished by then.
func TestASliceIsFinishedWithTheNext(t *testing.T) {
	j := open(t, Config{})
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		fill(t, j, i, i+1)
		before := r.ack
		nextOf(t, r, 1)
		if r.acked != before || r.ack == before {
			t.Errorf("slice %d: finished %q, want %q; %q is to be", i, r.acked, before, r.ack)
		}
	}
	for wait := time.Now().Add(time.Minute); finishedTo(t, r) < 2 && time.Now().Before(wait); {
	}
	if got := finishedTo(t, r); got != 2 {
		t.Errorf("while it reads the store knows that it finished %d, want 2", got)
	}
	j.closeReader(r)
	if got := finishedTo(t, r); got != 2 {
		t.Errorf("finished to %d, want 2: the third slice was not", got)
	}
}

// TestAReaderLeavesWhenTheStoreKnows what is finished, whatever became of the message that said so before.
func TestAReaderLeavesWhenTheStoreKnows(t *testing.T) {
	j := open(t, Config{})
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 0, 1)
	nextOf(t, r, 1)
	r.ack, r.acked = "", r.ack // and the message was lost
	j.closeReader(r)
	if got := finishedTo(t, r); got != 1 {
		t.Errorf("finished to %d, want 1", got)
	}
}

// finishedTo returns the place up to which the store knows that a reader has finished.
func finishedTo(t *testing.T, r *readerState) uint64 {
	t.Helper()
	c, err := r.l.stream.Consumer(t.Context(), r.durable)
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo().AckFloor.Stream
}

func TestDeliveriesFollowOneAnother(t *testing.T) {
	j := open(t, Config{})
	r := readerOn(j.lanes[streamRaw], "me")
	rec := reading(1)
	rec.Node, rec.Appended = "gw-1", time.UnixMilli(1)
	for _, c := range []struct {
		name            string
		delivery, place int
		noRecord        bool
		taken           bool
		err             error
		wantDelivery    uint64
		wantPosition    uint64
		finishes        int // the delivery that the next ack finishes
	}{
		{"the first", 1, 5, false, true, nil, 1, 5, 1},
		{"one was lost", 3, 7, false, false, errGap, 1, 5, 1},
		{"the same again", 1, 5, false, false, errGap, 1, 5, 1},
		{"what was yielded before", 2, 5, false, false, nil, 2, 5, 1},
		{"older still", 3, 4, false, false, nil, 3, 5, 1},
		{"the next", 4, 6, false, true, nil, 4, 6, 4},
		{"no record", 5, 8, true, false, nil, 5, 8, 5},
		{"the one behind it", 6, 9, false, true, nil, 6, 9, 6},
	} {
		msg := encode(rec, j.writer, j.net)
		if c.noRecord {
			msg.Header = nil
		}
		reply := func(delivery, place int) string {
			return "$JS.ACK." + r.l.streamName + "." + r.durable + ".1." + strconv.Itoa(place) + "." + strconv.Itoa(delivery) + ".1.0"
		}
		msg.Reply, msg.Sub = reply(c.delivery, c.place), new(nats.Subscription)
		got, taken, err := r.accept(msg)
		if taken != c.taken || err != c.err || r.delivery != c.wantDelivery || r.position != c.wantPosition || taken && got.ID != "1" {
			t.Errorf("%s: taken %t, %v, %d deliveries, at %d; want %t, %v, %d, %d", c.name, taken, err, r.delivery, r.position, c.taken, c.err, c.wantDelivery, c.wantPosition)
		}
		if c.finishes == c.delivery && err == nil && r.ack != msg.Reply || c.finishes != c.delivery && r.ack == msg.Reply {
			t.Errorf("%s: %q finishes it", c.name, r.ack)
		}
	}
	if _, _, err := r.accept(&nats.Msg{Reply: "x", Sub: new(nats.Subscription)}); err == nil || r.delivery != 6 {
		t.Errorf("what is no delivery: %v, %d deliveries", err, r.delivery)
	}
}
