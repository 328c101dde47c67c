package mqtt

import (
	"context"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
	"github.com/dodona-oracle/dodona/sink"
)

// An edge is what an edge node of Sparkplug B keeps: which birth it is at, and what each metric said last.
type edge struct {
	env   sink.Env
	group string
	node  string
	asked chan struct{} // holds one token: a host wants to hear the births again

	// Of whoever has the connection:
	bdSeq   uint64
	seq     uint64
	devices []string                    // in the order of the configuration
	metrics map[string][]sink.Described // by device
	last    map[string]sparkplug.Metric // by point
}

const (
	namespace = "spBv1.0"
	bornFor   = 5 * time.Second // at least, until the births are said again: a host may ask with each message that it does not know
)

func newEdge(s Settings, env sink.Env) *edge {
	e := &edge{
		env: env, group: s.groupID(), node: s.edgeID(env.Node), asked: make(chan struct{}, 1),
		bdSeq:   uint64(env.Now().Unix()) % 256, // another one than before a restart
		metrics: make(map[string][]sink.Described), last: make(map[string]sparkplug.Metric),
	}
	for _, d := range env.Described {
		if !slices.Contains(e.devices, d.Device) {
			e.devices = append(e.devices, d.Device)
		}
		e.metrics[d.Device] = append(e.metrics[d.Device], d)
	}
	return e
}

func (e *edge) topic(kind, device string) string {
	t := namespace + "/" + e.group + "/" + kind + "/" + e.node
	if device != "" {
		t += "/" + device
	}
	return t
}

// begin counts one more birth, and returns the death that goes with it.
func (e *edge) begin() *mqttc.Message {
	e.bdSeq = (e.bdSeq + 1) % 256
	m := e.death()
	return &m
}

func (e *edge) birthMetric() sparkplug.Metric {
	return sparkplug.Metric{Name: sparkplug.BdSeq, Type: sparkplug.Int64, Timestamp: e.now(), Value: sparkplug.LongOf(e.bdSeq)}
}

func (e *edge) death() mqttc.Message {
	p := sparkplug.Payload{Timestamp: e.now(), Metrics: []sparkplug.Metric{e.birthMetric()}}
	return mqttc.Message{Topic: e.topic("NDEATH", ""), Payload: p.Append(nil), QoS: 1, AtMost: true}
}

func (e *edge) now() uint64 { return uint64(max(e.env.Now().UnixMilli(), 1)) }

// next numbers a message of the edge node.
func (e *edge) next(p *sparkplug.Payload) []byte {
	p.Seq, p.HasSeq = e.seq, true
	e.seq = (e.seq + 1) % 256
	return p.Append(nil)
}

// births says who is there, and with which metrics; before that it listens for commands.
func (e *edge) births(ctx context.Context, p *publisher) error {
	if _, err := p.conn.Subscribe(ctx, mqttc.Subscription{Filter: e.topic("NCMD", ""), QoS: 1}); err != nil {
		return err
	}
	e.seq = 0
	at := e.now()
	node := sparkplug.Payload{Timestamp: at, Metrics: []sparkplug.Metric{
		e.birthMetric(), {Name: sparkplug.Rebirth, Type: sparkplug.Boolean, Timestamp: at, Value: sparkplug.FlagOf(false)},
	}}
	if err := p.publish(ctx, mqttc.Message{Topic: e.topic("NBIRTH", ""), Payload: e.next(&node), QoS: byte(p.s.QoS)}); err != nil {
		return err
	}
	for _, device := range e.devices {
		if err := p.publish(ctx, mqttc.Message{Topic: e.topic("DBIRTH", device), Payload: e.deviceBirth(device), QoS: byte(p.s.QoS)}); err != nil {
			return err
		}
	}
	return nil
}

// deviceBirth names every metric that a device will ever have, with what it said last.
func (e *edge) deviceBirth(device string) []byte {
	birth := sparkplug.Payload{Timestamp: e.now()}
	for _, d := range e.metrics[device] {
		m, known := e.last[d.Point]
		if !known {
			m = sparkplug.Metric{Name: d.Point, Type: sparkplug.Double, Timestamp: birth.Timestamp, Null: true, Properties: properties(dodona.Uncertain, d.Unit)}
		}
		m.Historical = false
		birth.Metrics = append(birth.Metrics, m)
	}
	return e.next(&birth)
}

// most is how many metrics one message has.
const most = 64

// data returns the messages of observations: those of one device that follow each other go together, each metric once, as far as a packet of the broker
// has room; 0: it does not say how much.
func (e *edge) data(events []sink.ObservationEvent, qos byte, room int) (parts []part) {
	for len(events) > 0 {
		device, named := events[0].Device, map[string]bool{}
		topic, payload := e.topic("DDATA", device), sparkplug.Payload{Timestamp: e.now()}
		for n := 0; n < len(events) && n < most && events[n].Device == device && !named[events[n].Point]; n++ {
			payload.Metrics = append(payload.Metrics, metricOf(events[n]))
			named[events[n].Point] = true
		}
		for room > 0 && len(payload.Metrics) > 1 && headRoom+len(topic)+len(payload.Append(nil)) > room {
			payload.Metrics = payload.Metrics[:len(payload.Metrics)/2]
		}
		for _, m := range payload.Metrics {
			e.last[m.Name] = m
		}
		n := len(payload.Metrics)
		parts = append(parts, part{mqttc.Message{Topic: topic, Payload: e.next(&payload), QoS: qos}, n})
		events = events[n:]
	}
	return parts
}

// headRoom is more than what a packet has besides its topic and payload.
const headRoom = 32

// metricOf returns an observation as a metric.
func metricOf(e sink.ObservationEvent) sparkplug.Metric {
	m := sparkplug.Metric{
		Name: e.Point, Type: sparkplug.Double, Timestamp: uint64(max(e.Time.UnixMilli(), 1)), Historical: e.Late,
		Properties: properties(e.Quality, e.Unit),
	}
	if e.Value != nil {
		value, err := sparkplug.Of(sparkplug.Double, *e.Value)
		m.Value, m.Null = value, err != nil // no decimal of 192 bits is beyond a double
		return m
	}
	m.Null = true
	return m
}

// properties say what stands beside a value.
func properties(q dodona.Quality, unit string) []sparkplug.Property {
	code := map[dodona.Quality]int32{dodona.Good: sparkplug.QualityGood, dodona.Uncertain: sparkplug.QualityStale, dodona.Bad: sparkplug.QualityBad}[q]
	list := []sparkplug.Property{{Key: sparkplug.Quality, Type: sparkplug.Int32, Value: sparkplug.IntOf(code)}}
	if unit != "" {
		list = append(list, sparkplug.Property{Key: sparkplug.EngUnit, Type: sparkplug.String, Value: sparkplug.TextOf(unit)})
	}
	return list
}

// receive hears a host ask for the births. Every other command is passed over: nothing here is written to a device.
func (e *edge) receive(m mqttc.Message) {
	p, err := sparkplug.Decode(m.Payload)
	if err != nil {
		e.env.Log.Warn("a command of Sparkplug cannot be read; it is passed over", "error", err)
		return
	}
	for _, metric := range p.Metrics {
		if metric.Name == sparkplug.Rebirth && metric.Value.Kind == sparkplug.InBoolean && metric.Value.Bits == 1 {
			e.ask()
			return
		}
	}
	e.env.Log.Warn("a command of Sparkplug is passed over: only Node Control/Rebirth is followed")
}

func (e *edge) ask() {
	select {
	case e.asked <- struct{}{}:
	default:
	}
}

// isAsked reports, once, whether a host has asked for the births.
func (e *edge) isAsked() bool {
	select {
	case <-e.asked:
		return true
	default:
		return false
	}
}
