package journal

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go/jetstream"
)

const appendTimer = telemetry.JournalAppend

// A lane is the one way into a stream: a goroutine that gathers appends, chains and flushes them.
type lane struct {
	j      *Journal
	spec   streamSpec
	limits Limits
	stream jetstream.Stream
	owner  string // the writer whose embedded server keeps the stream and who alone frees; empty on a server elsewhere
	queue  chan *pending

	// Owned by run.
	head        head
	recent      *recent
	carry       *pending      // taken from the queue, but too much for the group before it
	times       [20]time.Time // of the last flushes, a ring
	turn        int
	sinceRetain int // bytes written since retention last looked

	mu   sync.Mutex
	seen map[string]seen // by subject: the last record that this process knows
	stat laneStat
}

// seen is the last record on a subject as far as this process knows.
type seen struct {
	stream uint64 // its place in the stream; 0: there is none
	id     string
}

// laneStat is what Status tells of a lane, guarded by lane.mu.
type laneStat struct {
	Blocked string // why appends wait; empty if they do not
	Holding string // why retention cannot free although the stream is large or old
	Flushes uint64
	Records uint64
	Retries uint64
	Freed   uint64
	head    head
	audit   AuditStatus
}

// queueLength bounds appends that are accepted but not gathered yet; more of them wait in Append.
const queueLength = 64

func (j *Journal) openLane(ctx context.Context, spec streamSpec) (*lane, error) {
	l := &lane{
		j: j, spec: spec, limits: spec.limits(j.cfg), recent: newRecent(recentIDs),
		queue: make(chan *pending, queueLength), seen: make(map[string]seen),
	}
	var err error
	if j.local != nil {
		cfg := spec.config(j.cfg)
		cfg.Metadata = map[string]string{ownerKey: j.writer}
		l.stream, err = j.js.CreateOrUpdateStream(ctx, cfg)
	} else if l.stream, err = j.js.Stream(ctx, spec.name); errors.Is(err, jetstream.ErrStreamNotFound) {
		// Whoever comes first decides the limits of a shared stream.
		l.stream, err = j.js.CreateStream(ctx, spec.config(j.cfg))
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			l.stream, err = j.js.Stream(ctx, spec.name)
		}
	}
	if err != nil {
		return nil, err
	}
	l.owner = l.stream.CachedInfo().Config.Metadata[ownerKey]
	if l.head, err = l.recover(ctx); err != nil {
		return nil, err
	}
	l.stat.head = l.head
	return l, nil
}

func (l *lane) now() time.Time  { return l.j.cfg.Now() }
func (l *lane) maxRecord() int  { return int(l.j.nc.MaxPayload()) }
func (l *lane) maxBytes() int   { return int(l.limits.Bytes) }
func (l *lane) blocked() string { l.mu.Lock(); defer l.mu.Unlock(); return l.stat.Blocked }
func (l *lane) setBlocked(why string) {
	l.mu.Lock()
	changed := l.stat.Blocked != why
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
	l.j.cfg.Recorder.Gauge(telemetry.JournalBlocked, l.spec.name, on)
}

// run gathers and flushes until the journal closes.
func (l *lane) run() {
	defer l.refuseRest()
	l.warm()
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		p := l.carry
		l.carry = nil
		if p == nil {
			select {
			case p = <-l.queue:
			case <-tick.C:
				l.keepHouse()
				continue
			case <-l.j.ctx.Done():
				return
			}
		}
		l.flush(l.gather(p))
		if l.sinceRetain >= l.maxBytes()/32 {
			l.keepHouse()
		}
	}
}

// keepHouse frees what may go and brings the high-water mark to the disk.
func (l *lane) keepHouse() {
	l.sinceRetain = 0
	if why, err := l.retain(); err != nil {
		l.j.cfg.Log.Warn("journal: retention", "stream", l.spec.name, "error", err)
	} else {
		l.mu.Lock()
		l.stat.Holding = why
		l.mu.Unlock()
	}
	if err := l.j.heads.sync(); err != nil {
		l.j.cfg.Log.Warn("journal: sync high-water mark", "error", err)
	}
}

func (l *lane) refuseRest() {
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

// gather takes what waits together with first. A busy lane waits a little for more, unless a claim is among them:
// a signature waits for it.
func (l *lane) gather(first *pending) []*pending {
	group := []*pending{first}
	if l.j.cfg.Durability == Strict {
		return group
	}
	records, bytes, claim := len(first.recs), first.bytes, first.claim
	var timer *time.Timer
	var late <-chan time.Time
	for records < maxGroup && bytes < maxGroupBytes {
		var p *pending
		select {
		case p = <-l.queue:
		default:
			wait := l.patience()
			if claim || (wait <= 0 && timer == nil) {
				return group
			}
			if timer == nil {
				timer = time.NewTimer(wait)
				defer timer.Stop()
				late = timer.C
			}
			select {
			case p = <-l.queue:
			case <-late:
				return group
			case <-l.j.ctx.Done():
				return group
			}
		}
		if records+len(p.recs) > maxGroup || bytes+p.bytes > maxGroupBytes {
			l.carry = p
			return group
		}
		group = append(group, p)
		records, bytes, claim = records+len(p.recs), bytes+p.bytes, claim || p.claim
	}
	return group
}

// busyWait bounds what a busy lane waits for more records.
const busyWait = 250 * time.Millisecond

// patience is how long a group may wait for company: not at all unless 20 flushes were made within the last second.
func (l *lane) patience() time.Duration {
	oldest := l.times[l.turn]
	if oldest.IsZero() {
		return 0
	}
	return min(time.Until(oldest.Add(time.Second)), busyWait)
}

func (l *lane) flushed() {
	l.times[l.turn] = time.Now()
	l.turn = (l.turn + 1) % len(l.times)
}

func recordKey(r dodona.Record) string { return string(r.Topic) + "\x00" + r.Key + "\x00" + r.ID }
