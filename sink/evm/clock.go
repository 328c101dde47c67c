package evm

import "time"

// A clock that was ahead has noted times that are still to come, and would have the machine wait until they are there. So each type says when its
// things were noted, and what is later than now counts as noted now. What is by the clock of the chain stays.

// Timed is what was noted at some times, by this node's clock.
type timed interface{ noted() []*time.Time }

// past takes for now what is later.
func past(now time.Time, times ...*time.Time) {
	for _, at := range times {
		if at.After(now) {
			*at = now
		}
	}
}

// pastEach does so for all in a map.
func pastEach[K comparable, V any, P interface {
	*V
	timed
}](now time.Time, list map[K]V) {
	for k, v := range list {
		past(now, P(&v).noted()...)
		list[k] = v
	}
}

// pastAll does so for a map of times.
func pastAll[K comparable](now time.Time, list map[K]time.Time) {
	for k, at := range list {
		past(now, &at)
		list[k] = at
	}
}

// setClocks takes for now what was noted later than now, and a pause for no longer than its reason lasts.
func (m *machine) setClocks(now time.Time) {
	past(now, &m.leastTipAt, &m.behindAt, &m.belowAt, &m.leftAt, &m.rowAt, &m.strandedAt)
	pastAll(now, m.refuses)
	pastAll(now, m.spoke)
	pastEach(now, m.reverted)
	pastEach(now, m.trouble)
	m.heard.setClocks(now)
	for _, i := range m.open {
		past(now, i.noted()...)
		if most := now.Add(m.longest(i)); i.NotUntil.After(most) {
			i.NotUntil = most
		}
	}
}

func (all *hearings) setClocks(now time.Time) {
	past(now, &all.loneAt)
	if all.loneNonce != nil {
		past(now, &all.loneNonce.At)
	}
	pastAll(now, all.told)
	pastEach(now, all.loneSlots)
	pastEach(now, all.refuted)
	pastEach(now, all.wrong)
	for _, one := range all.of {
		past(now, one.noted()...)
		pastEach(now, one.denials)
	}
}

func (h *hearing) noted() []*time.Time {
	list := []*time.Time{&h.since, &h.undeniedAt}
	for n := range h.leads {
		list = append(list, &h.leads[n].at)
	}
	return list
}

func (w *word) noted() []*time.Time     { return []*time.Time{&w.at} }
func (r *reverted) noted() []*time.Time { return []*time.Time{&r.at} }
func (m *mistake) noted() []*time.Time  { return []*time.Time{&m.since} }
func (t *trouble) noted() []*time.Time  { return []*time.Time{&t.Since} }

func (i *Intent) noted() []*time.Time {
	list := []*time.Time{&i.lastSend, &i.since, &i.lostAt, &i.blankAt, &i.badAt}
	for at := range i.Attempts {
		list = append(list, &i.Attempts[at].At)
	}
	return list
}
