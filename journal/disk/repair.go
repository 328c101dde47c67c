package disk

import (
	"fmt"
	"hash"
	"strings"
)

// A repaired is what repair made of a block.
type repaired struct {
	kept     int64  // bytes, from the beginning of the buffer
	records  int    // that are kept
	end      uint64 // the highest place of those
	lost     []hole
	tailOnly bool // nothing was lost before the last kept record
}

// A hole is what is missing between two records.
type hole struct {
	bytes       int64
	after, next uint64 // places of the records around it; after is 0 at the beginning, next at the end
}

func (r repaired) lostText() string {
	const shown = 4
	var parts []string
	for i, h := range r.lost {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(r.lost)-shown))
			break
		}
		text := fmt.Sprintf("%d bytes", h.bytes)
		switch {
		case h.after > 0 && h.next > h.after:
			text += fmt.Sprintf(" between places %d and %d", h.after, h.next)
		case h.after > 0:
			text += fmt.Sprintf(" after place %d", h.after)
		case h.next > 0:
			text += fmt.Sprintf(" before place %d", h.next)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// repair moves the sound records of a block together, in place, and says what is missing between them.
//
// Behind a record whose length is damaged it looks for the next one; see next why that must not be any bytes that look
// like a record.
func repair(buf []byte, sum hash.Hash64) (r repaired) {
	r.tailOnly = true
	size := int64(len(buf))
	var last uint64
	open := false // a hole is
	budget := int64(maxSearched)
	for at := int64(0); at < size; {
		h, ok := soundAt(buf, at, last, sum)
		if !ok {
			to := next(buf, at, last, sum, &budget)
			if !open {
				r.lost, open = append(r.lost, hole{after: last}), true
			}
			r.lost[len(r.lost)-1].bytes += to - at
			at = to
			continue
		}
		if open {
			r.lost[len(r.lost)-1].next, open = h.seq, false
			r.tailOnly = false
		}
		copy(buf[r.kept:], buf[at:at+h.length])
		r.kept += h.length
		r.records++
		r.end = max(r.end, h.seq)
		if h.flags&tomb == 0 {
			last = max(last, h.seq)
		}
		at += h.length
	}
	return r
}

// soundAt reports whether a record begins at a place, with the right sum and a sequence that can follow the last one.
// One that does not rise is sound: the server passes over it.
func soundAt(buf []byte, at int64, last uint64, sum hash.Hash64) (head, bool) {
	left := int64(len(buf)) - at
	if left < headSize {
		return head{}, false
	}
	h, sane := readHead(buf[at:], left)
	if !sane || !follows(h, last) {
		return head{}, false
	}
	return h, sumFits(buf[at:at+h.length], h, sum)
}

// maxSearched bounds the bytes that are hashed in a search: bodies could be full of what begins like records.
const maxSearched = 256 << 20

// next returns where to go on behind a damaged record, the end if nowhere.
//
// If its length leads to a sound record, that is the next one. Else it is looked for byte by byte. Bodies come from
// strangers, who can write into them what looks like records of this stream; so what is found there counts only if
// records with right sums follow up to the end of the block. Nobody can forge that: the last record in a body would
// have to reach into the one around it and have the sum of that as its own. Two damages in a block with one length
// among them thus cost what is between them.
func next(buf []byte, at int64, last uint64, sum hash.Hash64, budget *int64) int64 {
	size := int64(len(buf))
	if size-at >= headSize {
		if h, sane := readHead(buf[at:], size-at); sane {
			to := at + h.length
			if _, sound := soundAt(buf, to, last, sum); sound || to == size {
				return to
			}
		}
	}
	for to := at + 1; to+headSize <= size && *budget > 0; to++ {
		h, sane := readHead(buf[to:], size-to)
		if !sane || !follows(h, last) || h.flags&tomb == 0 && h.seq <= last {
			continue
		}
		if leads(buf, to, last, sum, budget) {
			return to
		}
	}
	return size
}

// leads reports whether sound records follow each other from a place to the end.
func leads(buf []byte, at int64, last uint64, sum hash.Hash64, budget *int64) bool {
	size := int64(len(buf))
	for at < size {
		h, sound := soundAt(buf, at, last, sum)
		*budget -= headSize + h.length
		if !sound || *budget <= 0 {
			return false
		}
		if h.flags&tomb == 0 {
			last = max(last, h.seq)
		}
		at += h.length
	}
	return true
}
