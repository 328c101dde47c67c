package s7

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// A block is a run of bytes of an area.
type block struct {
	area Area
	db   int
	at   int
	n    int
}

// item names a block in readings, such as DB1/4-7 or M/10-10.
func (b block) item() string {
	area := map[Area]string{areaDB: "DB" + strconv.Itoa(b.db), areaM: "M", areaI: "I", areaQ: "Q"}[b.area]
	return fmt.Sprintf("%s/%d-%d", area, b.at, b.at+b.n-1)
}

var itemForm = regexp.MustCompile(`^(?:DB([0-9]{1,5})|([MIQ]))/([0-9]{1,5})-([0-9]{1,5})$`)

// blockOf reads the name of a block.
func blockOf(item string) (b block, ok bool) {
	fields := itemForm.FindStringSubmatch(item)
	if fields == nil {
		return b, false
	}
	if b.area = letters[fields[2]]; fields[1] != "" {
		b.area = areaDB
		b.db, _ = strconv.Atoi(fields[1]) // digits
	}
	b.at, _ = strconv.Atoi(fields[3])
	last, _ := strconv.Atoi(fields[4])
	b.n = last - b.at + 1
	return b, b.n > 0
}

func (b block) has(wants block) bool {
	return b.area == wants.area && b.db == wants.db && b.at <= wants.at && b.at+b.n >= wants.at+wants.n
}

func (r Rule) block() block { return block{r.Area, r.DB, r.At, r.size()} }

// blockSize is the largest block that is made of several values: it is what the smallest telegram of any controller brings, so the blocks, and
// the names of the readings, do not depend on which controller answers.
const blockSize = leastPDU - readHead

// plan returns the blocks that bring all values, where gap bytes that nobody wants may be read between two.
func plan(wanted []block, gap int) (blocks []block) {
	wanted = slices.Clone(wanted)
	slices.SortFunc(wanted, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.area, b.area), cmp.Compare(a.db, b.db), cmp.Compare(a.at, b.at), cmp.Compare(b.n, a.n))
	})
	for _, w := range wanted {
		if last := len(blocks) - 1; last >= 0 {
			b := &blocks[last]
			end := max(b.at+b.n, w.at+w.n)
			if b.area == w.area && b.db == w.db && w.at-(b.at+b.n) <= gap && (end-b.at <= blockSize || end == b.at+b.n) {
				b.n = end - b.at
				continue
			}
		}
		blocks = append(blocks, w)
	}
	return blocks
}

// parts cuts a block into those that an answer has room for.
func (b block) parts(room int) (parts []block) {
	for at := 0; at < b.n; at += room {
		parts = append(parts, block{b.area, b.db, b.at + at, min(room, b.n-at)})
	}
	return parts
}

// telegrams puts blocks together that one request asks for: its items and their answers must fit.
func telegrams(blocks []block, pdu int) (groups [][]block) {
	asked, answered := 0, 0
	for _, b := range blocks {
		asks, answers := itemSize, 4+b.n+b.n%2
		last := len(groups) - 1
		if last < 0 || len(groups[last]) == maxItems || askHead+asked+asks > pdu || answerHead+answered+answers > pdu {
			groups, asked, answered, last = append(groups, nil), 0, 0, last+1
		}
		groups[last] = append(groups[last], b)
		asked, answered = asked+asks, answered+answers
	}
	return groups
}
