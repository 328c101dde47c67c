package module

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
)

// TestAnInstanceKeepsLittleOfItsEvents: what an event made is let go of, with the room for it if that is more than most need. What is not much has its
// room for the next one.
func TestAnInstanceKeepsLittleOfItsEvents(t *testing.T) {
	for name, c := range map[string]struct {
		points, calls, bytes int
		kept                 bool
	}{"few": {keptPoints, keptCalls, keptBytes, true}, "many": {maxPoints, 10 * keptCalls, 64 * keptBytes, false}} {
		var ev event
		ev.points = make([]dodona.Point, c.points)
		ev.points[c.points-1].Reason = strings.Repeat("r", maxReason)
		ev.record.calls = make([]abi.Heard, c.calls)
		ev.record.calls[0].Request = "request"
		ev.record.recorded = make([]abi.Heard, c.calls)[:0]
		ev.output, ev.partial[0], ev.partial[1] = make([]byte, c.bytes), make([]byte, c.bytes), make([]byte, c.bytes)
		ev.rest()
		if len(ev.points)+len(ev.record.calls)+len(ev.output)+len(ev.partial[0])+len(ev.partial[1]) > 0 {
			t.Errorf("%s: something is left", name)
		}
		if ev.record.recorded != nil {
			t.Errorf("%s: a replay is left", name)
		}
		for what, room := range map[string]int{"points": cap(ev.points), "calls": cap(ev.record.calls), "output": cap(ev.output), "a line": cap(ev.partial[1])} {
			if room > 0 != c.kept {
				t.Errorf("%s: room for %d of %s is kept", name, room, what)
			}
		}
		if c.kept && (ev.points[:c.points][c.points-1].Reason != "" || ev.record.calls[:1][0].Request != "") {
			t.Errorf("%s: texts are kept", name)
		}
	}
}

// TestAGuestsNamesAreBounded in bytes, and right whether they are remembered or not.
func TestAGuestsNamesAreBounded(t *testing.T) {
	var ev event
	for n := range 1000 {
		id := strings.Repeat(strings.Repeat("i", 60)+".", 4) + string(rune('a'+n/26/26%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n%26))
		ev.points = nil
		if code := ev.point([]byte(id), []byte("V"), 1, 0, time.Now().UnixMilli(), 0); code != 0 || ev.points[0].ID != id || ev.points[0].Unit != "V" {
			t.Fatalf("%s: code %d, %+v", id, code, ev.points)
		}
	}
	bytes := 0
	for id := range ev.names.ids {
		bytes += len(id) + nameBytes
	}
	if bytes > keptNames || bytes < keptNames/2 || len(ev.names.units) != 1 {
		t.Errorf("%d bytes of ids and %d units are kept, want at most %d", bytes, len(ev.names.units), keptNames)
	}
}
