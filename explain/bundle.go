package explain

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/internal/plain"
)

const (
	deepest   = 64              // arrays and objects in each other, in a bundle
	lastRound = 253402300799999 // the end of year 9999
	maxText   = 255             // bytes of a name that people read
)

// ReadBundle reads a bundle in the one form that spec/bundle.md gives. Its error says what is in another form, and where.
func ReadBundle(raw []byte) (b dodona.Bundle, err error) {
	if err := unpaired(raw); err != nil {
		return b, err
	}
	if _, err := canonical(raw); err != nil {
		return b, err
	}
	if err := bundleForm(raw).Read(raw, "the bundle", &b); err != nil {
		return b, err
	}
	if err := leaves(raw); err != nil {
		return b, err
	}
	return b, worth(b)
}

// bundleForm returns what may stand where in a bundle.
func bundleForm(raw []byte) form.Form {
	f := form.Of[dodona.Bundle]()
	f.Optional = []string{"points", "fuel", "transcript", "state", "shadow", "value", "missed", "origin", "readings", "observation", "network", "module", "transcriptSalt"}
	optional := func(at string, of form.Form, names ...string) {
		if of.Items != nil {
			of.Items.Optional = names
			return
		}
		of.Optional = names
		f.Fields[at] = of
	}
	optional("feed", f.Fields["feed"], "labels")
	optional("origin", f.Fields["origin"])
	optional("network", f.Fields["network"])
	observation := f.Fields["observation"]
	signed := observation.Fields["origin"]
	signed.Optional = nil
	observation.Fields["origin"] = signed
	optional("observation", observation)
	optional("points", f.Fields["points"], "unit", "time", "reason")
	optional("readings", f.Fields["readings"], "contentType", "sourceTime", "detail")
	f.Fields["readings"].Items.Fields["body"] = form.Any // null is no bytes, too
	optional("inputs", f.Fields["inputs"], "reason", "value", "time", "readings")
	f.Fields["inputs"].Items.Fields["readings"].Items.Optional = []string{"item", "detail"}
	var has struct {
		Inputs json.RawMessage `json:"inputs"`
	}
	if json.Unmarshal(raw, &has) == nil && (has.Inputs == nil || string(has.Inputs) == "null") {
		f.Fields["inputs"] = form.Any // nobody was asked
	}
	return f
}

var (
	wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	rfc3339     = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)
)

// leaves returns which number, time or bytes of a bundle are not written as they must be. Rules, and what nothing binds, are not looked into.
func leaves(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var whole map[string]any
	if err := d.Decode(&whole); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	for _, name := range []string{"rules", "state", "shadow"} {
		delete(whole, name)
	}
	return leavesIn("", "", whole)
}

// leavesIn looks at what stands at a place under a name.
func leavesIn(at, name string, value any) error {
	switch value := value.(type) {
	case map[string]any:
		for _, inside := range slices.Sorted(maps.Keys(value)) {
			place := at + "." + inside
			if at == "" {
				place = inside
			}
			if err := leavesIn(place, inside, value[inside]); err != nil {
				return err
			}
		}
	case []any:
		for i, item := range value {
			if err := leavesIn(fmt.Sprintf("%s[%d]", at, i), name, item); err != nil {
				return err
			}
		}
	default:
		if want := leafWant(name, value); want != "" {
			return fmt.Errorf("%s: want %s, not %s", at, want, strconv.QuoteToASCII(form.Clip(fmt.Sprint(value))))
		}
	}
	return nil
}

// leafWant says what a value of a name must be, if it is something else.
func leafWant(name string, value any) string {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch name {
	case "received", "sourceTime", "time":
		if !rfc3339.MatchString(text) {
			return "a time of RFC 3339, with up to nine digits of fraction"
		}
	case "body", "transcript", "module":
		read, err := base64.StdEncoding.DecodeString(text)
		if value != nil && (!isText || err != nil || base64.StdEncoding.EncodeToString(read) != text) {
			return "base64, as RFC 4648 §4 has it"
		}
		if name != "body" && len(read) == 0 {
			return "bytes, or nothing at all"
		}
	case "size":
		if n, err := strconv.ParseUint(number.String(), 10, 63); err != nil || strconv.FormatUint(n, 10) != number.String() {
			return "a size"
		}
	}
	if isNumber && !wholeNumber.MatchString(number.String()) {
		return "a whole number"
	}
	return ""
}

// worth returns which value of a bundle none has.
func worth(b dodona.Bundle) error {
	switch {
	case b.Value != nil && b.Missed != "":
		return errors.New("missed: there is a value, and a reason why there is none")
	case (b.TranscriptSalt != nil) != (len(b.Transcript) > 0):
		return errors.New("transcriptSalt: a transcript and its salt belong together")
	case b.Round == 0 || b.Round > lastRound:
		return fmt.Errorf("round: there is no round %d", uint64(b.Round))
	case b.Network != nil && (b.Network.Name == "" || len(b.Network.Name) > maxText || !plain.Is(b.Network.Name)):
		return fmt.Errorf("network: name: want 1 to %d printable bytes", maxText)
	case b.Observation != nil && b.Observation.Name != b.Feed.Name:
		return fmt.Errorf("observation: name: it is of %q, the bundle of another feed", form.Clip(b.Observation.Name))
	}
	return nil
}

// canonical returns JSON as rules are digested: without the white space between values, members in the order in which they stand, texts with the least
// escapes. A name that stands twice, and what is nested too deep, is an error.
func canonical(raw []byte) ([]byte, error) {
	w := canon{Decoder: json.NewDecoder(bytes.NewReader(raw))}
	w.UseNumber()
	if err := w.value(0); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("cut short after %d bytes", w.InputOffset())
		}
		return nil, err
	}
	if _, err := w.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows at byte %d", w.InputOffset())
	}
	return w.Bytes(), nil
}

type canon struct {
	*json.Decoder
	bytes.Buffer
}

// value writes the next value.
func (w *canon) value(depth int) error {
	token, err := w.Token()
	if err != nil {
		return fmt.Errorf("not JSON at byte %d: %w", w.InputOffset(), err)
	}
	opens, nests := token.(json.Delim)
	if !nests {
		return w.leaf(token)
	}
	if depth == deepest {
		return fmt.Errorf("arrays and objects more than %d deep at byte %d", deepest, w.InputOffset())
	}
	w.WriteByte(byte(opens))
	seen := map[string]bool{}
	for first := true; w.More(); first = false {
		if !first {
			w.WriteByte(',')
		}
		if opens == '{' {
			if err := w.name(seen); err != nil {
				return err
			}
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	closes, err := w.Token()
	if err != nil {
		return fmt.Errorf("not JSON at byte %d: %w", w.InputOffset(), err)
	}
	w.WriteString(fmt.Sprint(closes))
	return nil
}

// name writes the next name of an object.
func (w *canon) name(seen map[string]bool) error {
	token, err := w.Token()
	if err != nil {
		return fmt.Errorf("not JSON at byte %d: %w", w.InputOffset(), err)
	}
	name, _ := token.(string)
	if seen[name] {
		return fmt.Errorf("field %s stands twice at byte %d", strconv.QuoteToASCII(form.Clip(name)), w.InputOffset())
	}
	seen[name] = true
	if err := w.leaf(token); err != nil {
		return err
	}
	return w.WriteByte(':')
}

func (w *canon) leaf(token json.Token) error {
	text, err := json.Marshal(token)
	if err != nil {
		return fmt.Errorf("at byte %d: %w", w.InputOffset(), err)
	}
	w.Write(text)
	return nil
}

var surrogate = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)`)

// unpaired returns where half a character stands: encoding/json reads another one for it.
func unpaired(raw []byte) error {
	for _, at := range surrogate.FindAllIndex(raw, -1) {
		if at[1]-at[0] == len(`\ud800`) {
			return fmt.Errorf("half a character (an unpaired surrogate) at byte %d", at[0])
		}
	}
	return nil
}
