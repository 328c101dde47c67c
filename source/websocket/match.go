package websocket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
)

// A Match is what stands at a place: a text, or the number, true, false or null that it spells; * for anything.
type Match string

const anything Match = "*"

// ReadNode reads one word of a configuration.
func (m *Match) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	switch n.Kind {
	case strict.Null:
		*m = "null"
	case strict.Scalar:
		n.At.Show = true
		*m = Match(n.Text)
	default:
		d.Want(n, key, "a text, a number, true, false or null")
	}
}

// WriteNode writes the word that [Match.ReadNode] reads.
func (m Match) WriteNode() *strict.Node { return &strict.Node{Kind: strict.Scalar, Text: string(m)} }

// hold reports whether a message that is JSON has all that matches say, by JSON Pointer; without any they do not.
func hold(matches map[string]Match, message []byte) bool {
	for place, want := range matches {
		path, err := parsePointer(place)
		if err != nil {
			return false
		}
		found, there := valueAt(message, path)
		if !there || !want.holds(found) {
			return false
		}
	}
	return len(matches) > 0
}

func (m Match) holds(found json.RawMessage) bool {
	if m == anything {
		return true
	}
	text, scalar := textOf(found)
	if !scalar || text == string(m) {
		return scalar
	}
	if found[0] == '"' {
		return false
	}
	a, err := dodona.ParseDecimal(text)
	b, err2 := dodona.ParseDecimal(string(m))
	return err == nil && err2 == nil && a.Cmp(b) == 0
}

// textOf returns what a value says that is neither an object nor an array.
func textOf(value json.RawMessage) (text string, scalar bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || value[0] == '{' || value[0] == '[' {
		return "", false
	}
	if value[0] != '"' {
		return string(value), true
	}
	return text, json.Unmarshal(value, &text) == nil
}

// maxPointer bounds the text of a pointer, in bytes.
const maxPointer = 1024

// parsePointer reads a JSON Pointer (RFC 6901) that names a place within a document.
func parsePointer(text string) (path []string, err error) {
	switch {
	case text == "" || text[0] != '/':
		return nil, fmt.Errorf("%s is no JSON Pointer: want one such as /data/symbol", plain.Quote(text, 60))
	case len(text) > maxPointer:
		return nil, fmt.Errorf("pointer of %d bytes: at most %d are read", len(text), maxPointer)
	}
	for _, name := range strings.Split(text[1:], "/") {
		rest := strings.NewReplacer("~0", "", "~1", "").Replace(name)
		if strings.Contains(rest, "~") {
			return nil, fmt.Errorf("JSON Pointer %s: a tilde must be written ~0 and a slash in a name ~1", plain.Quote(text, 60))
		}
		path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return path, nil
}

// valueAt returns what stands at a place of a document, the last of equal names. It builds nothing of the rest.
func valueAt(document []byte, path []string) (value json.RawMessage, found bool) {
	value = document
	for _, name := range path {
		if value, found = child(value, name); !found {
			return nil, false
		}
	}
	return value, len(path) > 0
}

func child(document []byte, name string) (value json.RawMessage, found bool) {
	d := json.NewDecoder(bytes.NewReader(document))
	begin, err := d.Token()
	if err != nil || begin != json.Delim('{') && begin != json.Delim('[') {
		return nil, false
	}
	for i := 0; d.More(); i++ {
		key := strconv.Itoa(i)
		if begin == json.Delim('{') {
			token, err := d.Token()
			if err != nil {
				return nil, false
			}
			key, _ = token.(string)
		}
		var there json.RawMessage
		if err := d.Decode(&there); err != nil {
			return nil, false
		}
		if key == name {
			value, found = there, true
		}
	}
	return value, found
}

// A piece of a message to send is a text, or a name that stood in double braces.
type piece struct {
	text  string
	named bool
}

func piecesOf(text string) (pieces []piece) {
	before := ""
	for {
		head, rest, opened := strings.Cut(text, "{{")
		name, behind, closed := strings.Cut(rest, "}}")
		switch {
		case !opened || !closed:
			return append(pieces, piece{before + text, false})
		case isName(name):
			pieces = append(pieces, piece{before + head, false}, piece{name, true})
			before, text = "", behind
		default:
			before, text = before+head+"{", "{"+rest // the second brace may be the first of a name
		}
	}
}

// namesIn returns the names that a message to send has in double braces.
func namesIn(text string) (names []string) {
	for _, p := range piecesOf(text) {
		if p.named {
			names = append(names, p.text)
		}
	}
	return names
}

// isName tells a name from braces of JSON, such as those of {"a":{"b":{}}}.
func isName(text string) bool {
	return text != "" && len(text) <= maxPointer && !strings.ContainsAny(text, "{}\"' \t\r\n,:")
}

// fill returns a message to send with each name replaced by what it stands for; nothing is looked for in that.
func fill(text string, valueOf func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range piecesOf(text) {
		said := p.text
		if p.named {
			var err error
			if said, err = valueOf(p.text); err != nil {
				return "", err
			}
		}
		b.WriteString(said)
	}
	return b.String(), nil
}

// inText returns a text as it stands within a text of JSON.
func inText(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return s
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	return quoted[1 : len(quoted)-1]
}
