package sink_test

import (
	"testing"
	"time"

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
