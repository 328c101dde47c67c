package extract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// A Match is what must stand at a place for a guard to hold: null, or a text, which also stands for the number or for the true or
// false that it spells. The zero Match is the empty text.
type Match struct {
	text string
	null bool
}

// MatchText returns the match of a text, and of the number, true or false that it spells.
func MatchText(text string) Match { return Match{text: text} }

// MatchNull returns the match of null.
func MatchNull() Match { return Match{null: true} }

// MarshalJSON writes null or a string.
func (m Match) MarshalJSON() ([]byte, error) {
	if m.null {
		return []byte("null"), nil
	}
	return json.Marshal(m.text)
}

// UnmarshalJSON reads what [Match.MarshalJSON] writes.
func (m *Match) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		*m = MatchNull()
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("want a string or null")
	}
	*m = MatchText(text)
	return nil
}

// ReadNode reads one word of a configuration.
func (m *Match) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	switch n.Kind {
	case strict.Null:
		*m = MatchNull()
	case strict.Scalar:
		n.At.Show = true
		*m = MatchText(n.Text)
	default:
		d.Want(n, key, "a text, a number, true, false or null")
	}
}

// WriteNode writes the word that [Match.ReadNode] reads.
func (m Match) WriteNode() *strict.Node {
	if m.null {
		return &strict.Node{Kind: strict.Null}
	}
	return &strict.Node{Kind: strict.Scalar, Text: m.text}
}

// String writes what must stand there, for people.
func (m Match) String() string {
	if m.null {
		return "null"
	}
	return printable(m.text)
}

// A wanted is a match made ready.
type wanted struct {
	Match
	number quantity
	counts bool // the text spells a number
}

func (m Match) ready() wanted {
	w := wanted{Match: m}
	if !m.null {
		w.number, w.counts = quantityOf(m.text)
	}
	return w
}

// holds reports whether what stands at a place is what is wanted there.
func (w wanted) holds(kind shape, text []byte) bool {
	switch {
	case w.null:
		return kind == null
	case kind == number && w.counts:
		q, _ := quantityOf(string(text))
		return q == w.number
	}
	return (kind == typeText || kind == boolean) && string(text) == w.text
}

// typeText is the shape of a text, where a variable has its name.
const typeText = text

// A quantity is the number that a text spells, in the one form of all texts that spell it: 0.digits × 10^exponent. It has no
// bounds but those of the text. Zero is the zero quantity.
type quantity struct {
	negative bool
	digits   string // neither begins nor ends with 0
	exponent int64
	beyond   string // the digits of an exponent that no int64 surely holds; then exponent is that of the digits alone
}

// quantityOf reads a number in the grammar of JSON.
func quantityOf(s string) (q quantity, ok bool) {
	if s == "" || !json.Valid([]byte(s)) || (s[0] != '-' && !isDigit(s[0])) || !isDigit(s[len(s)-1]) {
		return q, false
	}
	s, q.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		mantissa, exponent = s[:at], s[at+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	q.digits = strings.TrimLeft(whole+fraction, "0")
	q.exponent = int64(len(q.digits) - len(fraction))
	q.digits = strings.TrimRight(q.digits, "0")
	if q.digits == "" {
		return quantity{}, true
	}
	if exponent != "" {
		const most = 15 // digits, so that adding what the mantissa moves the point by cannot overflow
		sign, digits := exponentOf(exponent)
		if len(digits) > most {
			q.beyond = sign + digits
			return q, true
		}
		n, _ := strconv.ParseInt(sign+"0"+digits, 10, 64) // a sign and up to 16 digits: cannot fail
		q.exponent += n
	}
	return q, true
}

// exponentOf returns the sign of an exponent, as - or nothing, and its digits without leading zeros.
func exponentOf(s string) (sign, digits string) {
	s = strings.TrimPrefix(s, "+")
	if rest, found := strings.CutPrefix(s, "-"); found {
		sign, s = "-", rest
	}
	return sign, strings.TrimLeft(s, "0")
}

// checkMatch refuses what no document can hold.
func checkMatch(place string, m Match) error {
	const most = 1024
	if len(m.text) > most {
		return fmt.Errorf("%s: a text of %d bytes, at most %d are compared", printable(place), len(m.text), most)
	}
	return nil
}
