package mqtt

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	labelName   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
)

// ours are the placeholders that the sink fills in itself.
var ours = []string{"device_id", "protocol", "point", "source", "node", "name", "feed"}

func isLabel(name string) bool { return labelName.MatchString(name) && !slices.Contains(ours, name) }

// A template is a topic with placeholders.
type template struct {
	text string
	with []string // name and value, in turn, of what is the same in every topic
}

// template returns the topic of a sink of that name.
func (s *Settings) template(text, name string) template {
	with := []string{"{name}", name}
	for label, value := range s.Labels {
		with = append(with, "{"+label+"}", value)
	}
	return template{text, with}
}

func (t template) fill(with ...string) string {
	return strings.NewReplacer(append(slices.Clone(t.with), with...)...).Replace(t.text)
}

// of returns the topic of an observation.
func (t template) of(e sink.ObservationEvent) string {
	source, _ := dodona.SplitPointID(e.Point)
	return t.fill("{device_id}", e.Device, "{protocol}", e.Protocol, "{point}", e.Point, "{source}", source, "{node}", e.Node)
}

// Publishes returns the topics on which a sink of that name publishes points, and says that it is there, with the host and port of its broker.
func (s *Settings) Publishes(node, name string, points []sink.Described) (broker string, topics []string) {
	if s.Format == Sparkplug {
		e := newEdge(*s, sink.Env{Node: node, Described: points, Now: time.Now})
		topics = append(topics, e.topic("NBIRTH", ""))
		for _, device := range e.devices {
			topics = append(topics, e.topic("DDATA", device))
		}
		return s.Broker(), topics
	}
	of := s.template(cmp.Or(s.Topic, pointsTopic), name)
	for _, p := range points {
		topics = append(topics, of.of(sink.ObservationEvent{Point: p.Point, Device: p.Device, Protocol: p.Protocol, Node: node}))
	}
	if s.Status != none {
		topics = append(topics, s.template(s.Status, name).fill("{node}", node))
	}
	return s.Broker(), topics
}

// PublishesAs returns the edge node of Sparkplug, GROUP/EDGE, as which a sink publishes; empty if it does as none.
func (s *Settings) PublishesAs(node string) string {
	if s.Format != Sparkplug {
		return ""
	}
	return s.groupID() + "/" + s.edgeID(node)
}

func (s *Settings) groupID() string { return cmp.Or(s.Group, group) }

func (s *Settings) edgeID(node string) string { return cmp.Or(s.EdgeNode, node) }
