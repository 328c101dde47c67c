package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// A server elsewhere can lose its disk while the node runs. Its stream is then gone, or another one of the same name. The
// lane makes it anew, goes on with its chain behind the high-water mark, and names what it had written there as lost.

// goneFor is how long a server must say that there is no stream before it is believed.
const goneFor = 3 * time.Second

// goOn finds where this writer goes on in the stream that was opened, and notes since when claims in it can be trusted.
func (l *lane) goOn(ctx context.Context) error {
	l.setOwner(l.stream.CachedInfo())
	head, err := l.recover(ctx)
	if err != nil {
		return err
	}
	info := l.stream.CachedInfo()
	if lacks(info) {
		v, err := l.ground(ctx)
		if err != nil {
			return err
		}
		info = v.StreamInfo
	}
	if lacks(info) {
		l.tellLack(info)
	}
	head.Stream = min(head.Stream, info.State.LastSeq)
	next := !l.born.IsZero() && info.Created.After(l.born)  // its birth says what was lost
	untold := l.lostSome || l.j.losses.unnoted(l.spec.name) // whoever found it was stopped before others were told
	unsettled := l.doubted || lacks(info) || untold && !next
	l.head, l.born, l.goneSince = head, info.Created, time.Time{}
	written := l.j.endOf(l.streamName).Written
	l.mu.Lock()
	l.state, l.stateAt, l.reach = info.State, info.TimeStamp, reach{info.Created, info.State.LastSeq}
	l.stat.head = head
	if l.j.alone() { // of a store that others reach, Forgot asks
		l.forgot.add(timeIn(info, madeKey))
		l.started = starts(info)
		unsettled = unsettled || l.started > 0
	}
	for _, loss := range l.j.losses.all() { // also of an earlier start: what is on record since then may rest on it
		if loss.Stream == l.spec.name {
			l.forgot.add(loss.Found, loss.Before)
		}
	}
	l.sight(info.Created)
	l.heed(info)
	if l.opened.IsZero() {
		l.opened, l.lastAtOpen = time.Now(), latest(info.State.LastTime, l.j.heads.appended(), written)
		l.watch.read(latest(l.now(), l.lastAtOpen)) // a clock that is behind that has stepped back since
	}
	l.mu.Unlock()
	if unsettled {
		l.noteLoss(l.lostBy())
		l.keepMark(ctx)
	}
	if next {
		l.lossesNoted(time.Now())
	}
	return nil
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
		l.setOwner(info)
		return false, nil
	}
	if _, err := l.openStream(ctx); err != nil {
		return false, fmt.Errorf("make the stream anew: %w", err)
	}
	if _, err := l.stream.Info(ctx); err != nil {
		return false, fmt.Errorf("look at the new stream: %w", err)
	}
	l.j.cfg.Log.Error("journal: the server has lost its stream; it goes on in another one", "stream", l.spec.name, "written before", l.head.Sequence)
	if l.stream.CachedInfo().Created.Before(l.born) { // one that was lost is back, and knows nothing of the time between
		l.doubted = true
	}
	clear(l.seen)
	l.recent = newRecent(recentIDs) // what was there is to be written again
	if err := l.goOn(ctx); err != nil {
		return false, err
	}
	l.j.lookAtReaders() // which tells of losses, too
	return true, nil
}

// meet makes the reader begin anew if the stream is another one than its position is a place of, or lost its end and has another
// record there.
func (r *readerState) meet(ctx context.Context) error {
	info, err := r.l.stream.Info(ctx)
	if err != nil {
		return err
	}
	if !r.born.IsZero() && !info.Created.Equal(r.born) {
		r.position = 0
	}
	r.born = info.Created
	if r.position == 0 || r.position < info.State.FirstSeq {
		return nil
	}
	s, err := r.l.ask(ctx, query{Seq: r.position, fromFirst: true})
	if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return fmt.Errorf("look at the last record: %w", err)
	}
	r.again = s.stream == 0 || !r.digest.IsZero() && digestOf(s.Record, s.writer) != r.digest
	return nil
}
