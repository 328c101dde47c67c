package extract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// The bounds of a document. A source's own size limit is usually far lower.
const (
	maxBody  = 16 << 20    // bytes
	maxText  = 3 * maxBody // bytes in UTF-8, which may be longer than what the source wrote
	maxDepth = 64          // objects and arrays inside each other
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
	nan
)

var shapeNames = [...]string{"nothing", "a number", "a text", "true or false", "null", "an object", "an array", "NaN or an infinity"}

func (s shape) String() string { return shapeNames[s] }

// A frame is one open object or array of a walk.
type frame struct {
	array bool
	index int                 // of the current element
	key   []byte              // of the current member
	seen  map[string]struct{} // keys so far; only where they must be unique
}

// A visit is one value, with the frames that lead to it. It is only valid while it is being seen.
type visit struct {
	path  []frame
	shape shape
	text  []byte // of a number, text or boolean
	empty bool   // an object or array that has nothing in it
}

// isLeaf reports whether a value has no others in it.
func (v visit) isLeaf() bool { return v.shape != object && v.shape != array || v.empty }

// walk calls see for every value of a document that check has accepted, in the order of the text. It never converts a
// number: its text goes to see as it stands. With unique, a repeated key is an error.
func walk(body []byte, unique bool, see func(visit)) error {
	w := walker{rest: body, unique: unique, see: see}
	for len(w.rest) > 0 {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what is not JSON, and what encoding/json would repair. One thing that JSON has no word for is allowed where
// a value may stand: a number that is none, as many programs write it ([isNaN]).
func check(body []byte) error {
	switch {
	case len(body) > maxText:
		return fmt.Errorf("the document has %d bytes of text, at most %d are read", len(body), maxText)
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the document is empty")
	case bytes.HasPrefix(body, []byte(markUTF8)):
		return errors.New("the document begins with two byte order marks, and one is read")
	case !utf8.Valid(body):
		return fmt.Errorf("the document is not UTF-8; it begins %s", opening(body))
	}
	if json.Valid(body) {
		return nil
	}
	strict := withoutNaN(body)
	if len(strict) > 0 && json.Valid(strict) {
		return nil
	}
	return notJSON(body, strict)
}

// notJSON says where a document is not JSON. Strict is the document without NaN.
func notJSON(body, strict []byte) error {
	var raw json.RawMessage // for where it is not
	err := json.Unmarshal(strict, &raw)
	var syntax *json.SyntaxError
	switch {
	case !errors.As(err, &syntax):
		return fmt.Errorf("the document is not JSON: %w", err)
	case int(syntax.Offset) >= len(body) && (strings.HasPrefix(err.Error(), "unexpected end") || strings.HasPrefix(err.Error(), "invalid character ' '")):
		// At the end of a number or literal that is not complete, encoding/json imagines a blank.
		return fmt.Errorf("the document is cut off after %d bytes", len(body))
	}
	return fmt.Errorf("the document is not JSON: %w at byte %d; it begins %s", err, syntax.Offset, opening(body))
}

func opening(body []byte) string {
	const most = 24
	return plain.Quote(string(body[:min(len(body), most+1)]), most)
}

// A walker cuts a document that is known to be JSON into its tokens. The grammar was encoding/json's to check;
// its tokens are not used, because they cost two allocations each, and a document may have a million.
type walker struct {
	rest   []byte
	path   []frame
	unique bool
	see    func(visit)
	named  bool // the key of the next member was read
}

// step takes the next token.
func (w *walker) step() error {
	switch c := w.rest[0]; c {
	case ' ', '\t', '\n', '\r', ',', ':':
		w.rest = w.rest[1:]
	case '}', ']':
		w.rest = w.rest[1:]
		w.path = w.path[:len(w.path)-1]
		w.named = false
	case '{':
		return w.open(object)
	case '[':
		return w.open(array)
	case '"':
		s := w.text()
		if top := len(w.path) - 1; top >= 0 && !w.path[top].array && !w.named {
			return w.name(&w.path[top], s)
		}
		w.value(text, s)
	default:
		token := w.bare()
		w.value(kindOf(token), token)
	}
	return nil
}

// kindOf returns what a token without quotes is.
func kindOf(token []byte) shape {
	switch c := token[0]; {
	case c >= '0' && c <= '9', c == '-' && len(token) > 1 && token[1] >= '0' && token[1] <= '9':
		return number
	case string(token) == "true", string(token) == "false":
		return boolean
	case string(token) == "null":
		return null
	}
	return nan
}

// value hands on a value; a container is entered after it.
func (w *walker) value(kind shape, text []byte) {
	if top := len(w.path) - 1; top >= 0 {
		w.path[top].index++
	}
	w.see(visit{path: w.path, shape: kind, text: text, empty: kind == object && w.next() == '}' || kind == array && w.next() == ']'})
	w.named = false
}

// next returns what stands after blanks; zero if nothing does.
func (w *walker) next() byte {
	if rest := bytes.TrimLeft(w.rest, " \t\n\r"); len(rest) > 0 {
		return rest[0]
	}
	return 0
}

func (w *walker) open(kind shape) error {
	if len(w.path) == maxDepth {
		return fmt.Errorf("the document is nested deeper than %d", maxDepth)
	}
	w.rest = w.rest[1:]
	w.value(kind, nil)
	w.path = append(w.path, frame{array: kind == array, index: -1})
	return nil
}

// name takes the key of the next member of the object on top.
func (w *walker) name(top *frame, key []byte) error {
	top.key, w.named = key, true
	if !w.unique {
		return nil
	}
	if top.seen == nil {
		top.seen = map[string]struct{}{}
	}
	if _, again := top.seen[string(key)]; again {
		return fmt.Errorf("the document is ambiguous: it has %s twice", printable(pointerOf(w.path)))
	}
	top.seen[string(key)] = struct{}{}
	return nil
}

// bare takes a number or a literal.
func (w *walker) bare() []byte {
	end := 0
	for end < len(w.rest) && !strings.ContainsRune(" \t\n\r,]}", rune(w.rest[end])) {
		end++
	}
	token := w.rest[:end]
	w.rest = w.rest[end:]
	return token
}

// text takes a string and returns what it says, without its quotes and escapes.
func (w *walker) text() []byte {
	end, escaped := 1, false
	for w.rest[end] != '"' {
		if w.rest[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	token := w.rest[:end+1]
	w.rest = w.rest[end+1:]
	if !escaped {
		return token[1:end]
	}
	var s string
	if err := json.Unmarshal(token, &s); err != nil {
		panic("encoding/json refuses a string of a document it accepted: " + err.Error()) // cannot happen
	}
	return []byte(s)
}

// pointerOf returns the JSON Pointer to a value.
func pointerOf(path []frame) string {
	var b strings.Builder
	for _, f := range path {
		b.WriteByte('/')
		if f.array {
			b.WriteString(strconv.Itoa(f.index))
		} else {
			b.WriteString(escape(string(f.key)))
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
		if len(v.text) == 0 || strings.IndexByte("+-0123456789", v.text[0]) < 0 {
			return false // most texts, without an error made for them
		}
		_, err := dodona.ParseDecimal(string(v.text))
		return err == nil || errors.Is(err, dodona.ErrRange)
	}
	return false
}
