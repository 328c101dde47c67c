//go:build wasm || tinygo.wasm

// Plausible converts every point that the feed asks for, and marks as bad what cannot be true:
// value × factor + offset, which must be within min and max. All four are parameters, decimals, and optional.
package main

import dodona "github.com/dodona-oracle/dodona/sdk/go"

func main() {} // never called: the host calls run

// limits are the parameters of the feed's rules.
type limits struct {
	factor, offset, min, max dodona.Decimal
	hasMin, hasMax           bool
	unit                     string
}

// The codes of fail.
const (
	badParam = 1
	badPoint = 2
)

//go:wasmexport dodona_run
func run() int32 {
	var l limits
	if code := l.read(); code != 0 {
		return code
	}
	for i := range dodona.Asked() {
		id, _ := dodona.AskedID(i)
		value, err := dodona.AskedValue(i)
		if err == dodona.ENOENT {
			continue // the feed knows what to do about a missing point
		}
		value, reason := l.judge(value, err)
		err = dodona.Emit(id, value, l.unit)
		if err == nil && reason != "" {
			err = dodona.Reason(reason)
		}
		if err != nil {
			return dodona.Fail(badPoint, "point "+id+": "+err.Error())
		}
	}
	return 0
}

func (l *limits) read() (code int32) {
	l.factor = dodona.Decimal{Mantissa: 1}
	for _, p := range []struct {
		name  string
		value *dodona.Decimal
		given *bool
	}{
		{"factor", &l.factor, new(bool)}, {"offset", &l.offset, new(bool)}, {"min", &l.min, &l.hasMin}, {"max", &l.max, &l.hasMax},
	} {
		text, err := dodona.Param(p.name)
		if err == dodona.ENOENT {
			continue
		}
		d, ok := dodona.ParseDecimal(text)
		if !ok {
			return dodona.Fail(badParam, "param "+p.name+": want a decimal such as -12.5")
		}
		*p.value, *p.given = d, true
	}
	l.unit, _ = dodona.Param("unit")
	if len(l.unit) > 64 {
		return dodona.Fail(badParam, "param unit: want at most 64 bytes")
	}
	return 0
}

// judge returns what becomes of a value, and why it is bad or "".
func (l *limits) judge(v dodona.Value, err error) (dodona.Value, string) {
	bad := dodona.Value{Time: dodona.EventTime, Quality: dodona.Bad}
	switch {
	case err == dodona.ERANGE:
		return bad, "the value does not fit in 64 bits"
	case err != nil || v.Quality == dodona.Bad:
		return bad, "the value is bad already"
	}
	d, ok := v.Mul(l.factor)
	if ok {
		d, ok = d.Add(l.offset)
	}
	if !ok {
		v.Quality = dodona.Bad
		return v, v.String() + " does not fit in 64 bits after conversion"
	}
	v.Decimal = d
	switch {
	case l.hasMin && d.Cmp(l.min) < 0:
		v.Quality = dodona.Bad
		return v, d.String() + " is below min " + l.min.String()
	case l.hasMax && d.Cmp(l.max) > 0:
		v.Quality = dodona.Bad
		return v, d.String() + " is above max " + l.max.String()
	}
	return v, ""
}
