package evm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// TestAPriceThatNobodySaysIsNotSaid: a receipt may come without one, and then it is what a legacy transaction names, or not known.
func TestAPriceThatNobodySaysIsNotSaid(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		p := newPlay(sink.Latest)
		p.view.Head.Legacy = legacy
		if legacy {
			p.view.Head.BaseFee = 0
		}
		p.offer(t, 1000)
		p.accepts(t, time.Second)
		paid := p.open[0].last().FeeCap
		p.mine(11)
		p.now = p.now.Add(time.Second)
		fx := p.step(p.now, p.view).effects
		found := false
		for _, rec := range fx.keep {
			if rec.Topic != dodona.TopicReceipt {
				continue
			}
			found = true
			var r dodona.Receipt
			if err := json.Unmarshal(rec.Body, &r); err != nil {
				t.Fatal(err)
			}
			switch price := r.OnChain.GasPrice; {
			case !legacy && price != nil:
				t.Errorf("a price of %d is told that nobody knows", *price)
			case legacy && (price == nil || *price != paid):
				t.Errorf("of a legacy transaction: %s, want %d", rec.Body, paid)
			}
		}
		if !found {
			t.Fatal("no receipt")
		}
	}
}
