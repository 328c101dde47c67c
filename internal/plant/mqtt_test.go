package plant

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/mqttc"
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
		first := received(t, got, "plant/power")
		if !first.Retained {
			t.Errorf("%s: nothing is retained", version)
		}
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
