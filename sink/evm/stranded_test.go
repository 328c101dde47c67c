package evm

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// TestHolesAreFilledForWhatTheChainTakes: some chains count for a transfer what it costs to publish it elsewhere too, and refuse 21,000 gas.
func TestHolesAreFilledForWhatTheChainTakes(t *testing.T) {
	for estimate, want := range map[uint64]uint64{0: 21_000, 21_000: 21_000, 88_000: 110_000} {
		p := newPlay(sink.Every)
		p.view.Nonce, p.view.Transfer = 5, estimate
		p.offer(t, 1000)
		p.turn(t, time.Second) // nonce 5
		p.view.Nonce = 4       // 4 is gone
		filled := 0
		for range 5 {
			for _, i := range p.turn(t, 5*time.Second) {
				if i.Payload != nil {
					continue
				}
				filled++
				if got := i.last().Gas; got != want {
					t.Errorf("an estimate of %d gives a limit of %d, want %d", estimate, got, want)
				}
			}
			if w := p.wants(p.now, false); filled > 0 && !w.Transfer {
				t.Error("what a transfer takes is not asked any more, though one waits")
			}
		}
		if filled == 0 {
			t.Error("nothing was filled")
		}
	}
}

// TestMoneyThatRunsOutWhileATransactionWaitsIsTold, once that lasts, as what it is and not as an endpoint that keeps it to itself.
func TestMoneyThatRunsOutWhileATransactionWaitsIsTold(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.accepts(t, time.Second)
	p.view.Balance = big.NewInt(1e12)
	p.turn(t, time.Second)
	if _, told := p.trouble["funds"]; told {
		t.Error("it is told at once, though a block may have the transaction already")
	}
	for range 80 {
		p.turn(t, 5*time.Second)
	}
	if told := p.trouble["funds"].Message; !strings.Contains(told, "it has "+ethrpc.Ether(p.view.Balance)) || len(p.trouble) != 1 {
		t.Errorf("troubles %+v", p.trouble)
	}
	p.view.Balance = big.NewInt(1e18)
	p.turn(t, time.Second)
	if _, told := p.trouble["funds"]; told {
		t.Error("it is not over when there is money again")
	}
}
