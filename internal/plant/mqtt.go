package plant

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	maxPacket        = 64 << 10 // bytes
	maxSubscriptions = 64       // of one client
	maxSessions      = 64       // of clients, also of those that are away
	maxSession       = 600      // seconds for which a client that is away is remembered
	maxPending       = 256      // messages that wait for one client
)

// An mqttPart is the broker, with the devices that publish to it: the power meter in plain JSON, the pump as Sparkplug B.
type mqttPart struct {
	gate   *gate
	broker *mqtt.Server
	world  world

	mu     sync.Mutex
	faults map[string]Fault // by device
	cut    bool             // nobody can be told
	edge   edge
}

func startMQTT(ctx context.Context, c Config, w world) (part, error) {
	g, err := listen(ctx, address(c.Host, c.MQTT))
	if err != nil {
		return nil, fmt.Errorf("listen for mqtt: %w", err)
	}
	able := mqtt.NewDefaultServerCapabilities()
	able.MaximumClients, able.MaximumPacketSize, able.MaximumClientWritesPending = maxClients, maxPacket, maxPending
	able.MaximumSessionExpiryInterval, able.MaximumInflight, able.ReceiveMaximum, able.TopicAliasMaximum = maxSession, maxPending, maxPending, 16
	able.MaximumMessageExpiryInterval = maxSession
	m := &mqttPart{gate: g, world: w, faults: map[string]Fault{"power": Plug, spPump: Plug}}
	m.broker = mqtt.New(&mqtt.Options{
		Capabilities: able, InlineClient: true, Logger: slog.New(slog.DiscardHandler),
		SysTopicResendInterval: 24 * 60 * 60, // nobody needs them, and each reads the memory's statistics
	})
	m.edge.broker = m.broker
	err = m.broker.AddHook(&door{broker: m.broker}, nil)
	if err == nil {
		err = m.broker.AddListener(listeners.NewNet("plant", g))
	}
	if err == nil {
		err = m.edge.listen()
	}
	if err == nil {
		err = m.broker.Serve()
	}
	if err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("start the broker of mqtt: %w", err)
	}
	return m, nil
}

// A door lets everybody in, and lets nobody make the broker keep much.
type door struct {
	mqtt.HookBase
	broker *mqtt.Server
}

func (*door) ID() string { return "door" }

func (*door) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSubscribe, mqtt.OnPublish, mqtt.OnWill:
		return true
	}
	return false
}

func (*door) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (*door) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnConnect: sessions of clients that are away count too; who comes back to one of them is welcome.
func (d *door) OnConnect(c *mqtt.Client, _ packets.Packet) error {
	if _, known := d.broker.Clients.Get(c.ID); !known && d.broker.Clients.Len() >= maxSessions {
		return packets.ErrServerBusy
	}
	return nil
}

// OnSubscribe: what is too much is made a filter that the broker refuses by itself.
func (*door) OnSubscribe(c *mqtt.Client, pk packets.Packet) packets.Packet {
	if len(c.State.Subscriptions.GetAll())+len(pk.Filters) > maxSubscriptions {
		for i := range pk.Filters {
			pk.Filters[i].Filter = ""
		}
	}
	return pk
}

// OnPublish: what clients publish is given to subscribers, and not retained.
func (*door) OnPublish(c *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if !c.Net.Inline {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

func (*door) OnWill(_ *mqtt.Client, w mqtt.Will) (mqtt.Will, error) {
	w.Retain, w.WillDelayInterval = false, 0
	return w, nil
}

func (m *mqttPart) devices() []Device {
	at := m.gate.Addr().String()
	return []Device{
		{Name: "power", Protocol: MQTT, Address: at, Points: []Point{
			{"power", "W", "topic plant/power, JSON /power"},
			{"voltage", "V", "topic plant/power, JSON /voltage"},
			{"energy", "kW.h", "topic plant/power, JSON /energy"},
		}},
		{Name: spPump, Protocol: MQTT, Address: at, Points: []Point{
			{"speed", "/min", "Sparkplug group plant, edge edge-1, device pump, metric speed, an Int32"},
			{"vibration", "mm/s", "Sparkplug group plant, edge edge-1, device pump, metric vibration, a Double"},
		}},
	}
}

func (m *mqttPart) fault(device string, f Fault) {
	if device == "" {
		m.gate.set(f)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if device == "" {
		m.cut = f == Unplug || f == Freeze
	}
	if device == "" && f == Unplug { // the edge node lost its connection too
		m.edge.die(time.Now())
	}
	for name := range m.faults {
		if name == device || device == "" && (f == Lie || f == Plug) {
			m.faults[name] = f
		}
	}
}

func (m *mqttPart) run(ctx context.Context) {
	ticks := time.NewTicker(m.world.every)
	defer ticks.Stop()
	defer func() {
		_ = m.gate.Close() // first, because what is frozen would hold up the broker's farewell
		_ = m.broker.Close()
	}()
	for {
		m.publish(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

func (m *mqttPart) publish(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.cut {
		m.publishPower(now)
		m.edge.tell(m.world, m.faults[spPump], now)
	}
}

// publishPower says what the power meter measures. One that is unplugged or frozen says nothing; one that is slow tells of the past.
func (m *mqttPart) publishPower(now time.Time) {
	f := m.faults["power"]
	if f == Unplug || f == Freeze {
		return
	}
	if f == Slow {
		now = now.Add(-lateness)
	}
	watts, volts, energy, since := m.world.power(now)
	if f == Lie { // the current transformer is broken
		watts, volts = 99999999, 0
	}
	body := fmt.Appendf(nil, `{"time":%q,"power":%s,"voltage":%s,"energy":%s}`, since.Format(time.RFC3339Nano), decimal(watts, 1), decimal(volts, 1), decimal(energy, 2))
	_ = m.broker.Publish("plant/power", body, false, 0) // it fails for a wrong topic alone
}
