package mqtt

import (
	"regexp"
	"slices"
	"strings"

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

func (s *Settings) template(text string, env sink.Env) template {
	with := []string{"{name}", env.Sink}
	for name, value := range s.Labels {
		with = append(with, "{"+name+"}", value)
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
