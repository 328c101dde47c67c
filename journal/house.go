package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	retainEvery  = 15 * time.Second
	retainSoon   = 500 * time.Millisecond // while somebody waits for room
	retainWithin = time.Minute            // one turn; what it did is kept, and the next one goes on
)

// A house is what the lane and the goroutine that keeps its stream tell each other.
type house struct {
	wake   chan struct{} // look soon
	turned chan struct{} // a turn has ended
}

func newHouse() house { return house{wake: make(chan struct{}, 1), turned: make(chan struct{}, 1)} }

// poke leaves a sign; one that is unread is enough.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keepStream frees what may go, in a goroutine of its own beside the lane, until the journal closes.
func (l *lane) keepStream() {
	for {
		nap := time.NewTimer(l.nap())
		select {
		case <-l.house.wake:
		case <-nap.C:
		case <-l.j.ctx.Done():
		}
		nap.Stop()
		if l.j.ctx.Err() != nil {
			return
		}
		l.keepHouse(l.j.ctx)
		poke(l.house.turned)
	}
}

// nap returns how long to leave the stream alone.
func (l *lane) nap() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stat.tight != "" || l.stat.Blocked != "" {
		return retainSoon
	}
	return retainEvery
}

// keepHouse frees what may go and brings the high-water mark to the disk. A turn ends with the connection: what it asked then is never answered.
func (l *lane) keepHouse(ctx context.Context) {
	if l.j.local != nil && !l.j.local.Runs() {
		return
	}
	ctx, cancel := l.j.bus.InEpoch(ctx, retainWithin)
	defer cancel()
	away := func() bool { return errors.Is(context.Cause(ctx), bus.ErrAway) }
	l.meetSoon(ctx)
	if l.spec.name == streamProof {
		if err := l.j.seekDropped(ctx, func(string) {}); err != nil && l.j.ctx.Err() == nil {
			l.j.cfg.Log.Warn("journal: look for records that the store dropped", "error", err)
		}
		l.j.noteEnds(ctx, noteEndsEvery)
		l.j.keepHoles(ctx)
	}
	if away() {
		return
	}
	l.keepMark(ctx)
	why, err := l.retain(ctx)
	if err != nil && (away() || l.j.ctx.Err() != nil) {
		return
	}
	if err != nil {
		l.j.cfg.Log.Warn("journal: retention", "stream", l.spec.name, "error", err)
		why = err.Error()
	}
	l.lowerMissing(ctx)
	l.mendUnread(errors.Is(err, errUnread) || l.stillUnread(ctx))
	l.mu.Lock()
	l.stat.Holding = why
	l.mu.Unlock()
	l.syncMark()
}

// syncMark brings the high-water mark to the disk. What keeps it from there is told once, and again while it lasts.
func (l *lane) syncMark() {
	err := l.j.heads.sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.unsynced = time.Time{}
	case time.Since(l.unsynced) > sayAgain:
		l.unsynced = time.Now()
		l.j.cfg.Log.Warn("journal: sync high-water mark", "error", err)
	}
}

// unreadFor is how long a record cannot be read before the embedded store is started again, which sets a damaged one aside.
const unreadFor = 30 * time.Second

// mendUnread starts the embedded store again if it cannot read a record that somebody needs, and it lasts. The record may have been dropped and
// still be counted.
func (l *lane) mendUnread(unread bool) {
	if l.j.local == nil || !l.unreadLasts(unread) {
		return
	}
	l.j.cfg.Log.Error("journal: a record cannot be read; the store is started again, and looks for damage", "stream", l.spec.name)
	l.j.storeDropped(l.streamName)
}

// stillUnread reports whether the last record on a subject that could not be read when somebody asked still cannot.
func (l *lane) stillUnread(ctx context.Context) bool {
	l.mu.Lock()
	subject := l.unreadOn
	l.unreadOn = ""
	l.mu.Unlock()
	if subject == "" || l.j.local == nil {
		return false
	}
	_, err := l.fetch(ctx, query{LastFor: subject, fromFirst: true}) // which notes it again
	return errors.Is(err, errUnread)
}

// unreadLasts reports whether a record could not be read for long enough, and begins anew then.
func (l *lane) unreadLasts(unread bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := l.stat.unread
	if !unread {
		l.stat.unread = time.Time{}
		return false
	}
	if since.IsZero() {
		l.stat.unread = time.Now()
		return false
	}
	if time.Since(since) <= unreadFor {
		return false
	}
	l.stat.unread = time.Time{}
	return true
}

// meetSoon has the lane look whether its stream is still the one that it wrote to. A lane that is busy with a server that is
// away looks itself.
func (l *lane) meetSoon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_ = l.visit(ctx, func() {
		if _, err := l.meet(l.j.ctx); err != nil {
			l.j.cfg.Log.Warn("journal: look at the stream", "stream", l.spec.name, "error", err)
		}
	})
}

// awaitTurn waits until the stream was looked after once more, and runs what that asks of the lane meanwhile. It returns why
// nothing could be freed, "" if something may have been.
func (l *lane) awaitTurn(bytes int) (why string) {
	l.needs.Store(int64(bytes))
	defer l.needs.Store(0)
	select {
	case <-l.house.turned: // of a turn that began before
	default:
	}
	poke(l.house.wake)
	for {
		select {
		case visit := <-l.visits:
			visit()
		case <-l.house.turned:
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.stat.Holding
		case <-l.j.ctx.Done():
			return ""
		}
	}
}

// visit has the lane run f between two flushes, when nothing of it is on its way.
func (l *lane) visit(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case l.visits <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-l.dead:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the lane: %w", context.Cause(ctx))
	}
}

// A space is what retention found.
type space struct {
	born         time.Time // when the stream was made
	first, last  uint64    // of the stream
	bytes, count uint64
	oldest       time.Time // when the first record was written, by the server's clock; zero if it does not say
	said         uint64    // the limit that the server says the stream has; unlimited if somebody took it away
	limit        uint64    // the one that it has: a larger one than usual that the server says it has, and this process did not write, nobody may have
	cut          uint64    // records before it may go
	due          bool      // this process must note its limits in the stream
	at           time.Time // when it was found, by the server's clock
	readers      int       // durable ones
	slowest      string    // the reader that keeps others from going; empty if none does
}

// unlimited is the limit of a stream that has none. It is let be: retention frees by the configured one.
const unlimited = math.MaxUint64

// same returns an error if that is another stream: its places are not those that were found.
func (s space) same(info *jetstream.StreamInfo) error {
	if info.Created.Equal(s.born) {
		return nil
	}
	return errors.New("it was made anew meanwhile")
}

// unfinished returns about how many bytes the slowest reader has before it.
func (s space) unfinished() uint64 {
	if s.count == 0 || s.slowest == "" || s.cut > s.last {
		return 0
	}
	from := max(s.cut, s.first)
	return s.share(s.last - from + 1)
}

// share returns about how many bytes a number of records take.
func (s space) share(records uint64) uint64 {
	return uint64(float64(s.bytes) * float64(records) / float64(s.last-s.first+1))
}

// lookAgain looks at the stream that was measured.
func (l *lane) lookAgain(ctx context.Context, s space) (*jetstream.StreamInfo, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	return info, s.same(info)
}

// measure reads the size of the stream and how far all durable readers have come.
func (l *lane) measure(ctx context.Context) (space, error) {
	v, err := l.ground(ctx)
	if err != nil {
		return space{}, fmt.Errorf("measure stream: %w", err)
	}
	l.mu.Lock()
	l.miss(v)
	l.watch.read(l.now())
	l.mu.Unlock()
	info, st := v.StreamInfo, v.State
	s := space{
		born: info.Created, first: st.FirstSeq, last: st.LastSeq, bytes: st.Bytes, count: st.Msgs, cut: st.LastSeq + 1,
		said: unlimited, oldest: st.FirstTime,
	}
	if info.Config.MaxBytes > 0 {
		s.said = uint64(info.Config.MaxBytes)
	}
	s.due, s.at = l.agree(info), info.TimeStamp
	if l.given.Load() > s.said { // somebody else took it back
		l.given.Store(0)
	}
	s.limit = min(s.said, max(uint64(l.bounds().Bytes), l.given.Load()))
	if s.said == unlimited {
		s.limit = unlimited
	}
	l.j.cfg.Recorder.Gauge(telemetry.JournalBytes.Of(l.spec.name), int64(st.Bytes))
	if s.limit != unlimited {
		l.j.cfg.Recorder.Gauge(telemetry.JournalLimit.Of(l.spec.name), int64(s.limit))
	}
	list := l.stream.ListConsumers(ctx)
	for c := range list.Info() {
		s.readers++
		if node, name := readerOf(c.Name); node == l.j.cfg.Node && l.j.reads(name) {
			l.j.cfg.Recorder.Gauge(telemetry.JournalWaiting.Of(name), int64(backlogOf(c)))
		}
		if backlogOf(c) == 0 || yields(c.Config) {
			continue
		}
		if finished := l.finishedBy(ctx, c, st.LastSeq); finished+1 < s.cut {
			s.cut, s.slowest = finished+1, l.j.called(c.Name)
		}
	}
	if err := list.Err(); err != nil {
		return space{}, fmt.Errorf("list readers: %w", err)
	}
	return s, nil
}
