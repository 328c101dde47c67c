package dodona

import "testing"

func TestRecordsOfRoundsAreFiledByTheirRound(t *testing.T) {
	for id, want := range map[string]Round{"0": 0, "1795349070000": 1795349070000, "18446744073709551615": 1<<64 - 1} {
		if got, found := (Record{ID: id}).Round(); !found || got != want || got.ID() != id {
			t.Errorf("record %s is of round %d (%v), want %d and its ID back", id, got, found, want)
		}
	}
	for _, id := range []string{"", "x", "-1", "1e3", "18446744073709551616"} {
		if got, found := (Record{ID: id}).Round(); found {
			t.Errorf("record %q is of round %d, want of none", id, got)
		}
	}
	before := Round(10).Before()
	for id, want := range map[string]bool{"9": true, "10": false, "11": false, "": true, "-1": true, "1e3": true, "18446744073709551616": true} {
		if got := before(Record{ID: id}); got != want {
			t.Errorf("record %q is before round 10: got %v, want %v", id, got, want)
		}
	}
}
