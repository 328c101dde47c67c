package sink_test

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

func TestTwoEventsAtOnceAreTwoRecords(t *testing.T) {
	now := time.Now()
	one, err := sink.EventRecord("s", "reorg", "of the first", now)
	two, again := sink.EventRecord("s", "reorg", "of the second", now)
	if err != nil || again != nil || one.ID == two.ID {
		t.Errorf("IDs %q and %q, %v, %v", one.ID, two.ID, err, again)
	}
	if same, _ := sink.EventRecord("s", "reorg", "of the first", now); same.ID != one.ID {
		t.Errorf("the same event is %q and %q", one.ID, same.ID)
	}
}

func TestARecordIsLateAfterAMinute(t *testing.T) {
	now := time.Unix(1795349070, 0)
	for age, want := range map[time.Duration]bool{0: false, time.Minute: false, time.Minute + 1: true, time.Hour: true, -time.Hour: false} {
		if got := sink.Late(dodona.Record{Appended: now.Add(-age)}, now); got != want {
			t.Errorf("%v old: late %t, want %t", age, got, want)
		}
	}
	if sink.Late(dodona.Record{}, now) {
		t.Error("a record that does not say when it was appended is late")
	}
}
