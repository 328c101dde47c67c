package evm

import (
	"cmp"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// restore takes up what was journaled, oldest first. It returns how many open intents belong to another chain or
// sender; their answers are planned anew.
func (m *machine) restore(now time.Time, entries []entry) (moved int, st *step) {
	st = &step{now: now}
	all := make(map[uint64]entry)
	for _, e := range entries {
		all[e.Intent.Number] = e
		m.top = max(m.top, e.Top)
		if e.Chain == m.chain && e.Sender == m.sender {
			m.pendingNonce, m.heard.loneNonce, m.leastTip, m.leastTipAt = e.Next, e.Alone, e.LeastTip, e.LeastTipAt
		}
	}
	known := m.pendingNonce
	for _, e := range all {
		i := e.Intent
		ours := e.Chain == m.chain && e.Sender == m.sender
		if i.State.over() {
			continue
		}
		i.mend()
		if ours && i.State != Planned && (m.heard.loneNonce == nil || i.Nonce < known) {
			m.pendingNonce = max(m.pendingNonce, i.Nonce+1)
		}
		if !ours && i.State != Planned {
			moved++
			i.State, i.Nonce, i.Attempts, i.Block = Planned, 0, nil, nil
		}
		if i.State == Planned && i.Payload == nil {
			continue // a hole that was never filled; it is found again if it is still there
		}
		if i.State == Planned && i.Payload != nil {
			if m.contract(i.Payload).IsZero() {
				i.State = Superseded // the sink has no contract for it any more
			} else if m.stranger != nil && m.stranger(i.Payload) != "" {
				i.State = Dead
			}
		}
		if i.State == Planned && i.Reverts > 0 && !i.RevertedBy.IsZero() && i.RevertedBy != m.contract(i.Payload) {
			i.pardon()
			m.takeTurn(&i)
		}
		if i.Payload != nil && i.Payload.anchor() && i.State == Planned && i.Reverts > 0 {
			m.row++ // the newest is tried at once
		}
		if i.Payload != nil {
			if i.State == Planned && i.Refusals+i.Reverts > 0 {
				m.refuses[i.Payload.Feed] = latest(m.refuses[i.Payload.Feed], i.NotUntil) // about then; none is later than now, see setClocks
			}
			m.newest[i.place()] = max(m.newest[i.place()], i.Payload.Round)
		}
		m.open = append(m.open, &i)
	}
	m.begun = m.pendingNonce > 0 || m.heard.loneNonce != nil
	m.order()
	for _, i := range slices.Clone(m.open) {
		if i.State == Superseded {
			m.receipt(st, i, dodona.ReceiptSuperseded, "the sink has no contract for it any more")
			st.count(telemetry.SinkSuperseded, 1)
		}
		if i.State == Dead {
			why := m.stranger(i.Payload)
			m.receipt(st, i, dodona.ReceiptDead, why)
			m.tell(st, "dead", i.Payload.Feed+" "+i.Payload.Record+": "+why)
			st.count(telemetry.SinkDead, 1)
		}
		if i.State.over() || (i.State == Planned && len(i.Attempts) == 0 && moved > 0) {
			m.write(st, i)
		}
	}
	return moved, st
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
