package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// backlog waits until a reader has so many records left, which a server notes in its own time.
func backlog(t *testing.T, j *Journal, name string, want uint64) {
	t.Helper()
	var got []ReaderStatus
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = j.Status(t.Context()).Readers
		if i := slices.IndexFunc(got, func(r ReaderStatus) bool { return r.Name == name }); i >= 0 && got[i].Backlog == want {
			return
		}
	}
	t.Fatalf("the backlog of %s never is %d: %+v", name, want, got)
}

// TestAReaderOfSomeKeysIsOwedNothingElse: what is not its own is neither given to it nor counted.
func TestAReaderOfSomeKeysIsOwedNothingElse(t *testing.T) {
	j, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	rounds := make(map[string]int)
	say := func(key string, n int) {
		t.Helper()
		for range n {
			rounds[key]++
			rec := dodona.Record{Topic: dodona.TopicData, Key: key, ID: fmt.Sprint(1000 * rounds[key]), Body: []byte("{}")}
			if rounds[key] > 1 {
				rec.After = fmt.Sprint(1000 * (rounds[key] - 1))
			}
			if err := j.Append(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	// look reads as one until there are so many, and finishes all but the last slice unless whole.
	look := func(n int, keys ...string) (seen []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for recs, err := range j.Only(dodona.TopicData, keys...).From(ctx, "me", dodona.TopicData, dodona.TopicAnchor) {
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range recs {
				seen = append(seen, rec.Key+" "+rec.ID)
			}
			if len(seen) >= n {
				cancel()
			}
		}
		return seen
	}
	say("a", 3)
	say("b", 5)
	say("a.b", 7)
	if got, want := look(3, "a"), []string{"a 1000", "a 2000", "a 3000"}; !slices.Equal(got, want) {
		t.Fatalf("a reader of a is given %q", got)
	}
	backlog(t, j, "me", 0)
	say("b", 4)
	say("a", 2)
	backlog(t, j, "me", 2)
	say("b", 1)
	backlog(t, j, "me", 2)
	look(2, "a")
	backlog(t, j, "me", 0)

	// One that had all, and wants another key from then on, is not given what was there before; nor is one that wants all.
	say("b", 1) // 11 of b
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		begun := make(chan struct{})
		go func() { // once the reader is there, and not before
			defer close(begun)
			defer cancel() // whatever it finds
			backlog(t, j, "me", 0)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if info, err := j.lanes["PROOF"].stream.Consumer(ctx, reader("gw-1", "me")); err == nil && len(info.CachedInfo().Config.FilterSubjects) == 3 && info.CachedInfo().NumWaiting > 0 {
					break
				}
			}
		}()
		for recs := range j.Only(dodona.TopicData, "a", "b").From(ctx, "me", dodona.TopicData, dodona.TopicAnchor) {
			t.Errorf("a reader that wants b from now on is given %s %s", recs[0].Key, recs[0].ID)
		}
		<-begun
	}
	say("b", 1)
	if got, want := look(1, "a", "b"), []string{"b 12000"}; !slices.Equal(got, want) {
		t.Errorf("and then it is given %q, want %q", got, want)
	}

	// One that had something left goes on there.
	say("b", 2)
	say("a.b", 1)
	backlog(t, j, "me", 2)
	if got, want := look(3), []string{"b 13000", "b 14000", "a.b 8000"}; !slices.Equal(got, want) {
		t.Errorf("one that wants all is given %q, want %q", got, want)
	}
	backlog(t, j, "me", 0)
}

// TestAReaderOfARareKeyHoldsNothingBeforeIt: what it has left is what is its own, however long ago it finished the one before.
func TestAReaderOfARareKeyHoldsNothingBeforeIt(t *testing.T) {
	j := open(t, Config{Proof: Limits{Bytes: unit.MiB}, ReaderGrace: time.Hour})
	newest := make(map[string]int)
	say := func(key string) {
		t.Helper()
		newest[key]++
		rec := dodona.Record{Topic: dodona.TopicData, Key: key, ID: fmt.Sprint(1000 * newest[key]), Body: append(body500, body500...)}
		if newest[key] > 1 {
			rec.After = fmt.Sprint(1000 * (newest[key] - 1))
		}
		if err := j.Append(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	say("rare")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for range j.Only(dodona.TopicData, "rare", "never").From(ctx, "me", dodona.TopicData, dodona.TopicAnchor) {
		cancel() // and finishes it
	}
	backlog(t, j, "me", 0)
	for range 450 { // more than observers may leave before a reader
		say("busy")
	}
	say("rare")
	backlog(t, j, "me", 1)
	l := j.lanes[streamProof]
	l.keepHouse(t.Context())
	if why := l.blocked(); why != "" {
		t.Errorf("%s", why)
	}
	s, err := l.measure(t.Context())
	if err != nil || s.cut != s.last {
		t.Errorf("records before %d of %d may go, %v; want all but the last", s.cut, s.last, err)
	}
	say("busy")
	if again, err := l.measure(t.Context()); err != nil || again.cut != s.last {
		t.Errorf("and then before %d, %v; want the same", again.cut, err)
	}
	j.expectQuietly() // it is not configured any more, and its stream wants room
	l.mu.Lock()
	l.pressed = s.last
	l.mu.Unlock()
	if events, err := l.keepReaders(t.Context()); err != nil || len(events) != 1 || events[0].What != readerOrphaned || events[0].Finished != s.last-1 {
		t.Errorf("of its reader is told %+v, %v; want that it is an orphan and nobody's hindrance", events, err)
	}
}

// a chains says records of several keys, each behind the one of its key before.
type chains map[string]int

func (c chains) say(t *testing.T, j *Journal, key string) {
	t.Helper()
	c[key]++
	rec := dodona.Record{Topic: dodona.TopicData, Key: key, ID: fmt.Sprint(1000 * c[key]), Body: []byte("{}")}
	if c[key] > 1 {
		rec.After = fmt.Sprint(1000 * (c[key] - 1))
	}
	if err := j.Append(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
}

// given returns what the reader "me" of keys is given, n records at least, unless ctx ends.
func given(ctx context.Context, j *Journal, n int, keys ...string) (seen []string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for recs := range j.Only(dodona.TopicData, keys...).From(ctx, "me", dodona.TopicData) {
		for _, rec := range recs {
			seen = append(seen, rec.Key+" "+rec.ID)
		}
		if len(seen) >= n {
			cancel()
		}
	}
	return seen
}

// TestAReaderThatGetsKeysIsNotGivenWhatWasThereBefore: it had something left, and goes on with that.
func TestAReaderThatGetsKeysIsNotGivenWhatWasThereBefore(t *testing.T) {
	j, c := open(t, Config{}), chains{}
	c.say(t, j, "rare")
	given(t.Context(), j, 1, "rare")
	for range 5 {
		c.say(t, j, "busy")
	}
	c.say(t, j, "rare")
	c.say(t, j, "busy")
	backlog(t, j, "me", 1)
	if got, want := given(t.Context(), j, 2, "rare", "busy"), []string{"rare 2000", "busy 6000"}; !slices.Equal(got, want) {
		t.Errorf("it is given %q, want %q", got, want)
	}
}

// TestAReaderThatGetsKeysAndIsKilledIsNotGivenWhatWasThereBefore: the kill comes between the change of what it reads and that of where it stands.
func TestAReaderThatGetsKeysAndIsKilledIsNotGivenWhatWasThereBefore(t *testing.T) {
	for name, left := range map[string]int{"nothing left": 0, "something left": 1} {
		t.Run(name, func(t *testing.T) {
			url, _ := elsewhere(t, t.TempDir(), unit.GiB)
			dir, c := t.TempDir(), chains{}
			start := func(url string) *Journal { return open(t, Config{Dir: dir, Node: "a", URL: url}) }
			j := start(url)
			c.say(t, j, "rare")
			given(t.Context(), j, 1, "rare")
			for range 5 {
				c.say(t, j, "busy")
			}
			for range left {
				c.say(t, j, "rare")
			}
			backlog(t, j, "me", uint64(left))
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}

			ctx, kill := context.WithCancel(t.Context())
			looked := make(chan struct{})
			j = start(onTheWay(t, url, "$JS.API.CONSUMER.RESET.", func() { kill(); <-looked }))
			t.Cleanup(func() { close(looked) })
			if seen := given(ctx, j, 1, "rare", "busy"); len(seen) > 0 {
				t.Fatalf("it was given %q before the kill", seen)
			}
			_ = j.Close() // its connection hangs

			j = start(url)
			c.say(t, j, "busy")
			want := append([]string{"rare 2000"}[:left:left], "busy 6000")
			if got := given(t.Context(), j, len(want), "rare", "busy"); !slices.Equal(got, want) {
				t.Errorf("it is given %q, want %q", got, want)
			}
			c.say(t, j, "busy") // and it stays there
			if got := given(t.Context(), j, 1, "rare", "busy"); !slices.Equal(got, []string{"busy 7000"}) {
				t.Errorf("later it is given %q", got)
			}
		})
	}
}

// TestAStoreThatCannotReadKeepsWhatAReaderMayNeed: it says that there is nothing more, or nothing at all.
func TestAStoreThatCannotReadKeepsWhatAReaderMayNeed(t *testing.T) {
	j := open(t, Config{})
	fill(t, j, 0, 3)
	raw, last := j.lanes[streamRaw], stored7()
	l := &lane{j: j, spec: raw.spec, stream: raw.stream, streamName: "BLINDER"}
	var blind atomic.Bool
	if _, err := j.nc.Subscribe("$JS.API.DIRECT.GET.BLINDER", func(m *nats.Msg) {
		answer := nats.NewMsg(m.Reply)
		answer.Header.Set("Status", "404")
		if strings.Contains(string(m.Data), "last_by_subj") && !blind.Load() {
			answer.Header, answer.Data = last.Header, last.Data
		}
		_ = m.RespondMsg(answer)
	}); err != nil {
		t.Fatal(err)
	}
	readings := j.net.topic(dodona.TopicReading)
	for _, c := range []struct {
		subject       string
		from          uint64
		blind, unread bool
	}{
		{last.Subject, 7, false, true},
		{last.Subject, 8, false, false},
		{readings, 7, false, true},
		{readings, 8, false, false},
		{readings, 1, true, true},
		{j.net.topic(dodona.TopicAnchor), 1, true, false}, // of which there are none
	} {
		blind.Store(c.blind)
		place, err := l.firstOf(t.Context(), []string{c.subject}, c.from)
		if place != 0 || errors.Is(err, errUnread) != c.unread || err != nil && !c.unread {
			t.Errorf("%+v: %d, %v", c, place, err)
		}
	}
	reader := &jetstream.ConsumerInfo{AckFloor: jetstream.SequenceInfo{Stream: 2}, Config: jetstream.ConsumerConfig{FilterSubjects: []string{readings}}}
	if got := l.finishedBy(t.Context(), reader, 1000); got != 2 {
		t.Errorf("it has finished up to %d, want what the store counts", got)
	}
}
