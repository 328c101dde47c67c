package evm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// A court is a sink of three feeds whose first endpoint claims something of each slot, and whose second one is the witness.
type court struct {
	*bench
	witness *face
	v       view
	asked   []string // of the witness, by method; a slot by its feed
}

func newCourt(t *testing.T) *court {
	t.Helper()
	l := oldLedger()
	h := &court{witness: newFace(l)}
	h.bench = newPair(t, l, newFace(l), h.witness)
	for n := 1; n < 3; n++ {
		feed := fmt.Sprintf("feed-%d", n)
		h.targets[feed] = dodona.Address{19: byte(n + 1)}
	}
	h.Sink.targets = h.targets
	if err := h.Sink.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.says = func(method string, params []json.RawMessage) string {
		for feed, to := range h.targets {
			if len(params) > 0 && strings.Contains(string(params[0]), to.String()[2:]) {
				method = feed
			}
		}
		h.asked = append(h.asked, method)
		return ""
	}
	h.hears() // it is asked for its chain too
	return h
}

// hears asks the witness once, and returns of which slots he told, was silent, and was not asked.
func (h *court) hears() (told, silent, untold []string) {
	h.v = view{HeadAt: h.env.Now(), Slots: make(map[string]sink.Said), By: make(map[string]int)}
	for feed := range h.targets {
		h.v.Slots[feed], h.v.By[feed] = sink.Said{Round: 500}, 0
	}
	h.asked = nil
	h.testify(h.t.Context(), &h.v)
	return slices.Sorted(maps.Keys(h.v.Words)), slices.Sorted(maps.Keys(h.v.Silent)), slices.Sorted(maps.Keys(h.v.Untold))
}

// slow makes the witness take so many parts in ten of a timeout for each answer.
func (h *court) slow(parts time.Duration) {
	h.witness.takes = func(string) time.Duration { return h.settings.Timeout * parts / 10 }
}

// TestWhatAWitnessWasNotGotToComesFirst: it has time for its newest block and one slot in each turn, and is silent of none.
func TestWhatAWitnessWasNotGotToComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCourt(t)
		h.slow(4)
		heard := make(map[string]int)
		for range 6 {
			told, silent, untold := h.hears()
			if len(told) != 1 || len(silent) > 0 || len(untold) != 2 {
				t.Fatalf("told of %q, silent of %q, not asked of %q", told, silent, untold)
			}
			heard[told[0]]++
		}
		if len(heard) != 3 {
			t.Errorf("in six turns it is heard of %v", heard)
		}
	})
}

// TestWhoIsGoneIsNotSilent: nothing waits for what is not there. Who fails otherwise is silent of all, and asked no more in that turn.
func TestWhoIsGoneIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCourt(t)
		h.witness.trips = func(string) error { return syscall.ECONNREFUSED }
		if told, silent, untold := h.hears(); len(told)+len(silent)+len(untold) > 0 {
			t.Errorf("who refuses connections: told of %q, silent of %q, not asked of %q", told, silent, untold)
		}
		h.witness.trips = func(string) error { return err502 }
		if told, silent, untold := h.hears(); len(told) > 0 || len(silent) != 3 || len(untold) > 0 {
			t.Errorf("who fails: told of %q, silent of %q, not asked of %q", told, silent, untold)
		}
		for range 4 { // nothing but failures, for longer than an endpoint may
			_ = h.client.SendThrough(t.Context(), 1, []byte{1})
			time.Sleep(time.Minute)
		}
		_ = h.client.SendThrough(t.Context(), 1, []byte{1})
		if told, silent, untold := h.hears(); len(told)+len(silent)+len(untold) > 0 {
			t.Errorf("who is gone: told of %q, silent of %q, not asked of %q", told, silent, untold)
		}
	})
}

// TestAWitnessThatFailsIsAskedNoMoreInThatTurn, and is silent of what it failed for alone.
func TestAWitnessThatFailsIsAskedNoMoreInThatTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCourt(t)
		slots := 0
		h.witness.trips = func(method string) error {
			if method == "eth_getStorageAt" {
				slots++
			}
			if slots > 1 {
				return err502
			}
			return nil
		}
		if told, silent, untold := h.hears(); len(told) != 1 || len(silent) != 1 || len(untold) != 1 || slots != 1+tries {
			t.Errorf("told of %q, silent of %q, not asked of %q; slots asked for %d times", told, silent, untold, slots)
		}
	})
}

// TestANewestBlockIsKeptForOneTurn: a witness whose newest block and slot do not fit into one turn tells it in the next one, as of that block, if that
// comes soon by a clock that goes forward. Then it is asked for its newest block again.
func TestANewestBlockIsKeptForOneTurn(t *testing.T) {
	for name, c := range map[string]struct {
		pause, back time.Duration
		kept        bool
	}{"soon": {time.Second, 0, true}, "late": {30 * time.Second, 0, false}, "a clock steps back": {time.Second, time.Hour, false}} {
		bubble(t, name, func(t *testing.T) {
			h := newCourt(t)
			back := time.Duration(0)
			h.env.Now = func() time.Time { return time.Now().Add(-back) }
			h.slow(7)
			if told, silent, _ := h.hears(); len(told) > 0 || len(silent) != 1 {
				t.Fatalf("told of %q, silent of %q", told, silent)
			}
			block, at := h.witness.head(), time.Now()
			time.Sleep(c.pause)
			back = c.back
			h.slow(0)
			told, _, _ := h.hears()
			if len(told) != 3 || slices.Contains(h.asked, "eth_getBlockByNumber") == c.kept {
				t.Fatalf("told of %q; it was asked %q", told, h.asked)
			}
			w := h.v.Words[told[0]][0]
			if begun := at.Add(-h.settings.Timeout); c.kept != w.clock.Before(at) || w.clock.Before(begun.Add(-ledgerBlock)) {
				t.Errorf("as of %s, where its newest block was of about %s (%d)", w.clock, at, block)
			}
			if told, _, _ := h.hears(); len(told) != 3 || !slices.Contains(h.asked, "eth_getBlockByNumber") {
				t.Errorf("a kept block is used twice: told of %q; it was asked %q", told, h.asked)
			}
		})
	}
}

// TestAWitnessReadsAnAnchorAsAnAnchor: what follows its round is a root and no answer, and its slot is of the contract of anchors.
func TestAWitnessReadsAnAnchorAsAnAnchor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newCourt(t)
		h.settings.Anchor = dodona.Address{19: 9}
		var of string
		h.witness.ledger.says = func(_ string, params []json.RawMessage) string {
			of = string(params[0])
			return fmt.Sprintf(`"result":"0x%016x%048x"`, 1234, 7)
		}
		w, err := h.saysOf(t.Context(), h.client.Witness(1), "place", map[string]*Payload{"place": {Slot: dodona.Digest{31: 5}}}, ethrpc.Latest)
		if err != nil || w.level != 1234 || w.said != (sink.Said{Round: 1234}) || !strings.Contains(of, h.settings.Anchor.String()[2:]) {
			t.Errorf("it says %+v of %s: %v", w, of, err)
		}
	})
}
