package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sink"
)

// A shelf is a sink of both sorts that takes what comes, or nothing.
type shelf struct {
	mu   sync.Mutex
	away bool
	came []string
}

var errAway = errors.New("the peer is away")

func (s *shelf) put(ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	s.came = append(s.came, ids...)
	return nil
}

func (s *shelf) taken(away bool) (came []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	came, s.came, s.away = s.came, nil, away
	return came
}

func (s *shelf) has(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.came) >= n
}

func (s *shelf) Deliver(_ context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	for _, rec := range recs {
		if err := s.put(rec.ID); err != nil {
			return receipts, err
		}
		receipts = append(receipts, dodona.Receipt{Status: dodona.ReceiptDelivered})
	}
	return receipts, nil
}

func (s *shelf) Send(_ context.Context, events []sink.ObservationEvent) (sent sink.Sent, err error) {
	for _, e := range events {
		sent.Tried++
		if err := s.put(e.Point); err != nil {
			return sent, err
		}
		sent.Done++
	}
	return sent, nil
}

// A shelving is a loop over a journal of its own, which can be closed and opened.
type shelving struct {
	*shelf
	t      *testing.T
	config journal.Config
	points bool

	journal *journal.Journal
	stop    context.CancelFunc
	ended   chan error
	loop    *sink.Loop
}

func (s *shelving) start() {
	s.t.Helper()
	var err error
	if s.journal, err = journal.Open(s.t.Context(), s.config); err != nil {
		s.t.Fatal(err)
	}
	kind := sink.NewStream("shelf", func(context.Context, struct{}, sink.Env) (dodona.Sink, error) { return s.shelf, nil })
	with := sink.Config{
		Name: "out", Settings: struct{}{}, Journal: s.journal, Reader: sinkReader("out"), Env: sink.Env{Ledger: s.journal.Own(), Points: nameOf},
		Policy: sink.Policy{Policy: sink.Every}, Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	}
	if s.points {
		kind = sink.NewPoints("shelf", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return s.shelf, nil })
		with.Reader, with.Journal = pointsReader("out"), s.journal.Yielding(true, dodona.TopicReading, "plc")
	}
	with.Kind = kind
	with.Stands = func(ctx context.Context) (bool, error) { return s.journal.Stands(ctx, with.Reader) }
	s.loop = sink.New(with)
	ctx, cancel := context.WithCancel(s.t.Context())
	s.stop, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.loop.Run(ctx) }()
}

// nameOf makes one point of a reading, by the name of its record.
func nameOf(_ context.Context, rec dodona.Record) ([]sink.ObservationEvent, error) {
	return []sink.ObservationEvent{sink.NewObservation(rec, dodona.Point{ID: rec.ID}, 0, rec.Appended)}, nil
}

func (s *shelving) end() {
	s.t.Helper()
	s.stop()
	if err := errors.Join(<-s.ended, s.journal.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelving) say(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		rec := dodona.Record{Topic: dodona.TopicReading, Key: "plc", ID: id, Body: []byte("{}")}
		if !s.points {
			newest, err := s.journal.Last(s.t.Context(), dodona.TopicData, "f")
			if err != nil && !errors.Is(err, dodona.ErrNotFound) {
				s.t.Fatal(err)
			}
			rec = dodona.Record{Topic: dodona.TopicData, Key: "f", ID: id, Body: []byte("{}"), After: newest.ID}
		}
		if err := s.journal.Append(s.t.Context(), rec); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *shelving) await(n int) {
	s.t.Helper()
	for begun := time.Now(); !s.has(n); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			s.t.Fatalf("%d did not come: %+v", n, s.loop.Status())
		}
	}
}

// forget has the journal free the sink's beginning, as years do.
func (s *shelving) forget() {
	s.t.Helper()
	body := []byte(strings.Repeat("x", 16<<10))
	for i := range 2000 {
		if !s.remembers() {
			return
		}
		rec := dodona.Record{Topic: dodona.TopicEvent, Key: "test", ID: strconv.Itoa(i), Body: body}
		if err := s.journal.Append(s.t.Context(), rec); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("the sink's beginning is not freed")
}

func (s *shelving) remembers() bool {
	s.t.Helper()
	for _, err := range s.journal.Own().Scan(s.t.Context(), dodona.TopicIntent, "out", nil) {
		if err != nil {
			s.t.Fatal(err)
		}
		return true
	}
	return false
}

// TestASinkGoesOnWhereItStoodWhenItsBeginningIsFreed, with what waited: after a start, and after a backup was restored. A new one begins now.
func TestASinkGoesOnWhereItStoodWhenItsBeginningIsFreed(t *testing.T) {
	for name, points := range map[string]bool{"of answers": false, "of points": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelving{shelf: new(shelf), t: t, points: points, config: journal.Config{Dir: filepath.Join(t.TempDir(), "data"), Node: "gw-1", Proof: journal.Limits{Bytes: quantity.MiB}}}
			s.start()
			eventually(t, "the sink has begun", func() (bool, string) { return s.remembers(), "" })
			s.say("1")
			s.await(1)
			if !s.has(1) || s.taken(true)[0] != "1" {
				t.Fatal("the first one did not come")
			}
			s.forget()
			s.say("2", "3")
			s.end()

			archive, err := os.Create(filepath.Join(t.TempDir(), "backup.tar"))
			if err != nil {
				t.Fatal(err)
			}
			defer archive.Close()
			backup, err := journal.WriteBackup(t.Context(), s.config.Dir, "test", archive)
			if err != nil {
				t.Fatal(err)
			}
			s.taken(false)
			s.start()
			s.await(2)
			s.end()
			if came := s.taken(false); !slices.Equal(came, []string{"2", "3"}) {
				t.Errorf("after a start came %v, want what waited", came)
			}

			s.config.Dir = filepath.Join(t.TempDir(), "restored")
			if err := journal.Restore(t.Context(), archive, backup, s.config.Dir); err != nil {
				t.Fatal(err)
			}
			s.start()
			s.await(2)
			s.end()
			if came := s.taken(false); !slices.Equal(came, []string{"2", "3"}) {
				t.Errorf("after the backup was restored came %v, want what waited in it", came)
			}
		})
	}
}
