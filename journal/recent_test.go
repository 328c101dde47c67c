package journal

import (
	"testing"

	"github.com/dodona-oracle/dodona"
)

// TestRecordsAreRecognisedAfterARestart: a source sends again what it was not told of, however much was in flight.
func TestRecordsAreRecognisedAfterARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const total = recentIDs + 1000
	dir := t.TempDir()
	j := open(t, Config{Dir: dir})
	for i := 0; i < total; i += 500 {
		var recs []dodona.Record
		for k := i; k < min(i+500, total); k++ {
			recs = append(recs, reading(k))
		}
		if err := j.Append(t.Context(), recs...); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Config{Dir: dir})
	for _, c := range []struct {
		id   int
		want uint64 // sequence of the last record afterwards
	}{
		{total - 1, total}, {total - 1025, total}, {total - recentIDs, total}, {total, total + 1}, {0, total + 2},
	} {
		if err := j.Append(t.Context(), reading(c.id)); err != nil {
			t.Fatal(err)
		}
		if got := j.Status(t.Context()).Streams[0].Sequence; got != c.want {
			t.Errorf("after record %d of %d came again the stream ends at %d, want %d", c.id, total, got, c.want)
		}
	}
}
