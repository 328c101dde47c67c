package evm

import (
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// A wish is what the machine wants to know next.
type wish struct {
	Receipts  []dodona.Digest
	Estimates []wanted
	Transfer  bool            // what an empty transfer takes is to be told
	Control   *ethrpc.Message // a call that is estimated to see whether any is
	Anchors   []*Payload      // whose slots are to be read
	NonceGap  nonces          // nonces whose final intents are to be read
}

// A wanted is an intent as it was when it was asked for: its payload may be replaced meanwhile.
type wanted struct {
	Number  uint64
	Payload *Payload
}

// wants returns what the next view should tell.
// With the same head as last time, what is in a block need not be looked for again.
func (m *machine) wants(now time.Time, sameHead bool) (w wish) {
	w.NonceGap, w.Control = m.nonceGap, m.control()
	due := m.due(now)
	w.Transfer = !w.NonceGap.empty() || m.find(func(i *Intent) bool { return i.Payload == nil && (i.State == Signed || i.State == Sent) }) != nil
	for _, i := range m.open {
		if i.State.InFlight() && (i.State != Mined || !sameHead) {
			for _, a := range i.Attempts {
				w.Receipts = append(w.Receipts, a.Hash)
			}
		}
		if m.stopped(now, i) {
			continue
		}
		if i.Payload != nil && i.Payload.Anchor() && (i.State != Mined || !sameHead) {
			w.Anchors = append(w.Anchors, i.Payload)
		}
		if m.gas > 0 || i.Payload == nil {
			continue
		}
		_, told := m.trouble[unknownGas(i.Payload.Feed)]
		if due[i] || m.mayBump(now, i) && !m.contract(i.Payload).IsZero() && !told { // else it keeps its limit
			w.Estimates = append(w.Estimates, wanted{i.Number, i.Payload})
		}
	}
	return w
}

// due returns the planned intents whose time has come. Where all go in order, those behind one that waits, or was refused, wait for it.
func (m *machine) due(now time.Time) map[*Intent]bool {
	due, waits, spells, asked := make(map[*Intent]bool), m.onTrial(now), m.spells(), make(map[string]int)
	for _, i := range m.open {
		place := i.place()
		if i.State != Planned || i.Payload == nil || waits[place] || m.isForeign(place) {
			continue
		}
		due[i] = !now.Before(i.NotUntil)
		if asked[place]++; m.policy.Policy == sink.Every && !i.Payload.Anchor() {
			_, unknown := m.trouble[unknownGas(place)]
			waits[place] = !due[i] || i.Refusals+i.Reverts > 0 || unknown || spells[place] != nil || asked[place] >= m.window
		}
	}
	return due
}

// mayBump reports whether an intent may be replaced, for which its limit is derived anew.
func (m *machine) mayBump(now time.Time, i *Intent) bool {
	return (i.State == Signed || i.State == Sent) && (i.bumpNow || i.gasWrong || now.Sub(i.last().At) >= m.unhurried(m.bumpAfter))
}

// unhurried returns after what time something is done again: not before the next view can show what became of it.
func (m *machine) unhurried(after time.Duration) time.Duration { return max(after, 2*m.took) }
