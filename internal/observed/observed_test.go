package observed

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestATallyIsReadAsItIsWritten(t *testing.T) {
	var tally Tally
	for i, again := range []bool{false, true, true, false, true} {
		tally.Add("gw-7", uint64(i+1), again)
		tally.Add("gw-7", uint64(i+1), again) // records may have several
	}
	tally.Add("gw-8", 3, true)
	const want = "11 observations, the last of record 3 of node gw-8; perhaps sent more than once: gw-7 2-3, gw-7 5, gw-8 3"
	if got := tally.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	read, ok := ParseTally(want)
	if !ok || !reflect.DeepEqual(read, tally) {
		t.Errorf("read %+v, %v; want %+v", read, ok, tally)
	}
	for sequence, want := range map[uint64]bool{1: false, 2: true, 3: true, 4: false, 5: true, 6: false} {
		if got := read.SentAgain("gw-7", sequence); got != want {
			t.Errorf("sent again, record %d: %v, want %v", sequence, got, want)
		}
	}
	part := tally
	part.Part = true
	if again, ok := ParseTally(part.String()); !ok || !again.Part || again.Node != "gw-8" || again.Reaches("gw-8", 3) || !again.Reaches("gw-8", 2) {
		t.Errorf("%s is read as %+v", part.String(), again)
	}
	if !read.Reaches("gw-8", 3) || read.Reaches("gw-8", 4) || read.Reaches("gw-7", 1) {
		t.Errorf("%+v does not reach what it should", read)
	}
}

func TestATallyIsBoundedAndNeverSaysTooLittle(t *testing.T) {
	var tally Tally
	for i := range uint64(100) {
		tally.Add("gw-7", 2*i+1, true)
	}
	if len(tally.Again) != mostSpans {
		t.Errorf("%d spans, want %d", len(tally.Again), mostSpans)
	}
	for i := range uint64(100) {
		if !tally.SentAgain("gw-7", 2*i+1) {
			t.Errorf("record %d was sent again, and %s does not say so", 2*i+1, tally.String())
		}
	}
}

func TestOtherTextsAreNoTally(t *testing.T) {
	for _, text := range []string{
		"", "published on a/b", "x observations, the last of record 1 of node gw-7", "1 observation, the last of record x of node gw-7",
		"0 observations, the last of record 1 of node gw-7", "1 observation, the last of record 1", "-1 observations, the last of record 1 of node a", "1 reading, the last of record 1 of node a",
	} {
		if read, ok := ParseTally(text); ok {
			t.Errorf("%q is read as %+v", text, read)
		}
	}
	if read, ok := ParseTally("1 observation, the last of record 7 of node gw-7"); !ok || read.Count != 1 || read.Sequence != 7 {
		t.Errorf("an old receipt is not read: %+v, %v", read, ok)
	}
}

func TestIDsAreTold(t *testing.T) {
	id := ID(dodona.Record{Node: "gw-7", Key: "boiler", ID: "1"}, "boiler.t", 0)
	for text, want := range map[string]bool{id: true, "": false, id[1:]: false, id + "0": false, fmt.Sprintf("%032s", "g"): false} {
		if IsID(text) != want {
			t.Errorf("%q is an id: %v, want %v", text, !want, want)
		}
	}
}
