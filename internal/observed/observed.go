// Package observed has what is said of observations that leave a node, in one place for those who say it and those who read it: the ids of
// observations, and the tally in the receipts of sinks that deliver them.
package observed

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// ID names an observation by what it is of: node, record, point, and which one of that point in the record. It is 32 hex digits.
func ID(rec dodona.Record, point string, n int) string {
	digest := dodona.Keccak256([]byte(rec.Node + "/" + rec.Key + "/" + rec.ID + "/" + point + "/" + strconv.Itoa(n)))
	return fmt.Sprintf("%x", digest[:16])
}

// IsID reports whether a text may be the id of an observation.
func IsID(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// Begin is the id of the intent by which a sink of points remembers when it was first there.
const Begin = "begin-points"

// A Tally counts observations that a peer has acknowledged, in the order of the journal. The zero Tally has none.
type Tally struct {
	Count    uint64
	Node     string // of the last one
	Sequence uint64 // of the last one's record
	Part     bool   // that record has more, which is not acknowledged
	Again    []Span // what may have been sent before, oldest first
}

// A Span is some records of a node that follow each other, by their numbers.
type Span struct {
	Node     string
	From, To uint64
}

// mostSpans bounds what a receipt says. One more is joined with the last of its node, which then says too much: may have been sent before.
const mostSpans = 16

// Add counts one observation.
func (t *Tally) Add(node string, sequence uint64, again bool) {
	t.Count++
	t.Node, t.Sequence, t.Part = node, sequence, false
	if !again {
		return
	}
	for i := range t.Again {
		s := &t.Again[i]
		if s.Node == node && sequence >= s.From && (sequence <= s.To+1 || len(t.Again) >= mostSpans && t.isLast(i)) {
			s.To = max(s.To, sequence)
			return
		}
	}
	if len(t.Again) < mostSpans {
		t.Again = append(t.Again, Span{node, sequence, sequence})
	}
}

// isLast reports whether no later span is of the same node.
func (t *Tally) isLast(i int) bool {
	for _, s := range t.Again[i+1:] {
		if s.Node == t.Again[i].Node {
			return false
		}
	}
	return true
}

// Reaches reports whether the tally ends with a record, or at a later one of the same node.
func (t *Tally) Reaches(node string, sequence uint64) bool {
	return t.Count > 0 && t.Node == node && (t.Sequence > sequence || t.Sequence == sequence && !t.Part)
}

// SentAgain reports whether an observation of a record may have been sent before.
func (t *Tally) SentAgain(node string, sequence uint64) bool {
	for _, s := range t.Again {
		if s.Node == node && s.From <= sequence && sequence <= s.To {
			return true
		}
	}
	return false
}

const (
	upTo  = ", the last of record "
	of    = " of node "
	more  = ", which has more"
	again = "; perhaps sent more than once: "
)

// String says it as receipts do: "12 observations, the last of record 9 of node gw-7; perhaps sent more than once: gw-7 4-6, gw-7 9".
func (t *Tally) String() string {
	text := unit.Count(t.Count, "observation") + upTo + strconv.FormatUint(t.Sequence, 10) + of + t.Node
	if t.Part {
		text += more
	}
	for i, s := range t.Again {
		text += []string{again, ", "}[min(i, 1)] + s.Node + " " + strconv.FormatUint(s.From, 10)
		if s.To > s.From {
			text += "-" + strconv.FormatUint(s.To, 10)
		}
	}
	return text
}

// ParseTally reads what [Tally.String] writes, and also what stands there without spans; false: it is something else.
func ParseTally(text string) (t Tally, ok bool) {
	text, spans, _ := strings.Cut(text, again)
	count, rest, found := strings.Cut(text, upTo)
	if !found {
		return Tally{}, false
	}
	number, noun, _ := strings.Cut(count, " ")
	sequence, node, named := strings.Cut(rest, of)
	var err, errs error
	t.Count, err = strconv.ParseUint(number, 10, 64)
	t.Sequence, errs = strconv.ParseUint(sequence, 10, 64)
	if t.Node, t.Part = strings.CutSuffix(node, more); err != nil || errs != nil || !named || t.Count == 0 || strings.TrimSuffix(noun, "s") != "observation" {
		return Tally{}, false
	}
	for text := range strings.SplitSeq(spans, ", ") {
		if s, ok := parseSpan(text); ok && len(t.Again) < mostSpans {
			t.Again = append(t.Again, s)
		}
	}
	return t, true
}

func parseSpan(text string) (s Span, ok bool) {
	node, numbers, found := strings.Cut(text, " ")
	if !found {
		return s, false
	}
	from, to, many := strings.Cut(numbers, "-")
	if !many {
		to = from
	}
	var err, errs error
	s.Node = node
	s.From, err = strconv.ParseUint(from, 10, 64)
	s.To, errs = strconv.ParseUint(to, 10, 64)
	return s, err == nil && errs == nil && s.From <= s.To
}
