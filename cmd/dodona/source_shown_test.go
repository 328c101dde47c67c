package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

func TestABadPointHasNoValueInJSON(t *testing.T) {
	seven, err := dodona.ParseDecimal("7")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(triedPoints([]dodona.Point{{ID: "a", Value: seven}, {ID: "b", Quality: dodona.Bad, Reason: "exception 2"}, {ID: "c"}}))
	if want := `[{"id":"a","value":"7","quality":"good"},{"id":"b","quality":"bad","reason":"exception 2"},{"id":"c","value":"0","quality":"good"}]`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}

func TestNobodyIsToldOfJSONWhoseRulesReadATable(t *testing.T) {
	for want, rule := range map[bool]extract.Rule{true: {Column: "kWh"}, false: {Pointer: "/v"}} {
		if got := wantsText(map[string]extract.Rule{"a": rule}); got != want {
			t.Errorf("%+v: got %v", rule, got)
		}
	}
	if !wantsText(map[string]extract.Rule{"a": {Pointer: "/v"}, "b": {Regex: "([0-9]+) kg"}}) {
		t.Error("a rule with a regex reads a text")
	}
}

func TestWhatCameIsToldOfAllReadings(t *testing.T) {
	good, bad := dodona.Reading{Detail: "function 3"}, dodona.Reading{Quality: dodona.Bad, Detail: "exception 2"}
	for want, readings := range map[string][]dodona.Reading{
		"exception 2": {bad}, "function 3": {good}, "2 readings, 1 of them bad": {good, bad}, "2 readings, the last function 3": {good, good},
	} {
		if got := cameOf(readings); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestATerminalShowsBytesInHexadecimal(t *testing.T) {
	of := func(text, media string) dodona.Reading { return dodona.Reading{Body: []byte(text), ContentType: media} }
	for _, c := range []struct {
		r    dodona.Reading
		text bool
	}{
		{of("{\"t\": 1}\r\n", "application/json"), true},
		{of("21.5", "application/octet-stream"), true},
		{of("\x00d\x00e", "application/octet-stream"), false},
		{of("\xb0C", "application/octet-stream"), false},
		{of("21 \xb0C", "text/plain"), true},
		{of("\x83\x02", ""), false},
	} {
		if got := isText(c.r); got != c.text {
			t.Errorf("%q of %s is text: %v", c.r.Body, c.r.ContentType, got)
		}
	}
	var out strings.Builder
	term := terminal{out: &out, err: &strings.Builder{}, watched: true}
	if err := printBodies(term, []dodona.Reading{of("\x00d\x00e", "application/octet-stream")}, false); err != nil || !strings.Contains(out.String(), "00 64 00 65") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
