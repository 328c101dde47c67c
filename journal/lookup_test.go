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
