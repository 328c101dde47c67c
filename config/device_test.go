package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

type unitsSettings struct {
	URL   string            `yaml:"url"`
	Units map[string]string `yaml:"units,omitempty"`
}

func (s *unitsSettings) Devices() map[string]string { return s.Units }

func deviceKinds() config.Kinds {
	return append(kinds(), config.KindsOf(kind{"bus", func() any { return new(unitsSettings) }})...)
}

func loadText(text string) (*config.Config, error) {
	return config.Load(strings.NewReader(text), "gateway.yaml", deviceKinds())
}

func TestAPointHasTheDeviceOfItsSourceUnlessItsKindNamesAnother(t *testing.T) {
	c, err := loadText(`sources:
  boiler: {http: {url: "http://10.0.0.2/"}, points: {t: /t}}
  press: {http: {url: "http://10.0.0.3/"}, device: "Presse 3 (Halle Nord)", value: /t}
  meters: {bus: {url: "tcp://10.0.0.4", units: {m2: meter-2}}, device: bus, points: {m1: /a, m2: /b}}
`)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"boiler t": "boiler", "press ": "Presse 3 (Halle Nord)", "meters m1": "bus", "meters m2": "meter-2",
	} {
		name, point, _ := strings.Cut(id, " ")
		s, _ := c.Source(name)
		if got := s.DeviceOf(point); got != want {
			t.Errorf("point %q of %s: device %q, want %q", point, name, got, want)
		}
	}
	text, err := c.Expand(deviceKinds())
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadText(string(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if s, _ := again.Source("press"); s.Device != "Presse 3 (Halle Nord)" {
		t.Errorf("expanded and read again the device is %q; in\n%s", s.Device, text)
	}
	if changes := config.Diff(c, again).String(); changes != "nothing changed" {
		t.Error(changes)
	}
}

func TestADeviceIsOneLevelOfATopic(t *testing.T) {
	for name, says := range map[string]string{
		`"a/b"`: "without /, + and #", `"+"`: "without /, + and #", `"a#"`: "without /, + and #", `""`: "want a name", `"a\tb"`: "characters that steer",
		`"a\u200bb"`: "characters that steer", `" a"`: "without a blank", strings.Repeat("x", 129): "129 bytes", "[a]": "device: ", "{a: b}": "device: ",
	} {
		_, err := loadText(fmt.Sprintf("sources: {s: {http: {url: \"http://10.0.0.2/\"}, device: %s, value: /t}}\n", name))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("device %s: got %v, want that it says %q", name, err, says)
		}
	}
	_, err := loadText("sources: {s: {bus: {url: x, units: {m1: a/b}}, points: {m1: /t}}}\n")
	if err == nil || !strings.Contains(err.Error(), `point "m1": device: "a/b"`) {
		t.Errorf("a device of a point: got %v", err)
	}
}

func TestANameOfASinkLeavesRoomForThatOfItsReader(t *testing.T) {
	for length, good := range map[int]bool{1: true, 56: true, 57: false, 63: false} {
		text := "sources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {a: {every: 1s, from: [a]}}\nsinks: {" + strings.Repeat("s", length) + ": {stdout: {}}}\n"
		_, err := config.Load(strings.NewReader(text), "f.yaml", kinds())
		if told := err != nil && strings.Contains(err.Error(), "want at most 56, for"); told == good {
			t.Errorf("a sink with a name of %d: %v", length, err)
		}
	}
}
