package evm

import (
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// pool takes what pays at least a tip, and says no otherwise, in its words.
func (p *play) pool(t *testing.T, least uint64, words string) (taken *Intent, tries int) {
	t.Helper()
	for range 60 {
		for _, i := range p.turn(t, 4*time.Second) {
			tries++
			if i.last().Tip >= least {
				p.did(t, p.sent(p.now, i, accepted, ""))
				return i, tries
			}
			message := words
			if words != "transaction underpriced" {
				message = fmt.Sprintf(words, i.last().Tip, least)
			}
			r, _ := classify(&ethrpc.Error{Code: -32000, Message: message})
			p.did(t, p.sent(p.now, i, r, message))
		}
	}
	return nil, tries
}

// TestTheLeastTipOfAPoolIsLearned, from its words or by climbing, kept for the next answer, and through a restart.
func TestTheLeastTipOfAPoolIsLearned(t *testing.T) {
	for _, words := range []string{
		"transaction underpriced: gas tip cap %d, minimum needed %d", "transaction underpriced: tip permitted %[1]d, tip needed %[2]d",
		"underpriced: priority fee %d is below the minimum of %d wei", "transaction underpriced",
		"transaction gas price below minimum: gas tip cap %d, minimum needed %d", "max priority fee per gas too low: %d, want at least %d",
	} {
		for _, least := range []uint64{3e9, 25e9} {
			p := newPlay(sink.Latest)
			p.offer(t, 1000)
			first, tries := p.pool(t, least, words)
			most := 3
			if words == "transaction underpriced" {
				most = 40
			}
			if first == nil || tries > most || first.last().FeeCap > p.maxFee {
				t.Errorf("%q, %d: the first answer is not taken in %d tries, of %d", words, least, tries, most)
				continue
			}
			p.mine(11)
			p.view.Head.Number = 20
			p.turn(t, time.Second)
			q := newPlay(sink.Latest)
			_, st := q.restore(p.now, p.journal)
			q.did(t, st.effects)
			q.view, q.now = p.view, p.now
			for i, again := range []*play{p, q} {
				name := []string{"the same process", "after a restart"}[i]
				again.offer(t, 100_000)
				if next, tries := again.pool(t, least, words); next == nil || tries != 1 {
					t.Errorf("%q, %d, %s: the second answer took %d tries, want 1", words, least, name, tries)
				}
			}
		}
	}
}

func TestAPoolThatTakesMoreThanMaxFeeIsTold(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	taken, _ := p.pool(t, 200e9, "transaction underpriced: gas tip cap %d, minimum needed %d")
	if n := len(p.open[0].Attempts); taken != nil || n > 2 {
		t.Fatalf("taken %v, %d attempts", taken, n)
	}
	const want = "the base fee of 1 gwei and a tip of 100 gwei are above max_fee, 100 gwei; transactions wait"
	if got := p.trouble["fees"].Message; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestTheTipIsBounded(t *testing.T) {
	for _, c := range []struct {
		suggested, maxTip uint64
		usual             []uint64
		want              uint64
	}{
		{5e8, 0, nil, 5e8},
		{99e9, 0, nil, 1e9},                       // a hundredth of max_fee
		{99e9, 0, []uint64{0, 0, 0}, 1e9},         // empty blocks
		{99e9, 0, []uint64{1e9, 30e9, 2e9}, 99e9}, // that is usual here
		{99e9, 0, []uint64{1e9, 2e9}, 8e9},
		{99e9, 3e9, []uint64{30e9}, 3e9},
		{0, 0, []uint64{30e9}, 0},
		{5000e9, 0, []uint64{1 << 63}, 100e9},
	} {
		p := newPlay(sink.Latest)
		p.maxTip, p.view.Tip, p.view.Tips, p.view.Head.BaseFee = c.maxTip, c.suggested, c.usual, 1e7
		if got := p.machine.tip(p.view); got != c.want {
			t.Errorf("suggested %d, max_tip %d, usual %v: got %d, want %d", c.suggested, c.maxTip, c.usual, got, c.want)
		}
	}
}

func TestAReplacementTeachesNothingOfThePool(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	i := p.turn(t, time.Second)[0]
	p.did(t, p.sent(p.now, i, underpriced, "replacement transaction underpriced"))
	i = p.turn(t, time.Second)[0]
	p.did(t, p.sent(p.now, i, accepted, ""))
	if p.leastTip != 0 {
		t.Errorf("learned a least tip of %d", p.leastTip)
	}
}

// TestALearnedTipKeepsToMaxTip: what a pool says that it wants is no reason to pay more than the operator allows, at once or by climbing.
func TestALearnedTipKeepsToMaxTip(t *testing.T) {
	p := newPlay(sink.Latest)
	p.maxTip = 3e9
	p.offer(t, 1000)
	taken, _ := p.pool(t, 25e9, "transaction underpriced: gas tip cap %d, minimum needed %d")
	if taken != nil {
		t.Fatalf("a tip of %d is paid", taken.last().Tip)
	}
	if got := p.open[0].last().Tip; got > p.maxTip {
		t.Errorf("a tip of %d is offered, more than max_tip", got)
	}
	const want = "a tip of 25 gwei is wanted, above max_tip, 3 gwei; transactions wait"
	if got := p.trouble["fees"].Message; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestOnlyPricesAreReadFromAMessage(t *testing.T) {
	for _, c := range []struct {
		message string
		want    uint64
	}{
		{"tip too low: minimum needed 25000000000", 25e9},
		{"tip too low: minimum needed 25 gwei", 25e9},
		{"tip too low: minimum 1.5gwei", 15e8},
		{"max priority fee per gas is below the floor (25.0 gwei)", 25e9},
		{"transaction underpriced: minimum needed 0x5d21dba00", 25e9},
		{"have gas tip cap (1000000000) < pool gas tip cap (25000000000)", 25e9},
		{"replacement transaction underpriced: new tx gas tip cap 1000000000 < 2000000000 queued", 0},
		{"tip too low, want more than in 0xab99812345678cdef0123456789abcdef0123456789abcdef0123456789abcde", 0},
		{"tip too low of transaction 0xab99812345678cd", 0},
		{"tip too low of 0x99812345678ab", 0},
		{"tip too low: want 99999999999999999999", 0},
		{"tip too low: want 9999999999 gwei", 0},
		{"tip too low: want 999999 gwei", 999_999e9},
		{"tip too low: want 1000000 gwei", 0},
		{"max fee 1 below base fee 7000000000, tip 1", 0},
		{"transaction underpriced: minimum gas price 1 gwei; account 0xab nonce 5 balance 123456789012345 pending", 1e9},
		{"tip 1000000000 of account with 55000000000 is low", 0},
	} {
		p := newPlay(sink.Latest)
		p.learnTip(p.now, c.message)
		if p.leastTip != c.want {
			t.Errorf("%q: learned %d, want %d", c.message, p.leastTip, c.want)
		}
	}
}

// TestOneEndpointsPriceStopsNothingForLong: a price that cannot be paid, from one endpoint, is doubted once a block has less, or else asked for
// again before long.
func TestOneEndpointsPriceStopsNothingForLong(t *testing.T) {
	const absurd = "transaction underpriced: gas tip cap 1000000000, minimum needed 900000000000000"
	for name, elsewhere := range map[string]bool{"the same bytes are taken elsewhere": true, "nobody else is asked": false} {
		p := newPlay(sink.Latest)
		p.offer(t, 1000)
		began := p.now
		for _, i := range p.turn(t, 4*time.Second) {
			p.did(t, p.sent(p.now, i, underpriced, absurd))
		}
		if elsewhere {
			p.accepts(t, 20*time.Second)
			p.mine(11)
			p.view.Head.Number = 20
			p.turn(t, time.Second)
			if p.leastTip != 0 {
				t.Errorf("%s: a block has less, and %d is still taken for the least", name, p.leastTip)
			}
			p.offer(t, 100_000)
		}
		most := time.Minute
		if !elsewhere {
			most = 20 * time.Minute
		}
		sent := 0
		for sent == 0 && p.now.Sub(began) < most {
			sent = len(p.turn(t, 4*time.Second))
		}
		if sent == 0 {
			t.Errorf("%s: nothing is sent in %s", name, most)
		}
	}
}

// TestALeastTipIsForgottenInTime stands at the bounds: of the time, and of what may be paid.
func TestALeastTipIsForgottenInTime(t *testing.T) {
	const most = 100e9 // max_fee of a play
	for _, c := range []struct {
		name                      string
		baseFee, maxTip, leastTip uint64
		kept                      time.Duration
	}{
		{"as much as may be paid", 1e9, 0, most - 1e9, 6 * time.Hour},
		{"too much beside the base fee", 1e9, 0, most - 1e9 + 1, 15 * time.Minute},
		{"too much", 0, 0, most + 1, 15 * time.Minute},
		{"little, and the base fee alone is too much", most + 1, 0, 1, 15 * time.Minute},
		{"the base fee alone is all that may be paid", most, 0, 1, 15 * time.Minute},
		{"max_tip", 1e9, 3e9, 3e9, 6 * time.Hour},
		{"above max_tip", 1e9, 3e9, 3e9 + 1, 15 * time.Minute},
	} {
		p := newPlay(sink.Latest)
		p.maxTip = c.maxTip
		for after, want := range map[time.Duration]uint64{0: c.leastTip, c.kept: c.leastTip, c.kept + 1: 0} {
			p.leastTip, p.leastTipAt = c.leastTip, p.now
			p.forgetTip(p.now.Add(after), view{Head: ethrpc.Header{BaseFee: c.baseFee}})
			if p.leastTip != want {
				t.Errorf("%s: after %s the least tip is %d, want %d", c.name, after, p.leastTip, want)
			}
		}
	}
}

// TestAPoolIsAskedAgainInTime: what it wanted binds while it is heard again, and not for ever.
func TestAPoolIsAskedAgainInTime(t *testing.T) {
	const words = "transaction underpriced: gas tip cap 1, minimum needed %d"
	p := newPlay(sink.Latest)
	p.learnTip(p.now, fmt.Sprintf(words, uint64(5e9)))
	p.turn(t, 4*time.Hour)
	p.learnTip(p.now, fmt.Sprintf(words, uint64(4e9))) // less than is known already
	p.turn(t, 2*time.Hour)
	if p.leastTip != 5e9 {
		t.Errorf("after six hours the least tip is %d, want %d", p.leastTip, uint64(5e9))
	}
	p.turn(t, time.Second)
	if p.leastTip != 0 {
		t.Errorf("after more than six hours the least tip is still %d", p.leastTip)
	}
	p.learnTip(p.now, fmt.Sprintf(words, uint64(4e9)))
	p.turn(t, 4*time.Hour)
	p.learnTip(p.now, fmt.Sprintf(words, uint64(5e9)))
	p.turn(t, 4*time.Hour)
	if p.leastTip != 5e9 {
		t.Errorf("four hours after the pool wanted more the least tip is %d, want %d", p.leastTip, uint64(5e9))
	}
}
