package node

import (
	"testing"

	"github.com/dodona-oracle/dodona/api"
)

func TestASinkWaitsForWhatItsOwnReaderHasNotRead(t *testing.T) {
	readers := []api.ReaderStatus{
		{Name: "sink-main", Node: "gw-2", Backlog: 1000},
		{Name: "sink-other", Node: "gw-7", Own: true, Backlog: 5},
		{Name: "sink-main", Node: "gw-7", Own: true, Backlog: 83},
	}
	if got := toRead("main", readers); got != 83 {
		t.Errorf("got %d records to read, want 83", got)
	}
	if got := toRead("unknown", readers); got != 0 {
		t.Errorf("got %d records to read of a sink without a reader, want 0", got)
	}
}
