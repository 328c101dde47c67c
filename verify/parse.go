package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
)

// MaxBytes is the largest answer that is read.
const MaxBytes = 1 << 20

// parse reads the one form of an answer that is accepted.
func parse(raw []byte) (a dodona.Answer, err error) {
	err = parseStrictly(raw, answerShape, "the answer", &a)
	return a, err
}

// parseStrictly reads JSON of one shape. encoding/json alone would also take other capitals, repeated and missing
// fields, null, and broken UTF-8.
func parseStrictly(raw []byte, s shape, what string, into any) error {
	if len(raw) > MaxBytes {
		return fmt.Errorf("%d bytes, at most %d are read", len(raw), MaxBytes)
	}
	if !utf8.Valid(raw) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := s.walk(d, what); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows %s at byte %d", what, d.InputOffset())
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("not an %s: %w", strings.TrimPrefix(what, "the "), err)
	}
	return nil
}

// limited reads no more of raw than parseStrictly would.
func limited(raw []byte) io.Reader { return bytes.NewReader(raw[:min(len(raw), MaxBytes)]) }

// A shape is what JSON may stand at a place. A leaf is one of the token kinds below.
type shape struct {
	fields   map[string]shape // of an object, all required but the optional ones
	optional []string
	items    *shape // of an array
	leaf     string
}

var (
	text   = shape{leaf: "string"}
	number = shape{leaf: "number"}

	answerShape = shape{fields: map[string]shape{
		"network": {fields: map[string]shape{"name": text, "first": text}},
		"quorum": {
			fields:   map[string]shape{"scheme": text, "k": number, "members": {items: &text}, "key": text},
			optional: []string{"key"},
		},
		"feed": {
			fields:   map[string]shape{"name": text, "kind": text, "unit": text, "decimals": number, "labels": {items: &text}},
			optional: []string{"labels"},
		},
		"attestation": {fields: map[string]shape{
			"report":     {fields: map[string]shape{"feed": text, "round": number, "value": text}},
			"observed":   text,
			"signatures": {items: &text},
		}},
	}}
)

// walk reads one value of the shape. Its depth is that of the shape, whatever the input.
func (s shape) walk(d *json.Decoder, where string) error {
	token, err := d.Token()
	if err != nil {
		return syntaxError(d, err)
	}
	switch {
	case s.fields != nil && token == json.Delim('{'):
		return s.walkObject(d, where)
	case s.items != nil && token == json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := s.items.walk(d, fmt.Sprintf("%s[%d]", where, i)); err != nil {
				return err
			}
		}
		return closing(d)
	case s.leaf != "" && s.leaf == leafOf(token):
		return nil
	}
	return fmt.Errorf("%s: want %s", where, s.want())
}

func (s shape) walkObject(d *json.Decoder, where string) error {
	seen := make(map[string]bool, len(s.fields))
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return syntaxError(d, err)
		}
		name, _ := token.(string)
		field, known := s.fields[name]
		if !known {
			return fmt.Errorf("%s: unknown field %q", where, clip(name))
		}
		if seen[name] {
			return fmt.Errorf("%s: field %q stands twice", where, name)
		}
		seen[name] = true
		if err := field.walk(d, name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !seen[name] && !slices.Contains(s.optional, name) {
			return fmt.Errorf("%s: field %q is missing", where, name)
		}
	}
	return closing(d)
}

// closing reads the bracket that ends an object or array.
func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return syntaxError(d, err)
	}
	return nil
}

func syntaxError(d *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cut short after %d bytes", d.InputOffset())
	}
	return fmt.Errorf("not JSON at byte %d: %w", d.InputOffset(), err)
}

func leafOf(token json.Token) string {
	switch token.(type) {
	case string:
		return "string"
	case json.Number:
		return "number"
	}
	return ""
}

func (s shape) want() string {
	switch {
	case s.fields != nil:
		return "an object"
	case s.items != nil:
		return "an array"
	}
	return "a " + s.leaf
}
