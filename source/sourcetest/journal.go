package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A journal stands for the real one: it keeps batches, and may be full.
type journal struct {
	mu      sync.Mutex
	batches []dodona.Batch
	full    int // appends still to refuse
	acks    int
	early   int           // acknowledgements before the append
	closed  chan struct{} // nil: it takes batches; else it is closed when it does again
}

// close has appends wait until open.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = make(chan struct{})
}

func (j *journal) open() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.closed)
	j.closed = nil
}

// count returns how many of the things 1 to n are in the journal.
func (j *journal) count(n int) (found int) {
	seen := map[int]bool{}
	for _, r := range j.readings() {
		if i := marked(string(r.Body)); i >= 1 && i <= n && !seen[i] {
			seen[i] = true
			found++
		}
	}
	return found
}

// has reports whether a reading with a mark is in the journal.
func (j *journal) has(mark string) bool {
	return slices.ContainsFunc(j.readings(), func(r dodona.Reading) bool { return strings.Contains(string(r.Body), mark) })
}

// marked returns for which n a body was said; -1 if that cannot be told.
func marked(body string) int {
	_, rest, found := strings.Cut(body, `"n":`)
	var n int
	if _, err := fmt.Sscanf(rest, "%d", &n); !found || err != nil {
		return -1
	}
	return n
}

func (j *journal) append(ctx context.Context, b dodona.Batch) error {
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	if closed != nil {
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full > 0 {
		j.full--
		return errors.New("journal is full")
	}
	j.batches = append(j.batches, b)
	return nil
}

func (j *journal) cursor(context.Context) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.batches) == 0 {
		return nil, dodona.ErrNotFound
	}
	return j.batches[len(j.batches)-1].Cursor, nil
}

func (j *journal) readings() (all []dodona.Reading) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range j.batches {
		all = append(all, b.Readings...)
	}
	return all
}

// watching returns the subject's kind with acknowledgements that tell j when they come.
func (s Subject) watching(j *journal) source.Kind {
	kind := source.NewPolled[any]
	if s.Kind.Pushed(s.Settings) {
		kind = source.NewPushed[any]
	}
	return kind(s.Kind.Name(), func(ctx context.Context, settings any, env source.Env) (dodona.Source, error) {
		inner, err := s.Kind.Open(ctx, settings, env)
		if err != nil {
			return nil, err
		}
		return acknowledging{inner, j}, nil
	})
}

type acknowledging struct {
	dodona.Source
	j *journal
}

func (a acknowledging) Observe(ctx context.Context) (dodona.Batch, error) {
	b, err := a.Source.Observe(ctx)
	if err != nil {
		return b, err
	}
	a.j.mu.Lock()
	before := len(a.j.batches)
	a.j.mu.Unlock()
	inner := b.Ack
	b.Ack = func(ctx context.Context) error {
		a.j.mu.Lock()
		a.j.acks++
		if len(a.j.batches) == before && (len(b.Readings) > 0 || b.Cursor != nil) { // a sign of life has nothing to append
			a.j.early++
		}
		a.j.mu.Unlock()
		if inner != nil {
			return inner(ctx)
		}
		return nil
	}
	return b, nil
}
