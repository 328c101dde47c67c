package plant

import (
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
)

// Where the pump is in Sparkplug's namespace.
const (
	spGroup = "plant"
	spEdge  = "edge-1"
	spPump  = "pump"
)

// An edge is the edge node of Sparkplug B, with the pump behind it. Its births are told again when a host asks for them. It is no client of the
// broker, which is in the same process, and says itself what its will would.
type edge struct {
	broker  *mqtt.Server
	born    bool
	session uint64
	seq     uint8
	rebirth atomic.Bool
}

// listen lets hosts ask for births.
func (e *edge) listen() error {
	return e.broker.Subscribe(topicOf("NCMD", ""), 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
		p, err := sparkplug.Decode(pk.Payload)
		if err != nil {
			return
		}
		for _, m := range p.Metrics {
			if m.Name == sparkplug.Rebirth && m.Value.Kind == sparkplug.InBoolean && m.Value.Bits == 1 {
				e.rebirth.Store(true) // at the next tick: who asks without end is answered once each
			}
		}
	})
}

func topicOf(kind, device string) string {
	topic := "spBv1.0/" + spGroup + "/" + kind + "/" + spEdge
	if device != "" {
		topic += "/" + device
	}
	return topic
}

// publish sends a message with the next number.
func (e *edge) publish(kind, device string, now time.Time, metrics ...sparkplug.Metric) {
	p := sparkplug.Payload{Timestamp: uint64(now.UnixMilli()), Metrics: metrics, HasSeq: kind != "NDEATH", Seq: uint64(e.seq)}
	if p.HasSeq {
		e.seq++
	}
	_ = e.broker.Publish(topicOf(kind, device), p.Append(nil), false, 0) // it fails for a wrong topic alone
}

// tell says what is new of the pump, with whatever has to be said before. What is unplugged is the edge node.
func (e *edge) tell(w world, f Fault, now time.Time) {
	if f == Unplug {
		e.die(now)
		return
	}
	if e.rebirth.Swap(false) {
		e.born = false
	}
	kind := "DDATA"
	if !e.born {
		e.born, e.seq, kind = true, 0, "DBIRTH"
		e.publish("NBIRTH", "", now, e.number(),
			sparkplug.Metric{Name: sparkplug.Rebirth, Type: sparkplug.Boolean, Value: sparkplug.FlagOf(false)})
	}
	if f != Freeze || kind == "DBIRTH" {
		e.publish(kind, spPump, now, pumpMetrics(w, f, now, kind == "DBIRTH")...)
	}
}

// number is what a birth and its death share.
func (e *edge) number() sparkplug.Metric {
	return sparkplug.Metric{Name: sparkplug.BdSeq, Type: sparkplug.UInt64, Value: sparkplug.LongOf(e.session % 256)}
}

// die says that the edge node is gone, as the broker does by its will. What comes next is another session.
func (e *edge) die(now time.Time) {
	if e.born {
		e.publish("NDEATH", "", now, e.number())
		e.born = false
		e.session++
	}
}

// pumpMetrics are the values of the pump: in births with their names, types and units, later by their aliases alone.
func pumpMetrics(w world, f Fault, now time.Time, born bool) []sparkplug.Metric {
	if f == Slow {
		now = now.Add(-lateness)
	}
	speed, vibration, since := w.pump(now)
	metrics := []sparkplug.Metric{
		metric("speed", 1, sparkplug.Int32, dodona.NewInt192(speed).Decimal(0), "/min"),
		metric("vibration", 2, sparkplug.Double, dodona.NewInt192(vibration).Decimal(2), "mm/s"),
	}
	for i := range metrics {
		m := &metrics[i]
		m.Timestamp = uint64(since.UnixMilli())
		quality := int32(sparkplug.QualityGood)
		if f == Lie {
			quality = sparkplug.QualityBad
		}
		m.Properties = append(m.Properties, sparkplug.Property{Key: sparkplug.Quality, Type: sparkplug.Int32, Value: sparkplug.IntOf(quality)})
		if !born {
			m.Name, m.Type, m.Properties = "", sparkplug.Unknown, m.Properties[1:]
		}
	}
	return metrics
}

func metric(name string, alias uint64, t sparkplug.Type, d dodona.Decimal, unit string) sparkplug.Metric {
	v, err := sparkplug.Of(t, d)
	return sparkplug.Metric{
		Name: name, Alias: alias, HasAlias: true, Type: t, Value: v, Null: err != nil, // never: each fits its type
		Properties: []sparkplug.Property{{Key: sparkplug.EngUnit, Type: sparkplug.String, Value: sparkplug.TextOf(unit)}},
	}
}
