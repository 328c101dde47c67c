package source_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A script is a source that does what a test tells it to; the pump is what is under test.
type script struct {
	open    func(ctx context.Context, env source.Env) error
	observe func(ctx context.Context) (dodona.Batch, error)
	close   func() error

	mu                      sync.Mutex
	opens, observes, closes int
}

type noSettings struct{}

func (s *script) kind(pushed bool) source.Kind {
	make := source.NewPolled[noSettings]
	if pushed {
		make = source.NewPushed[noSettings]
	}
	return make("script", func(ctx context.Context, _ noSettings, env source.Env) (dodona.Source, error) {
		s.count(&s.opens)
		if s.open != nil {
			if err := s.open(ctx, env); err != nil {
				return nil, err
			}
		}
		return s, nil
	})
}

func (s *script) Observe(ctx context.Context) (dodona.Batch, error) {
	s.count(&s.observes)
	return s.observe(ctx)
}

func (s *script) Close() error {
	s.count(&s.closes)
	if s.close != nil {
		return s.close()
	}
	return nil
}

func (s *script) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
	return *n
}

func (s *script) counts() (opens, observes, closes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens, s.observes, s.closes
}

func batch(bodies ...string) dodona.Batch {
	var b dodona.Batch
	for _, body := range bodies {
		b.Readings = append(b.Readings, dodona.Reading{Body: []byte(body)})
	}
	return b
}

// longest draws the longest wait there is, so that times in a test are known.
func longest(n int64) int64 { return n - 1 }

// start runs a pump in the background and returns it with a function that stops it and waits for it.
func start(t *testing.T, s *script, pushed bool, change func(*source.Config)) (*source.Pump, func()) {
	t.Helper()
	cfg := source.Config{Name: "boiler", Kind: s.kind(pushed), Settings: &noSettings{}, Every: time.Second, Rand: longest}
	if change != nil {
		change(&cfg)
	}
	p := source.NewPump(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	}()
	return p, func() {
		cancel()
		<-done
	}
}

func ask(t *testing.T, p *source.Pump, within time.Duration) ([]dodona.Reading, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return p.Ask(ctx, dodona.RoundAt(time.Now()))
}

func mustAsk(t *testing.T, p *source.Pump, within time.Duration, want string) {
	t.Helper()
	readings, err := ask(t, p, within)
	if err != nil || len(readings) != 1 || string(readings[0].Body) != want {
		t.Fatalf("Ask returned %v, %v, want the one reading %q", readings, err, want)
	}
}
