package sourcetest

import (
	"context"
	"errors"
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
	early   int // acknowledgements before the append
}

func (j *journal) append(_ context.Context, b dodona.Batch) error {
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
	return source.NewPolled(s.Kind.Name(), func(ctx context.Context, settings any, env source.Env) (dodona.Source, error) {
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
