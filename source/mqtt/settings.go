package mqtt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Settings say which broker, and what to observe there.
type Settings struct {
	mqttc.Settings `yaml:",inline"`
	// Topics to subscribe to: + stands for one level and a # at the end for all below; $share/NAME/FILTER shares the messages with others
	// that subscribe so. Without a preset and sparkplug one at least must be named. Default: those of the preset, or of sparkplug.
	Topics []string `yaml:"topics,omitempty"`
	// QoS to ask for: 0, 1 or 2. The broker may grant less. Default: 1.
	QoS int `yaml:"qos"`
	// ContentType is the media type of messages that do not name theirs, such as application/cbor: with 3.1.1 none does.
	// Default: none.
	ContentType string `yaml:"content_type,omitempty"`
	// Expect is how often messages should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// MaxSize is how large a message may be; a larger one is dropped and counted. At most 4MiB. Default: 64KiB, and 1MiB for sparkplug.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
	// MaxTopics is how many topics are told apart, or metrics of Sparkplug; what is of others is dropped and counted. At most 10000.
	// Default: 1000.
	MaxTopics int `yaml:"max_topics,omitempty"`
	// Preset is what publishes: chirpstack, ttn, zigbee2mqtt or tasmota. Then values says which of its devices' values are
	// points. Default: none.
	Preset Preset `yaml:"preset,omitempty"`
	// Base is how the topics of a preset begin, where it was changed there. Default: application/+ (chirpstack), v3/+ (ttn), zigbee2mqtt, tele (tasmota).
	Base string `yaml:"base,omitempty"`
	// Values of a preset, by point; or {file: PATH}, a table with the columns name, device, value and so on. Default: none, every device's messages
	// are readings, and rules of points take from them.
	Values tags.Map[Value] `yaml:"values,omitempty"`
	// Sparkplug observes edge nodes of Sparkplug B; {} for all of them. Default: not, unless metrics are named.
	Sparkplug *Sparkplug `yaml:"sparkplug,omitempty"`
	// Metrics of Sparkplug B, by point; or {file: PATH}, a table with the columns name, group, edge, device, metric and so on.
	// Default: none, every metric is a reading whose item is GROUP/EDGE//METRIC or GROUP/EDGE/DEVICE//METRIC.
	Metrics tags.Map[Metric] `yaml:"metrics,omitempty"`
}

// A Value is one of a device behind a preset.
type Value struct {
	// Device as the preset calls it: the DevEUI (chirpstack), the device id (ttn), the friendly name (zigbee2mqtt) or the topic (tasmota).
	// Required.
	Device string `yaml:"device"`
	// Value of the device, such as temperature, or AM2301/Temperature within another; with a / in front, its place in the whole
	// message as a JSON Pointer. Required.
	Value string `yaml:"value"`
	// Unit of the point after scale and offset: a UCUM code such as Cel, or an ISO 4217 one. Default: none.
	Unit string `yaml:"unit,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty"`
	// Offset is what is added after scaling, in the unit of the point. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty"`
	// Enum is a table from a text to an integer; true and false are 1 and 0. Default: {ON: 1, OFF: 0}.
	Enum map[string]int64 `yaml:"enum,omitempty"`
}

// A Sparkplug says which edge nodes are observed.
type Sparkplug struct {
	// Groups to observe. Default: those of metrics, or all.
	Groups []string `yaml:"groups,omitempty"`
	// Host is the id of this host application, whose STATE is published while there is a connection: edge nodes that wait for a primary
	// host wait for it. Default: none, nothing is published of it.
	Host string `yaml:"host,omitempty"`
	// Rebirth asks edge nodes for their births where something of them is missing; false is for those that do not bear commands. Default: true.
	Rebirth bool `yaml:"rebirth"`
}

// Default fills in the defaults.
func (s *Sparkplug) Default() { s.Rebirth = true }

// A Metric is one of an edge node, or of a device behind it.
type Metric struct {
	// Group of the edge node. Required.
	Group string `yaml:"group"`
	// Edge is the id of the edge node. Required.
	Edge string `yaml:"edge"`
	// Device behind the edge node. Default: none, the metric is the edge node's own.
	Device string `yaml:"device,omitempty"`
	// Metric by its name in the birth, such as Inputs/Temperature. Required.
	Metric string `yaml:"metric"`
	// Unit of the point after scale and offset: a UCUM code such as Cel, or an ISO 4217 one. Default: none.
	Unit string `yaml:"unit,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty"`
	// Offset is what is added after scaling, in the unit of the point. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty"`
	// Enum is a table from a text to an integer. Default: none.
	Enum map[string]int64 `yaml:"enum,omitempty"`
}

const (
	defaultMaxSize   = 64 * unit.KiB
	sparkplugMaxSize = unit.MiB
	sizeLimit        = 4 * unit.MiB
	topicLimit       = 10_000
	windowLimit      = 64 * unit.MiB // of what a broker may send before the first of it is acknowledged
	maxBatchBytes    = 512 * unit.KiB
	maxBatch         = 512 // messages
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Settings.Default()
	s.QoS = 1
	s.MaxTopics = 1000
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	if s.Sparkplug == nil && len(s.Metrics) > 0 {
		s.Sparkplug = new(Sparkplug)
		s.Sparkplug.Default()
	}
	if s.MaxSize == 0 {
		s.MaxSize = defaultMaxSize
		if s.Sparkplug != nil {
			s.MaxSize = sparkplugMaxSize
		}
	}
	if s.Base == "" {
		s.Base = presets[s.Preset].base
	}
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace { return source.Pace{Expect: s.Expect, Of: "message"} }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return maxBatchBytes + s.MaxSize }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	errs := []error{s.Settings.Check(), s.checkTopics(), s.checkNumbers(), s.checkPreset(), s.checkSparkplug()}
	if s.isSparkplug() && (s.Preset != "" || len(s.Topics) > 0) {
		errs = append(errs, errors.New("sparkplug: brings its own topics; leave topics and preset out, or make two sources of it"))
	}
	return errors.Join(errs...)
}

func (s *Settings) checkTopics() error {
	if len(s.Topics) == 0 && s.Preset == "" && !s.isSparkplug() {
		return errors.New("topics: missing, want topics such as [plant/+/temperature], a preset, or sparkplug: {}")
	}
	var errs []error
	for i, filter := range s.Topics {
		if err := checkFilter(filter); err != nil {
			errs = append(errs, fmt.Errorf("topics: %w", err))
		} else if slices.Contains(s.Topics[:i], filter) {
			errs = append(errs, fmt.Errorf("topics: %s stands twice", filter))
		}
	}
	if len(s.Topics) > topicLimit {
		errs = append(errs, fmt.Errorf("topics: %d, want at most %d: a + or a # stands for many", len(s.Topics), topicLimit))
	}
	return errors.Join(errs...)
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.QoS >= 0 && s.QoS <= 2, "qos: %d: want 0, 1 or 2", s.QoS)
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.MaxSize >= 0 && s.MaxSize <= sizeLimit, "max_size: %s: want more than 0B and at most %s", s.MaxSize, sizeLimit)
	want(s.MaxTopics >= 1 && s.MaxTopics <= topicLimit, "max_topics: %d: want 1 to %d; what has more topics is several sources", s.MaxTopics, topicLimit)
	want(s.isSparkplug() || s.MaxSize <= 0 || unit.Size(s.ReceiveMaximum)*s.MaxSize <= windowLimit,
		"receive_maximum: %d messages of max_size %s are more than %s, which may have to be held", s.ReceiveMaximum, s.MaxSize, windowLimit)
	want(len(s.ContentType) <= 255, "content_type: %d bytes, want at most 255", len(s.ContentType))
	return errors.Join(errs...)
}

func (s *Settings) checkPreset() error {
	var errs []error
	if s.Preset != "" && !slices.Contains(Preset("").Words(), string(s.Preset)) {
		return fmt.Errorf("preset: %.40q: want %s", string(s.Preset), strings.Join(Preset("").Words(), ", "))
	}
	if s.Preset == "" && len(s.Values) > 0 {
		errs = append(errs, errors.New("values: belong to a preset; points: beside mqtt: take values from messages by rules of their own"))
	}
	if s.Preset == "" && s.Base != "" {
		errs = append(errs, errors.New("base: belongs to a preset"))
	}
	if s.Base != "" {
		if err := checkFilter(s.Base); err != nil || strings.HasSuffix(s.Base, "#") || strings.HasPrefix(s.Base, share) {
			errs = append(errs, fmt.Errorf("base: %.100s: want how the topics of the preset begin", s.Base))
		}
	}
	for _, point := range slices.Sorted(maps.Keys(s.Values)) {
		v := s.Values[point]
		if err := errors.Join(checkName("device", v.Device, "+#"), checkName("value", v.Value, "")); err != nil {
			errs = append(errs, within("values."+point, err))
		}
	}
	return errors.Join(errs...)
}

// isSparkplug reports whether edge nodes are observed.
func (s *Settings) isSparkplug() bool { return s.Sparkplug != nil || len(s.Metrics) > 0 }

func (s *Settings) checkSparkplug() error {
	var errs []error
	of := Sparkplug{}
	if s.Sparkplug != nil {
		of = *s.Sparkplug
	}
	for _, group := range of.Groups {
		errs = append(errs, within("sparkplug.groups", checkName("a group", group, "/+#")))
	}
	if of.Host != "" {
		errs = append(errs, within("sparkplug", checkName("host", of.Host, "/+#")))
	}
	for _, point := range slices.Sorted(maps.Keys(s.Metrics)) {
		m := s.Metrics[point]
		err := errors.Join(checkName("group", m.Group, "/+#"), checkName("edge", m.Edge, "/+#"), checkName("metric", m.Metric, ""))
		if m.Device != "" {
			err = errors.Join(err, checkName("device", m.Device, "/+#"))
		}
		if len(of.Groups) > 0 && !slices.Contains(of.Groups, m.Group) {
			err = errors.Join(err, fmt.Errorf("group: %.100q is none of sparkplug.groups", m.Group))
		}
		errs = append(errs, within("metrics."+point, err))
	}
	return errors.Join(errs...)
}

// within says of each mistake in what it stands.
func within(where string, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range list(err) {
		errs = append(errs, fmt.Errorf("%s.%w", where, e))
	}
	return errors.Join(errs...)
}

func list(err error) []error {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		return joined.Unwrap()
	}
	return []error{err}
}

// maxName bounds what names a device or a metric.
const maxName = 1024

func checkName(setting, text, without string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s: missing", setting)
	case len(text) > maxName:
		return fmt.Errorf("%s: %d bytes, want at most %d", setting, len(text), maxName)
	case without != "" && strings.ContainsAny(text, without), strings.Contains(text, "\x00"):
		return fmt.Errorf("%s: %.100q has one of %s, which topics have a meaning for", setting, text, without)
	}
	return nil
}

// Devices returns the device of each point.
func (s *Settings) Devices() map[string]string {
	of := map[string]string{}
	for point, v := range s.Values {
		of[point] = strings.ReplaceAll(v.Device, "/", "-")
	}
	for point, m := range s.Metrics {
		if of[point] = m.Device; m.Device == "" {
			of[point] = m.Edge
		}
	}
	return of
}
