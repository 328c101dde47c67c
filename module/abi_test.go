package module

import (
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

var compareDecimals = cmp.Comparer(func(a, b dodona.Decimal) bool { return a == b })

func TestReadingsReachTheGuestWhole(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	s := newScript(t, "core")
	second := dodona.Reading{
		Source: "boiler", Item: "1/holding/100", Body: []byte("0123456789"), ContentType: "text/plain",
		Received: time.UnixMilli(-1).Add(999 * time.Microsecond), SourceTime: time.UnixMilli(1_700_000_000_001), Quality: dodona.Uncertain,
	}
	count := s.call("input_count")
	size := s.call("input_size", 1)
	read := s.call("input_read", 1, outAt, 7, 100)
	atEnd, beyond := s.call("input_read", 1, outAt, 10, 100), s.call("input_read", 1, outAt, -1, 100)
	source := s.call("input_meta", 1, metaSource, outAt+200, 6)
	item := s.call("input_meta", 1, metaItem, outAt+220, 12) // one byte too few
	contentType := s.call("input_meta", 1, metaContentType, outAt+240, 50)
	received, sourceTime := s.call("input_meta", 1, metaReceived, outAt+300, 8), s.call("input_meta", 1, metaSourceTime, outAt+308, 8)
	quality, unknown := s.call("input_meta", 1, metaQuality, outAt+316, 4), s.call("input_meta", 0, metaSourceTime, outAt+308, 8)
	var invalid []int
	for _, i := range []int64{2, -1, math.MinInt32} {
		invalid = append(invalid, s.call("input_size", i), s.call("input_read", i, outAt, 0, 1), s.call("input_meta", i, 0, outAt, 1))
	}
	invalid = append(invalid, s.call("input_meta", 0, 6, outAt, 1), s.call("input_meta", 0, -1, outAt, 1))
	got, out := s.run(m, s.event(second))
	for what, pair := range map[string][2]int64{
		"count": {got[count], 2}, "size": {got[size], 10}, "read": {got[read], 3}, "at the end": {got[atEnd], 0}, "beyond": {got[beyond], 0},
		"source": {got[source], 6}, "item": {got[item], 13}, "content type": {got[contentType], 10}, "received": {got[received], 8},
		"source time": {got[sourceTime], 8}, "quality": {got[quality], 4}, "unknown": {got[unknown], -abi.ENOENT},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %d, want %d", what, pair[0], pair[1])
		}
	}
	for _, i := range invalid {
		if got[i] != -abi.EINVAL {
			t.Errorf("invalid index of call %d: got %d, want %d", i, got[i], -abi.EINVAL)
		}
	}
	if b := seen(out, 0, 4); string(b) != "789\x00" {
		t.Errorf("read %q", b)
	}
	if b := seen(out, 200, 6); string(b) != "boiler" {
		t.Errorf("source %q", b)
	}
	if b := seen(out, 220, 12); string(b) != strings.Repeat("\x00", 12) {
		t.Errorf("a text that does not fit was written: %q", b)
	}
	if b := seen(out, 240, 11); string(b) != "text/plain\x00" {
		t.Errorf("content type %q", b)
	}
	if ms, at, q := seenInt(out, 300), seenInt(out, 308), seenInt32(out, 316); ms != -1 || at != 1_700_000_000_001 || q != 1 {
		t.Errorf("received %d, source time %d, quality %d", ms, at, q)
	}
}

func TestNumbersOfDocumentsAreExact(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	for _, c := range []struct {
		body, path string
		code       int64
		mantissa   int64
		exponent   int32
	}{
		{`{"v":1.50}`, "/v", 0, 15, -1},
		{`{"v":1.50}`, "", 0, 15, -1},
		{`{"v":"-0.5"}`, "/v", 0, -5, -1},
		{`{"v":-0}`, "/v", 0, 0, 0},
		{`{"v":1000}`, "/v", 0, 1000, 0},
		{`{"v":9223372036854775807}`, "/v", 0, math.MaxInt64, 0},
		{`{"v":-9223372036854775808}`, "/v", 0, math.MinInt64, 0},
		{`{"v":9223372036854775808}`, "/v", -abi.ERANGE, 0, 0},
		{`{"v":92233720368547758070}`, "/v", 0, math.MaxInt64, 1},
		{`{"v":1e57}`, "/v", 0, 1_000_000_000_000_000_000, 39},
		{`{"v":1e-57}`, "/v", 0, 1, -57},
		{`{"v":0.12345678901234567891}`, "/v", -abi.ERANGE, 0, 0},
		{`{"v":1e400}`, "/v", -abi.ERANGE, 0, 0},
		{`{"v":[1]}`, "/w", -abi.ENOENT, 0, 0},
		{`{"v":[1]}`, "/v", -abi.EINVAL, 0, 0},
		{`{"v":null}`, "/v", -abi.EINVAL, 0, 0},
		{`{"v":1`, "/v", -abi.EINVAL, 0, 0},
		{``, "/v", -abi.EINVAL, 0, 0},
		{`{"v":1}`, "v", -abi.EINVAL, 0, 0},
		{`{"v":1}`, "/" + strings.Repeat("x", maxPath), -abi.EINVAL, 0, 0},
	} {
		s := newScript(t, "core")
		p, n := s.text(c.path)
		s.call("input_json", 1, p, n, outAt, outAt+8)
		got, out := s.run(m, s.event(dodona.Reading{Source: "s", Body: []byte(c.body)}))
		if got[0] != c.code || seenInt(out, 0) != c.mantissa || seenInt32(out, 8) != c.exponent {
			t.Errorf("%s at %.20q: got %d, %d × 10^%d; want %d, %d × 10^%d", c.body, c.path,
				got[0], seenInt(out, 0), seenInt32(out, 8), c.code, c.mantissa, c.exponent)
		}
	}
}

func TestExtractedPointsReachTheGuest(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	s := newScript(t, "core")
	count := s.call("from_count")
	id := s.call("from_id", 1, outAt, 100)
	values := map[string]int{}
	for i, name := range []string{"newest", "uncertain", "none", "bad", "large"} {
		values[name] = s.call("from_value", int64(i), outAt+100+32*int64(i), outAt+108+32*int64(i), outAt+116+32*int64(i))
	}
	beyond, beyondID := s.call("from_value", 5, outAt, outAt, outAt), s.call("from_id", -1, outAt, 1)
	ev := s.event()
	ev.From = []string{"a", "b", "c", "d", "e"}
	at := time.UnixMilli(1_700_000_000_000)
	ev.Points = []dodona.Point{
		{ID: "a", Value: number(t, "1.5"), Time: at},
		{ID: "a", Value: number(t, "2.5"), Time: at.Add(2)},
		{ID: "a", Value: number(t, "3.5"), Time: at.Add(1)},
		{ID: "b", Value: number(t, "-7"), Quality: dodona.Uncertain},
		{ID: "d", Quality: dodona.Bad, Time: at},
		{ID: "e", Value: number(t, "12345678901234567891")},
	}
	got, out := s.run(m, ev)
	want := map[string]int64{"newest": 0, "uncertain": 1, "none": -abi.ENOENT, "bad": 2, "large": -abi.ERANGE}
	for name, code := range want {
		if got[values[name]] != code {
			t.Errorf("%s: got %d, want %d", name, got[values[name]], code)
		}
	}
	if got[count] != 5 || got[id] != 1 || string(seen(out, 0, 2)) != "b\x00" || got[beyond] != -abi.EINVAL || got[beyondID] != -abi.EINVAL {
		t.Errorf("got %d ids, id 1 of %d bytes: %q; beyond the end %d and %d", got[count], got[id], seen(out, 0, 2), got[beyond], got[beyondID])
	}
	if v, e, ms := seenInt(out, 100), seenInt32(out, 108), seenInt(out, 116); v != 25 || e != -1 || ms != at.UnixMilli() {
		t.Errorf("the newest is %d × 10^%d at %d, want 25 × 10^-1 at %d", v, e, ms, at.UnixMilli())
	}
	if v, ms := seenInt(out, 132), seenInt(out, 148); v != -7 || ms != minMillis {
		t.Errorf("the uncertain one is %d at %d", v, ms)
	}
	if v := seenInt(out, 196); v != 0 {
		t.Errorf("a bad point has written %d", v)
	}
}

func TestPointsAreWhatTheGuestSaid(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	s := newScript(t, "core")
	id, idLen := s.text("boiler.temperature")
	unit, unitLen := s.text("°C")
	why, whyLen := s.text("warm\nWARN forged \x1b[31m\u202e\xe2\x80\xa8end") // ends a line in four ways
	s.call("point", id, idLen, 21_500, -3, unit, unitLen, 1_700_000_000_000, 0)
	s.call("point", id, 6, 7, 20, unit, 0, minMillis, 1)
	s.call("point_reason", why, whyLen)
	s.call("point", id, idLen, math.MinInt64, 38, unit, 0, oldestInput, 0)
	s.call("point", id, idLen, 5, 0, unit, 0, maxMillis, 2)
	ev := s.event(dodona.Reading{SourceTime: time.UnixMilli(1_600_000_000_000), Received: time.UnixMilli(1_900_000_000_000)})
	results, out := s.run(m, ev)
	for i, code := range results {
		if code != 0 {
			t.Errorf("call %d: got %d", i, code)
		}
	}
	want := []dodona.Point{
		{ID: "boiler.temperature", Value: number(t, "21.5"), Unit: "°C", Time: time.UnixMilli(1_700_000_000_000).UTC()},
		{ID: "boiler", Value: number(t, "7e20"), Quality: dodona.Uncertain, Reason: "warm WARN forged  [31m  end"},
		{ID: "boiler.temperature", Value: number(t, "-9223372036854775808e38"), Time: time.UnixMilli(1_600_000_000_000).UTC()},
		{ID: "boiler.temperature", Time: time.UnixMilli(maxMillis).UTC(), Quality: dodona.Bad},
	}
	if diff := cmp.Diff(want, out.Points, compareDecimals); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	if !out.Points[1].Time.IsZero() {
		t.Errorf("an unknown time became %v", out.Points[1].Time)
	}
}

func TestPointsThatNobodyCouldUseAreRefused(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	type point struct {
		id, unit           string
		mantissa, exponent int64
		ms, quality        int64
	}
	for name, change := range map[string]func(*point){
		"no id":                func(p *point) { p.id = "" },
		"upper case":           func(p *point) { p.id = "Boiler" },
		"a line in the id":     func(p *point) { p.id = "a\nb" },
		"an empty part":        func(p *point) { p.id = "a..b" },
		"17 parts":             func(p *point) { p.id = strings.Repeat("a.", 16) + "a" },
		"a long id":            func(p *point) { p.id = strings.Repeat("a.", 100_00) },
		"a long part":          func(p *point) { p.id = strings.Repeat("a", 64) },
		"a long unit":          func(p *point) { p.unit = strings.Repeat("m", maxUnit+1) },
		"a unit with a line":   func(p *point) { p.unit = "m\n" },
		"a unit without UTF-8": func(p *point) { p.unit = "\xff" },
		"exponent 58":          func(p *point) { p.exponent = 58 },
		"exponent -58":         func(p *point) { p.exponent = -58 },
		"exponent -2^31":       func(p *point) { p.exponent = math.MinInt32 },
		"193 bits":             func(p *point) { p.mantissa, p.exponent = math.MaxInt64, 40 },
		"quality 3":            func(p *point) { p.quality = 3 },
		"quality -1":           func(p *point) { p.quality = -1 },
		"the year 0":           func(p *point) { p.ms = minMillis - 1 },
		"the year 10000":       func(p *point) { p.ms = maxMillis + 1 },
		"the end of time":      func(p *point) { p.ms = math.MaxInt64 },
	} {
		p := point{id: "a", unit: "m", mantissa: 1}
		change(&p)
		s := newScript(t, "core")
		id, idLen := s.text(p.id)
		unit, unitLen := s.text(p.unit)
		s.call("point", id, idLen, p.mantissa, p.exponent, unit, unitLen, p.ms, p.quality)
		got, out := s.run(m, s.event())
		if got[0] != -abi.EINVAL || len(out.Points) != 0 {
			t.Errorf("%s: got %d and %d points, want %d and none", name, got[0], len(out.Points), -abi.EINVAL)
		}
	}
	s := newScript(t, "core")
	p, n := s.text(strings.Repeat("x", maxReason+1) + "\xff")
	s.call("point_reason", p, 1)
	s.call("point", p, 1, 0, 0, p, 0, 0, 0)
	s.call("point_reason", p, 0)
	s.call("point_reason", p, maxReason+1)
	s.call("point_reason", p+n-1, 1)
	got, out := s.run(m, s.event())
	if diff := cmp.Diff([]int64{-abi.EINVAL, 0, -abi.EINVAL, -abi.EINVAL, -abi.EINVAL}, got); diff != "" || out.Points[0].Reason != "" {
		t.Errorf("reasons (-want +got):\n%s%+v", diff, out.Points)
	}
}

func TestParametersAndOutputAreBounded(t *testing.T) {
	spec := abiGuest(t, "core")
	spec.Params = map[string]string{"unit": "°F"}
	m := abiModule(t, spec)
	s := newScript(t, "core")
	p, n := s.text("unitx")
	s.call("param", p, n-1, outAt, 3)
	s.call("param", p, n-1, outAt+8, 2) // a byte too few
	s.call("param", p, n, outAt+8, 2)
	s.call("output_write", 0, maxOutput+1)
	got, out := s.run(m, s.event())
	if diff := cmp.Diff([]int64{3, 3, -abi.ENOENT, -abi.ENOSPC}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if string(seen(out, 0, 12)) != "°F\x00\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Errorf("parameter %q", seen(out, 0, 12))
	}
	if len(out.Transcript) == 0 || len(out.Output) != maxOutput {
		t.Errorf("the output is not in the transcript of %d bytes", len(out.Transcript))
	}
}

func TestFailureSaysWhyAndKeepsThePoints(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	for _, c := range []struct {
		text   string
		code   int64
		said   bool
		want   string
		result int32
	}{
		{"sensor\nERROR forged\x00", 42, true, "sensor ERROR forged ", 42},
		{"", -3, true, "it did not say why", -3},
		{strings.Repeat("ü", 300), 1, true, strings.Repeat("ü", 256), 1},
		{"", 0, false, "it failed with code 9 and did not say why", 9},
	} {
		s := newScript(t, "core")
		s.code = 9
		p, n := s.text("a" + c.text)
		s.call("point", p, 1, 0, 0, p, 0, 0, 0)
		if c.said {
			s.call("fail", 1, p, 1) // the last one counts
			s.call("fail", c.code, p+1, n-1)
		}
		out, failed := failing(t, m, s.event(), CauseGuest)
		if failed.Detail != c.want || failed.Code != c.result || len(out.Points) != 1 {
			t.Errorf("got code %d, %q and %d points; want %d, %q and 1", failed.Code, failed.Detail, len(out.Points), c.result, c.want)
		}
	}
	s := newScript(t, "core")
	s.call("fail", 1, 0, 0)
	s.run(m, s.event()) // is answered
}

func TestLogIsCutToItsBudget(t *testing.T) {
	spec := abiGuest(t, "core")
	spec.Limits = manifest.Limits{LogBytes: 100}
	var host []Line
	spec.Host.Log = func(module string, level slog.Level, text string) {
		if module != "core 1.2.3" {
			t.Errorf("log of %q", module)
		}
		host = append(host, Line{level, text})
	}
	m := abiModule(t, spec)
	s := newScript(t, "core")
	p, n := s.text("first\r\n2026-11-24 ERROR forged\xff" + strings.Repeat("x", 100))
	s.call("log", 1, p, 31) // costs 47
	s.call("log", 99, p+31, 30)
	s.call("log", 0, p+31, n-31) // 7 are left, which is less than a line costs
	for range 50 {
		s.call("log", 2, p, 0)
	}
	_, out := s.run(m, s.event())
	want := []Line{
		{slog.LevelInfo, "first  2026-11-24 ERROR forged\ufffd"},
		{slog.LevelError, strings.Repeat("x", 30)},
		{slog.LevelWarn, "151 more bytes were logged than the budget allows"},
	}
	if diff := cmp.Diff(want, out.Logs); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, host); diff != "" {
		t.Errorf("lines of the host (-want +got):\n%s", diff)
	}
}

func TestRangesOutsideOfMemoryEndTheEvent(t *testing.T) {
	m := abiModule(t, abiGuest(t, "core"))
	for _, c := range [][2]int64{
		{memoryEnd, 1},
		{memoryEnd + 1, 0},
		{0, memoryEnd + 1},
		{memoryEnd - 1, 2},
		{-1, 1},
		{-1, 0},
		{1, -1},
		{-1, -1},
		{math.MinInt32, math.MinInt32},
		{math.MaxInt32, math.MaxInt32},
	} {
		s := newScript(t, "core")
		s.call("output_write", c[0], c[1])
		_, failed := failing(t, m, s.event(), CausePointer)
		if !strings.Contains(failed.Detail, "output_write was given") {
			t.Errorf("%d bytes at %d: %s", c[1], c[0], failed.Detail)
		}
	}
	s := newScript(t, "core")
	s.call("output_write", memoryEnd, 0)
	s.call("fail", 0, 0, memoryEnd)
	s.run(m, s.event())
}
