// Package mqtt publishes every point of the sources to a broker of MQTT, one message each, in order and at least once.
//
// What is published comes from the journal, and not from a queue: a broker that is away for an hour or a week gets all of it afterwards, as far as
// journal.raw keeps readings; what retention frees before is counted and named. Sources never wait for the broker. Each message is an
// observation event in JSON (spec/observation-event.schema.json): value (an exact decimal in a text), unit, time, received, quality, device,
// protocol, and an id that is the same however often it is sent. What may have been sent before, because no acknowledgement
// came, says resent; what waited for more than a minute says late.
//
// Messages of a device keep their order: whoever drops ids that it has seen has each observation once, in order. After a connection that was lost, all behind the
// first message that was not acknowledged go again.
//
// With format: sparkplug the sink is an edge node of Sparkplug B, which announces each device with its points before it
// sends of them, answers the command Node Control/Rebirth, and leaves an NDEATH as its will. Its values are doubles, as hosts expect: exact ones are in the
// JSON.
//
// With feeds: the sink publishes the answers of feeds instead, each as the API serves it.
//
// A broker that refuses a topic, a payload or its size refuses that message, which becomes a dead letter after give_up times. One that lets nobody in
// (user, password, certificate, client id, a right that is missing), makes the sink stuck, which tries again. One
// that answers nothing is given up after timeout, or a keep_alive, and dialled anew.
package mqtt

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink"
)

// Kind is the kind "mqtt".
var Kind = sink.NewPoints("mqtt", open)

// Settings say to which broker, and on which topics.
type Settings struct {
	mqttc.Settings `yaml:",inline"`

	// Topic on which a point is published: a template with {device_id}, {protocol}, {point}, {source}, {node}, {name} (of the sink) and the names of
	// labels; of an answer with {feed}, {node}, {name} and labels. Default: edge/adapter/{protocol}/{device_id}/data, and
	// edge/feeds/{feed} for answers.
	Topic string `yaml:"topic,omitempty"`
	// Labels are what else may stand in topic, such as {site: north, line: "3"}. Default: none.
	Labels map[string]string `yaml:"labels,omitempty"`
	// QoS with which is published: 1, or 0, with which what is on its way when a connection breaks is lost. Default: 1.
	QoS int `yaml:"qos"`
	// Retain has the broker keep the last message of each topic. Default: false.
	Retain bool `yaml:"retain,omitempty"`
	// Status is the topic on which is said, retained, that the sink is there ({"online": true}), and by the broker (the will) that it is not.
	// A template with {node}, {name} and labels; none says nothing. Default: edge/gateway/{node}/{name}/status.
	Status string `yaml:"status"`
	// Timeout for the acknowledgement of a message. Default: 10s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Format of points: json, an observation event each, or sparkplug, messages of Sparkplug B under its own topics. Default: json.
	Format Format `yaml:"format,omitempty"`
	// Group of the edge node in Sparkplug. Default: Dodona.
	Group string `yaml:"group,omitempty"`
	// EdgeNode is the id of the edge node in Sparkplug. Default: the node's name.
	EdgeNode string `yaml:"edge_node,omitempty"`
}

// Format is how points are written.
type Format string

// The formats.
const (
	JSON      Format = "json"      // an observation event each
	Sparkplug Format = "sparkplug" // messages of Sparkplug B
)

// Words returns the formats.
func (Format) Words() []string { return []string{string(JSON), string(Sparkplug)} }

const (
	pointsTopic  = "edge/adapter/{protocol}/{device_id}/data"
	answersTopic = "edge/feeds/{feed}"
	statusTopic  = "edge/gateway/{node}/{name}/status"
	none         = "none"
	group        = "Dodona"
	mostTopic    = 1024 // bytes of a template
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Settings.Default()
	s.QoS, s.Timeout, s.Status, s.Format = 1, 10*time.Second, statusTopic, JSON
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	errs := []error{s.Settings.Check()}
	if s.QoS != 0 && s.QoS != 1 {
		errs = append(errs, fmt.Errorf("qos: %d: want 1, or 0", s.QoS))
	}
	if s.Timeout < 100*time.Millisecond || s.Timeout > 10*time.Minute {
		errs = append(errs, errors.New("timeout: want 100ms to 10m, such as 10s"))
	}
	if s.Format != JSON && s.Format != Sparkplug {
		errs = append(errs, fmt.Errorf("format: %q: want json or sparkplug", s.Format))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if !isLabel(name) {
			errs = append(errs, fmt.Errorf("labels: name %s: want 1 to 63 of a-z, A-Z, 0-9, - and _, and no name that the sink fills in itself", strict.QuoteAll(name)))
		} else if err := checkLevel(s.Labels[name]); err != nil {
			errs = append(errs, fmt.Errorf("labels: %s: %w", name, err))
		}
	}
	for setting, text := range map[string]string{"group": s.Group, "edge_node": s.EdgeNode} {
		if text == "" {
			continue
		}
		if err := checkLevel(text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", setting, err))
		}
		if s.Format != Sparkplug {
			errs = append(errs, fmt.Errorf("%s: goes with format: sparkplug", setting))
		}
	}
	if s.Status != none {
		errs = append(errs, s.checkTemplate("status", s.Status, "node", "name"))
	}
	return errors.Join(errs...)
}

// CheckWith says what is wrong with the settings beside a policy.
func (s *Settings) CheckWith(p sink.Policy, _ []string) error {
	if !p.NamesAnswers() {
		if s.Format == Sparkplug && s.Topic != "" {
			return errors.New("topic: Sparkplug has topics of its own: spBv1.0/GROUP/DDATA/EDGE_NODE/DEVICE")
		}
		return s.checkTemplate("topic", cmp.Or(s.Topic, pointsTopic), "device_id", "protocol", "point", "source", "node", "name")
	}
	if s.Format == Sparkplug {
		return advice.Hint(errors.New("format: sparkplug is for points, and this sink delivers answers: feeds and anchors stand in the way"), "take out feeds and anchors, or this")
	}
	return s.checkTemplate("topic", cmp.Or(s.Topic, answersTopic), "feed", "node", "name")
}

// CheckBeside says why a sink with these settings cannot run beside another one.
func (s *Settings) CheckBeside(name string, other *Settings) error {
	if what := s.Exclusive(); what != "" && what == other.Exclusive() {
		return fmt.Errorf("client_id: %s is that of sink %s too: the broker would throw out one for the other", strict.QuoteAll(s.ClientID), strict.QuoteAll(name))
	}
	return nil
}

// checkTemplate says what is wrong with the template of a topic that may have some placeholders and the labels.
func (s *Settings) checkTemplate(setting, text string, names ...string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s: is empty", setting)
	case len(text) > mostTopic:
		return fmt.Errorf("%s: %d bytes, want %d at most", setting, len(text), mostTopic)
	case strings.ContainsAny(text, "+#"):
		return fmt.Errorf("%s: + and # are for who subscribes; nothing is published on them", setting)
	case strings.HasPrefix(text, "$"):
		return fmt.Errorf("%s: topics that begin with $ are the broker's own", setting)
	case !plain.Is(text):
		return fmt.Errorf("%s: want a text without characters that steer, nor any that cannot be seen", setting)
	}
	known := slices.Concat(names, slices.Sorted(maps.Keys(s.Labels)))
	for _, part := range placeholder.FindAllString(text, -1) {
		if name := strings.Trim(part, "{}"); !slices.Contains(known, name) {
			return fmt.Errorf("%s: nothing is called %s; there is %s, and what labels: names", setting, strict.QuoteAll(part), "{"+strings.Join(known, "}, {")+"}")
		}
	}
	if rest := placeholder.ReplaceAllString(text, ""); strings.ContainsAny(rest, "{}") {
		return fmt.Errorf("%s: a brace is open or closed alone", setting)
	}
	return nil
}

// checkLevel says why a text cannot be one level of a topic.
func checkLevel(text string) error {
	switch {
	case text == "" || len(text) > mostTopic:
		return fmt.Errorf("%d bytes, want 1 to %d", len(text), mostTopic)
	case strings.ContainsAny(text, "/+#"):
		return fmt.Errorf("%s: want a text without /, + and #, which mean something in a topic", strict.QuoteAll(text))
	case !plain.Is(text):
		return errors.New("want a text without characters that steer, nor any that cannot be seen")
	}
	return nil
}
