package mqtt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// recorded returns a message of testdata, whose first line is its topic.
func recorded(t *testing.T, name string) dodona.Reading {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	topic, body, _ := strings.Cut(string(raw), "\n")
	return dodona.Reading{Source: "s", Item: topic, Body: []byte(body), Received: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
}

func TestPresetsTakeValuesOfRecordedMessages(t *testing.T) {
	for _, c := range []struct {
		preset  Preset
		message string
		value   Value
		want    string // value, or why not
		at      string // the time, if it is of the message
	}{
		{chirpstack, "chirpstack.txt", Value{Device: "0101010101010101", Value: "temperature"}, "22.5", "2022-07-18T09:34:15.775Z"},
		{chirpstack, "chirpstack.txt", Value{Device: "0101010101010101", Value: "digital/0"}, "1", "2022-07-18T09:34:15.775Z"},
		{chirpstack, "chirpstack.txt", Value{Device: "0101010101010101", Value: "/rxInfo/0/rssi"}, "-48", "2022-07-18T09:34:15.775Z"},
		{chirpstack, "chirpstack.txt", Value{Device: "0101010101010101", Value: "pressure"}, "nothing stands at /object/pressure", ""},
		{chirpstack, "chirpstack.txt", Value{Device: "0202020202020202", Value: "temperature"}, "", ""},
		{ttn, "ttn.txt", Value{Device: "dev1", Value: "temperature"}, "1", "2020-02-12T15:15:45.787Z"},
		{ttn, "ttn.txt", Value{Device: "dev1", Value: "luminosity", Offset: decimal("-0.5")}, "-0.06", "2020-02-12T15:15:45.787Z"},
		{zigbee2mqtt, "zigbee2mqtt.txt", Value{Device: "cellar/freezer", Value: "temperature"}, "-18.34", "2026-11-30T11:59:58Z"},
		{zigbee2mqtt, "zigbee2mqtt.txt", Value{Device: "cellar/freezer", Value: "contact"}, "1", "2026-11-30T11:59:58Z"},
		{zigbee2mqtt, "zigbee2mqtt.txt", Value{Device: "cellar/freezer", Value: "state"}, "0", "2026-11-30T11:59:58Z"},
		{zigbee2mqtt, "zigbee2mqtt.txt", Value{Device: "cellar/freezer", Value: "mode", Enum: map[string]int64{"eco": 3}}, "3", "2026-11-30T11:59:58Z"},
		{zigbee2mqtt, "zigbee2mqtt.txt", Value{Device: "cellar/freezer", Value: "mode"}, `/mode is no number: "eco", which enum has not`, ""},
		{tasmota, "tasmota-sensor.txt", Value{Device: "plug", Value: "ENERGY/Power", Scale: decimal("0.001")}, "0.081", ""},
		{tasmota, "tasmota-sensor.txt", Value{Device: "plug", Value: "AM2301/Temperature"}, "21.1", ""},
		{tasmota, "tasmota-state.txt", Value{Device: "plug", Value: "POWER"}, "1", ""},
		{tasmota, "tasmota-state.txt", Value{Device: "plug", Value: "Wifi/RSSI"}, "100", ""},
	} {
		s := Settings{Preset: c.preset, Values: map[string]Value{"v": c.value}}
		s.Complete()
		r := recorded(t, c.message)
		made := apply(t, s, r)
		if c.want == "" {
			if len(made) > 0 {
				t.Errorf("%s: a message of another device gives %+v", c.preset, made)
			}
			continue
		}
		if len(made) != 1 {
			t.Errorf("%s %s: points %+v", c.preset, c.value.Value, made)
			continue
		}
		p := made[0]
		if got := p.Value.String(); p.Quality == dodona.Good && got != c.want || p.Quality == dodona.Bad && !strings.Contains(p.Reason, c.want) {
			t.Errorf("%s %s is %s, %s (%s), want %s", c.preset, c.value.Value, got, p.Quality, p.Reason, c.want)
		}
		at := r.Received.Format(time.RFC3339)
		if c.at != "" {
			at = c.at
		}
		if got := p.Time.Format(time.RFC3339Nano); p.Quality == dodona.Good && got != at {
			t.Errorf("%s %s is of %s, want %s", c.preset, c.value.Value, got, at)
		}
		if !slices.ContainsFunc(s.filters(), func(f string) bool { return matches(f, r.Item) }) {
			t.Errorf("%s: %s is none of %q", c.preset, r.Item, s.filters())
		}
		if s.Values = nil; !slices.ContainsFunc(s.filters(), func(f string) bool { return matches(f, r.Item) }) {
			t.Errorf("%s: without values, %s is none of %q", c.preset, r.Item, s.filters())
		}
	}
}

func decimal(text string) dodona.Decimal {
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// apply makes points as a replay does, of rules that went through JSON.
func apply(t testing.TB, s Settings, readings ...dodona.Reading) []dodona.Point {
	t.Helper()
	raw, err := json.Marshal(s.rules())
	if err != nil {
		t.Fatal(err)
	}
	var rules map[string]Rule
	if err := json.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	transform, err := decoder(rules)
	if err != nil {
		t.Fatal(err)
	}
	result, err := transform.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	return result.Points
}

func TestADeviceThatIsNotThereIsBad(t *testing.T) {
	s := Settings{Preset: zigbee2mqtt, Values: map[string]Value{"v": {Device: "cellar/freezer", Value: "temperature"}}}
	s.Complete()
	value := recorded(t, "zigbee2mqtt.txt")
	down := value
	down.Item, down.Body, down.Received = value.Item+"/availability", []byte(`{"state":"offline"}`), value.Received.Add(time.Second)
	if made := apply(t, s, value, down); len(made) != 1 || made[0].Quality != dodona.Bad || !strings.Contains(made[0].Reason, "the device is offline: zigbee2mqtt/cellar/freezer/availability says so") {
		t.Errorf("a device that went gives %+v", made)
	}
	down.Received = value.Received.Add(-time.Second)
	if made := apply(t, s, value, down); len(made) != 1 || made[0].Quality != dodona.Good {
		t.Errorf("a device that spoke since gives %+v", made)
	}
	down.Body, down.Received = []byte(`{"state":"online"}`), value.Received.Add(time.Second)
	if made := apply(t, s, value, down); len(made) != 1 || made[0].Quality != dodona.Good {
		t.Errorf("a device that is there gives %+v", made)
	}
}

func TestAPointIsOfTheMessagesThatSpeakOfIt(t *testing.T) {
	s := Settings{Preset: zigbee2mqtt, Values: map[string]Value{"v": {Device: "d", Value: "temperature"}}}
	s.Complete()
	with := dodona.Reading{Item: "zigbee2mqtt/d", Body: []byte(`{"temperature":1}`), Received: time.Unix(1, 0)}
	without := dodona.Reading{Item: "zigbee2mqtt/d", Body: []byte(`{"battery":9}`), Received: time.Unix(2, 0)}
	banner := dodona.Reading{Item: "zigbee2mqtt/d", Body: []byte(`hello`), Received: time.Unix(3, 0)}
	if made := apply(t, s, with, without, banner); len(made) != 1 || made[0].Value != decimal("1") {
		t.Errorf("got %+v", made)
	}
	if made := apply(t, s, without); len(made) != 1 || made[0].Quality != dodona.Bad {
		t.Errorf("got %+v", made)
	}
	d := decoding(s.rules())
	if !d.Has(with, "v") || d.Has(without, "v") || d.Has(banner, "v") {
		t.Error("what speaks of a point is not told")
	}
	retained := with
	retained.Quality, retained.SourceTime, retained.Detail = dodona.Uncertain, unknownTime, "retained: …"
	if made := apply(t, s, retained); len(made) != 1 || !made[0].Time.IsZero() || made[0].Quality != dodona.Uncertain {
		t.Errorf("a retained message gives %+v, want a point without a time", made)
	}
}

// TestAMessageSpeaksOfWhatItNames, be it null: a sink of points is told so, and nothing of what a message is not about.
func TestAMessageSpeaksOfWhatItNames(t *testing.T) {
	s := Settings{Preset: tasmota, Values: map[string]Value{"v": {Device: "plug", Value: "ENERGY/a~1b"}}}
	s.Complete()
	d := decoding(s.rules())
	for body, want := range map[string]bool{
		`{"ENERGY":{"a/b":1}}`: true, `{"ENERGY":{"a/b":"off"}}`: true, `{"ENERGY":{"a/b":null}}`: true, `{"ENERGY":{"a/b":[]}}`: true,
		`{"ENERGY":{"c":1}}`: false, `{"ENERGY":null}`: false, `{"ENERGY":[null]}`: false, `{"c":1}`: false, `hello`: false, ``: false, `null`: false, `[]`: false,
	} {
		r := recorded(t, "tasmota-sensor.txt")
		if r.Body = []byte(body); d.Speaks(r, "v") != want {
			t.Errorf("%s speaks of it: %v, want %v", body, !want, want)
		}
		if r.Item = "tele/other/SENSOR"; d.Speaks(r, "v") {
			t.Errorf("another device's %s speaks of it", body)
		}
	}
}

func TestFiltersMatchTopics(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/b/c", false},
		{"a/b", "a", false},
		{"a/+", "a/b", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"+/+", "/a", true},
		{"+", "/a", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/+/#", "a/b", true},
		{"a/+/#", "a", false},
		{"#", "a/b", true},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
		{"$share/g/a/#", "a/b", true},
		{"$share/g/a/#", "b", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s and %s: %v", c.filter, c.topic, got)
		}
	}
	for _, filter := range []string{"", "a#", "a/#/b", "a+", "a/+b", "$share/g", "$share//a", "$share/+/a", "a\x00", "\xff", strings.Repeat("a", 70_000)} {
		if checkFilter(filter) == nil {
			t.Errorf("%.20q is a filter", filter)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	fuzztest.Run(f, func(t *testing.T, filter, topic string) {
		if checkFilter(filter) == nil {
			matches(filter, topic)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"temperature":1.5,"last_seen":1700000000000}`))
	f.Add([]byte{0x12, 0x02, 0x52, 0x00})
	fuzztest.Run(f, func(t *testing.T, body []byte) {
		s := Settings{Preset: zigbee2mqtt, Values: map[string]Value{"v": {Device: "d", Value: "temperature"}}, Metrics: map[string]Metric{"m": {Group: "G", Edge: "E", Metric: "n"}}}
		for _, item := range []string{"zigbee2mqtt/d", "zigbee2mqtt/d/availability", "G/E//n"} {
			for _, p := range apply(t, s, dodona.Reading{Item: item, Body: body}) {
				if p.Quality == dodona.Bad && p.Reason == "" {
					t.Fatalf("%+v is bad without a reason", p)
				}
			}
		}
	})
}
