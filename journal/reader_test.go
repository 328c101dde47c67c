package journal

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

func fill(t testing.TB, j *Journal, from, to int) {
	t.Helper()
	for i := from; i < to; i += 100 {
		var recs []dodona.Record
		for k := i; k < min(i+100, to); k++ {
			recs = append(recs, reading(k))
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
}

func wantReadings(t testing.TB, recs []dodona.Record, from int) {
	t.Helper()
	for i, r := range recs {
		if r.ID != strconv.Itoa(from+i) {
			t.Fatalf("record %d is %s, want %d", i, r.ID, from+i)
		}
	}
}

func TestReaderSeesAnUnfinishedSliceAgain(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 0, 1000)
	n := 0
	for recs, err := range j.From(t.Context(), "me", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		wantReadings(t, recs, n)
		if n+len(recs) > 500 {
			break // in the middle of this slice
		}
		n += len(recs)
	}
	// The same process goes on where the last finished slice ended, and so does the next one.
	recs := read(t, j, "me", 300, dodona.TopicReading)
	wantReadings(t, recs, n)
	n += len(recs)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir})
	fill(t, j, 1000, 1001) // the second read may have met all that there was
	recs = read(t, j, "me", 1001-n, dodona.TopicReading)
	wantReadings(t, recs, n)
}

func TestReadersDoNotDisturbEachOther(t *testing.T) {
	j := open(t, Config{})
	fill(t, j, 0, 700)
	var wg sync.WaitGroup
	for r := range 4 {
		wg.Go(func() {
			recs := read(t, j, "r"+strconv.Itoa(r), 700, dodona.TopicReading, dodona.TopicRound)
			wantReadings(t, recs, 0)
		})
	}
	wg.Wait()
	if readers := j.Status(t.Context()).Readers; len(readers) != 4 {
		t.Fatalf("readers: %+v", readers)
	}
}

func TestReaderNameIsUsedOnce(t *testing.T) {
	j := open(t, Config{})
	fill(t, j, 0, 1)
	for range j.From(t.Context(), "me", dodona.TopicReading) {
		for _, err := range j.From(t.Context(), "me", dodona.TopicReading) {
			if err == nil || !strings.Contains(err.Error(), "the name is in use") {
				t.Fatalf("second reader: %v", err)
			}
		}
		break
	}
}

func TestReaderRefusesTopicsOfTwoStreams(t *testing.T) {
	j := open(t, Config{})
	for _, topics := range [][]dodona.Topic{nil, {"rumour"}, {dodona.TopicReading, dodona.TopicClaim}} {
		n := 0
		for _, err := range j.From(t.Context(), "me", topics...) {
			if n++; err == nil {
				t.Fatalf("topics %v are accepted", topics)
			}
		}
		if n != 1 {
			t.Fatalf("topics %v: %d errors", topics, n)
		}
	}
}

// TestIdleReaderIsPrompt waits for a record that is appended while the reader waits.
func TestIdleReaderIsPrompt(t *testing.T) {
	j := open(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	appended := make(chan time.Time, 1)
	n := 0
	var slowest time.Duration
	fill(t, j, 0, 1)
	for recs, err := range j.From(ctx, "me", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			slowest = max(slowest, time.Since(<-appended))
		}
		n += len(recs)
		if n == 10 {
			break
		}
		go func() {
			at := time.Now()
			if err := j.Append(ctx, reading(n)); err != nil {
				t.Error(err)
			}
			appended <- at
		}()
	}
	if slowest > 5*time.Second { // it takes a few milliseconds; the rest is for slow disks
		t.Errorf("a record took %v from Append to its reader", slowest)
	}
	t.Logf("slowest %v", slowest)
}

// TestReaderSurvivesARestartOfTheServer restarts the embedded server under a reader and a writer.
func TestReaderSurvivesARestartOfTheServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	j := open(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 60 {
			if i == 20 || i == 40 {
				j.local.GiveUp()
				if err := j.local.Restart(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := j.Append(ctx, reading(i)); err != nil {
				t.Error(err)
			}
		}
	})
	n := 0
	for recs, err := range j.From(ctx, "me", dodona.TopicReading) {
		if err != nil {
			t.Fatal(err)
		}
		wantReadings(t, recs, n)
		if n += len(recs); n == 60 {
			break
		}
	}
	wg.Wait()
	if n != 60 {
		t.Fatalf("read %d records, want 60", n)
	}
	if got := all(t, j, dodona.TopicReading, "kraken"); len(got) != 60 {
		t.Fatalf("%d records are kept, want 60", len(got))
	}
	if losses, err := j.Audit(ctx); err != nil || len(losses) != 0 {
		t.Fatalf("audit: %+v, %v", losses, err)
	}
}

// TestQuestionEndsWithTheConnection asks while the connection breaks: nobody will answer, however long ctx allows.
func TestQuestionEndsWithTheConnection(t *testing.T) {
	j := open(t, Config{})
	asked, cancel := j.question(t.Context())
	defer cancel()
	if asked.Err() != nil {
		t.Fatal("a question ends before it was asked")
	}
	j.storeBroke()
	select {
	case <-asked.Done():
	case <-time.After(answerTimeout / 2):
		t.Fatal("a question outlives its connection")
	}
	again, cancel := j.question(t.Context())
	defer cancel()
	if again.Err() != nil {
		t.Fatal("the next connection's questions are not asked")
	}
}

// TestAReaderThatWaitsSaysSoOnce a minute, and no longer than it does, also if there is nothing to read.
func TestAReaderThatWaitsSaysSoOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	var told logtest.Text
	j := open(t, Config{Log: slog.New(slog.NewTextHandler(&told, nil))})
	r, err := j.openReader("me", []dodona.Topic{dodona.TopicReading})
	if err != nil {
		t.Fatal(err)
	}
	defer j.closeReader(r)
	ended, cancel := context.WithCancel(t.Context())
	cancel() // it waits for nothing
	for range 5 {
		r.trouble(ended, errors.New("no file can be opened"))
	}
	r.trouble(ended, errors.New("the disk is full"))
	r.saidAt = r.saidAt.Add(-sayAgain)
	r.trouble(ended, errors.New("the disk is full"))
	if n := told.Times("reader waits"); n != 3 {
		t.Errorf("it was said %d times, want 3", n)
	}
	ctx, stop := context.WithCancel(t.Context())
	read := make(chan error)
	go func() {
		_, err := r.next(ctx)
		read <- err
	}()
	for {
		r.mu.Lock()
		last := r.lastErr
		r.mu.Unlock()
		if last == "" {
			break
		}
		if time.Sleep(50 * time.Millisecond); t.Context().Err() != nil {
			t.Fatal(last)
		}
	}
	stop()
	<-read
	if n := told.Times("reader goes on"); n != 1 || r.attempt != 0 {
		t.Errorf("it is said %d times that it goes on, after attempt %d", n, r.attempt)
	}
}
