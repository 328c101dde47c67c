package journal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// TestScanYieldsEveryRecordOfItsKeyInOrder: over several pages, among records of other keys, and with one that is larger
// than a page.
func TestScanYieldsEveryRecordOfItsKeyInOrder(t *testing.T) {
	j := open(t, Config{})
	var want []string
	for from := 0; from < 2000; from += 250 {
		var recs []dodona.Record
		for n := from; n < from+250; n++ {
			rec := dodona.Record{Topic: dodona.TopicReading, Key: "a", ID: fmt.Sprintf("r%04d", n), Body: []byte(`{}`)}
			if n%3 == 1 {
				rec.Key = "b"
			} else {
				want = append(want, rec.ID)
			}
			if n == 1002 {
				rec.Body = bytes.Repeat([]byte("x"), 2*pageBytes)
			}
			recs = append(recs, rec)
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []int{0, 1, 255, 256, 257, 700, len(want) - 1, len(want)} {
		before := func(r dodona.Record) bool { return first == len(want) || r.ID < want[first] }
		var got []string
		for r, err := range j.Scan(t.Context(), dodona.TopicReading, "a", before) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Key != "a" {
				t.Fatalf("record %s is of %s", r.ID, r.Key)
			}
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want[first:]) {
			t.Errorf("from %d: %d records, want %d", first, len(got), len(want)-first)
		}
	}
	n := 0
	for range j.Scan(t.Context(), dodona.TopicReading, "a", nil) {
		if n++; n == 300 { // whoever has seen enough leaves, amid a page
			break
		}
	}
	if n != 300 {
		t.Errorf("%d records, want 300", n)
	}
}

// TestWhatIsNewIsFoundNearTheEnd: the older records of a long stream are not asked for, each of which may cost the store the reading of a block.
func TestWhatIsNewIsFoundNearTheEnd(t *testing.T) {
	j := open(t, Config{})
	const records = 4000
	for from := 0; from < records; from += 500 {
		var recs []dodona.Record
		for n := from; n < from+500; n++ {
			recs = append(recs, dodona.Record{Topic: dodona.TopicReading, Key: fmt.Sprint("k", n%50), ID: fmt.Sprintf("r%04d", n), Body: []byte(`{}`)})
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []int{3950, 3900, 3850, 3000, 2000, 0} { // 3950 is the last one
		want, oldest := fmt.Sprintf("r%04d", from), fmt.Sprintf("r%04d", records)
		before := func(r dodona.Record) bool {
			oldest = min(oldest, r.ID)
			return r.ID < want
		}
		var got []string
		for r, err := range j.Scan(t.Context(), dodona.TopicReading, "k0", before) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.ID)
		}
		if len(got) != (records-from)/50 || got[0] != want {
			t.Errorf("from %s: %d records, the first %v", want, len(got), got[:min(1, len(got))])
		}
		if needed := fmt.Sprintf("r%04d", max(0, 3950-firstStride-(strideGrowth+1)*(3950-from))); oldest < needed {
			t.Errorf("from %s: %s was looked at, want nothing older than %s", want, oldest, needed)
		}
	}
}
