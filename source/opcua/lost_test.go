package opcua

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona/source"
)

// TestWhatAServersQueueLostIsCounted: the overflow bit of a status, and numbers of notifications that were left out.
func TestWhatAServersQueueLostIsCounted(t *testing.T) {
	var lost []string
	c := &client{env: source.Env{Source: "plant", Now: time.Now, Log: slog.New(slog.DiscardHandler), Dropped: func(n uint64, cause string) {
		for range n {
			lost = append(lost, cause)
		}
	}}, settings: Settings{Endpoint: "opc.tcp://10.0.0.5:4840"}}
	of := &item{name: "ns=2;s=T"}
	said := func(status ua.StatusCode) string {
		body, err := (&ua.DataValue{EncodingMask: ua.DataValueValue | ua.DataValueStatusCode, Value: ua.MustVariant(21.5), Status: status}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		lost = nil
		r := c.reading(of, body, "subscription", time.Now())
		p := Node{ID: "ns=2;s=T"}.point("t", r)
		return p.Quality.String() + " " + p.Value.String() + " " + strings.Join(lost, "; ")
	}
	for _, w := range []struct {
		status ua.StatusCode
		want   string
	}{
		{0, "good 21.5 "},
		{0x0480, "good 21.5 the server's queue for ns=2;s=T was full; raise queue, or publish more often"},
		{0x0080, "good 21.5 "}, // no DataValue's bits
		{0x0400, "good 21.5 "}, // no overflow
		{0x0c80, "good 21.5 "}, // another info type
		{0x40900480, "uncertain 21.5 the server's queue for ns=2;s=T was full; raise queue, or publish more often"},
	} {
		if got := said(w.status); got != w.want {
			t.Errorf("status %#08x: %q, want %q", uint32(w.status), got, w.want)
		}
	}
	for _, w := range []struct {
		numbers []uint32
		lost    int
	}{{[]uint32{1, 2, 3}, 0}, {[]uint32{5}, 0}, {[]uint32{1, 4}, 2}, {[]uint32{4294967294, 4294967295, 1}, 0}, {[]uint32{4294967295, 3}, 2}, {[]uint32{7, 6}, 0}} {
		s := &subscriber{client: c}
		lost = nil
		for _, n := range w.numbers {
			s.missing(n)
		}
		if len(lost) != w.lost || slices.ContainsFunc(lost, func(why string) bool { return why != "the server's notifications before this one did not come" }) {
			t.Errorf("%v: lost %q, want %d", w.numbers, lost, w.lost)
		}
	}
}

func TestADeadbandIsAskedForAsItIsMeant(t *testing.T) {
	for text, want := range map[string]ua.DataChangeFilter{
		"0.5": {Trigger: ua.DataChangeTriggerStatusValue, DeadbandType: uint32(ua.DeadbandTypeAbsolute), DeadbandValue: 0.5},
		"2%":  {Trigger: ua.DataChangeTriggerStatusValue, DeadbandType: uint32(ua.DeadbandTypePercent), DeadbandValue: 2},
	} {
		var d Deadband
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, is := filter(d).Value.(*ua.DataChangeFilter); !is || *got != want {
			t.Errorf("%s asks for %+v, want %+v", text, got, want)
		}
	}
	if got := filter(Deadband{}); got.Value != nil {
		t.Errorf("none asks for %+v", got.Value)
	}
}
