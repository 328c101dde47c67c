package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sink"
)

// A collector is a sink of points that keeps what it is given.
type collector struct {
	mu    sync.Mutex
	came  []sink.ObservationEvent
	away  bool // it takes nothing
	tries int
}

func (c *collector) Deliver(context.Context, []dodona.Record) ([]dodona.Receipt, error) {
	return nil, nil
}

func (c *collector) Send(_ context.Context, events []sink.ObservationEvent) (sink.Sent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tries++; c.away {
		return sink.Sent{}, errors.New("away")
	}
	c.came = append(c.came, events...)
	return sink.Sent{Done: len(events), Tried: len(events)}, nil
}

func (c *collector) tried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tries > 0
}

func (c *collector) back() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = false
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

// TestWhatWaitsOfAPointThatIsGoneIsToldAndCounted: its source, or the point alone, is taken out of the configuration while the peer is away.
func TestWhatWaitsOfAPointThatIsGoneIsToldAndCounted(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"a source": {", m1: {sim: {every: 100ms}}", "", "m1 is not among what this sink delivers any more: at most "},
		"a point":  {"points: [m1, m0]", "points: [m0]", "m1 is not among what this sink delivers any more: at most "},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := &collector{away: true}
			kind := sink.NewPoints("collect", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return c0, nil })
			text := fmt.Sprintf(`
node: {name: gw-1, data: %q}
api: {listen: "127.0.0.1:0"}
sources: {m0: {sim: {every: 100ms}}, m1: {sim: {every: 100ms}}}
sinks: {plant: {collect: {}, points: [m1, m0]}}
`, t.TempDir())
			if name == "a source" {
				text = strings.Replace(text, ", points: [m1, m0]", "", 1)
			}
			load := func() (*config.Config, error) {
				return config.Load(strings.NewReader(text), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(kind)...))
			}
			cfg, err := load()
			if err != nil {
				t.Fatal(err)
			}
			n, err := Open(t.Context(), Options{Config: cfg, Kinds: all.Sources(), Sinks: []sink.Kind{kind}, Load: load})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(n.close)
			run(t, n)
			eventually(t, "the sink has something in hand, and more waits", func() (bool, string) {
				waits := 0
				for _, err := range n.journal.Scan(t.Context(), dodona.TopicReading, "m1", nil) {
					if err != nil {
						t.Fatal(err)
					}
					waits++
				}
				return waits >= 5 && c0.tried(), fmt.Sprintf("%d wait", waits)
			})
			text = strings.Replace(text, c.from, c.to, 1)
			if _, err := n.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is told", func() (bool, string) {
				s := n.state.Status().Sinks
				return len(s) == 1 && s[0].Skipped >= 5, fmt.Sprintf("%+v", s)
			})
			var said []string
			eventually(t, "an event tells of it", func() (bool, string) {
				said = nil
				for rec, err := range n.journal.Scan(t.Context(), dodona.TopicEvent, dodona.EventDelivery, nil) {
					if err != nil {
						t.Fatal(err)
					}
					var e sink.Event
					if err := json.Unmarshal(rec.Body, &e); err != nil {
						t.Fatal(err)
					}
					said = append(said, e.Message)
				}
				return len(said) > 0, fmt.Sprintf("%+v", n.state.Status().Sinks)
			})
			if len(said) != 1 || !strings.HasPrefix(said[0], c.want) {
				t.Errorf("events %q, want one of %q", said, c.want)
			}
			c0.back()
			eventually(t, "what stays is delivered", func() (bool, string) {
				_, found := c0.first("m0")
				return found, fmt.Sprintf("%+v", n.state.Status().Sinks)
			})
			if e, found := c0.first("m1"); found {
				t.Errorf("it is delivered all the same: %+v", e)
			}
		})
	}
}

func TestPointsThatAConfigurationDropsAreGone(t *testing.T) {
	kind := sink.NewPoints("collect", func(context.Context, struct{}, sink.Env) (sink.PointSink, error) { return new(collector), nil })
	load := func(registers, of string) *config.Config {
		c, err := config.Load(strings.NewReader(fmt.Sprintf(`
node: {name: gw-1, data: %q}
sources: {plc: {registers: {address: "127.0.0.1:1", registers: {%s}}}}
sinks: {all: {collect: {}%s}}
`, t.TempDir(), registers, of)), "test.yaml", append(config.KindsOf(withRegisters()...), config.KindsOf(kind)...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	both := "temperature: {at: 1}, level: {at: 2}"
	for _, c := range []struct{ before, of, after, then, want string }{
		{both, "", both, "", ""},
		{both, "", "temp: {at: 1}, level: {at: 2}", "", "plc.temperature"}, // renamed
		{both, "", both, ", points: [plc.level]", "plc.temperature"},
		{both, ", points: [plc.level]", both, "", ""},
	} {
		if got := strings.Join(gonePoints(load(c.before, c.of), load(c.after, c.then), "all")["plc"], " "); got != c.want {
			t.Errorf("from %s%s to %s%s: %q is gone, want %q", c.before, c.of, c.after, c.then, got, c.want)
		}
	}
}
