package evm

import (
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// estimates answers what the machine wants to know of gas.
func (p *play) estimates(e estimate) {
	clear(p.view.Estimates)
	for _, w := range p.wants(p.now, false).Estimates {
		p.view.Estimates[w.Number] = e
	}
}

const takes, limited = 31_039, 31_039 + 31_039/4 + 5000

func TestRefusedEstimatesDoNotRaiseTheGas(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, e := range []estimate{{Refused: "BadProof"}, {Unknown: "missing trie node"}} {
		p := newPlay(sink.Latest)
		p.machine.gas = 0
		p.offer(t, 1000)
		for n := range 48 * 120 { // 48 hours
			p.estimates(e)
			if sent := p.turn(t, 30*time.Second); len(sent) > 0 {
				t.Fatalf("%+v: something was sent", e)
			}
			p.offer(t, dodona.Round(2000+1000*n))
		}
		if len(p.trouble) == 0 {
			t.Errorf("%+v: nobody was told", e)
		}
		p.now = p.now.Add(refusedMost)
		p.estimates(estimate{Gas: takes})
		sent := p.turn(t, time.Second)
		if len(sent) != 1 || sent[0].last().Gas != limited {
			t.Fatalf("%+v: after two days the limit is %v, want %d; troubles %v", e, sent, limited, p.trouble)
		}
		if len(p.trouble) != 0 {
			t.Errorf("%+v: troubles that are over: %v", e, p.trouble)
		}
	}
}

// TestAWrongLimitIsCorrectedByWhatIsConfiguredLater: too low, or absurdly high as an older version derived it, for hours; the
// nonce is given and the journal full of attempts that nobody took.
func TestAWrongLimitIsCorrectedByWhatIsConfiguredLater(t *testing.T) {
	for _, policy := range []sink.Choice{sink.Every, sink.Latest} {
		for _, wrong := range []uint64{22_000, 263_589_096} {
			for _, corrected := range []uint64{100_000, 0} {
				t.Run(fmt.Sprint(policy, wrong, corrected), func(t *testing.T) {
					p := newPlay(policy)
					p.machine.gas = wrong
					p.offer(t, 1000)
					for n := range 2000 { // 5.5 hours
						for _, i := range p.turn(t, 10*time.Second) {
							p.did(t, p.sent(p.now, i, refused, "intrinsic gas too low: gas 22000, minimum needed 22120"))
						}
						if n == 100 {
							p.offer(t, 2000)
						}
					}
					if n := len(p.open[0].Attempts); n == 0 || n > mostBumps {
						t.Fatalf("%d attempts, want 1 to %d", n, mostBumps)
					}
					q := newPlay(policy)
					q.machine.gas = corrected
					_, st := q.restore(p.now, p.journal)
					q.did(t, st.effects)
					q.journal, q.view, q.now = append(q.journal, p.journal...), p.view, p.now
					want, taken := uint64(limited), false
					if corrected > 0 {
						want = corrected
					}
					for range 20 {
						q.estimates(estimate{Gas: takes})
						for _, i := range q.turn(t, 10*time.Second) {
							if i.last().Gas != want {
								q.did(t, q.sent(q.now, i, refused, "intrinsic gas too low"))
								continue
							}
							q.did(t, q.sent(q.now, i, accepted, ""))
							taken = taken || i.Nonce == 0
						}
					}
					if !taken {
						t.Fatalf("after %s the first nonce has no limit of %d: %+v, troubles %v", 200*time.Second, want, q.open[0].last(), q.trouble)
					}
				})
			}
		}
	}
}

// TestALimitThatANodeRefusesIsDerivedAnewAtOnce, without waiting for bump_after: nothing of it is in a pool.
func TestALimitThatANodeRefusesIsDerivedAnewAtOnce(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.gas = 0
	p.offer(t, 1000)
	p.estimates(estimate{Gas: 40_000_000})
	p.view.Head.GasLimit = 30_000_000
	sent := p.turn(t, time.Second)
	if len(sent) != 1 || sent[0].last().Gas != p.view.Head.GasLimit {
		t.Fatalf("sent %v: want the limit of the block", sent)
	}
	p.did(t, p.sent(p.now, sent[0], refused, "transaction gas limit too high (cap: 16777216)"))
	p.estimates(estimate{Gas: takes})
	if sent = p.turn(t, time.Second); len(sent) != 1 || sent[0].last().Gas != limited || sent[0].Nonce != 0 {
		t.Fatalf("sent %v: want nonce 0 with the limit %d", sent, limited)
	}
	p.did(t, p.sent(p.now, sent[0], accepted, ""))
	if sent = p.turn(t, time.Second); len(sent) != 0 {
		t.Fatalf("sent %v once more", sent)
	}
}

func TestRevertsRaiseTheLimitTwiceAndNoMore(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.gas, p.machine.confirmations = 0, 1
	p.offer(t, 1000)
	want := []uint64{limited, limited + limited/4, 0, 0}
	want[2] = want[1] + want[1]/4
	want[3] = want[2]
	for n, gas := range want {
		var sent []*Intent
		for len(sent) == 0 {
			p.estimates(estimate{Gas: takes})
			sent = p.turn(t, time.Minute)
		}
		if len(sent) != 1 || sent[0].last().Gas != gas {
			t.Fatalf("after %d reverts: %v, want the limit %d", n, sent, gas)
		}
		p.did(t, p.sent(p.now, sent[0], accepted, ""))
		hash := sent[0].last().Hash
		p.view.Head.Number++
		p.view.Nonce++
		p.view.Receipts[hash] = &ethrpc.Receipt{Tx: hash, Block: p.view.Head.Number, BlockHash: dodona.Digest{byte(n + 1)}}
		p.turn(t, time.Second)
	}
}

func TestNoMoneyIsToldWithWhatIsNeeded(t *testing.T) {
	p := newPlay(sink.Latest)
	p.machine.gas = 100_000
	p.view.Balance.SetUint64(1e12)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	const want = "cannot pay: it has 0.000001 ether, and transactions may cost up to 0.0003 ether; send it some"
	if got := p.trouble["funds"].Message; len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("told %q, want …%q", got, want)
	}
}
