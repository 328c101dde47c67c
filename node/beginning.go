package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/patience"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
)

// A beginning is what the roles of a process read of every feed before they do anything else. What does not answer now may answer later: a disk, a
// server, a machine that others keep busy. So it is asked again until it does, no node ends by it, and log and status say what is waited for.
type beginning struct {
	basics

	mu    sync.Mutex
	steps []*step // that are under way
}

// A step is what one role reads.
type step struct {
	role    config.Role // empty: the node itself, before it has roles
	what    string      // is read
	since   time.Time
	of      int    // feeds; 0: it is opened, not read
	read    int    // of them
	trouble string // of who asked last; empty while all is answered
	told    bool   // that it waits
}

// readAtOnce is how many questions of a beginning are under way at a time: all that are would share the time that each of them has.
const readAtOnce = 8

// each reads something of every feed, again until it is read or ctx ends. A record that is there and is none of ours is passed over.
func (b *beginning) each(ctx context.Context, role config.Role, what string, feeds []config.Feed, read func(config.Feed) error) {
	s := b.begin(role, what, len(feeds))
	defer b.end(s)
	queue := make(chan config.Feed)
	var readers sync.WaitGroup
	for range min(readAtOnce, len(feeds)) {
		readers.Go(func() {
			for f := range queue {
				err := patience.Retry(ctx, pace, func() error { return b.passingOver(f, what, read(f)) }, func(err error, _ int, _ time.Duration) { b.waits(s, err) })
				if err == nil {
					b.done(s)
				}
			}
		})
	}
	defer readers.Wait()
	defer close(queue)
	for _, f := range feeds {
		select {
		case queue <- f:
		case <-ctx.Done():
			return
		}
	}
}

// passingOver tells of a record that nobody will ever read, and lets the beginning go on.
func (b *beginning) passingOver(f config.Feed, what string, err error) error {
	if errors.Is(err, journal.ErrNoRecord) {
		b.log.Error("a record cannot be read and is passed over", "feed", f.Feed.Name, "what", what, "error", err)
		return nil
	}
	return err
}

func (b *beginning) begin(role config.Role, what string, of int) *step {
	s := &step{role: role, what: what, since: b.now(), of: of}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps = append(b.steps, s)
	return s
}

// open goes on with what is opened next.
func (b *beginning) open(s *step, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.what, s.since, s.trouble = what, b.now(), ""
}

// trouble notes what something is waited for.
func (b *beginning) trouble(s *step, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.trouble = err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		s.trouble = "the journal did not answer in time"
	}
}

// waits notes that something was not answered, and tells of the first time.
func (b *beginning) waits(s *step, err error) {
	b.trouble(s, err)
	b.mu.Lock()
	told := s.told
	s.told = true
	b.mu.Unlock()
	if !told {
		b.log.Warn("the start waits for the journal, and goes on as soon as that answers", "role", s.role, "reads", s.what, "error", err)
	}
}

func (b *beginning) done(s *step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.read++
	s.trouble = ""
}

func (b *beginning) end(s *step) {
	b.mu.Lock()
	b.steps = slices.DeleteFunc(b.steps, func(other *step) bool { return other == s })
	told, read, of, took := s.told, s.read, s.of, b.now().Sub(s.since)
	b.mu.Unlock()
	if told && read == of {
		b.log.Info("the start goes on", "role", s.role, "read", s.what, "after", quantity.Roughly(took))
	}
}

// problems says what roles still read or wait for, which keeps the node from answering.
func (b *beginning) problems() (list []api.Problem) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.steps {
		message := fmt.Sprintf("%s is being opened since %s", s.what, s.since.UTC().Format(time.RFC3339))
		if s.of > 0 {
			message = fmt.Sprintf("the role %s has read %s of %d of %s since %s", s.role, s.what, s.read, quantity.Count(s.of, "feed"), s.since.UTC().Format(time.RFC3339))
		}
		if s.trouble != "" {
			message += "; it tries again until it can: " + s.trouble
		}
		list = append(list, api.Problem{Part: "start", Message: message})
	}
	return list
}
