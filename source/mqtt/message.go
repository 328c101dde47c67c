package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// message fills in the value and the time of a point from a message of a preset.
func (rule Rule) message(r dodona.Reading, p *dodona.Point) error {
	found, err := at(r.Body, rule.Pointer)
	if err != nil {
		return err
	}
	if p.Value, err = rule.number(found); err != nil {
		return fmt.Errorf("%s %w", rule.Pointer, err)
	}
	if rule.Time == "" {
		return nil
	}
	said, err := at(r.Body, rule.Time)
	if errors.Is(err, errSilent) {
		return nil // it is switched off there
	}
	if err != nil {
		return err
	}
	if p.Time, err = instant(said); err != nil {
		return fmt.Errorf("%s %w", rule.Time, err)
	}
	return nil
}

// at returns what stands at a place of a JSON document; errSilent if nothing does, or null.
func at(body []byte, pointer string) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: it is no JSON", errSilent)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more follows its JSON", errSilent)
	}
	for _, name := range strings.Split(pointer, "/")[1:] {
		name = unescaped(name)
		switch of := v.(type) {
		case map[string]any:
			v = of[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(of) {
				return nil, silentAt(pointer)
			}
			v = of[i]
		default:
			return nil, silentAt(pointer)
		}
	}
	if v == nil {
		return nil, silentAt(pointer)
	}
	return v, nil
}

// isNull reports whether null stands at a place of a JSON document: then it speaks of the place, and says that there is no value.
func isNull(body []byte, pointer string) bool {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return false
	}
	parent, err := at(body, pointer[:i])
	if err != nil {
		return false
	}
	of, is := parent.(map[string]any)
	v, named := of[unescaped(pointer[i+1:])]
	return is && named && v == nil
}

// unescaped returns a name of a JSON Pointer as the document has it.
func unescaped(name string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(name) }

func silentAt(pointer string) error {
	return fmt.Errorf("%w: nothing stands at %s", errSilent, pointer)
}

// number returns the number that a value of a message is.
func (rule Rule) number(v any) (dodona.Decimal, error) {
	text := ""
	switch of := v.(type) {
	case json.Number:
		text = of.String()
	case bool:
		if n, found := rule.Enum[strconv.FormatBool(of)]; found {
			return dodona.NewInt192(n).Decimal(0), nil
		}
		if of {
			return dodona.NewInt192(1).Decimal(0), nil
		}
		return dodona.Decimal{}, nil
	case string:
		if n, found := rule.Enum[of]; found {
			return dodona.NewInt192(n).Decimal(0), nil
		}
		text = strings.TrimSpace(of)
	default:
		// Fault (point): a list or a map stands where a number should.
		return dodona.Decimal{}, errors.New("is no number: a list or a map")
	}
	d, err := dodona.ParseDecimal(text)
	if errors.Is(err, dodona.ErrRange) {
		return d, fmt.Errorf("is %s: %w", plain.Cut(text, 40), err)
	}
	if err != nil {
		return d, fmt.Errorf("is no number: %s, which enum has not", plain.Quote(text, 40))
	}
	return d, nil
}

// instant returns the time that a text in RFC 3339, or a number of seconds or milliseconds since 1970, says.
func instant(v any) (time.Time, error) {
	switch of := v.(type) {
	case string:
		t, err := time.Parse(time.RFC3339Nano, of)
		if err != nil {
			return t, fmt.Errorf("is no time in RFC 3339: %s", plain.Quote(of, 40))
		}
		return t.Truncate(time.Millisecond).UTC(), nil
	case json.Number:
		d, err := dodona.ParseDecimal(of.String())
		if err != nil {
			break
		}
		if n, ok := d.Parts(); ok == 0 {
			if at, fits := n.Int64(); fits && at > 0 && at <= latest {
				if at < 100_000_000_000 { // seconds until the year 5138
					at *= 1000
				}
				return time.UnixMilli(at).UTC(), nil
			}
		}
	}
	// Fault (point): a time that a device says is none.
	return time.Time{}, errors.New("is no time in RFC 3339, and none in seconds or milliseconds since 1970")
}
