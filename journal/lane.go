package journal

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

// A lane is the one way into a stream: a goroutine that gathers appends, chains and flushes them.
type lane struct {
	j          *Journal
	spec       streamSpec
	streamName string // on the bus, which has the network in it
	limits     Limits
	stream     jetstream.Stream
	queue      chan *pending
	dead       chan struct{} // closed when run has ended
	visits     chan func()   // run between flushes, for the goroutine that keeps the stream
	house      house
	needs      atomic.Int64           // bytes that wait for room now
	given      atomic.Uint64          // the limit of the stream that was written last
	agreed     atomic.Pointer[Limits] // those that count; nil: its own
	scant      atomic.Uint64          // what the stream has if the server refused it that limit, when it was asked last; 0: it did not

	// Owned by run.
	head        head
	recent      *recent
	carry       *pending // taken from the queue, but too much for the group before it
	pace        pace
	seen        map[string]seen // by subject
	again       map[string]seen // by subject: positions that retention wrote again, until somebody writes behind them
	sinceRetain int             // bytes written since retention last looked
	refused     int             // times in a row that a large flight was not taken by a store elsewhere

	born      time.Time // when the stream was made that this lane writes to
	goneSince time.Time // since when the server has no such stream; zero: it has
	lostSome  bool      // what this writer wrote last was not found in it
	doubted   bool      // more may be missing than anybody can say

	mu         sync.Mutex
	unsynced   time.Time             // when it was told last that the high-water mark is not on the disk; zero: it is
	ownedBy    string                // the writer whose embedded server keeps the stream and who alone frees; empty on a server elsewhere
	started    int                   // processes before this one that noted a loss and did not live for long
	wide       width                 // the limit beyond the configured one that the stream had last
	holds      map[string]hold       // by reader
	pressed    uint64                // the place before which every reader must finish, or the stream has no room; 0: it has
	watch      watch                 // which says when things are found
	forgot     lapse                 // what may be lost of what was in the stream, whoever found that
	told       time.Time             // the finding that is noted in the stream
	missedAt   time.Time             // the finding that more of the stream is missing than this process knew, last
	noted      time.Time             // what is noted there
	opened     time.Time             // when this process began with the stream
	lastAtOpen time.Time             // when something was last written before
	changed    lapse                 // what may be lost because another stream or server was met than before
	state      jetstream.StreamState // of the stream when this process last looked
	stateAt    time.Time             // when that was, by the server's clock
	reach      reach                 // how far it went then, or as far as this lane wrote since
	dropped    int                   // records that its server had dropped when it was last asked for that
	asked      bool                  // it was
	unreadOn   string                // a subject on which it had a record that could not be read; empty: none is known
	sighted    sighting
	stat       laneStat
	relaxed    chan struct{} // closed when observers may go on; while stat.tight is set
}

// laneStat is what Status tells of a lane, guarded by lane.mu.
type laneStat struct {
	Blocked string    // why appends wait; empty if they do not
	blocked time.Time // since when, by the clock that only runs forward
	Holding string    // why retention cannot free although the stream is large or old
	Unlike  string    // whose limits count instead of this process's, which are smaller; empty if none do
	tight   string    // why observers wait; empty if they do not
	unread  time.Time // since when a record that must not go cannot be read
	Flushes uint64
	Records uint64
	Retries uint64
	Freed   uint64
	Carried uint64
	head    head
	audit   AuditStatus
}

// queueLength bounds appends that are accepted but not gathered yet; more of them wait in Append.
const queueLength = 64

func (j *Journal) openLane(ctx context.Context, spec streamSpec) (*lane, error) {
	l := &lane{
		j: j, spec: spec, streamName: j.net.stream(spec.name), limits: spec.limits(j.cfg), recent: newRecent(recentIDs), pace: pace{wait: longestWait},
		queue: make(chan *pending, queueLength), visits: make(chan func()), house: newHouse(), dead: make(chan struct{}), seen: make(map[string]seen),
	}
	var err error
	if l.stream, err = l.openStream(ctx); err != nil {
		return nil, err
	}
	if err := l.goOn(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// now is without what only runs forward, which would hide that the clock was set.
func (l *lane) now() time.Time { return l.j.cfg.Now().Round(0) }
func (l *lane) maxRecord() int { return int(l.j.nc.MaxPayload()) }
func (l *lane) maxBytes() int  { return int(l.limits.Bytes) }

// owner returns the writer whose embedded server keeps the stream, empty if none does.
func (l *lane) owner() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ownedBy
}

// setOwner notes who keeps the stream, which may be another one than before: at the address of a server there may be another one since.
func (l *lane) setOwner(info *jetstream.StreamInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ownedBy = info.Config.Metadata[ownerKey]
}

// blocked returns why appends wait, or those of observers; empty if they do not.
func (l *lane) blocked() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(l.stat.Blocked, l.stat.tight)
}

func (l *lane) setBlocked(why string) {
	l.mu.Lock()
	changed := l.stat.Blocked != why
	if l.stat.Blocked == "" {
		l.stat.blocked = time.Now()
	}
	l.stat.Blocked = why
	l.mu.Unlock()
	if !changed {
		return
	}
	var on int64
	if why != "" {
		on = 1
		l.j.cfg.Log.Warn("journal: appends wait", "stream", l.spec.name, "why", why)
	} else {
		l.j.cfg.Log.Info("journal: appends go on", "stream", l.spec.name)
	}
	l.j.cfg.Recorder.Gauge(telemetry.JournalBlocked.Of(l.spec.name), on)
}

// waits returns for how long appends have waited, 0 if they do not.
func (l *lane) waits() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stat.Blocked == "" {
		return 0
	}
	return time.Since(l.stat.blocked)
}

// run gathers and flushes until the journal closes.
func (l *lane) run() {
	defer l.refuseRest()
	l.warm()
	poke(l.house.wake)
	for {
		p := l.carry
		l.carry = nil
		if p == nil {
			select {
			case p = <-l.queue:
			case visit := <-l.visits:
				visit()
				continue
			case <-l.j.ctx.Done():
				return
			}
		}
		l.flush(l.gather(p))
		if l.sinceRetain >= l.maxBytes()/32 {
			l.sinceRetain = 0
			poke(l.house.wake)
		}
	}
}

func (l *lane) refuseRest() {
	defer close(l.dead)
	if l.carry != nil {
		l.carry.finish(ErrClosed)
	}
	for {
		select {
		case p := <-l.queue:
			p.finish(ErrClosed)
		default:
			return
		}
	}
}
