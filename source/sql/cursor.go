package sql

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona/source/sql/session"
)

// A key is the watermark of a row: its values, by which it is told from every other. Nil is before all of them.
type key []session.Value

const (
	printSize = 12   // bytes of a key's fingerprint: of 2048 keys no two have the same one
	maxSeen   = 2048 // rows that are remembered of what look_back covers
)

type print [printSize]byte

// print returns the fingerprint of a key.
func (k key) print() (p print) {
	h := sha256.New()
	for _, v := range k {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(v.Text)))
		h.Write(size[:])
		h.Write([]byte(v.Text))
	}
	copy(p[:], h.Sum(nil))
	return p
}

func (k key) equal(other key) bool { return slices.Equal(k, other) }

// null reports whether the key says less than it must.
func (k key) null() bool { return slices.ContainsFunc(k, func(v session.Value) bool { return v.Null }) }

func (k key) String() string {
	text := ""
	for i, v := range k {
		if i > 0 {
			text += ", "
		}
		text += v.Text
	}
	return text
}

// A position is how far the rows were read.
type position struct {
	Watermark []string `json:"watermark"`       // whose values Mark has
	Mark      []bound  `json:"mark,omitempty"`  // of the newest row that was read; none: no row was
	Floor     []bound  `json:"floor,omitempty"` // of the oldest row that Seen knows of, where look_back holds more than are remembered
	Seen      []byte   `json:"seen,omitempty"`  // fingerprints of the rows that were read of what look_back covers
}

// A bound is a value of a mark. Its text is bytes, which JSON keeps whatever they are.
type bound struct {
	Kind session.Kind `json:"kind"`
	Text []byte       `json:"text"`
}

func boundsOf(k key) (bounds []bound) {
	for _, v := range k {
		bounds = append(bounds, bound{v.Kind, []byte(v.Text)})
	}
	return bounds
}

func keyOf(bounds []bound) (k key) {
	for _, b := range bounds {
		k = append(k, session.Value{Kind: b.Kind, Text: string(b.Text)})
	}
	return k
}

// A place is a position as it is worked with.
type place struct {
	mark, floor key
	seen        map[print]bool
}

func (p place) cursor(watermark []string) []byte {
	at := position{Watermark: watermark, Mark: boundsOf(p.mark), Floor: boundsOf(p.floor)}
	for known := range p.seen {
		at.Seen = append(at.Seen, known[:]...)
	}
	at.Seen = sorted(at.Seen)
	text, err := json.Marshal(at)
	if err != nil {
		panic("a position is not JSON: correct its fields: " + err.Error())
	}
	return text
}

// sorted returns the fingerprints in their order, so that equal places have equal cursors.
func sorted(prints []byte) []byte {
	var each [][]byte
	for part := range slices.Chunk(prints, printSize) {
		each = append(each, part)
	}
	slices.SortFunc(each, bytes.Compare)
	return bytes.Join(each, nil)
}

var errCursor = errors.New("the position is not one of these rows")

// parsePlace reads a cursor.
func parsePlace(cursor []byte, watermark []string) (place, error) {
	var at position
	d := json.NewDecoder(bytes.NewReader(cursor))
	d.DisallowUnknownFields()
	if err := d.Decode(&at); err != nil {
		return place{}, errCursor
	}
	switch {
	case !slices.Equal(at.Watermark, watermark):
		return place{}, fmt.Errorf("%w: it is of %v", errCursor, at.Watermark)
	case len(at.Mark) != 0 && len(at.Mark) != len(watermark), len(at.Floor) != 0 && len(at.Floor) != len(watermark),
		len(at.Seen)%printSize != 0, len(at.Seen) > 2*maxSeen*printSize:
		return place{}, errCursor
	}
	p := place{mark: keyOf(at.Mark), floor: keyOf(at.Floor), seen: map[print]bool{}}
	for part := range slices.Chunk(at.Seen, printSize) {
		p.seen[print(part)] = true
	}
	return p, nil
}
