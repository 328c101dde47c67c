package evm

import (
	"context"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// A contract knows one network by its id and takes nothing else. What the node signs for another one it refuses for ever, and says no more than that
// a proof is bad; so a contract is asked for its network, and the two are compared here.

// anotherNetwork names the trouble that the contract of anchors is of another network than the node's.
const anotherNetwork = "network"

// knowsAnotherNetwork reports whether a contract that says a network, zero if it says none, does not know the node's.
func (s *Sink) knowsAnotherNetwork(network dodona.Digest) bool {
	return !network.IsZero() && !s.env.Network.IsZero() && network != s.env.Network
}

// wrongNetwork says whose a contract is and whose the node.
func (s *Sink) wrongNetwork(what string, contract dodona.Address, network dodona.Digest) string {
	return fmt.Sprintf("%s, %s, belongs to network %s, and this node signs for network %s", what, contract, network, s.env.Network)
}

// askNetwork returns the network that a contract knows; zero if it does not say. Every endpoint is asked before it is believed to be another one
// than the node's.
func (s *Sink) askNetwork(ctx context.Context, contract dodona.Address) (network dodona.Digest, err error) {
	if s.env.Network.IsZero() {
		return network, nil
	}
	for range s.client.Endpoints() {
		network, err = s.askWord(ctx, contract, "network()")
		if err != nil || !s.knowsAnotherNetwork(network) {
			return network, err
		}
		s.client.Skip(errors.New(s.wrongNetwork("a contract", contract, network)))
	}
	return network, nil
}

// stranger says why no contract of this sink will ever take a payload: another network signed it. Empty if one may. What waits for the contract of
// a feed waits on, as whoever named the wrong one may name the right one; anchors do not, because each would be asked about for itself.
func (s *Sink) stranger(p *Payload) string {
	switch {
	case p.Network.IsZero():
		return ""
	case !s.env.Network.IsZero() && p.Network != s.env.Network:
		return fmt.Sprintf("it is of network %s, and this node signs for network %s", p.Network, s.env.Network)
	case p.Anchor() && s.knowsAnotherNetwork(s.anchors):
		return s.wrongNetwork("the contract of anchors", s.settings.Anchor, s.anchors)
	}
	return ""
}

// nameNetworks finds out who signed what waits, where an older version did not note it.
func (s *Sink) nameNetworks(ctx context.Context, entries []intent.Entry) error {
	if s.env.Network.IsZero() {
		return nil
	}
	known := make(map[uint64]dodona.Digest)
	for n := range entries {
		i := &entries[n].Intent
		p := i.Payload
		if p == nil || i.State != Planned || !p.Network.IsZero() {
			continue
		}
		network, asked := known[i.Number]
		if !asked {
			rec, err := dodona.Find(ctx, s.env.Ledger, p.Topic, p.Feed, p.Round)
			if err != nil && !errors.Is(err, dodona.ErrNotFound) {
				return err
			}
			if err == nil {
				network = sink.NetworkOf(rec)
			}
			known[i.Number] = network
		}
		p.Network = network
	}
	return nil
}
