package journal

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// TestOnlyARecordThatIsTooLargeForASliceIsAskedForAlone: whatever else ends a request, the next one is for a slice.
func TestOnlyARecordThatIsTooLargeForASliceIsAskedForAlone(t *testing.T) {
	j := open(t, Config{})
	for _, c := range []struct {
		status, says string
		left         int // of the next request, once one record has come
	}{
		{"409", "Message Size Exceeds MaxBytes", 0},
		{"409", "Consumer Deleted", MaxSlice - 1},
		{"408", "Request Timeout", MaxSlice - 1},
		{"100", "Idle Heartbeat", 4}, // ends nothing
	} {
		r := readerOn(j.lanes[streamRaw], "me")
		var err error
		if r.inbox, err = j.nc.SubscribeSync(nats.NewInbox()); err != nil {
			t.Fatal(err)
		}
		r.asked = 5
		for _, m := range []*nats.Msg{
			{Subject: r.inbox.Subject, Header: nats.Header{"Status": {c.status}, "Description": {c.says}}},
			{Subject: r.inbox.Subject, Header: nats.Header{headerID: {"1"}}},
		} {
			if err := j.nc.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		msg, err := r.take(t.Context(), true)
		if err != nil || msg.Header.Get(headerID) != "1" || r.asked != c.left || r.big {
			t.Errorf("%s %s: %+v, %v; %d asked for still, want %d", c.status, c.says, msg, err, r.asked, c.left)
		}
		if err := r.inbox.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestARecordWithAStatusIsARecord: whoever may write to the server can give a record any header.
func TestARecordWithAStatusIsARecord(t *testing.T) {
	j := open(t, Config{})
	r := readerOn(j.lanes[streamRaw], "me")
	var err error
	if r.inbox, err = j.nc.SubscribeSync(nats.NewInbox()); err != nil {
		t.Fatal(err)
	}
	r.asked = 5
	record := &nats.Msg{Subject: r.inbox.Subject, Reply: "acknowledge", Header: nats.Header{"Status": {"408"}, headerID: {"1"}}}
	end := &nats.Msg{Subject: r.inbox.Subject, Header: nats.Header{"Status": {"408"}}}
	for _, m := range []*nats.Msg{record, end, record} {
		if err := j.nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, left := range []int{4, MaxSlice - 1} { // the end of the first request has another made
		if msg, err := r.take(t.Context(), true); err != nil || msg.Reply != record.Reply || r.asked != left {
			t.Errorf("%+v, %v; %d asked for still, want %d", msg, err, r.asked, left)
		}
	}
}

// TestAWalkRestsAsLongAsItWorks, times over, and not at all where nobody else has to have a turn.
func TestAWalkRestsAsLongAsItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for times, want := range map[int]time.Duration{0: 0, 1: 3 * time.Second, 2: 6 * time.Second} {
			begun := time.Now()
			time.Sleep(3 * time.Second)
			worked := time.Now()
			if err := giveWay(t.Context(), times, begun); err != nil || time.Since(worked) != want {
				t.Errorf("%d times: it rested %s, %v; want %s", times, time.Since(worked), err, want)
			}
		}
		ended, cancel := context.WithCancelCause(t.Context())
		why := errors.New("it closes")
		cancel(why)
		if err := giveWay(ended, 1, time.Now().Add(-time.Hour)); err != why {
			t.Errorf("as the journal closes: %v", err)
		}
	})
}

func TestAWalkGoesFromOnePlaceToAnotherAndNoFurther(t *testing.T) {
	j := open(t, Config{})
	l := j.lanes[streamRaw]
	for i := range 4 {
		if err := j.Append(t.Context(), reading(i)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := l.stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := info.State.FirstSeq
	for _, c := range [][2]uint64{{first, first + 3}, {first, first}, {first + 3, first + 3}, {first + 1, first + 2}, {first + 3, first + 9}, {first + 4, first + 9}, {first + 2, first + 1}} {
		var want, got []uint64
		for at := c[0]; at <= min(c[1], first+3); at++ {
			want = append(want, at)
		}
		for s, err := range l.records(t.Context(), c[0], c[1], 0) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s.stream)
		}
		if !slices.Equal(got, want) {
			t.Errorf("from %d to %d: %v, want %v", c[0], c[1], got, want)
		}
	}
}
