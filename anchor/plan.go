package anchor

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A Plan is what an anchor is over. It and its parts are records of topic leaf.
//
// The tree is cut into parts below one level, so that the path of a leaf is found in one part and the roots here,
// whatever the size of the tree. Records are named by the end of the window, the attempt and a number, all rising, so
// that a journal finds one by bisection; sequence numbers of the journal name nothing.
type Plan struct {
	Anchor  dodona.Anchor `json:"anchor"`
	Attempt uint64        `json:"attempt"` // higher than of any attempt before
	Late    uint64        `json:"late"`    // attestations of earlier windows
	Gaps    uint64        `json:"gaps"`    // leaves that are gaps
	Parts   []Part        `json:"parts"`   // feeds, gaps, then leaves in the order of the tree

	feeds []FeedState // what the feeds parts hold
}

// A Part names a record that holds a piece of a plan.
type Part struct {
	Holds string `json:"holds"` // "feeds", "gaps" or "leaves"

	// Of gaps, which are sorted by feed and round: the first one.
	Feed  string       `json:"feed,omitempty"`
	Round dodona.Round `json:"round,omitempty"`

	// Of leaves: the root of their subtree, and the lowest digest of a leaf on the upper and on the lower of the two
	// levels that leaves are on; zero if it has none there.
	Root  dodona.Digest `json:"root,omitzero"`
	Upper dodona.Digest `json:"upper,omitzero"`
	Lower dodona.Digest `json:"lower,omitzero"`
}

// What parts hold.
const (
	holdsFeeds  = "feeds"
	holdsGaps   = "gaps"
	holdsLeaves = "leaves"
)

// Plan returns the plan of the draft and its parts, all to be appended before the plan is: the parts in any pieces.
// A draft of nothing is [ErrEmpty]. Two attempts at one window must have different numbers, the later a higher one.
func (d *Draft) Plan(attempt uint64) (*Plan, []dodona.Record, error) {
	leaves, gaps := d.leaves()
	tree, err := NewTree(leaves)
	if err != nil {
		return nil, nil, err
	}
	p := &Plan{Anchor: d.anchor, Attempt: attempt, Gaps: uint64(len(gaps))}
	p.Anchor.Root, p.Anchor.Count = tree.Root(), uint64(tree.Len())
	for _, l := range leaves {
		if l.Kind == dodona.LeafLate {
			p.Late++
		}
	}
	for _, name := range sortedNames(d.feeds) {
		p.feeds = append(p.feeds, d.feeds[name].state)
	}
	var recs []dodona.Record
	add := func(part Part, body []byte) {
		recs = append(recs, dodona.Record{Topic: dodona.TopicLeaf, Key: KeyPart, ID: p.partID(len(p.Parts)), Body: body})
		p.Parts = append(p.Parts, part)
	}
	err = pieces(p.feeds, func(_ []FeedState, body []byte) { add(Part{Holds: holdsFeeds}, body) })
	if err != nil {
		return nil, nil, err
	}
	err = pieces(gaps, func(list []Gap, body []byte) {
		add(Part{Holds: holdsGaps, Feed: list[0].Feed, Round: list[0].First}, body)
	})
	if err != nil {
		return nil, nil, err
	}
	s := shapeOf(tree.Len())
	for part := range s.parts() {
		add(tree.part(s, part, leaves))
	}
	return p, recs, nil
}

// part returns one part of the tree and its leaves, in the order of their nodes.
func (t *Tree) part(s shape, number int, leaves []dodona.Leaf) (Part, []byte) {
	part := Part{Holds: holdsLeaves, Root: t.nodes[s.parts()-1+number]}
	runs := s.leafRuns(number)
	body := make([]byte, 0, leafBytes*(runs[0][1]-runs[0][0]+runs[1][1]-runs[1][0]))
	for i, run := range runs {
		for at := run[0]; at < run[1]; at++ {
			body = appendLeaf(body, leaves[t.order[2*s.n-2-at]])
		}
		if run[0] < run[1] {
			lowest := t.nodes[run[1]-1]
			if i == 0 {
				part.Upper = lowest
			} else {
				part.Lower = lowest
			}
		}
	}
	return part, body
}

// maxPiece is about how many bytes a part of JSON has at most; one entry may be larger.
const maxPiece = 256 << 10

// pieces writes a list as JSON arrays of bounded size.
func pieces[T any](list []T, add func(part []T, body []byte)) error {
	body, first := []byte("["), 0
	flush := func(end int) {
		if end > first {
			add(list[first:end], append(body, ']'))
		}
		body, first = []byte("["), end
	}
	for i, item := range list {
		text, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("write a part of an anchor: %w", err)
		}
		if i > first && len(body)+len(text) > maxPiece {
			flush(i)
		}
		if i > first {
			body = append(body, ',')
		}
		body = append(body, text...)
	}
	flush(len(list))
	return nil
}

// Record returns the record of the plan.
func (p *Plan) Record() (dodona.Record, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write the plan of an anchor: %w", err)
	}
	return dodona.Record{Topic: dodona.TopicLeaf, Key: KeyPlan, ID: place{p.Anchor.To, p.Attempt, 0}.planID(), Body: body}, nil
}

func (p *Plan) partID(number int) string {
	return place{p.Anchor.To, p.Attempt, uint64(number)}.partID()
}

// A place is the name of a record of topic leaf. Later records have higher places.
type place struct {
	to      dodona.Round
	attempt uint64
	number  uint64 // of a part
}

func (p place) planID() string { return p.to.ID() + "-" + strconv.FormatUint(p.attempt, 10) }
func (p place) partID() string { return p.planID() + "-" + strconv.FormatUint(p.number, 10) }

// placeOf reads the ID of a plan or of a part.
func placeOf(id string) (p place, ok bool) {
	fields := strings.Split(id, "-")
	if len(fields) < 2 || len(fields) > 3 {
		return p, false
	}
	var numbers [3]uint64
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return p, false
		}
		numbers[i] = n
	}
	return place{dodona.Round(numbers[0]), numbers[1], numbers[2]}, true
}

// before returns a function that tells the records of places before p.
func (p place) before() func(dodona.Record) bool {
	return func(rec dodona.Record) bool {
		at, ok := placeOf(rec.ID)
		switch {
		case !ok:
			return true
		case at.to != p.to:
			return at.to < p.to
		case at.attempt != p.attempt:
			return at.attempt < p.attempt
		}
		return at.number < p.number
	}
}

// readPlan reads a plan record, without the feeds.
func readPlan(rec dodona.Record) (*Plan, error) {
	p := new(Plan)
	if err := json.Unmarshal(rec.Body, p); err != nil {
		return nil, fmt.Errorf("read the plan of anchor %s: %w", rec.ID, err)
	}
	if at, ok := placeOf(rec.ID); !ok || at != (place{p.Anchor.To, p.Attempt, 0}) || p.Anchor.Count == 0 || p.Anchor.Count > maxLeaves {
		return nil, fmt.Errorf("read the plan of anchor %s: it is filed under another name, or over %d leaves", rec.ID, p.Anchor.Count)
	}
	return p, nil
}

// leafBytes is the size of a leaf in a part: kind, feed, round, value, observed.
const leafBytes = 1 + 32 + 8 + 24 + 32

func appendLeaf(b []byte, l dodona.Leaf) []byte {
	value := l.Value.Word()
	b = append(append(b, byte(l.Kind)), l.Feed[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Round))
	return append(append(b, value[8:]...), l.Observed[:]...)
}

// readLeaf reads what appendLeaf wrote, leafBytes of it.
func readLeaf(b []byte) (l dodona.Leaf) {
	l.Kind = dodona.LeafKind(b[0])
	copy(l.Feed[:], b[1:33])
	l.Round = dodona.Round(binary.BigEndian.Uint64(b[33:]))
	var word [32]byte
	if b[41]&0x80 != 0 { // the sign of an int192, as far as the word goes
		copy(word[:8], "\xff\xff\xff\xff\xff\xff\xff\xff")
	}
	copy(word[8:], b[41:65])
	l.Value, _ = dodona.Int192FromWord(word) // in range because it was extended
	copy(l.Observed[:], b[65:])
	return l
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
