package manifest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// decodeStrict reads one JSON document into the struct that to points to, in the only way it can be meant. encoding/json
// alone would also take other capitals of a name, the last of two equal names, null, broken UTF-8, and what follows.
func decodeStrict(raw []byte, to any) error {
	if !utf8.Valid(raw) {
		return errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := walk(d, reflect.TypeOf(to).Elem(), "the document"); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the document at byte %d", d.InputOffset())
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	return nil
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// walk reads one value and compares its shape with t. Its depth is that of t, whatever the input.
func walk(d *json.Decoder, t reflect.Type, where string) error {
	token, err := d.Token()
	if err != nil {
		return syntax(d, err)
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) || (t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8) {
		if _, text := token.(string); !text {
			return fmt.Errorf("%s must be a text", where)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if token != json.Delim('{') {
			return fmt.Errorf("%s must be an object", where)
		}
		return walkObject(d, t, where)
	case reflect.Slice:
		if token != json.Delim('[') {
			return fmt.Errorf("%s must be a list", where)
		}
		for i := 0; d.More(); i++ {
			if err := walk(d, t.Elem(), fmt.Sprintf("%s[%d]", where, i)); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return syntax(d, err)
	}
	if _, structure := token.(json.Delim); structure || token == nil {
		return fmt.Errorf("%s must be a text, a number, true or false", where)
	}
	return nil // json.Unmarshal says whether it is the right one
}

func walkObject(d *json.Decoder, t reflect.Type, where string) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return syntax(d, err)
		}
		name, _ := token.(string)
		member, known := memberType(t, name)
		if !known {
			return fmt.Errorf("%s has the unknown field %s", where, quote(name))
		}
		if seen[name] {
			return fmt.Errorf("%s has the field %s twice", where, quote(name))
		}
		seen[name] = true
		if err := walk(d, member, quote(name)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return syntax(d, err)
}

// memberType returns the type of a member of a map or, by its exact name, of a struct.
func memberType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "-" && tag != "" && tag == name {
			return f.Type, true
		}
	}
	return nil, false
}

func syntax(d *json.Decoder, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it is cut short after %d bytes", d.InputOffset())
	}
	return fmt.Errorf("it is not JSON at byte %d: %w", d.InputOffset(), err)
}
