//go:build integration

package evm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// anchorsOf deploys a contract of anchors.
func (r *rig) anchorsOf(period time.Duration) dodona.Address {
	r.t.Helper()
	artifact, err := contracts.Load(contracts.AnchorECDSA)
	if err != nil {
		r.t.Fatal(err)
	}
	args := calldata.NewECDSA(r.network.ID(), calldata.PeriodSubject(uint64(period.Milliseconds())), r.quorum)
	return r.chain.Deploy(append(artifact.Bytecode[:len(artifact.Bytecode):len(artifact.Bytecode)], args...))
}

// TestAContractOfSomethingElseIsTold with its address and what it is of, and every answer goes once the configuration is corrected.
func TestAContractOfSomethingElseIsTold(t *testing.T) {
	r := newRig(t)
	r.policy.Policy = sink.Every
	power := dodona.Feed{Name: "power", Unit: "kW", Decimals: 1}
	r.feeds = append(r.feeds, power)
	right, powers := r.settings.Contract, r.chain.Deploy(r.codeOf(power))
	r.settings.Contract = dodona.Address{}
	var rounds []dodona.Round
	for _, c := range []struct {
		wrong dodona.Address
		text  string
	}{{powers, "it is that of feed power;"}, {r.anchorsOf(7 * time.Minute), "it takes anchors;"}} {
		r.settings.Contracts = map[string]dodona.Address{question.Name: c.wrong, power.Name: powers}
		r.begin()
		r.attest(power, r.first+dodona.Round(100_000*(len(rounds)+1)), 7) // above all that waits
		rounds = append(rounds, r.say(int64(len(rounds)+1)))
		detail := func() evm.Status { d, _ := r.loop.Status().Detail.(evm.Status); return d }
		r.until("the other feed is delivered", func() bool { return detail().Slots[power.Name].Round >= r.first+dodona.Round(100_000*len(rounds)) })
		rounds = append(rounds, r.say(int64(len(rounds)+1)))
		r.until("both wait", func() bool { return detail().Planned == len(rounds) })
		told := detail().Troubles["contract "+question.Name]
		if len(detail().Troubles) != 1 || !strings.Contains(told, c.text) || !strings.Contains(told, c.wrong.String()) {
			t.Errorf("troubles %q, want one with %q", detail().Troubles, c.text)
		}
		if _, shown := detail().Slots[question.Name]; shown {
			t.Errorf("slots %v", detail().Slots)
		}
		r.stop()
	}
	r.settings.Contracts[question.Name] = right
	r.begin()
	r.until("the right one has the last", func() bool {
		round, _ := r.slotOf(right)
		return round == rounds[len(rounds)-1]
	})
	r.stop()
	r.settings.Contract, r.settings.Contracts = right, nil // whose transactions are counted
	r.once(rounds...)
}

// TestAFeedsContractTakesNoAnchors, and the sink says so before it sends anything.
func TestAFeedsContractTakesNoAnchors(t *testing.T) {
	r := newRig(t)
	r.settings.Anchor, r.policy.Anchors = r.settings.Contract, true
	r.launch()
	r.until("it is told", func() bool {
		s := r.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, r.settings.Anchor.String()) && strings.Contains(s.LastError, "it is that of feed "+question.Name)
	})
}

// TestAWindowThatDoesNotFitItsContractIsADeadLetter, and that none will is told from the start, with both periods.
func TestAWindowThatDoesNotFitItsContractIsADeadLetter(t *testing.T) {
	r := newRig(t)
	r.policy.Anchors, r.every = true, 10*time.Minute
	r.settings.Anchor = r.anchorsOf(7 * time.Minute)
	r.begin()
	told := func() string { d, _ := r.loop.Status().Detail.(evm.Status); return d.Troubles["period"] }
	if !strings.Contains(told(), "windows of 7m or a multiple, and this node anchors every 10m") || !strings.Contains(told(), r.settings.Anchor.String()) {
		t.Errorf("told %q", told())
	}
	to := (r.first/(70*minute))*70*minute + 10*minute
	crooked := r.anchor(to, 10*minute)
	r.untilSlot(r.say(1))
	r.until("it is a dead letter", func() bool {
		s := r.loop.Status()
		return s.Dead == 1 && len(s.DeadLetters) == 1 && s.DeadLetters[0].Record == crooked.To.ID() && strings.Contains(s.DeadLetters[0].Detail, "not on the grid")
	})
	if s := r.loop.Status(); s.State != sink.Stuck || s.LastError == "" || !r.told("dead") || !r.told("period") {
		t.Errorf("status %+v", s)
	}
	r.stop()
	r.settings.Anchor = r.anchorsOf(10 * time.Minute)
	r.begin()
	fits := r.anchor(to+10*minute, 10*minute)
	r.until("the next is posted", func() bool { return bytes.Equal(r.rootOf(fits.To), fits.Root[:24]) })
	if s := r.loop.Status(); told() != "" || s.Dead != 0 {
		t.Errorf("status %+v", s)
	}
}
