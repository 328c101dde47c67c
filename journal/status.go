package journal

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/journal/disk"
)

// Status is what the journal knows about itself.
type Status struct {
	Where     string         `json:"where"` // "embedded", "embedded, listening on …", or the URL without password
	Connected bool           `json:"connected"`
	Since     time.Time      `json:"since"` // of Connected
	LastError string         `json:"lastError,omitempty"`
	Streams   []StreamStatus `json:"streams"`
	Readers   []ReaderStatus `json:"readers"`
	Rival     string         `json:"rival,omitempty"`  // the other process that has this node's name
	Losses    []Loss         `json:"losses,omitempty"` // found ever in this data folder, 256 at most
	Damage    []disk.Finding `json:"damage,omitempty"` // files found damaged since open, 32 at most
	Writer    string         `json:"writer"`           // the name of this folder's chains
}

// StreamStatus is the state of one stream.
type StreamStatus struct {
	Name    string    `json:"name"`
	Records uint64    `json:"records"`           // kept
	Bytes   uint64    `json:"bytes"`             // on disk
	Limit   uint64    `json:"limit"`             // bytes
	Oldest  time.Time `json:"oldest,omitzero"`   // when the oldest record that is kept was written
	Written uint64    `json:"written"`           // records since open
	Flushes uint64    `json:"flushes"`           // synchronous writes since open
	Retries uint64    `json:"retries"`           // writes tried again since open
	Freed   uint64    `json:"freed"`             // records given up by retention since open
	Carried uint64    `json:"carried"`           // last records of keys that retention wrote again, since open
	Blocked string    `json:"blocked,omitempty"` // why appends wait, or those of observers; empty if they do not
	Holding string    `json:"holding,omitempty"` // why retention cannot free although it should
	Unlike  string    `json:"unlike,omitempty"`  // whose limits count, which are larger than those of this process

	Sequence uint64      `json:"sequence"` // of the last record of this writer
	Audit    AuditStatus `json:"audit"`
}

// ReaderStatus is the state of one durable reader.
type ReaderStatus struct {
	Name    string `json:"name"`
	Node    string `json:"node"` // whose it is; empty if a version without networks left it
	Stream  string `json:"stream"`
	Active  bool   `json:"active"`  // in this process
	Backlog uint64 `json:"backlog"` // records not finished

	Own        bool      `json:"own"`               // it is this node's
	Configured bool      `json:"configured"`        // something in this node's configuration reads as it; only of its own
	Orphaned   time.Time `json:"orphaned,omitzero"` // since when nothing does
	Until      time.Time `json:"until,omitzero"`    // when it is removed
	LastError  string    `json:"lastError,omitempty"`

	Yields    bool      `json:"yields,omitempty"` // retention does not wait for it
	Overtaken Overtaken `json:"overtaken,omitzero"`
}

// Status asks the store for at most a second; what it does not answer is left out.
func (j *Journal) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	on := j.bus.State()
	status := Status{
		Where: j.bus.Where(), Connected: on.Connected, Since: on.Since, LastError: on.LastError, Rival: j.name.Rival(),
		Losses: j.losses.all(), Writer: j.writer,
	}
	j.mu.Lock()
	status.Damage = slices.Clone(j.damage)
	j.mu.Unlock()
	for _, s := range streams {
		l := j.lanes[s.name]
		status.Streams = append(status.Streams, l.status(ctx))
		status.Readers = append(status.Readers, l.readers(ctx)...)
	}
	return status
}

// Addr is where other processes can join, nil if the journal does not listen.
func (j *Journal) Addr() net.Addr { return j.bus.Addr() }

func (l *lane) status(ctx context.Context) StreamStatus {
	s := StreamStatus{Name: l.spec.name, Limit: uint64(l.limitNow())}
	if info, err := l.stream.Info(ctx); err == nil {
		s.Records, s.Bytes = info.State.Msgs, info.State.Bytes
		if s.Records > 0 {
			s.Oldest = info.State.FirstTime
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := &l.stat
	s.Written, s.Flushes, s.Retries, s.Freed, s.Carried = st.Records, st.Flushes, st.Retries, st.Freed, st.Carried
	s.Blocked, s.Holding, s.Unlike, s.Sequence, s.Audit = cmp.Or(st.Blocked, st.tight, l.j.brokenBy()), st.Holding, st.Unlike, st.head.Sequence, st.audit
	return s
}

// backlogOf returns how many records a reader has not finished.
func backlogOf(c *jetstream.ConsumerInfo) uint64 { return c.NumPending + uint64(c.NumAckPending) }

// reads reports whether this process has the reader of this name.
func (j *Journal) reads(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reading[name] != nil
}

// readers lists the durable readers of the stream, whichever process they are in.
func (l *lane) readers(ctx context.Context) []ReaderStatus {
	var list []ReaderStatus
	consumers := l.stream.ListConsumers(ctx)
	for c := range consumers.Info() {
		node, name := readerOf(c.Name)
		r := ReaderStatus{Name: name, Node: node, Stream: l.spec.name, Backlog: backlogOf(c), Yields: yields(c.Config), Overtaken: overtakenIn(c.Config)}
		_, r.Own, r.Configured = l.ownReader(c)
		r.Configured = r.Configured && r.Own
		if since := orphanedSince(c); !since.IsZero() && !r.Configured {
			r.Orphaned, r.Until = since, since.Add(l.j.cfg.ReaderGrace)
		}
		var reader *readerState
		if node == l.j.cfg.Node {
			l.j.mu.Lock()
			reader = l.j.reading[name]
			l.j.mu.Unlock()
		}
		if reader != nil {
			reader.mu.Lock()
			r.Active, r.LastError = true, reader.lastErr
			reader.mu.Unlock()
		}
		list = append(list, r)
	}
	return list
}
