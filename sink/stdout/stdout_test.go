package stdout_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/sink/stdout"
)

var question = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}

// A pipe collects what is written.
type pipe struct{ logtest.Text }

func (p *pipe) ids(t *testing.T) (ids []string) {
	for line := range strings.Lines(p.String()) {
		var l struct {
			ID   string
			Body dodona.Answer
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Body.Attestation.Report.Round.ID() != l.ID {
			t.Fatalf("line %s: %v", line, err)
		}
		ids = append(ids, l.ID)
	}
	return ids
}

func TestSuite(t *testing.T) {
	sinktest.Run(t, func(*testing.T) sinktest.Subject {
		var p pipe
		return sinktest.Subject{Kind: stdout.Kind, Settings: stdout.Kind.Settings(), Out: &p, Feed: question, Got: p.ids}
	})
}

func TestAnswersAloneAreLinesForVerify(t *testing.T) {
	var p pipe
	s, err := stdout.Kind.Open(t.Context(), &stdout.Settings{Format: "answer"}, sink.Env{Out: sink.NewOut(&p)})
	if err != nil {
		t.Fatal(err)
	}
	rec := sinktest.Answer(question, 1)
	if _, err := s.Deliver(t.Context(), []dodona.Record{rec}); err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != string(rec.Body)+"\n" {
		t.Errorf("got %q", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestALineThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	s, err := stdout.Kind.Open(t.Context(), stdout.Kind.Settings(), sink.Env{Out: sink.NewOut(full{})})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := s.Deliver(t.Context(), []dodona.Record{sinktest.Answer(question, 1)})
	if err == nil || dodona.IsPermanent(err) || len(receipts) > 0 {
		t.Errorf("got %v, %v", receipts, err)
	}
}

// TestAReaderThatIsGoneIsThePeersTrouble, and no record's.
func TestAReaderThatIsGoneIsThePeersTrouble(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := stdout.Kind.Open(t.Context(), stdout.Kind.Settings(), sink.Env{Out: sink.NewOut(writer)})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := s.Deliver(t.Context(), []dodona.Record{sinktest.Answer(question, 1)})
	if err == nil || dodona.IsPermanent(err) || len(receipts) > 0 || !strings.Contains(err.Error(), "nobody reads standard output any more") {
		t.Errorf("got %v, %v", receipts, err)
	}
}

func TestAReaderThatStopsReadingDoesNotKeepTheSinkFromEnding(t *testing.T) {
	reader, writer := io.Pipe()
	defer reader.Close() // ends the write
	s, err := stdout.Kind.Open(t.Context(), stdout.Kind.Settings(), sink.Env{Out: sink.NewOut(writer)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Deliver(ctx, []dodona.Record{sinktest.Answer(question, 1)})
		ended <- err
	}()
	if _, err := reader.Read(make([]byte, 1)); err != nil { // and no more: the write has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAReaderThatStopsReadingIsToldOf: the write neither succeeds nor fails, and what waits grows.
func TestAReaderThatStopsReadingIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		journal := sinktest.NewJournal()
		loop := sink.New(sink.Config{
			Name: "lines", Kind: stdout.Kind, Settings: stdout.Kind.Settings(), Journal: journal, Reader: "sink-lines",
			Env: sink.Env{Ledger: journal, Out: sink.NewOut(writer)},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		synctest.Wait()
		first, second := sinktest.Answer(question, 1), sinktest.Answer(question, 2)
		if err := journal.Append(t.Context(), first, second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if s := loop.Status(); s.State != sink.Stuck || s.LastError != "whoever reads standard output has stopped reading: look at that program; all is kept, and goes on from there when it reads again" {
			t.Errorf("status %+v", s)
		}
		var got pipe
		go func() { _, _ = io.Copy(&got, reader) }()
		synctest.Wait()
		if s := loop.Status(); s.State != sink.OK || s.Delivered != 2 || !slices.Equal(got.ids(t), []string{first.ID, second.ID}) {
			t.Errorf("afterwards %v, status %+v", got.ids(t), s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = writer.Close()
	})
}

// TestALineThatWasBegunIsNotWrittenAgain: a sink that ends while its reader reads nothing, as at a reload, leaves a write that nobody can take back.
func TestALineThatWasBegunIsNotWrittenAgain(t *testing.T) {
	reader, writer := io.Pipe()
	defer reader.Close()
	env := sink.Env{Sink: "lines", Out: sink.NewOut(writer)}
	first, second := sinktest.Answer(question, 1), sinktest.Answer(question, 2)
	ctx, cancel := context.WithCancel(t.Context())
	deliver := func(ctx context.Context, s *stdout.Settings, recs ...dodona.Record) chan error {
		opened, err := stdout.Kind.Open(t.Context(), s, env)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := opened.Deliver(ctx, recs)
			ended <- err
		}()
		return ended
	}
	before := deliver(ctx, &stdout.Settings{Format: "record"}, first)
	var got pipe
	if _, err := io.CopyN(&got, reader, 1); err != nil { // and no more: the write has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-before; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	after := deliver(t.Context(), &stdout.Settings{Format: "record"}, first, second)
	go func() {
		err := <-after
		_ = writer.CloseWithError(err) // io.EOF if there is none
	}()
	if _, err := io.Copy(&got, reader); err != nil {
		t.Fatal(err)
	}
	if ids, want := got.ids(t), []string{first.ID, second.ID}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
}

func TestFormatIsChecked(t *testing.T) {
	if err := stdout.Kind.Check(&stdout.Settings{Format: "xml"}); err == nil {
		t.Error("xml is taken")
	}
}
