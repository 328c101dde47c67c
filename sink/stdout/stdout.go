// Package stdout writes every answer to the standard output of the process, one line of JSON each.
//
// A line is the record as the journal keeps it: topic, key, id, and the answer in body. After a crash the lines of the
// last moment may come twice; their id tells. The node goes on if whoever reads the lines ends, and keeps them until a start with
// another reader. If it stops reading, the sink is stuck after half a minute, and goes on where it was once lines are read again.
package stdout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	name   string
	now    func() time.Time
	out    *sink.Out
}

func open(_ context.Context, s Settings, env sink.Env) (dodona.Sink, error) {
	return &stdout{answer: s.Format == "answer", name: env.Sink, now: env.Now, out: env.Out}, nil
}

// Deliver writes one line for each record, each with one write.
func (s *stdout) Deliver(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	for _, rec := range recs {
		if err := ctx.Err(); err != nil {
			return receipts, err
		}
		text, err := s.text(rec)
		if err != nil {
			return receipts, dodona.Permanent(err)
		}
		err = s.out.Write(ctx, s.name, rec, text)
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

// Waits says what a write that does not end waits for.
func (*stdout) Waits() string {
	return "whoever reads standard output has stopped reading: look at that program; all is kept, and goes on from there when it reads again"
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
