package evm

import (
	"cmp"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/telemetry"
)

// restore takes up what was journaled, oldest first. It returns how many open intents belong to another chain or
// sender; their answers are planned anew.
func (m *machine) restore(now time.Time, entries []intent.Entry) (moved int, st *step) {
	st = &step{now: now}
	newest := make(map[uint64]intent.Entry)
	for _, e := range entries {
		newest[e.Intent.Number] = e
		m.top = max(m.top, e.Top)
		if m.isOurs(e) {
			m.pendingNonce, m.heard.loneNonce, m.leastTip, m.leastTipAt = e.Next, e.Alone, e.LeastTip, e.LeastTipAt
		}
	}
	known := m.pendingNonce
	for _, e := range newest {
		if e.Intent.State.Over() {
			continue
		}
		i := &Intent{Intent: e.Intent}
		i.mend()
		switch given := i.State != Planned; {
		case !given:
		case !m.isOurs(e):
			moved++
			i.State, i.Nonce, i.Attempts, i.Block = Planned, 0, nil, nil
		case m.heard.loneNonce == nil || i.Nonce < known:
			m.pendingNonce = max(m.pendingNonce, i.Nonce+1)
		}
		if i.State == Planned {
			if i.Payload == nil {
				continue // a hole that was never filled; it is found again if it is still there
			}
			m.restorePlanned(i)
		}
		if i.Payload != nil {
			m.newest[i.place()] = max(m.newest[i.place()], i.Payload.Round)
		}
		m.open = append(m.open, i)
	}
	m.begun = m.pendingNonce > 0 || m.heard.loneNonce != nil
	m.order()
	m.tellRestored(st, moved)
	return moved, st
}

// isOurs reports whether an entry is of the chain and the sender of this sink.
func (m *machine) isOurs(e intent.Entry) bool { return e.Chain == m.chain && e.Sender == m.sender }

// restorePlanned takes up what is to be sent, as far as the contract that it is for is the one that it was for.
func (m *machine) restorePlanned(i *Intent) {
	switch contract := m.contract(i.Payload); {
	case contract.IsZero():
		i.State = Superseded
		return
	case m.stranger != nil && m.stranger(i.Payload) != "":
		i.State = Dead
		return
	case i.Reverts > 0 && !i.RevertedBy.IsZero() && i.RevertedBy != contract:
		i.pardon()
		m.takeTurn(i)
	}
	if i.Payload.Anchor() && i.Reverts > 0 {
		m.row++ // the newest is tried at once
	}
	if i.Refusals+i.Reverts > 0 {
		m.refuses[i.Payload.Feed] = latest(m.refuses[i.Payload.Feed], i.NotUntil) // about then; none is later than now, see setClocks
	}
}

// tellRestored journals and tells what came to nothing by being taken up, and journals anew what moved.
func (m *machine) tellRestored(st *step, moved int) {
	for _, i := range slices.Clone(m.open) {
		switch i.State {
		case Superseded:
			m.receipt(st, i, dodona.ReceiptSuperseded, "the sink has no contract for it any more")
			st.count(telemetry.SinkSuperseded, 1)
		case Dead:
			why := m.stranger(i.Payload)
			m.receipt(st, i, dodona.ReceiptDead, why)
			m.tell(st, "dead", i.Payload.Feed+" "+i.Payload.Record+": "+why)
			st.count(telemetry.SinkDead, 1)
		}
		if i.State.Over() || (i.State == Planned && len(i.Attempts) == 0 && moved > 0) {
			m.write(st, i)
		}
	}
}

// order sorts what is open by number, and of the planned ones of each place those of older rounds first: what was planned anew has a higher number
// than what it is to go before.
func (m *machine) order() {
	slices.SortFunc(m.open, func(a, b *Intent) int { return cmp.Compare(a.Number, b.Number) })
	planned, at := make(map[string][]*Intent), make(map[string]int)
	for _, i := range m.open {
		if i.State == Planned && i.Payload != nil {
			planned[i.place()] = append(planned[i.place()], i)
		}
	}
	for _, list := range planned {
		slices.SortStableFunc(list, func(a, b *Intent) int { return cmp.Compare(a.Payload.Round, b.Payload.Round) })
	}
	for n, i := range m.open {
		if i.State == Planned && i.Payload != nil {
			place := i.place()
			m.open[n] = planned[place][at[place]]
			at[place]++
		}
	}
}
