//go:build integration

package mqtt_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/sink/mqtt"
)

// A host is who reads what edge nodes say.
type host struct {
	conn *mqttc.Conn
	mu   sync.Mutex
	came []said
}

type said struct {
	topic string
	sparkplug.Payload
}

func newHost(t *testing.T, b *mosquittotest.Broker) *host {
	t.Helper()
	h := &host{}
	s := settings(b, nil).Settings
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(mqttc.Dialer).Dial(ctx, mqttc.Config{Settings: s, ClientID: "host", Clean: true, Receive: func(m mqttc.Message) {
		p, err := sparkplug.Decode(m.Payload)
		if err != nil {
			t.Errorf("%s: %v", m.Topic, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.came = append(h.came, said{m.Topic, p})
	}})
	if err == nil {
		_, err = conn.Subscribe(ctx, mqttc.Subscription{Filter: "spBv1.0/#", QoS: 0})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.conn = conn
	t.Cleanup(func() { _ = conn.Close() })
	return h
}

func (h *host) all() []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.came[:len(h.came):len(h.came)]
}

// of returns what came of a kind of message.
func (h *host) of(kind string) (list []said) {
	for _, s := range h.all() {
		if strings.Split(s.topic, "/")[2] == kind {
			list = append(list, s)
		}
	}
	return list
}

// TestASparkplugHostHearsBirthsDataAndDeath in the order of the specification, each message numbered, and the births again when it asks for them.
func TestASparkplugHostHearsBirthsDataAndDeath(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	h := newHost(t, b)
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.Format, s.Group = mqtt.Sparkplug, "Plant" }), "boiler", "press")
	until(t, "all are born", func() bool { return len(h.of("DBIRTH")) == 2 })
	r.say("boiler", "press", "boiler")
	until(t, "the data has come", func() bool { return len(h.of("DDATA")) == 3 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := sparkplug.Payload{Timestamp: uint64(time.Now().UnixMilli()), Metrics: []sparkplug.Metric{
		{Name: sparkplug.Rebirth, Type: sparkplug.Boolean, Value: sparkplug.FlagOf(true)},
	}}
	if err := h.conn.Publish(ctx, mqttc.Message{Topic: "spBv1.0/Plant/NCMD/gw-7", Payload: command.Append(nil), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	until(t, "they are born again", func() bool { return len(h.of("DBIRTH")) == 4 })
	r.stop()
	until(t, "the node is dead", func() bool { return len(h.of("NDEATH")) == 1 })

	var kinds []string
	seq := uint64(0)
	for _, s := range h.all() {
		parts := strings.Split(s.topic, "/")
		if parts[2] == "NCMD" {
			continue
		}
		kinds = append(kinds, strings.Join(parts[2:], " "))
		switch {
		case parts[2] == "NDEATH" && s.HasSeq:
			t.Error("the death is numbered")
		case parts[2] == "NDEATH":
		case parts[2] == "NBIRTH" && s.Seq != 0:
			t.Errorf("a birth has number %d", s.Seq)
		case s.Seq != seq && parts[2] != "NBIRTH":
			t.Errorf("%s has number %d, want %d", s.topic, s.Seq, seq)
		}
		seq = s.Seq + 1
	}
	want := "NBIRTH gw-7, DBIRTH gw-7 boiler, DBIRTH gw-7 press, DDATA gw-7 boiler, DDATA gw-7 press, DDATA gw-7 boiler, " +
		"NBIRTH gw-7, DBIRTH gw-7 boiler, DBIRTH gw-7 press, NDEATH gw-7"
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("it heard %s\nwant %s", got, want)
	}
	births, deaths := h.of("NBIRTH"), h.of("NDEATH")
	if len(births) == 0 || len(deaths) == 0 {
		t.Fatal("nothing was born, or died")
	}
	if birth, death := births[0].Metrics[0], deaths[0].Metrics[0]; birth.Name != sparkplug.BdSeq || birth.Value.Bits != death.Value.Bits {
		t.Errorf("born as %+v, dead as %+v", birth, death)
	}
	first, again := h.of("DBIRTH")[0].Metrics[0], h.of("DBIRTH")[2].Metrics[0]
	if !first.Null || again.Null || first.Type != sparkplug.Double {
		t.Errorf("born as %+v, and again as %+v, which has said something", first, again)
	}
	if d, err := again.Value.Decimal(again.Type); err != nil || d.String() != "3" {
		t.Errorf("born again with %v (%v), want what it said last", d, err)
	}
	if p, found := again.Property(sparkplug.Quality); !found || p.Value.Bits != sparkplug.QualityGood {
		t.Errorf("its quality is %+v", p)
	}
}

// TestAHostThatAsksForBirthsAgainAndAgainIsAnsweredNowAndThen: data go on meanwhile.
func TestAHostThatAsksForBirthsAgainAndAgainIsAnsweredNowAndThen(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	h := newHost(t, b)
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.Format = mqtt.Sparkplug }), "boiler")
	until(t, "it is born", func() bool { return len(h.of("DBIRTH")) == 1 })
	begun := time.Now()
	command := sparkplug.Payload{Metrics: []sparkplug.Metric{{Name: sparkplug.Rebirth, Type: sparkplug.Boolean, Value: sparkplug.FlagOf(true)}}}
	const asks = 100
	for range asks {
		if err := h.conn.Publish(t.Context(), mqttc.Message{Topic: "spBv1.0/Dodona/NCMD/gw-7", Payload: command.Append(nil), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	r.say("boiler", "boiler", "boiler")
	until(t, "the data has come, and the births again twice", func() bool { return len(h.of("DDATA")) == 3 && len(h.of("DBIRTH")) >= 3 })
	if births, most := len(h.of("NBIRTH")), 3+int(time.Since(begun)/(5*time.Second)); births > most || births >= asks {
		t.Errorf("%d births for %d asks in %s, want %d at most", births, asks, time.Since(begun), most)
	}
}

// TestASparkplugNodeThatIsKilledIsDead by its will.
func TestASparkplugNodeThatIsLostIsDeadByItsWill(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	h := newHost(t, b)
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.Format, s.EdgeNode = mqtt.Sparkplug, "edge-1" }), "boiler")
	until(t, "it is born", func() bool { return len(h.of("DBIRTH")) == 1 })
	other := settings(b, nil).Settings // who comes by its client id throws it out
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(mqttc.Dialer).Dial(ctx, mqttc.Config{Settings: other, ClientID: "gw-7-plant", Clean: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	until(t, "its will says so", func() bool { return len(h.of("NDEATH")) >= 1 })
	until(t, "it is born anew", func() bool { return len(h.of("NBIRTH")) >= 2 })
	births := h.of("NBIRTH")
	if first, second := births[0].Metrics[0].Value.Bits, births[1].Metrics[0].Value.Bits; second != (first+1)%256 {
		t.Errorf("born as %d, and then as %d", first, second)
	}
	r.stop()
}
