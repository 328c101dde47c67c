package serial

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/source"
)

func TestBytesAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"SI\r\n": "SI\r\n", `SI\r\n`: "SI\r\n", `\x02a`: "\x02a", "0x0210ff": "\x02\x10\xff", `a\\b`: `a\b`, "": "", "é": "é", `\u00e9`: "é", `\xff`: "\xff",
	} {
		got, err := parseBytes(text)
		if err != nil || string(got) != want {
			t.Errorf("%q reads %q, %v; want %q", text, got, err, want)
		}
		if again, err := parseBytes(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, which reads %q, %v", got, got.String(), again, err)
		}
	}
	for _, text := range []string{`\q`, `a\`, "0x0", "0xzz", `\x0`} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q reads %q, want an error", text, got)
		}
	}
	for _, b := range []Bytes{"0x12", "\x00", `\`, "a b"} {
		if again, err := parseBytes(b.String()); err != nil || again != b {
			t.Errorf("%q is written %q, which reads %q, %v", b, b.String(), again, err)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"no device":            {func(s *Settings) { s.Device = "" }, "device: want a serial port"},
		"no such frame":        {func(s *Settings) { s.Frame = "csv" }, "frame: "},
		"delimited by nothing": {func(s *Settings) { s.Frame, s.End = delimited, "" }, "start: missing"},
		"a line with a start":  {func(s *Settings) { s.Start = "x" }, "start: only frames"},
		"no length":            {func(s *Settings) { s.Frame, s.End = length, "" }, "length: 0: want more"},
		"longer than frames":   {func(s *Settings) { s.Frame, s.End, s.Length = length, "", 5000 }, "length: 5000: want more"},
		"every without asking": {func(s *Settings) { s.Every = time.Second }, "every: the device speaks by itself"},
		"nothing to send":      {func(s *Settings) { s.Requests = map[string]Request{"a": {}} }, "requests.a.send: missing"},
		"expect while asking": {func(s *Settings) {
			s.Requests, s.Expect = map[string]Request{"a": {Send: "x"}}, time.Second
		}, "expect: the device is asked"},
		"another item": {func(s *Settings) {
			s.Requests = map[string]Request{"a": {Send: "x"}}
			s.Registers = map[string]Register{"p": {Item: "b"}}
		}, "registers.p.item: \"b\": there is no such request"},
		"a register far away": {func(s *Settings) { s.Registers = map[string]Register{"p": {At: 65535}} }, "registers.p.at: 65535: want 0 to 65534"},
		"a type of no bytes":  {func(s *Settings) { s.Registers = map[string]Register{"p": {Format: registers.Format{Type: "x"}}} }, "registers.p.type"},
	} {
		s := Kind.Settings().(*Settings)
		s.Device = "/dev/ttyUSB0"
		s.Complete()
		c.change(s)
		if err := Kind.Check(s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestPointsOfFramesAreWhatTheyHold(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	transform, err := decoder(map[string]Register{
		"weight": {Item: "scale", At: 1, Format: registers.Format{Type: registers.Int16, Scale: must(t, "0.01")}, Unit: "kg"},
		"far":    {Item: "scale", At: 3, Format: registers.Format{Type: registers.Uint32}},
		"gone":   {Item: "another", Format: registers.Format{Type: registers.Uint16}},
		"mute":   {Item: "mute", Format: registers.Format{Type: registers.Uint16}},
		"any":    {At: 0, Format: registers.Format{Type: registers.Uint8}},
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := transform.Apply(t.Context(), dodona.Call{Readings: []dodona.Reading{
		{Item: "scale", Body: []byte{9, 0xff, 0xfe, 1, 2, 3}, Received: now},
		{Item: "scale", Body: []byte{7, 0x30, 0x39, 1, 2, 3}, Received: now.Add(time.Second)},
		{Item: "mute", Quality: dodona.Bad, Detail: "mute: no answer in 1s (timeout)", Received: now},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, times := map[string]string{}, map[string]int{}
	for _, p := range result.Points {
		times[p.ID]++
		got[p.ID] = p.Quality.String() + " " + p.Reason
		if p.Quality == dodona.Good {
			got[p.ID] = p.Value.String() + p.Unit
		}
	}
	for id, want := range map[string]string{
		"weight": "123.45kg", "far": "bad the frame has 6 bytes, and the value ends at byte 7", "gone": "bad no frame of item another came",
		"mute": "bad mute: no answer in 1s (timeout)",
	} {
		if !strings.Contains(strings.ReplaceAll(got[id], `"`, ""), want) {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
	// A feed that takes every reading counts each frame.
	if want := map[string]int{"weight": 2, "far": 2, "gone": 1, "mute": 1, "any": 3}; !maps.Equal(times, want) {
		t.Errorf("points are made so often: %v, want %v", times, want)
	}
	for _, c := range []struct {
		item, point string
		want        bool
	}{{"scale", "weight", true}, {"mute", "weight", false}, {"mute", "any", true}, {"scale", "none", false}} {
		if got := transform.(points).Has(dodona.Reading{Item: c.item}, c.point); got != c.want {
			t.Errorf("a frame of %s has %s: %v, want %v", c.item, c.point, got, c.want)
		}
	}
}

func must(t *testing.T, text string) dodona.Decimal {
	t.Helper()
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestADeviceThatIsNotThereIsToldByItsPath(t *testing.T) {
	s := Kind.Settings().(*Settings)
	s.Device = t.TempDir() + "/ttyUSB0"
	opened, err := Kind.Open(t.Context(), s, source.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if _, err := opened.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no such port; is the adapter plugged in?") || dodona.IsPermanent(err) {
		t.Errorf("observe: %v, want that it is not plugged in, for now", err)
	}
}
