package node

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sink"
)

// A frozen is a sink of points whose peer never says anything.
type frozen struct{ given chan struct{} }

func (f frozen) Deliver(context.Context, []dodona.Record) ([]dodona.Receipt, error) { return nil, nil }

func (f frozen) Send(ctx context.Context, _ []sink.ObservationEvent) (sink.Sent, error) {
	select {
	case f.given <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return sink.Sent{}, ctx.Err()
}

// TestAFrozenSinkHoldsNeitherSigningNorOtherSinks: while one has points in hand and never ends, rounds are attested and another one is given all.
func TestAFrozenSinkHoldsNeitherSigningNorOtherSinks(t *testing.T) {
	c, f := new(collector), frozen{make(chan struct{}, 1)}
	works := sink.NewPoints("collect", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return c, nil })
	stands := sink.NewPoints("frozen", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return f, nil })
	cfg, err := config.Load(strings.NewReader(fmt.Sprintf(`
node: {name: gw-1, data: %q}
api: {listen: "127.0.0.1:0"}
sources: {walk: {sim: {every: 100ms}}}
feeds: {price: {decimals: 2, every: 200ms, unit: USD, from: [walk]}}
sinks: {first: {frozen: {}}, second: {collect: {}}}
`, t.TempDir())), "test.yaml", append(config.KindsOf(withRegisters()...), config.KindsOf(works, stands)...))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Config: cfg, Kinds: withRegisters(), Sinks: []sink.Kind{works, stands}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	run(t, n)
	<-f.given // from here on it is frozen
	attested := func() dodona.Round {
		if l := n.state.Feeds()[0].Latest; l != nil && l.Attested {
			return l.Round
		}
		return 0
	}
	count := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.came)
	}
	var round dodona.Round
	eventually(t, "a round is attested", func() (bool, string) { round = attested(); return round > 0, "none is" })
	came := count()
	eventually(t, "ten more rounds are attested, and twenty more points delivered elsewhere", func() (bool, string) {
		return attested() >= round+2000 && count() >= came+20, fmt.Sprintf("%d, %d: %+v", attested(), count(), n.state.Status().Sinks)
	})
	for _, s := range n.state.Status().Sinks {
		if s.Name == "first" && (s.Delivered > 0 || s.Waiting < 20) || s.Name == "second" && s.Delivered < 20 {
			t.Errorf("got %+v", s)
		}
	}
}
