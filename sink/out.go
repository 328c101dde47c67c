package sink

import (
	"context"
	"io"
	"sync"

	"github.com/dodona-oracle/dodona"
)

// An Out is the standard output of a process, before which sinks come and go: one record is written at a time. Make it with NewOut.
type Out struct {
	to   io.Writer
	turn chan struct{} // full while something is written

	mu   sync.Mutex
	left map[string]writing // by sink: what it began to write last and has not seen the end of
}

// A writing is a record that is being written. It cannot be taken back: it ends with the reader, or with the process.
type writing struct {
	record string
	err    chan error // has what became of it, in the end
}

// NewOut returns an Out that writes to w, or if that is nil to nobody.
func NewOut(w io.Writer) *Out {
	if w == nil {
		w = io.Discard
	}
	return &Out{to: w, turn: make(chan struct{}, 1), left: make(map[string]writing)}
}

// Write writes the text of a sink's record, and returns when it is written or when ctx ends. In the latter case it may be written
// all the same: a sink of that name which writes the same record next, as after a reload, waits for that and writes nothing.
func (o *Out) Write(ctx context.Context, sink string, rec dodona.Record, text []byte) error {
	record := nameOf(rec.Topic, rec.Key, rec.ID)
	w, begun := o.take(sink)
	if !begun || w.record != record {
		select {
		case o.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		w = writing{record, make(chan error, 1)}
		go func() { // ends with the write
			n, err := o.to.Write(text)
			if err == nil && n < len(text) {
				err = io.ErrShortWrite
			}
			<-o.turn
			w.err <- err
		}()
	}
	select {
	case err := <-w.err:
		return err
	case <-ctx.Done():
		o.mu.Lock()
		defer o.mu.Unlock()
		o.left[sink] = w
		return ctx.Err()
	}
}

// take returns what a sink has left, which is not left then.
func (o *Out) take(sink string) (w writing, begun bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w, begun = o.left[sink]
	delete(o.left, sink)
	return w, begun
}
