package source

import (
	"encoding/json"
	"fmt"

	"github.com/dodona-oracle/dodona"
)

// A decoding is how a kind makes points of its readings itself.
type decoding struct {
	rules  func(settings any) (map[string]json.RawMessage, error)
	decode func(rules map[string]json.RawMessage) (dodona.Transform, error)
}

// Decoding returns k as a kind that owns its wire format: it makes points of its readings itself where the configuration
// gives no rule for them, so that a register, say, is named once.
//
// Rules takes from the settings what the readings mean, by point: "temperature", or "" where a source has one. Its JSON
// goes into the rules of every feed that asks for the point, which all nodes of a network share and replays start from:
// it holds no address and no secret, equal meaning has equal JSON, and another meaning has another.
//
// Decode makes of such rules, or some of them, what computes their points, named as in the rules. It is given the readings
// of one source, and is a function of them alone: a replay has neither settings nor device.
//
// What decode returns may have a method Has(r dodona.Reading, point string) bool, which says whether a reading may have a point, by its
// item, say. A round names the readings that its points may come from: without the method all that the source brought.
//
// It may have a method Speaks of the same form as well, which says whether a reading says something of a point, be it that it has no value:
// a sink of points is given no bad point of what a message does not speak of. Without the method Has tells.
//
// And a method Time(r dodona.Reading, point string) time.Time, which returns when a reading says that a point was measured, zero if it says
// nothing of it: of what is pushed, what was measured before and comes later is not the latest. Without the method what comes last is.
//
// The configuration takes the rules of the settings, and program makes the points: see program.DecodersOf.
//
// It is for protocols of registers and binary payloads; http, file and sim leave what they read to the configuration's rules.
func Decoding[S, R any](k Kind, rules func(S) map[string]R, decode func(rules map[string]R) (dodona.Transform, error)) Kind {
	name := k.Name()
	k.decoding = &decoding{
		rules: func(settings any) (map[string]json.RawMessage, error) {
			switch s := settings.(type) {
			case S:
				return convert[json.RawMessage](rules(s))
			case *S:
				return convert[json.RawMessage](rules(*s))
			}
			return nil, fmt.Errorf("take what readings of kind %s mean: settings are a %T, want %T", name, settings, *new(S))
		},
		decode: func(raw map[string]json.RawMessage) (dodona.Transform, error) {
			parsed, err := convert[R](raw)
			if err != nil {
				return nil, fmt.Errorf("read what readings of kind %s mean: %w", name, err)
			}
			return decode(parsed)
		},
	}
	return k
}

// Decodes reports whether k owns its wire format: see [Decoding].
func (k Kind) Decodes() bool { return k.decoding != nil }

// Rules returns what the readings of a source with these settings mean, by point; nil if k leaves that to the configuration.
func (k Kind) Rules(settings any) (map[string]json.RawMessage, error) {
	if k.decoding == nil {
		return nil, nil
	}
	return k.decoding.rules(settings)
}

// Decode returns what makes the points of such rules: see [Decoding].
func (k Kind) Decode(rules map[string]json.RawMessage) (dodona.Transform, error) {
	if k.decoding == nil {
		return nil, fmt.Errorf("kind %s makes no points itself", k.Name())
	}
	return k.decoding.decode(rules)
}

// convert returns values as JSON has them.
func convert[To, From any](values map[string]From) (map[string]To, error) {
	out := make(map[string]To, len(values))
	for point, value := range values {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("point %q: %w", point, err)
		}
		var to To
		if err := json.Unmarshal(raw, &to); err != nil {
			return nil, fmt.Errorf("point %q: %w", point, err)
		}
		out[point] = to
	}
	return out, nil
}
