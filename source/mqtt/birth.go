package mqtt

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/sparkplug"
)

// step takes in a message of an edge node, and returns its metrics.
func (h *host) step(conn *mqttc.Conn, s *sent, now time.Time) []dodona.Reading {
	switch s.verb {
	case "NBIRTH":
		return h.birth(conn, s, now)
	case "NDEATH":
		return h.death(conn, s, now)
	}
	h.follow(conn, s, now)
	switch s.verb {
	case "DBIRTH":
		of := s.node.devices[s.device]
		if of != nil {
			h.items -= len(of.metrics)
		} else if len(s.node.devices) >= maxNodes {
			// Fault (dropped): an edge node of Sparkplug has more devices than are told apart.
			h.env.Dropped(1, fmt.Sprintf("edge node %s/%s has more than %d devices", s.node.group, s.node.edge, maxNodes))
			return nil
		}
		of = h.born(s, of)
		s.node.devices[s.device] = of
		return h.metrics(conn, s, of, now)
	case "DDEATH":
		of := s.node.devices[s.device]
		if of == nil {
			return nil
		}
		of.born = false
		return h.bad(conn, s.node, s.device, of, s.body, "offline: DDEATH of device "+s.device, now)
	}
	of := s.node.own
	if s.device != "" {
		if of = s.node.devices[s.device]; of == nil {
			of = newEntity() // never born; it is not kept
		}
	}
	return h.metrics(conn, s, of, now)
}

// birth begins an edge node's life: what was known of it and its devices is not true any more.
func (h *host) birth(conn *mqttc.Conn, s *sent, now time.Time) (readings []dodona.Reading) {
	n := s.node
	for _, device := range slices.Sorted(maps.Keys(n.devices)) { // they are born again after it, or gone
		readings = append(readings, h.bad(conn, n, device, n.devices[device], s.body, "offline: device "+device+" is not born since its edge node was", now)...)
		h.items -= len(n.devices[device].metrics)
	}
	h.items -= len(n.own.metrics)
	n.devices = map[string]*entity{}
	n.born, n.wait = true, 0
	n.bdSeq, n.hasBdSeq = s.bdSeq()
	n.next = (s.Seq + 1) % 256
	n.own = h.born(s, n.own)
	return append(readings, h.metrics(conn, s, n.own, now)...)
}

// bdSeq returns the number that a birth and its death share.
func (s *sent) bdSeq() (n uint64, found bool) {
	for i := range s.Metrics {
		if m := &s.Metrics[i]; m.Name == sparkplug.BdSeq && m.Err == nil && !m.Null && (m.Value.Kind == sparkplug.InLong || m.Value.Kind == sparkplug.InInt) {
			return m.Value.Bits, true
		}
	}
	return 0, false
}

// born notes the metrics of a birth.
func (h *host) born(s *sent, before *entity) *entity {
	of := newEntity()
	of.born = true
	beyond := 0
	for i := range s.Metrics {
		m := &s.Metrics[i]
		if m.Err != nil || m.Name == "" {
			continue
		}
		if h.items >= topicLimit {
			beyond++
			continue
		}
		born := &metric{name: m.Name, of: m.Type}
		if before != nil && before.metrics[m.Name] != nil {
			born.bad = before.metrics[m.Name].bad
		}
		if of.metrics[m.Name] == nil {
			h.items++
		}
		of.metrics[m.Name] = born
		if m.HasAlias {
			of.aliases[m.Alias] = born
		}
	}
	if beyond > 0 {
		// Fault (dropped): a birth of Sparkplug has more metrics than are told apart.
		h.env.Dropped(uint64(beyond), fmt.Sprintf("metrics of a birth beyond %d of all: name groups or metrics, or make several sources", topicLimit))
	}
	return of
}

// death ends an edge node's life, and that of its devices. One of a life before this one is late, and says nothing of this one; but there are
// edge nodes that count otherwise, so one that is silent from then on is taken for gone.
func (h *host) death(conn *mqttc.Conn, s *sent, now time.Time) []dodona.Reading {
	n := s.node
	if of, has := s.bdSeq(); has && n.hasBdSeq && n.born && of != n.bdSeq && (n.bdSeq-of)%256 < 128 {
		h.env.Log.Info(fmt.Sprintf("%s: a death of edge node %s/%s with bdSeq %d, and it was born with %d: it is late, or the edge node counts otherwise", h.env.Source, n.group, n.edge, of, n.bdSeq), "source", h.env.Source)
		h.doubt(n, conn, "since a death of another life of it came", now)
		return nil
	}
	n.doubt = time.Time{}
	return h.gone(n, conn, s.body, fmt.Sprintf("offline: NDEATH of edge node %s/%s", n.group, n.edge), now)
}

// gone returns what becomes of the metrics of an edge node that is gone.
func (h *host) gone(n *node, conn *mqttc.Conn, body []byte, why string, now time.Time) (readings []dodona.Reading) {
	n.born, n.own.born = false, false
	readings = h.bad(conn, n, "", n.own, body, why, now)
	for _, device := range slices.Sorted(maps.Keys(n.devices)) {
		n.devices[device].born = false
		readings = append(readings, h.bad(conn, n, device, n.devices[device], body, why, now)...)
	}
	for item := range h.wanted { // of what was never born here, there may be a reading of an earlier start
		if group, edge, device, name, ok := partsOf(item); ok && group == n.group && edge == n.edge && !h.isKnown(n, device, name) {
			readings = append(readings, h.offline(conn, item, body, why, now))
		}
	}
	slices.SortStableFunc(readings, func(a, b dodona.Reading) int { return compare(a.Item, b.Item) })
	return readings
}

func (h *host) isKnown(n *node, device, name string) bool {
	of := n.own
	if device != "" {
		of = n.devices[device]
	}
	return of != nil && of.metrics[name] != nil
}

// bad returns a bad reading of each metric that was not bad before.
func (h *host) bad(conn *mqttc.Conn, n *node, device string, of *entity, body []byte, why string, now time.Time) (readings []dodona.Reading) {
	for _, name := range slices.Sorted(maps.Keys(of.metrics)) {
		m := of.metrics[name]
		item := itemOf(n.group, n.edge, device, name)
		if !m.bad && (h.wanted == nil || h.wanted[item]) {
			readings = append(readings, h.offline(conn, item, body, why, now))
		}
		m.bad = true
	}
	return readings
}

// offline returns the bad reading of one metric.
func (h *host) offline(conn *mqttc.Conn, item string, body []byte, why string, now time.Time) dodona.Reading {
	return dodona.Reading{
		Source: h.env.Source, Item: item, Body: body, ContentType: mediaType, Received: now, Quality: dodona.Bad,
		Detail: fmt.Sprintf("%s (by %s)", why, conn.Broker()),
	}
}

// follow looks after the sequence of an edge node's messages, and asks for its births where something is missing.
func (h *host) follow(conn *mqttc.Conn, s *sent, now time.Time) {
	n := s.node
	switch {
	case !n.born:
		h.ask(n, conn, now)
	case !s.HasSeq:
		h.env.Log.Debug(h.env.Source+": a message without seq of "+n.group+"/"+n.edge, "source", h.env.Source)
	case s.Seq%256 != n.next:
		lost := (s.Seq - n.next) % 256
		if lost < 128 {
			// Fault (dropped): messages of Sparkplug are lost on the way.
			h.env.Dropped(lost, fmt.Sprintf("edge node %s/%s: a gap in its sequence, %d came where %d was due", n.group, n.edge, s.Seq%256, n.next))
		} else {
			h.env.Log.Warn(fmt.Sprintf("%s: edge node %s/%s: %d came where %d was due, out of order", h.env.Source, n.group, n.edge, s.Seq%256, n.next), "source", h.env.Source)
		}
		h.ask(n, conn, now)
	}
	if s.HasSeq {
		n.next = (s.Seq + 1) % 256
	}
	if s.verb == "DDATA" && n.born && n.devices[s.device] == nil {
		h.ask(n, conn, now)
	}
}
