package plant

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
)

// subscribed returns what the broker sends of some topics to a client of one version.
func subscribed(t *testing.T, p *Plant, version mqttc.Version, filters ...string) (*mqttc.Conn, <-chan mqttc.Message) {
	t.Helper()
	var s mqttc.Settings
	s.Default()
	s.URL, s.Version = "mqtt://"+at(t, p, "power"), version
	got := make(chan mqttc.Message, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := new(mqttc.Dialer).Dial(ctx, mqttc.Config{Settings: s, ClientID: "test", Clean: true, Receive: func(m mqttc.Message) {
		select {
		case got <- m:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	var all []mqttc.Subscription
	for _, f := range filters {
		all = append(all, mqttc.Subscription{Filter: f})
	}
	if _, err := c.Subscribe(ctx, all...); err != nil {
		t.Fatal(err)
	}
	return c, got
}

// received returns the next message of a topic.
func received(t *testing.T, from <-chan mqttc.Message, topic string) mqttc.Message {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case m := <-from:
			if m.Topic == topic {
				return m
			}
		case <-late:
			t.Fatalf("nothing came of %s", topic)
		}
	}
}

func TestThePowerMeterPublishesToBothVersions(t *testing.T) {
	for _, version := range []mqttc.Version{mqttc.Three, mqttc.Five} {
		p := started(t, Config{Every: 20 * time.Millisecond})
		_, got := subscribed(t, p, version, "plant/power")
		var values struct {
			Time                   time.Time
			Power, Voltage, Energy float64
		}
		m := received(t, got, "plant/power")
		if err := json.Unmarshal(m.Payload, &values); err != nil || values.Power < 500 || values.Power > 3500 || time.Since(values.Time) > patience {
			t.Errorf("%s: got %s, %v", version, m.Payload, err)
		}
		_ = p.Fault("power", Lie)
		for values.Power != 9999999.9 {
			_ = json.Unmarshal(received(t, got, "plant/power").Payload, &values)
		}
	}
}

func TestAnUnpluggedBrokerCutsItsClients(t *testing.T) {
	p := started(t, Config{})
	c, _ := subscribed(t, p, mqttc.Five, "#")
	_ = p.Fault("mqtt", Unplug)
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the connection stands")
	}
	_ = p.Fault("mqtt", Plug)
	_, got := subscribed(t, p, mqttc.Five, "plant/#")
	received(t, got, "plant/power")
	_ = p.Fault("mqtt", Freeze) // and ends so
}

// next returns the next payload of Sparkplug on a topic.
func next(t *testing.T, from <-chan mqttc.Message, topic string) sparkplug.Payload {
	t.Helper()
	m := received(t, from, topic)
	p, err := sparkplug.Decode(m.Payload)
	if err != nil {
		t.Fatalf("%s: %v", topic, err)
	}
	return p
}

func TestThePumpIsBornWorksAndDies(t *testing.T) {
	p := started(t, Config{Every: 20 * time.Millisecond})
	c, got := subscribed(t, p, mqttc.Five, "spBv1.0/#")
	if m := next(t, got, "spBv1.0/plant/DDATA/edge-1/pump").Metrics; len(m) != 2 || m[0].Name != "" || m[0].Alias != 1 {
		t.Errorf("data: got %+v, want two metrics by their aliases", m)
	}
	ask := sparkplug.Payload{Metrics: []sparkplug.Metric{{Name: sparkplug.Rebirth, Type: sparkplug.Boolean, Value: sparkplug.FlagOf(true)}}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Publish(ctx, mqttc.Message{Topic: "spBv1.0/plant/NCMD/edge-1", Payload: ask.Append(nil)}); err != nil {
		t.Fatal(err)
	}
	if b := next(t, got, "spBv1.0/plant/NBIRTH/edge-1"); !b.HasSeq || b.Seq != 0 || b.Metrics[0].Name != sparkplug.BdSeq {
		t.Errorf("birth of the edge node: %+v", b)
	}
	b := next(t, got, "spBv1.0/plant/DBIRTH/edge-1/pump")
	if len(b.Metrics) != 2 || b.Seq != 1 || b.Metrics[1].Name != "vibration" {
		t.Fatalf("birth of the pump: %+v", b)
	}
	if unit, _ := b.Metrics[1].Property(sparkplug.EngUnit); unit.Value.Text != "mm/s" {
		t.Errorf("vibration is in %q", unit.Value.Text)
	}
	_ = p.Fault("pump", Lie)
	for bad := false; !bad; {
		m := next(t, got, "spBv1.0/plant/DDATA/edge-1/pump").Metrics[0]
		q, has := m.Property(sparkplug.Quality)
		bad = has && q.Value.Bits == sparkplug.QualityBad
	}
	_ = p.Fault("pump", Unplug)
	if d := next(t, got, "spBv1.0/plant/NDEATH/edge-1"); d.HasSeq || d.Metrics[0].Name != sparkplug.BdSeq || d.Metrics[0].Value.Bits != 0 {
		t.Errorf("death: %+v", d)
	}
	_ = p.Fault("pump", Plug)
	if b := next(t, got, "spBv1.0/plant/NBIRTH/edge-1"); b.Metrics[0].Value.Bits != 1 {
		t.Errorf("the next birth is that of the same session: %+v", b)
	}
	next(t, got, "spBv1.0/plant/DBIRTH/edge-1/pump")
}

// TestNobodyMakesTheBrokerKeepMuch: neither sessions nor subscriptions nor retained messages.
func TestNobodyMakesTheBrokerKeepMuch(t *testing.T) {
	p := started(t, Config{Every: 20 * time.Millisecond})
	c, got := subscribed(t, p, mqttc.Five, "plant/power")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	refused := false
	for i := range maxSubscriptions + 1 {
		if _, err := c.Subscribe(ctx, mqttc.Subscription{Filter: fmt.Sprintf("my/%d", i)}); err != nil {
			refused = true
		}
	}
	if !refused {
		t.Error("it takes any number of subscriptions")
	}
	received(t, got, "plant/power") // all the same
	if err := c.Publish(ctx, mqttc.Message{Topic: "my/1", Payload: []byte("kept?"), Retained: true}); err != nil {
		t.Fatal(err)
	}
	if m := received(t, got, "my/1"); m.Retained {
		t.Errorf("got %+v", m)
	}
	broker := p.parts[2].(*mqttPart).broker
	if n := broker.Topics.Retained.Len(); n > 30 { // those of the broker itself
		t.Errorf("%d messages are retained", n)
	}
	if kept := broker.Topics.Messages("my/#"); len(kept) > 0 {
		t.Errorf("a client's message is retained: %v", kept)
	}
	var s mqttc.Settings
	s.Default()
	s.URL, s.Version, s.Session = "mqtt://"+at(t, p, "power"), mqttc.Five, time.Hour
	for i := range maxSessions + 1 {
		c, err := new(mqttc.Dialer).Dial(ctx, mqttc.Config{Settings: s, ClientID: fmt.Sprint("away-", i), Receive: func(mqttc.Message) {}})
		if err == nil {
			_ = c.Close()
		}
	}
	if n := broker.Clients.Len(); n > maxSessions+1 { // with the plant's own
		t.Errorf("%d sessions are kept", n)
	}
	if _, err := c.Subscribe(ctx, mqttc.Subscription{Filter: "my/1"}); c.Err() != nil {
		t.Errorf("who was there before is gone: %v, %v", c.Err(), err)
	}
}
