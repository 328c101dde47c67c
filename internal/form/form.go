// Package form reads JSON in the one form that is accepted. encoding/json alone would also take other capitals of a name,
// the last of two equal names, names that nothing reads, null for anything, broken UTF-8, and what follows.
//
// A [Form] says what may stand where; [Form.Read] is for documents whose spacing and order of members are free. [Exact] is
// for those that only a program of ours writes, in one encoding.
package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"
)

// A Form is what JSON may stand at a place: one of the leaves below, an object, or an array. The zero Form is nothing.
type Form struct {
	Fields   Fields // of an object, all required but the optional ones
	Optional []string
	Values   *Form // of an object with any names
	Items    *Form // of an array
	leaf     leaf
}

// Fields are the fields of an object by name.
type Fields map[string]Form

type leaf string

// maxNumber is how long a number may be: no integer is as long, and what encoding/json says of one quotes all of it.
const maxNumber = 64

// The leaves.
var (
	Text   = Form{leaf: "a string"}
	Number = Form{leaf: "a number"}
	Bool   = Form{leaf: "true or false"}
	Any    = Form{leaf: "a value"} // of any form, null included, which nothing looks into
)

// Read reads one document, called what in messages, into the value that into points to. Its depth is that of the form and
// its work grows with the document, whose size is the caller's to bound.
func (f Form) Read(raw []byte, what string, into any) error {
	if err := f.Check(raw, what); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// Check returns why raw is not one document of the form, called what in messages. What the numbers and texts are worth it
// does not know.
func (f Form) Check(raw []byte, what string) error {
	if !utf8.Valid(raw) {
		return errors.New("not UTF-8")
	}
	w := walker{json.NewDecoder(bytes.NewReader(raw))}
	w.UseNumber()
	if err := w.value(f, place{name: what, item: -1}); err != nil {
		return err
	}
	if _, err := w.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows %s at byte %d", what, w.InputOffset())
	}
	return nil
}

// A place is where a value stands: a field's name, or an item of it.
type place struct {
	name string
	item int // -1 if it is none
}

func (p place) String() string {
	if p.item < 0 {
		return p.name
	}
	return fmt.Sprintf("%s[%d]", p.name, p.item)
}

type walker struct{ *json.Decoder }

// value reads one value of the form.
func (w walker) value(f Form, at place) error {
	if f.leaf == Any.leaf {
		var any json.RawMessage
		return w.syntax(w.Decode(&any))
	}
	token, err := w.Token()
	if err != nil {
		return w.syntax(err)
	}
	switch {
	case f.Items != nil && token == json.Delim('['):
		return w.items(*f.Items, at)
	case (f.Fields != nil || f.Values != nil) && token == json.Delim('{'):
		return w.object(f, at)
	case f.leaf != "" && f.leaf == leafOf(token):
		if digits, _ := token.(json.Number); len(digits) > maxNumber {
			return fmt.Errorf("%s: a number of %d characters", at, len(digits))
		}
		return nil
	}
	return fmt.Errorf("%s: want %s", at, f.want())
}

func (w walker) items(f Form, at place) error {
	name := at.String()
	for i := 0; w.More(); i++ {
		if err := w.value(f, place{name, i}); err != nil {
			return err
		}
	}
	return w.closing()
}

func (w walker) object(f Form, at place) error {
	seen := make(map[string]bool, len(f.Fields))
	for w.More() {
		token, err := w.Token()
		if err != nil {
			return w.syntax(err)
		}
		name, _ := token.(string)
		field, known := f.Fields[name]
		inside := name
		switch {
		case f.Values != nil:
			field, inside = *f.Values, fmt.Sprintf("%q", Clip(name))
		case !known:
			return fmt.Errorf("%s: unknown field %q", at, Clip(name))
		}
		if seen[name] {
			return fmt.Errorf("%s: field %q stands twice", at, Clip(name))
		}
		seen[name] = true
		if err := w.value(field, place{inside, -1}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if !seen[name] && !slices.Contains(f.Optional, name) {
			return fmt.Errorf("%s: field %q is missing", at, name)
		}
	}
	return w.closing()
}

// closing reads the bracket that ends an object or array.
func (w walker) closing() error {
	_, err := w.Token()
	return w.syntax(err)
}

func (w walker) syntax(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("cut short after %d bytes", w.InputOffset())
	}
	return fmt.Errorf("not JSON at byte %d: %w", w.InputOffset(), err)
}

func leafOf(token json.Token) leaf {
	switch token.(type) {
	case string:
		return Text.leaf
	case json.Number:
		return Number.leaf
	case bool:
		return Bool.leaf
	}
	return ""
}

func (f Form) want() string {
	switch {
	case f.Fields != nil, f.Values != nil:
		return "an object"
	case f.Items != nil:
		return "an array"
	}
	return string(f.leaf)
}

// Clip shortens hostile text for a message.
func Clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
