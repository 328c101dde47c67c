package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sink"
)

// A collector is a sink of points that keeps what it is given.
type collector struct {
	mu   sync.Mutex
	came []sink.ObservationEvent
}

func (c *collector) Deliver(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
	return nil, nil
}

func (c *collector) Send(_ context.Context, events []sink.ObservationEvent) (sink.Sent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came = append(c.came, events...)
	return sink.Sent{Done: len(events), Tried: len(events)}, nil
}

// first returns what came first of a point.
func (c *collector) first(id string) (e sink.ObservationEvent, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.came {
		if e.Point == id {
			return e, true
		}
	}
	return e, false
}

// TestPointsThatNoFeedAsksForAreAskedAndDelivered, as their kind decodes them, with device and protocol; those that the sink does not name are not.
func TestPointsThatNoFeedAsksForAreAskedAndDelivered(t *testing.T) {
	address, _ := device(t, 0, 0, 0, 215, 1, 0)
	c := new(collector)
	kind := sink.NewPoints("collect", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return c, nil })
	cfg, err := config.Load(strings.NewReader(fmt.Sprintf(`
node: {name: gw-1, data: %q}
api: {listen: "127.0.0.1:0"}
sources:
  plc: {registers: {address: %q, registers: {temperature: {at: 1, decimals: 1, unit: Cel}, level: {at: 2}}}, device: press-3}
  walk: {sim: {every: 200ms}}
  other: {sim: {every: 200ms}}
sinks:
  all: {collect: {}, points: [plc.temperature, walk]}
`, t.TempDir(), address)), "test.yaml", append(config.KindsOf(withRegisters()...), config.KindsOf(kind)...))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Config: cfg, Kinds: withRegisters(), Sinks: []sink.Kind{kind}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	run(t, n)
	eventually(t, "both points are delivered", func() (bool, string) {
		_, one := c.first("plc.temperature")
		_, two := c.first("walk")
		return one && two, fmt.Sprintf("%+v", n.state.Status().Sinks)
	})
	e, _ := c.first("plc.temperature")
	if e.Value == nil || e.Value.String() != "21.5" || e.Unit != "Cel" || e.Device != "press-3" || e.Protocol != "registers" || e.Node != "gw-1" || e.Seq == 0 {
		t.Errorf("got %+v", e)
	}
	if w, _ := c.first("walk"); w.Device != "walk" || w.Protocol != "sim" {
		t.Errorf("got %+v", w)
	}
	for _, id := range []string{"plc.level", "other"} {
		if e, found := c.first(id); found {
			t.Errorf("a point that nobody named is delivered: %+v", e)
		}
	}
}
