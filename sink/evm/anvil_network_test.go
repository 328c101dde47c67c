//go:build integration

package evm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// become makes the rig's node one of another key, and so of another network.
func (r *rig) become(signer *secp.PrivateKey) {
	r.signer = signer
	r.quorum = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{signer.Address()}}
	r.network = dodona.Network{Name: "test", First: r.quorum.Digest()}
}

// trouble returns what the sink says of one.
func (r *rig) trouble(name string) string {
	d, _ := r.loop.Status().Detail.(evm.Status)
	return d.Troubles[name]
}

// TestContractsOfAnotherNetworkAreTold with both networks; answers wait until one of this network is named, and no anchor is tried again and again.
func TestContractsOfAnotherNetworkAreTold(t *testing.T) {
	r := newRig(t)
	r.policy.Anchors, r.policy.Policy, r.every = true, sink.Every, 10*time.Minute
	r.settings.Anchor = r.anchorsOf(10 * time.Minute)
	first := r.network.ID()
	r.become(key(t, "another signer"))
	r.begin()
	rounds := []dodona.Round{r.say(1), r.say(2)}
	to := r.first / (10 * minute) * (10 * minute)
	lost := r.anchor(to, 10*minute)
	r.until("the anchor is a dead letter, and the answers wait", func() bool {
		s := r.loop.Status()
		d, _ := s.Detail.(evm.Status)
		return s.State == sink.Stuck && s.Dead == 1 && d.Planned == 2 && r.trouble("contract "+question.Name) != "" && r.trouble("network") != ""
	})
	for _, name := range []string{"contract " + question.Name, "network"} {
		if said := r.trouble(name); !strings.Contains(said, "belongs to network "+first.String()) || !strings.Contains(said, "signs for network "+r.network.ID().String()) {
			t.Errorf("%s: %s", name, said)
		}
	}
	s := r.loop.Status()
	if s.DeadLetters[0].Record != lost.To.ID() || !strings.Contains(s.DeadLetters[0].Detail, "belongs to network "+first.String()) || s.Failures != 0 {
		t.Errorf("status %+v", s)
	}
	r.stop()
	r.settings.Contract, r.settings.Anchor = r.chain.Deploy(r.code()), r.anchorsOf(10*time.Minute)
	r.begin()
	fits := r.anchor(to+10*minute, 10*minute)
	r.untilSlot(rounds[1])
	r.until("the next anchor is posted", func() bool { return bytes.Equal(r.rootOf(fits.To), fits.Root[:24]) })
	r.until("nothing is in the way", func() bool { return r.trouble("contract "+question.Name)+r.trouble("network") == "" })
	r.stop()
	r.once(rounds...)
}

// TestWhatAnotherNetworkLeftIsDropped: after a node was of another network and is what it was, what that one had planned waits no more, what it
// signed is not delivered, and the sink goes on.
func TestWhatAnotherNetworkLeftIsDropped(t *testing.T) {
	r := newRig(t)
	r.policy.Anchors, r.every = true, 10*time.Minute
	r.settings.Anchor = r.anchorsOf(10 * time.Minute)
	mine, other := r.signer, key(t, "another signer")
	r.begin()
	r.untilSlot(r.say(1))
	r.stop()
	r.become(other)
	r.begin()
	r.say(2)
	r.until("its answer waits", func() bool { d, _ := r.loop.Status().Detail.(evm.Status); return d.Planned == 1 })
	r.stop()
	r.become(mine)
	r.begin()
	r.until("what was planned is dropped", func() bool {
		s := r.loop.Status()
		d, _ := s.Detail.(evm.Status)
		return s.Dead == 1 && d.Planned == 0 && s.State != sink.Stuck
	})
	to := r.first / (10 * minute) * (10 * minute)
	r.become(other)
	r.say(3)
	r.anchor(to, 10*minute)
	r.become(mine)
	fits := r.anchor(to+10*minute, 10*minute)
	r.untilSlot(r.say(4))
	r.until("the anchor is posted", func() bool { return bytes.Equal(r.rootOf(fits.To), fits.Root[:24]) })
	if s := r.loop.Status(); s.Foreign != 2 || s.Dead != 1 || s.Failures != 0 || !strings.Contains(s.LastError, "this node signs for") {
		t.Errorf("status %+v, want two records of another network, and no failure", s)
	}
}
