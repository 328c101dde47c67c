package evm

import (
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/sink"
)

// tooLow answers every broadcast of a minute with "nonce too low".
func (p *play) tooLow(t *testing.T) {
	t.Helper()
	for range 60 {
		for _, i := range p.turn(t, time.Second) {
			p.did(t, p.sent(p.now, i, stale, "nonce too low: next nonce 5, tx nonce 0"))
		}
	}
}

func TestANonceThatIsUsedAndCountedAsFreeIsTold(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.tooLow(t)
	said := p.trouble["rejected 1"].Message
	if !strings.Contains(said, "nonce too low") || !strings.Contains(said, "it counts 0 transactions") || !strings.Contains(said, "name another endpoint") {
		t.Fatalf("the trouble is %q, want what the node says, what it counts, and what to do", said)
	}
	p.accepts(t, 10*time.Second)
	if len(p.trouble) > 0 {
		t.Errorf("troubles %v after the transaction was taken, want none", p.trouble)
	}
}

func TestAnAnswerThatABlockHasIsNoTrouble(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.accepts(t, time.Second)
	p.view.Nonce = 1 // a block has it, and its receipt is not shown yet
	p.turn(t, time.Second)
	for range 2 * mostTooOld {
		p.did(t, p.sent(p.now, p.open[0], stale, "nonce too low"))
	}
	if _, found := p.trouble["rejected 1"]; found {
		t.Errorf("troubles %v, want none of a nonce that the chain counts", p.trouble)
	}
}
