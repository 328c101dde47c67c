package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A server elsewhere can lose its disk while the node runs. Its stream is then gone, or another one of the same name. The
// lane makes it anew, goes on with its chain behind the high-water mark, and names what it had written there as lost.

// goneFor is how long a server must say that there is no stream before it is believed.
const goneFor = 3 * time.Second

// goOn finds where this writer goes on in the stream that was opened, and notes since when claims in it can be trusted.
func (l *lane) goOn(ctx context.Context) error {
	head, err := l.recover(ctx)
	if err != nil {
		return err
	}
	info := l.stream.CachedInfo()
	head.Stream = min(head.Stream, info.State.LastSeq)
	l.head, l.born, l.goneSince = head, info.Created, time.Time{}
	var forgot time.Time
	if l.j.alone() { // of a store that others reach, Forgot asks
		forgot = markedIn(info)
	}
	if l.lostSome {
		forgot = latest(forgot, l.lostBy())
	}
	for _, loss := range l.j.losses.all() { // also of an earlier start: what is on record since then may rest on it
		if loss.Stream == l.spec.name {
			forgot = latest(forgot, loss.Found, loss.Before)
		}
	}
	l.mu.Lock()
	l.stat.head = head
	l.forgot = forgot
	l.sight(info.Created)
	l.mu.Unlock()
	return nil
}

// markedIn returns when a stream was made where one had been lost, or may have been, by the clock of the node that made it.
func markedIn(info *jetstream.StreamInfo) time.Time {
	marked, _ := time.Parse(time.RFC3339Nano, info.Config.Metadata[forgotKey])
	return marked
}

func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// lostBy returns a time before which everything was written that is lost by now. The clock may be behind the one of then.
func (l *lane) lostBy() time.Time {
	return latest(l.now(), l.j.heads.read(l.spec.name).Appended)
}

// meet reports whether the stream is another one than this lane wrote to, and if so goes on in it. Whatever flies or waits
// is then decided on anew.
func (l *lane) meet(ctx context.Context) (anew bool, err error) {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	info, err := l.stream.Info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		if l.goneSince.IsZero() {
			l.goneSince = time.Now()
		}
		if time.Since(l.goneSince) < goneFor {
			return false, errors.New("the server has no such stream")
		}
	case err != nil:
		return false, nil // the trouble is another one, and told by whoever met it
	case info.Created.Equal(l.born):
		l.goneSince = time.Time{}
		return false, nil
	}
	if _, err := l.openStream(ctx); err != nil {
		return false, fmt.Errorf("make the stream anew: %w", err)
	}
	if _, err := l.stream.Info(ctx); err != nil {
		return false, fmt.Errorf("look at the new stream: %w", err)
	}
	l.j.cfg.Log.Error("journal: the server has lost its stream; it goes on in a new one", "stream", l.spec.name, "written before", l.head.Sequence)
	clear(l.seen)
	l.recent = newRecent(recentIDs) // what was there is to be written again
	if err := l.goOn(ctx); err != nil {
		return false, err
	}
	l.j.lookAtReaders() // which tells of losses, too
	return true, nil
}

// Forgot returns up to when a key of this network may have made claims that the store does not have, zero if it has all as far as is
// known. Of a store that others can reach, nobody knows what was claimed before its stream was made: it may have been lost with one of
// the same name, and whoever makes the next one need not know. So the server is asked, each time: a stream that a lane opened, or wrote
// to a moment ago, may be another one by now.
func (j *Journal) Forgot(ctx context.Context) (time.Time, error) {
	l := j.lanes[streamProof]
	if j.alone() {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.forgot, nil
	}
	ctx, cancel := j.question(ctx)
	defer cancel()
	stream, err := j.js.Stream(ctx, l.bus)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask since when the store keeps claims: %w", err)
	}
	info := stream.CachedInfo()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sight(info.Created)
	now := l.now()
	return latest(l.forgot, madeBy(info.Created, markedIn(info), now, now.Add(-time.Since(l.sighted.at)))), nil
}

// A sighting is when this process first heard of a stream, with the clock that only runs forward.
type sighting struct{ born, at time.Time }

// sight notes that the stream of now was made at born. l.mu is held.
func (l *lane) sight(born time.Time) {
	if !born.Equal(l.sighted.born) {
		l.sighted = sighting{born, time.Now()}
	}
}

// clocksApart is how far clocks may be apart before one of them is called wrong.
const clocksApart = time.Minute

// madeBy returns a time before which a stream was made. Three clocks tell: the server's, that of the node that made it, and this one's,
// which says when it saw the stream first. The latest is believed, but for one that is ahead of the other two: they say that it is wrong,
// and waiting for its time could take for ever.
func madeBy(created, marked, now, seen time.Time) time.Time {
	ahead := func(t time.Time) bool { return t.After(now.Add(clocksApart)) }
	switch {
	case latest(created, marked).Before(clockSet): // both were not set yet
		return seen
	case marked.IsZero():
		return created
	case ahead(created) && !ahead(marked):
		return latest(marked, seen)
	case ahead(marked) && !ahead(created):
		return latest(created, seen)
	}
	return latest(created, marked)
}

// meet makes the reader begin anew if the stream is another one than its position is a place of.
func (r *readerState) meet(ctx context.Context) error {
	info, err := r.l.stream.Info(ctx)
	if err != nil {
		return err
	}
	if !r.born.IsZero() && !info.Created.Equal(r.born) {
		r.position = 0
	}
	r.born = info.Created
	return nil
}
