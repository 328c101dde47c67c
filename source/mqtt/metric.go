package mqtt

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
)

// mediaType is that of the body of a metric's reading: a payload of Sparkplug B with this metric alone.
const mediaType = "application/x-sparkplug-b"

// historical is what the item of a metric ends in that is not the value now: no point is made of it.
const historical = " (historical)"

func compare(a, b string) int { return cmp.Compare(a, b) }

// partsOf returns what an item names.
func partsOf(item string) (group, edge, device, name string, ok bool) {
	of, name, ok := strings.Cut(item, "//")
	parts := strings.Split(of, "/")
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return "", "", "", "", false
	}
	if len(parts) == 3 {
		device = parts[2]
	}
	return parts[0], parts[1], device, name, true
}

// metrics returns the metrics of a birth or of data, each a reading.
func (h *host) metrics(conn *mqttc.Conn, s *sent, of *entity, now time.Time) (readings []dodona.Reading) {
	unknown := uint64(0)
	for i := range s.Metrics {
		m := &s.Metrics[i]
		born := of.metrics[m.Name]
		if m.Name == "" && m.HasAlias {
			born = of.aliases[m.Alias]
		}
		if m.Name == "" && born == nil {
			unknown++
			continue
		}
		name, kind := m.Name, m.Type
		if born != nil {
			name, kind = born.name, cmp.Or(m.Type, born.of)
		}
		item := itemOf(s.node.group, s.node.edge, s.device, name)
		if h.wanted != nil && !h.wanted[item] || h.wanted == nil && isControl(name) {
			continue
		}
		r := h.reading(conn, s, m, now)
		r.Item, r.Body = item, s.Alone(m, name, kind)
		if m.Historical {
			r.Item += historical
		} else if born != nil {
			born.bad = r.Quality == dodona.Bad
		}
		if r.Quality == dodona.Good && (born == nil || !of.born || !s.node.born) {
			r.Quality, r.Detail = dodona.Uncertain, "never born: no birth says what it is; "+r.Detail
		}
		readings = append(readings, r)
	}
	if unknown > 0 {
		// Fault (dropped): an alias of Sparkplug is unknown.
		h.env.Dropped(unknown, fmt.Sprintf("%s of %s/%s: metrics with an alias that no birth explains, or without a name", s.verb, s.node.group, s.node.edge))
		h.ask(s.node, conn, now)
	}
	return readings
}

// isControl reports whether a metric is of the protocol rather than of the plant.
func isControl(name string) bool {
	return name == sparkplug.BdSeq || strings.HasPrefix(name, "Node Control/") || strings.HasPrefix(name, "Device Control/")
}

// latest is when a device's clock is believed to be set at most: what is beyond is no time that JSON can write.
const latest = 253_402_300_799_999

// reading returns what there is to say of a metric, but for its name.
func (h *host) reading(conn *mqttc.Conn, s *sent, m *sparkplug.Metric, now time.Time) dodona.Reading {
	of := s.node.group + "/" + s.node.edge
	if s.device != "" {
		of += "/" + s.device
	}
	r := dodona.Reading{
		Source: h.env.Source, ContentType: mediaType, Received: now,
		Detail: fmt.Sprintf("%s of %.100s from %s, seq %d", s.verb, of, conn.Broker(), s.Seq),
	}
	if at := cmp.Or(m.Timestamp, s.Timestamp); at > 0 && at <= latest {
		r.SourceTime = time.UnixMilli(int64(at)).UTC()
	}
	doubt := func(q dodona.Quality, why string) { r.Quality, r.Detail = q, why+"; "+r.Detail }
	quality, has := m.Property(sparkplug.Quality)
	switch {
	case m.Err != nil:
		doubt(dodona.Bad, fmt.Sprintf("cannot be read: %v", m.Err))
	case m.Null:
		doubt(dodona.Bad, "is null")
	case has && quality.Value.Kind == sparkplug.InInt && quality.Value.Bits == sparkplug.QualityBad:
		doubt(dodona.Bad, "the device says that its quality is bad")
	case has && quality.Value.Kind == sparkplug.InInt && quality.Value.Bits != sparkplug.QualityGood:
		doubt(dodona.Uncertain, fmt.Sprintf("the device says that its quality is %s", qualityWord(quality.Value.Bits)))
	}
	return r
}

func qualityWord(code uint64) string {
	if code == sparkplug.QualityStale {
		return "stale"
	}
	return fmt.Sprint(code)
}
