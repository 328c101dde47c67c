package evm

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// tips returns the least and the highest tip that was signed for a round of a number or above.
func tips(t *testing.T, recs []dodona.Record, from dodona.Round) (least, most uint64) {
	t.Helper()
	for _, rec := range recs {
		if rec.Topic != dodona.TopicIntent {
			continue
		}
		e, err := intent.Parse(rec)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range e.Intent.Attempts {
			if a.Round < from {
				continue
			}
			if least == 0 || a.Tip < least {
				least = a.Tip
			}
			most = max(most, a.Tip)
		}
	}
	return least, most
}

// TestOneEndpointsPriceIsNotPaid while another one takes the usual: what a pool wants, once or for ever, in numbers or not, and what an
// endpoint suggests together with the past that bounds it, from the start or later.
func TestOneEndpointsPriceIsNotPaid(t *testing.T) {
	const gwei190 = "0x2c3ce1ec00"
	needed := map[string]string{"eth_sendRawTransaction": `"error":{"code":-32000,"message":"transaction underpriced: tip needed 190000000000, tip permitted 1000000000"}`}
	vague := map[string]string{"eth_sendRawTransaction": `"error":{"code":-32000,"message":"transaction underpriced"}`}
	suggests := map[string]string{"eth_maxPriorityFeePerGas": `"result":"` + gwei190 + `"`, "eth_feeHistory": `"result":{"reward":[["` + gwei190 + `"]]}`}
	for name, c := range map[string]struct {
		says  map[string]string
		times int64
		early bool
	}{
		"a pool's, once":                 {needed, 1, false},
		"a pool's, for ever":             {needed, 1 << 30, false},
		"a pool's, without a number":     {vague, 1 << 30, false},
		"a suggestion":                   {suggests, 1 << 30, false},
		"a suggestion, from the start":   {suggests, 1 << 30, true},
		"a pool's words, from the start": {needed, 1 << 30, true},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			b := newPair(t, l, first, second)
			given := b.refusing(func(dodona.Record) bool { return false })
			var times atomic.Int64
			if c.early {
				times.Store(c.times)
			}
			first.says = func(method string) string {
				text := c.says[method]
				if text != "" && times.Add(-1) >= 0 {
					return text
				}
				return ""
			}
			b.starts(sink.Latest)
			b.rounds(l, 1, 2, time.Minute, 30*time.Second)
			times.Store(c.times)
			states := b.rounds(l, 3, 30, time.Minute, time.Minute)
			if states[sink.Stuck] > 0 {
				t.Errorf("the sink says %v", states)
			}
			if _, most := tips(t, given(), 1); most > 2e9 {
				t.Errorf("a tip of %s is paid, want 1 gwei or so", Price(most))
			}
		})
	}
}

// TestAPriceThatAllEndpointsNameIsPaid: the usual one may rise by as much as that.
func TestAPriceThatAllEndpointsNameIsPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		b := newPair(t, l, first, second)
		given := b.refusing(func(dodona.Record) bool { return false })
		var risen atomic.Bool
		first.says = saysWhile(&risen, func(method string) string {
			return map[string]string{"eth_maxPriorityFeePerGas": `"result":"0x12a05f2000"`, "eth_feeHistory": `"result":{"reward":[["0x12a05f2000"]]}`}[method]
		})
		second.says = first.says
		b.starts(sink.Latest)
		b.rounds(l, 1, 5, time.Minute, 30*time.Second)
		risen.Store(true)
		b.rounds(l, 6, 20, time.Minute, time.Minute)
		if least, _ := tips(t, given(), 7); least != 80e9 {
			t.Errorf("a tip of %s is paid, want 80 gwei", Price(least))
		}
	})
}

// TestALeastTipAboveTheUsualIsForgottenBeforeLong; what operators allow is theirs to bound.
func TestALeastTipAboveTheUsualIsForgottenBeforeLong(t *testing.T) {
	for _, c := range []struct {
		usual            []uint64
		maxTip, leastTip uint64
		kept             time.Duration
	}{
		{[]uint64{1e9, 5e9}, 0, 20e9, 6 * time.Hour},
		{[]uint64{1e9, 5e9}, 0, 20e9 + 1, 15 * time.Minute},
		{[]uint64{1e9, 5e9}, 90e9, 20e9 + 1, 6 * time.Hour},
		{nil, 0, 20e9, 6 * time.Hour},
	} {
		p := newPlay(sink.Latest)
		p.maxTip, p.view.Tips = c.maxTip, c.usual
		for after, want := range map[time.Duration]uint64{c.kept: c.leastTip, c.kept + 1: 0} {
			p.leastTip, p.leastTipAt = c.leastTip, p.now
			p.turn(t, after)
			if p.leastTip != want {
				t.Errorf("usual %v, max_tip %d: after %s the least tip is %d, want %d", c.usual, c.maxTip, after, p.leastTip, want)
			}
		}
	}
}

// TestPaidIsBounded: what was paid is remembered of the last transactions.
func TestPaidIsBounded(t *testing.T) {
	p := newPlay(sink.Latest)
	for n := range 3 * mostPaid {
		p.pay(&Intent{Intent: intent.Intent{Attempts: []Attempt{{Hash: dodona.Digest{1}, Tip: uint64(n)}}}}, dodona.Digest{1})
	}
	if len(p.paid) != mostPaid || p.paid[mostPaid-1] != 3*mostPaid-1 {
		t.Errorf("%d are remembered: %v", len(p.paid), p.paid)
	}
}
