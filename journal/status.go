package journal

import (
	"context"
	"time"
)

// Status is what the journal knows about itself.
type Status struct {
	Where     string         `json:"where"` // "embedded", "embedded, listening on …", or the URL without password
	Connected bool           `json:"connected"`
	Since     time.Time      `json:"since"` // of Connected
	LastError string         `json:"lastError,omitempty"`
	Streams   []StreamStatus `json:"streams"`
	Readers   []ReaderStatus `json:"readers"`
}

// StreamStatus is the state of one stream.
type StreamStatus struct {
	Name    string `json:"name"`
	Records uint64 `json:"records"`           // kept
	Bytes   uint64 `json:"bytes"`             // on disk
	Limit   uint64 `json:"limit"`             // bytes
	Written uint64 `json:"written"`           // records since open
	Flushes uint64 `json:"flushes"`           // synchronous writes since open
	Retries uint64 `json:"retries"`           // writes tried again since open
	Freed   uint64 `json:"freed"`             // records given up by retention since open
	Blocked string `json:"blocked,omitempty"` // why appends wait; empty if they do not
}

// ReaderStatus is the state of one durable reader.
type ReaderStatus struct {
	Name      string `json:"name"`
	Stream    string `json:"stream"`
	Active    bool   `json:"active"`  // in this process
	Backlog   uint64 `json:"backlog"` // records not finished
	LastError string `json:"lastError,omitempty"`
}

// Status asks the store for at most a second; what it does not answer is left at what was known last.
func (j *Journal) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	j.mu.Lock()
	status := Status{Where: "embedded", Connected: j.state.Connected, Since: j.state.Since, LastError: j.state.LastError}
	j.mu.Unlock()
	for _, s := range streams {
		status.Streams = append(status.Streams, j.lanes[s.name].status(ctx))
	}
	return status
}

func (l *lane) status(ctx context.Context) StreamStatus {
	s := StreamStatus{Name: l.spec.name, Limit: uint64(l.limits.Bytes)}
	if info, err := l.stream.Info(ctx); err == nil {
		s.Records, s.Bytes = info.State.Msgs, info.State.Bytes
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Written, s.Flushes, s.Retries, s.Freed, s.Blocked = l.stat.Records, l.stat.Flushes, l.stat.Retries, l.stat.Freed, l.stat.Blocked
	return s
}
