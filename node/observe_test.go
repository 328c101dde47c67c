package node

import (
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestRoundsAreAppendedInPartsThatAnyJournalTakes(t *testing.T) {
	sized := func(sizes ...int) (records []dodona.Record) {
		for _, size := range sizes {
			records = append(records, dodona.Record{Body: make([]byte, size)})
		}
		return records
	}
	for _, c := range []struct{ sizes, want []int }{
		{nil, nil},
		{[]int{3}, []int{1}},
		{[]int{30}, []int{1}},
		{[]int{3, 3, 4, 1}, []int{3, 1}},
		{[]int{30, 1, 30, 30, 5, 5, 5}, []int{1, 1, 1, 1, 2, 1}},
	} {
		var got, bodies []int
		for part := range parts(sized(c.sizes...), 10) {
			got = append(got, len(part))
			for _, r := range part {
				bodies = append(bodies, len(r.Body))
			}
		}
		if !slices.Equal(got, c.want) || !slices.Equal(bodies, c.sizes) {
			t.Errorf("%v: parts of %v, %v; want %v", c.sizes, got, bodies, c.want)
		}
	}
}
