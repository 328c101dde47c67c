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
	forgot, _ := time.Parse(time.RFC3339Nano, info.Config.Metadata[forgotKey])
	if forgot.IsZero() && l.lostSome {
		forgot = l.lostBy() // who made it did not know
	}
	for _, loss := range l.j.losses.all() { // also of an earlier start: what is on record since then may rest on it
		for _, at := range []time.Time{loss.Found, loss.Before} {
			if loss.Stream == l.spec.name && at.After(forgot) {
				forgot = at
			}
		}
	}
	l.mu.Lock()
	l.stat.head = head
	l.forgot = forgot
	l.mu.Unlock()
	return nil
}

// lostBy returns a time before which everything was written that is lost by now. The clock may be behind the one of then.
func (l *lane) lostBy() time.Time {
	at := l.now()
	if last := l.j.heads.read(l.spec.name).Appended; last.After(at) {
		at = last
	}
	return at
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
	l.mu.Lock()
	forgot := l.forgot
	l.mu.Unlock()
	if j.alone() {
		return forgot, nil
	}
	ctx, cancel := j.question(ctx)
	defer cancel()
	stream, err := j.js.Stream(ctx, l.bus)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask since when the store keeps claims: %w", err)
	}
	info := stream.CachedInfo()
	marked, _ := time.Parse(time.RFC3339Nano, info.Config.Metadata[forgotKey]) // by a node's clock; the server's may be behind
	for _, at := range []time.Time{info.Created, marked} {
		if at.After(forgot) {
			forgot = at
		}
	}
	return forgot, nil
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
