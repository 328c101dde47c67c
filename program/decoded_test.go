package program_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// toy is a kind whose readings are bytes, each a point of its own.
type toy struct {
	Address   string // of the device: no rule
	Registers map[string]int
}

// register says which byte a point is.
type register struct {
	Byte int `json:"byte"`
}

func (t toy) registers() map[string]register {
	rules := map[string]register{}
	for point, n := range t.Registers {
		rules[point] = register{n}
	}
	return rules
}

type bytesOf map[string]register

func (b bytesOf) Apply(_ context.Context, c dodona.Call) (r dodona.Result, err error) {
	for _, reading := range c.Readings {
		for point, rule := range b {
			p := dodona.Point{ID: point, Time: reading.Received}
			if rule.Byte >= len(reading.Body) {
				p.Quality, p.Reason = dodona.Bad, "the reading is too short"
			} else if p.Value, err = dodona.ParseDecimal(string('0' + reading.Body[rule.Byte])); err != nil {
				return r, err
			}
			r.Points = append(r.Points, p)
		}
		r.Points = append(r.Points, dodona.Point{ID: "unasked"})
	}
	return r, nil
}

// Has says that item n has byte n alone; one without a number has all.
func (b bytesOf) Has(r dodona.Reading, point string) bool {
	return r.Item == "" || r.Item == strconv.Itoa(b[point].Byte)
}

var toyKind = source.Decoding(
	source.NewPolled("toy", func(context.Context, toy, source.Env) (dodona.Source, error) { return nil, nil }),
	toy.registers, func(rules map[string]register) (dodona.Transform, error) { return bytesOf(rules), nil })

// plc are the rules of a feed that asks a toy for two of its three points, another source for one, and has a rule for one.
func plc(t *testing.T) program.Rules {
	t.Helper()
	own, err := toyKind.Rules(&toy{Address: "10.0.0.7", Registers: map[string]int{"level": 0, "flow": 1, "other": 2, "far": 9}})
	if err != nil {
		t.Fatal(err)
	}
	return program.Rules{
		From:    []string{"plc.level", "a", "plc.far", "plc.flow"},
		Extract: extract.Rules{"a": {"": {Pointer: "/value"}}, "plc": {"flow": {Pointer: "/flow"}}},
		Decoded: map[string]program.Decoded{"plc": {Kind: "toy", Rules: own}},
	}
}

func TestAKindDecodesWhereNoRuleIsGiven(t *testing.T) {
	decoders := program.Decoders{"toy": toyKind.Decode}
	p, err := program.New(plc(t), decoders)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"decode":1,"sources":{"plc":{"kind":"toy","rules":{"far":{"byte":9},"level":{"byte":0}}}},"extraction":` +
		`{"extract":1,"sources":{"a":{"":{"pointer":"/value"}},"plc":{"flow":{"pointer":"/flow"}}}}}`
	if got := string(p.JSON()); got != want {
		t.Fatalf("rules %s\nwant  %s", got, want)
	}
	again, err := program.Parse(plc(t).From, p.JSON(), decoders)
	if err != nil {
		t.Fatal(err)
	}
	c := call()
	c.Readings = append(c.Readings, dodona.Reading{Source: "plc", Body: []byte{4, 2}, Received: c.Readings[0].Received})
	for name, made := range map[string]*program.Program{"new": p, "parsed": again} {
		r, err := made.Running(nil).Apply(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, p := range r.Points {
			said = append(said, p.ID+" "+p.Value.String()+" "+p.Quality.String())
		}
		if got := strings.Join(said, ", "); got != "a 1.5 good, plc.far 0 bad, plc.flow 0 bad, plc.level 4 good" || r.Version != dodona.Keccak256(p.JSON()) {
			t.Errorf("%s: points %s, version %s", name, got, r.Version)
		}
	}
}

func TestARoundNeedsTheItemsThatMayHaveItsPoints(t *testing.T) {
	var readings []dodona.Reading
	for _, item := range []string{"0", "1", "9", "", "7"} {
		readings = append(readings, dodona.Reading{Source: "plc", Item: item})
	}
	for from, want := range map[string]string{"plc.level": "0 ", "plc.level plc.far": "0 9 ", "plc.flow": "0 1 9  7", "web": "", "plc.none a": "0 1 9  7"} {
		r := plc(t)
		r.From = strings.Fields(from)
		made, err := program.New(r, program.DecodersOf(toyKind))
		if err != nil {
			t.Fatal(err)
		}
		var items []string
		for _, r := range made.Needed(readings) {
			items = append(items, r.Item)
		}
		if got := strings.Join(items, " "); got != want {
			t.Errorf("who asks for %s needs %q, want %q", from, got, want)
		}
	}
}

func TestAFeedThatAsksNoDecodedPointHasTheRulesOfEver(t *testing.T) {
	r := plc(t)
	r.From = []string{"a", "plc.flow"}
	p, err := program.New(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := extract.New(r.Extract)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(p.JSON()), string(x.JSON()); got != want {
		t.Errorf("rules %s, want %s", got, want)
	}
}

func TestWhatNobodyHereDecodesIsAnError(t *testing.T) {
	p, err := program.New(plc(t), program.Decoders{"toy": toyKind.Decode})
	if err != nil {
		t.Fatal(err)
	}
	raw := string(p.JSON())
	for name, c := range map[string]struct{ raw, want string }{
		"a kind that this build lacks": {strings.Replace(raw, `"toy"`, `"opcua"`, 1), `kind "opcua": this build has no such kind`},
		"another version":              {strings.Replace(raw, `"decode":1`, `"decode":2`, 1), "format 2"},
		"a key that nobody knows":      {strings.Replace(raw, `"decode":1`, `"decode":1,"x":0`, 1), "canonical"},
		"a rule of the wrong type":     {strings.Replace(raw, `"byte":0`, `"byte":"0"`, 1), `point "level"`},
	} {
		if _, err := program.Parse(plc(t).From, json.RawMessage(c.raw), program.Decoders{"toy": toyKind.Decode}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := program.New(plc(t), nil); err == nil {
		t.Error("a program is made without the decoder it needs")
	}
	plain := source.NewPolled("plain", func(context.Context, toy, source.Env) (dodona.Source, error) { return nil, nil })
	if rules, err := plain.Rules(toy{}); rules != nil || err != nil {
		t.Errorf("a kind without a decoder has the rules %v, %v", rules, err)
	}
	if _, err := plain.Decode(nil); err == nil {
		t.Error("a kind without a decoder decodes")
	}
	if _, err := toyKind.Rules("settings of another kind"); err == nil {
		t.Error("settings of another kind have rules")
	}
}
