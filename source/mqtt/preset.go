package mqtt

import (
	"slices"
	"strings"
)

// A Preset is a program that publishes what devices say.
type Preset string

// The presets.
const (
	chirpstack  Preset = "chirpstack"
	ttn         Preset = "ttn"
	zigbee2mqtt Preset = "zigbee2mqtt"
	tasmota     Preset = "tasmota"
)

// Words returns the presets.
func (Preset) Words() []string {
	return []string{string(chirpstack), string(ttn), string(zigbee2mqtt), string(tasmota)}
}

// A layout is how a preset publishes: {base} and {device} stand in topics for what the settings say.
type layout struct {
	base   string
	topic  string                    // of values
	other  string                    // of values that inOther is true for
	down   string                    // of whether a device is there
	within string                    // the place of the values in a message
	time   string                    // the place of the time
	in     func(value string) string // "other" or ""
}

var presets = map[Preset]layout{
	"": {},
	// https://www.chirpstack.io/docs/chirpstack/integrations/events.html and …/mqtt.html
	chirpstack: {base: "application/+", topic: "{base}/device/{device}/event/up", within: "/object", time: "/time"},
	// https://www.thethingsindustries.com/docs/integrations/mqtt/ and …/the-things-stack/concepts/data-formats/
	ttn: {base: "v3/+", topic: "{base}/devices/{device}/up", within: "/uplink_message/decoded_payload", time: "/uplink_message/received_at"},
	// https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html
	zigbee2mqtt: {base: "zigbee2mqtt", topic: "{base}/{device}", down: "{base}/{device}/availability", time: "/last_seen"},
	// https://tasmota.github.io/docs/MQTT/ ; its times have no zone, so they are passed over
	tasmota: {base: "tele", topic: "{base}/{device}/SENSOR", other: "{base}/{device}/STATE", down: "{base}/{device}/LWT", in: tasmotaState},
}

// tasmotaState says that a value stands in the telemetry of a device's state rather than of its sensors.
func tasmotaState(value string) string {
	first, _, _ := strings.Cut(value, "/")
	if strings.HasPrefix(first, "POWER") || slices.Contains([]string{"Dimmer", "Uptime", "UptimeSec", "Heap", "LoadAvg", "Vcc", "Wifi", "MqttCount"}, first) {
		return "other"
	}
	return ""
}

// perDevice is up to how many devices each is subscribed to by itself.
const perDevice = 100

// presetFilters returns the topics of a preset: those of the devices that values name, or of all.
func (s *Settings) presetFilters() (all []string) {
	devices := map[string]bool{}
	for _, v := range s.Values {
		devices[v.Device] = true
	}
	if len(devices) == 0 || len(devices) > perDevice {
		devices = map[string]bool{"+": true}
		if s.Preset == zigbee2mqtt {
			devices = map[string]bool{"#": true} // a friendly name may have levels
		}
	}
	of := presets[s.Preset]
	for device := range devices {
		for _, topic := range []string{of.topic, of.other, of.down} {
			if topic != "" && (device != "#" || topic == of.topic) {
				all = append(all, s.fill(topic, device))
			}
		}
	}
	slices.Sort(all)
	return all
}

func (s *Settings) fill(topic, device string) string {
	base := s.Base
	if base == "" {
		base = presets[s.Preset].base
	}
	return strings.NewReplacer("{base}", base, "{device}", device).Replace(topic)
}

// rule returns what a value of a preset means.
func (s *Settings) rule(v Value) Rule {
	of := presets[s.Preset]
	topic := of.topic
	if of.in != nil && of.in(strings.TrimPrefix(v.Value, "/")) == "other" {
		topic = of.other
	}
	r := Rule{Topic: s.fill(topic, v.Device), Time: of.time, Unit: v.Unit, Scale: v.Scale, Offset: v.Offset, Enum: v.Enum}
	if of.down != "" {
		r.Down = s.fill(of.down, v.Device)
	}
	if r.Pointer = of.within + "/" + v.Value; strings.HasPrefix(v.Value, "/") {
		r.Pointer = v.Value
	}
	if len(r.Enum) == 0 {
		r.Enum = map[string]int64{"ON": 1, "OFF": 0}
	}
	return r
}
