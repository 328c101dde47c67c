package extract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
)

// The bounds of a document. A source's own size limit is usually far lower.
const (
	maxBody  = 16 << 20 // bytes
	maxDepth = 64       // objects and arrays inside each other
)

// shape is what stands at a place of a document.
type shape uint8

const (
	nothing shape = iota
	number
	text
	boolean
	null
	object
	array
)

var shapeNames = [...]string{"nothing", "a number", "a text", "true or false", "null", "an object", "an array"}

func (s shape) String() string { return shapeNames[s] }

// A frame is one open object or array of a walk.
type frame struct {
	array bool
	index int                 // of the current element
	key   string              // of the current member
	seen  map[string]struct{} // keys so far; only where duplicates are looked for
}

// A visit is one value, with the frames that lead to it. The frames are only valid during the visit.
type visit struct {
	path  []frame
	shape shape
	text  string // of a number, text or boolean
}

// walk reads a JSON document strictly, within the bounds, and calls see for every value in the order of the text.
// It never converts a number: its text goes to see as it stands. With unique, a repeated key is an error.
func walk(body []byte, unique bool, see func(visit)) error {
	if err := precheck(body); err != nil {
		return err
	}
	w := walker{unique: unique, see: see}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		t, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if len(w.path) > 0 || !w.done || errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("the document is cut off after %d bytes", len(body))
			}
			return nil
		case err != nil:
			return fmt.Errorf("the document is not JSON: %w; it begins %s", syntax(err), opening(body))
		case w.done:
			return errors.New("the document is more than one JSON value")
		}
		if err := w.token(t); err != nil {
			return err
		}
	}
}

// precheck refuses what encoding/json would repair or blow up on.
func precheck(body []byte) error {
	switch {
	case len(body) > maxBody:
		return fmt.Errorf("the document has %d bytes, at most %d are read", len(body), maxBody)
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the document is empty")
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return errors.New("the document begins with a byte order mark, which JSON does not allow (RFC 8259 §8.1)")
	case !utf8.Valid(body):
		return fmt.Errorf("the document is not UTF-8; it begins %s", opening(body))
	}
	return nil
}

// syntax adds to an error of encoding/json where it happened.
func syntax(err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Errorf("%w at byte %d", err, s.Offset)
	}
	return err
}

func opening(body []byte) string {
	const most = 24
	if len(body) > most {
		return strconv.Quote(string(body[:most])) + "…"
	}
	return strconv.Quote(string(body))
}

type walker struct {
	path   []frame
	unique bool
	see    func(visit)
	named  bool // the key of the next member was read
	done   bool // the document's one value is complete
}

// token takes one token of the document.
func (w *walker) token(t json.Token) error {
	if d, isDelim := t.(json.Delim); isDelim && (d == '}' || d == ']') {
		w.path = w.path[:len(w.path)-1]
		w.end()
		return nil
	}
	if len(w.path) > 0 {
		top := &w.path[len(w.path)-1]
		if !top.array && !w.named {
			return w.name(top, t)
		}
		top.index++
	}
	switch t := t.(type) {
	case json.Delim:
		return w.open(t == '[')
	case json.Number:
		w.see(visit{w.path, number, t.String()})
	case string:
		w.see(visit{w.path, text, t})
	case bool:
		w.see(visit{w.path, boolean, strconv.FormatBool(t)})
	case nil:
		w.see(visit{w.path, null, ""})
	}
	w.end()
	return nil
}

// name takes the key of the next member of the object on top.
func (w *walker) name(top *frame, t json.Token) error {
	top.key, _ = t.(string) // the decoder allows nothing else here
	w.named = true
	if !w.unique {
		return nil
	}
	if top.seen == nil {
		top.seen = map[string]struct{}{}
	}
	if _, again := top.seen[top.key]; again {
		return fmt.Errorf("the document is ambiguous: it has %s twice", printable(pointerOf(w.path)))
	}
	top.seen[top.key] = struct{}{}
	return nil
}

func (w *walker) open(isArray bool) error {
	if len(w.path) == maxDepth {
		return fmt.Errorf("the document is nested deeper than %d", maxDepth)
	}
	kind := object
	if isArray {
		kind = array
	}
	w.see(visit{w.path, kind, ""})
	w.path = append(w.path, frame{array: isArray, index: -1})
	w.named = false
	return nil
}

// end ends a value: an object on top expects a key again.
func (w *walker) end() {
	w.named = false
	w.done = len(w.path) == 0
}

// pointerOf returns the JSON Pointer to a value.
func pointerOf(path []frame) string {
	var b strings.Builder
	for _, f := range path {
		b.WriteByte('/')
		if f.array {
			b.WriteString(strconv.Itoa(f.index))
		} else {
			b.WriteString(escape(f.key))
		}
	}
	return b.String()
}

// isNumeric reports whether a value can be read as a number: numbers, and texts that hold nothing else.
// One that is out of range is still meant as a number.
func (v visit) isNumeric() bool {
	switch v.shape {
	case number:
		return true
	case text:
		_, err := dodona.ParseDecimal(v.text)
		return err == nil || errors.Is(err, dodona.ErrRange)
	}
	return false
}
