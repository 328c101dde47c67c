//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/sink"
)

// An overhearing notes everything that is published at a broker, and says things there itself.
type overhearing struct {
	t    *testing.T
	conn *mqttc.Conn
	mu   sync.Mutex
	all  []mqttc.Message
}

func overhear(t *testing.T, b *mosquittotest.Broker) *overhearing {
	t.Helper()
	return overhearAs(t, b, "outside", "")
}

// overhearAs is overhear with a client id and the name of a user.
func overhearAs(t *testing.T, b *mosquittotest.Broker, id, user string) *overhearing {
	t.Helper()
	o := &overhearing{t: t}
	var s mqttc.Settings
	s.Default()
	s.URL = b.URL
	var err error
	if o.conn, err = new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: s, ClientID: id, User: user, Clean: true, Receive: func(m mqttc.Message) {
		o.mu.Lock()
		o.all = append(o.all, m)
		o.mu.Unlock()
		_ = o.conn.Acknowledge(m) // else the test waits for nothing
	}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.conn.Close() })
	if _, err := o.conn.Subscribe(t.Context(), mqttc.Subscription{Filter: "#", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *overhearing) say(topic, body string) {
	o.t.Helper()
	if err := o.conn.Publish(o.t.Context(), mqttc.Message{Topic: topic, Payload: []byte(body), QoS: 1}); err != nil {
		o.t.Fatal(err)
	}
}

// on returns what was published on topics that begin so.
func (o *overhearing) on(prefix string) (bodies [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.all {
		if strings.HasPrefix(m.Topic, prefix) {
			bodies = append(bodies, m.Payload)
		}
	}
	return bodies
}

// values returns those of the observations on a topic, in order.
func (o *overhearing) values(topic string) (list []string) {
	for _, body := range o.on(topic) {
		var e sink.ObservationEvent
		if err := json.Unmarshal(body, &e); err != nil || e.Value == nil {
			o.t.Fatalf("%s: %v", body, err)
		}
		list = append(list, e.Value.String())
	}
	return list
}

func (o *overhearing) awaits(what string, is func() bool) {
	o.t.Helper()
	eventually(o.t, patience, func() error {
		if !is() {
			return fmt.Errorf("%s: not yet", what)
		}
		return nil
	})
}

// dropped returns how much a source has dropped, and why the last of it was.
func droppedBy(t *testing.T, p *process, name string) (n uint64, why string) {
	t.Helper()
	var answer struct {
		Sources []struct {
			Name     string `json:"name"`
			Dropped  uint64 `json:"dropped"`
			LastDrop string `json:"lastDrop"`
		} `json:"sources"`
	}
	if err := getJSON(p.url+"/v1/sources", &answer); err != nil {
		t.Fatal(err)
	}
	for _, s := range answer.Sources {
		if s.Name == name {
			return s.Dropped, s.LastDrop
		}
	}
	t.Fatalf("no source %s in %+v", name, answer)
	return 0, ""
}

const outside = 20 // messages

// runNode starts a node whose configuration may say BROKER.
func runNode(t *testing.T, b *mosquittotest.Broker, name, config string) *process {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name+".yaml")
	text := fmt.Sprintf("node: {name: %s, data: ./data}\napi: {listen: \"127.0.0.1:0\"}\n%s", name, strings.ReplaceAll(config, "BROKER", b.URL))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir, "run", file)
	p.awaitURL()
	return p
}

func numbered() (list []string) {
	for n := range outside {
		list = append(list, fmt.Sprint(n+1))
	}
	return list
}

// TestASourceThatHearsItsOwnNodeFeedsNothingToItself: each message from outside gives one point, in both versions, whatever filter brings what the
// sink makes of it.
func TestASourceThatHearsItsOwnNodeFeedsNothingToItself(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"5", "3.1.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"log_type subscribe"}})
			p := runNode(t, b, "gw-a", fmt.Sprintf(`
sources: {q: {mqtt: {url: "BROKER", version: %q, topics: ["#"]}, value: {pointer: /value}}}
sinks: {plant: {mqtt: {url: "BROKER", version: %q}}}
`, version, version))
			o := overhear(t, b)
			o.awaits("the source subscribes", func() bool { return strings.Contains(b.Output(), "gw-a-q 1 #") })
			const topic = "edge/adapter/mqtt/q/data"
			for n, value := range numbered() { // one after the other: what circles would come between
				o.say("plant/press", `{"value":`+value+`}`)
				o.awaits("the point of message "+value, func() bool { return len(o.values(topic)) > n })
			}
			o.awaits("what came back is counted", func() bool {
				n, _ := droppedBy(t, p, "q")
				return n >= outside || len(o.values(topic)) > outside
			})
			if got := o.values(topic); !slices.Equal(got, numbered()) {
				t.Errorf("%d messages from outside, and %d points: %v", outside, len(got), got)
			}
			if n, why := droppedBy(t, p, "q"); n > outside+2 || !strings.Contains(why, "this node published it") { // and that the sink is there
				t.Errorf("dropped %d: %s", n, why)
			}
			p.stop()
		})
	}
}

// TestTwoNodesThatReadEachOtherPassOnWhatOthersSayAndNothingOfTheirOwn: B publishes what A has read once more, as its own, and A does not take it back.
func TestTwoNodesThatReadEachOtherPassOnWhatOthersSayAndNothingOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"log_type subscribe"}})
	const both = `  others: {mqtt: {url: "BROKER", topics: ["edge/adapter/#"]}, value: {pointer: /value}}
sinks: {plant: {mqtt: {url: "BROKER"}}}
`
	first := runNode(t, b, "gw-a", "sources:\n  press: {mqtt: {url: \"BROKER\", topics: [plant/press]}, value: {pointer: /value}}\n"+both)
	second := runNode(t, b, "gw-b", "sources:\n"+both)
	o := overhear(t, b)
	o.awaits("both subscribe", func() bool {
		return strings.Contains(b.Output(), "gw-a-press 1 plant/press") && strings.Contains(b.Output(), "gw-a-others 1 edge/adapter/#") && strings.Contains(b.Output(), "gw-b-others 1 edge/adapter/#")
	})
	for n, value := range numbered() {
		o.say("plant/press", `{"value":`+value+`}`)
		o.awaits("what B makes of message "+value, func() bool { return len(o.values("edge/adapter/mqtt/others/data")) > n })
	}
	o.awaits("what came back is counted", func() bool { // A hears what it said of the press, and what B made of that
		a, _ := droppedBy(t, first, "others")
		b, _ := droppedBy(t, second, "others")
		return a >= 2*outside && b >= outside || len(o.values("edge/adapter/mqtt/others/data")) > outside
	})
	for _, topic := range []string{"edge/adapter/mqtt/press/data", "edge/adapter/mqtt/others/data"} {
		if got := o.values(topic); !slices.Equal(got, numbered()) {
			t.Errorf("%s: %d messages from outside, and %d points: %v", topic, outside, len(got), got)
		}
	}
	var e sink.ObservationEvent
	if err := json.Unmarshal(o.on("edge/adapter/mqtt/others/data")[0], &e); err != nil || len(e.Via) != 2 || e.Via[0] == e.Via[1] {
		t.Errorf("the trail of what B passes on is %v (%v), want A and B", e.Via, err)
	}
	first.stop()
	second.stop()
}

// TestAHostOfSparkplugDoesNotHearItsOwnNode, neither as one nor where a filter brings it.
func TestAHostOfSparkplugDoesNotHearItsOwnNode(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"log_type subscribe"}})
	p := runNode(t, b, "gw-a", `
sources:
  press: {mqtt: {url: "BROKER", topics: [plant/press]}, value: {pointer: /value}}
  host: {mqtt: {url: "BROKER", metrics: {back: {group: Dodona, edge: gw-a, device: press, metric: press}, again: {group: Dodona, edge: gw-a, device: host, metric: host.again}}}}
  all: {mqtt: {url: "BROKER", topics: ["spBv1.0/#"]}, value: {regex: "([0-9])"}}
sinks: {plant: {mqtt: {url: "BROKER", format: sparkplug}}}
`)
	o := overhear(t, b)
	o.awaits("all subscribe", func() bool {
		return strings.Contains(b.Output(), "gw-a-press 1 plant/press") && strings.Contains(b.Output(), "gw-a-host 1 spBv1.0/Dodona/+/gw-a/#") && strings.Contains(b.Output(), "gw-a-all 1 spBv1.0/#")
	})
	const topic = "spBv1.0/Dodona/DDATA/gw-a/press"
	for n, value := range numbered() {
		o.say("plant/press", `{"value":`+value+`}`)
		o.awaits("the metric of message "+value, func() bool { return len(o.on(topic)) > n })
	}
	o.awaits("what came back is counted", func() bool {
		host, _ := droppedBy(t, p, "host")
		all, _ := droppedBy(t, p, "all")
		return host >= outside && all >= outside
	})
	for i, body := range o.on(topic) {
		if said, err := sparkplug.Decode(body); err != nil || len(said.Metrics) != 1 || said.Metrics[0].Name != "press" {
			t.Errorf("message %d: %+v, %v", i, said, err)
		}
	}
	if n := len(o.on(topic)); n != outside {
		t.Errorf("%d messages from outside, and %d of the press", outside, n)
	}
	for _, device := range []string{"host", "all"} {
		for _, body := range o.on("spBv1.0/Dodona/DDATA/gw-a/" + device) {
			said, err := sparkplug.Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range said.Metrics {
				if !m.Null {
					t.Errorf("device %s: %s has a value, which can only be its own: %+v", device, m.Name, m)
				}
			}
		}
	}
	p.stop()
}
