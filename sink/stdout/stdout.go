// Package stdout writes every answer to the standard output of the process, one line of JSON each.
//
// A line is the record as the journal keeps it: topic, key, id, and the answer in body. After a crash the lines of the
// last moment may come twice; their id tells. The node goes on if whoever reads the lines ends, and keeps them until a start with
// another reader.
package stdout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// Kind is the kind "stdout".
var Kind = sink.NewStream("stdout", open)

// Settings are what can be chosen about the lines.
type Settings struct {
	// Format of a line: record (the answer with topic, id and time) or answer (the answer alone, as verify reads it).
	// Default: record.
	Format Format `yaml:"format,omitempty"`
}

// Format is what of an answer is written.
type Format string

// Words returns the formats.
func (Format) Words() []string { return []string{"record", "answer"} }

// Default fills in the defaults.
func (s *Settings) Default() { s.Format = "record" }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	if s.Format != "record" && s.Format != "answer" {
		return fmt.Errorf("format: %q: want record or answer", s.Format)
	}
	return nil
}

// A line is what stands in a line.
type line struct {
	Topic    dodona.Topic    `json:"topic"`
	Key      string          `json:"key"`
	ID       string          `json:"id"`
	Appended time.Time       `json:"appended"`
	Late     bool            `json:"late,omitempty"`
	Body     json.RawMessage `json:"body"`
}

type stdout struct {
	answer bool
	now    func() time.Time
	mu     sync.Mutex // of out, which several sinks share only if they are one process's
	out    io.Writer
}

func open(_ context.Context, s Settings, env sink.Env) (dodona.Sink, error) {
	return &stdout{answer: s.Format == "answer", now: env.Now, out: env.Out}, nil
}

// Deliver writes one line for each record, each with one write.
func (s *stdout) Deliver(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rec := range recs {
		if err := ctx.Err(); err != nil {
			return receipts, err
		}
		text, err := s.text(rec)
		if err != nil {
			return receipts, dodona.Permanent(err)
		}
		err = s.write(ctx, text)
		if errors.Is(err, syscall.EPIPE) {
			return receipts, sink.Stalled(errors.New("nobody reads standard output any more: whoever did has ended; restart the node together with what reads it"))
		}
		if err != nil {
			return receipts, fmt.Errorf("write %s %s to standard output: %w", rec.Key, rec.ID, err)
		}
		receipts = append(receipts, dodona.Receipt{Status: dodona.ReceiptDelivered, At: s.now()})
	}
	return receipts, nil
}

// write returns when the text is written, or when ctx ends: a reader that has stopped reading must not keep the node
// from ending. The write itself cannot be taken back; it ends with the reader, or with the process.
func (s *stdout) write(ctx context.Context, text []byte) error {
	done := make(chan error, 1)
	go func() {
		n, err := s.out.Write(text)
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stdout) text(rec dodona.Record) ([]byte, error) {
	var body bytes.Buffer
	if err := json.Compact(&body, rec.Body); err != nil {
		return nil, fmt.Errorf("record %s of %s is no JSON: %w", rec.ID, rec.Key, err)
	}
	if s.answer {
		return append(body.Bytes(), '\n'), nil
	}
	text, err := json.Marshal(line{rec.Topic, rec.Key, rec.ID, rec.Appended, sink.Late(rec, s.now()), body.Bytes()})
	if err != nil {
		return nil, fmt.Errorf("write record %s of %s: %w", rec.ID, rec.Key, err)
	}
	return append(text, '\n'), nil
}
