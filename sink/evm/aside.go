package evm

import (
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// What one contract does not take waits aside: it holds up no other feed, and costs few transactions.

// refused returns the intents that wait for a reason of their contract, or of another one of their place or of anchors: they hold up no others. Those that it is
// known not to take may be passed over.
func (m *machine) refused(now time.Time) (wait, refused []*Intent) {
	places, waits, known := make(map[string]bool), m.onTrial(now), m.stuck()
	for _, i := range m.open {
		if i.State != Planned || i.Payload == nil {
			continue
		}
		place := i.place()
		places[place] = places[place] || i.Refusals+i.Reverts > 0 || known[place]
		if places[place] || m.stopped(now, i) {
			refused = append(refused, i)
		} else if _, stuck := known[place]; !stuck && !waits[place] {
			continue
		}
		wait = append(wait, i)
	}
	return wait, refused
}

// onTrial returns the places of which one goes out that was reverted before, or was seen reverted in a block a while ago, a longer one each time: what
// comes behind it waits, for each that the contract does not take either costs a transaction. Where only the newest answer goes, and is estimated, it need not.
func (m *machine) onTrial(now time.Time) map[string]bool {
	type bad struct {
		times, before int
		at            time.Time
	}
	places, seen := make(map[string]bool), make(map[string]bad)
	for _, i := range m.open {
		if i.Payload == nil || i.Payload.anchor() || m.policy.Policy != sink.Every && m.gas == 0 {
			continue
		}
		place := i.place()
		has, _ := m.holds(place)
		switch {
		case i.State == Signed || i.State == Sent:
			places[place] = places[place] || i.Reverts > 0 && m.receiver(i, i.last()) == m.contract(i.Payload)
		case i.State == Mined && !i.Block.OK && has.Round < i.tried() && !m.elsewhere(i):
			was := seen[place]
			seen[place] = bad{was.times + 1, max(was.before, i.Reverts), latest(was.at, i.badAt)}
		}
	}
	for place, b := range seen {
		places[place] = places[place] || now.Before(b.at.Add(pause(b.times+b.before)))
	}
	return places
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stuck returns the feeds of which nobody says what an answer takes, or what the contract holds, unless that goes for all: then it is the endpoint, or the
// clock. Of those it is known that it is their contract, since when answers of others went.
func (m *machine) stuck() (known map[string]bool) {
	known = make(map[string]bool)
	for feed := range m.target {
		since := m.trouble[unknownGas(feed)].Since
		if early, there := m.trouble[earlySlot(feed)]; there {
			since = early.Since
		}
		if !since.IsZero() {
			known[feed] = m.went.After(since)
		}
	}
	if len(known) == len(m.target) {
		return nil
	}
	return known
}

// giveUp passes over the oldest of the feed of which most are refused, and the next one of its place stands where it stood; false: there is none.
func (m *machine) giveUp(fx *effects, now time.Time, refused []*Intent) bool {
	var i *Intent
	count := make(map[string]int)
	for _, o := range refused {
		count[o.Payload.Feed]++
	}
	for _, o := range refused {
		if i == nil || count[o.Payload.Feed] > count[i.Payload.Feed] {
			i = o
		}
	}
	if i == nil {
		return false
	}
	why := fmt.Sprintf("the contract %s does not take it, of %sZ, and %d answers wait for theirs: the oldest is passed over", m.contract(i.Payload), i.Payload.Attested.UTC().Format(time.DateTime), len(refused))
	if at := slices.IndexFunc(refused, func(o *Intent) bool { return o != i && o.place() == i.place() }); at >= 0 {
		next := refused[at]
		next.Refusals = max(next.Refusals, i.Refusals, 1)
		next.takeTrouble(i)
		m.write(fx, next)
	}
	i.State = Dead
	m.write(fx, i)
	m.receipt(fx, now, i, dodona.ReceiptDead, why)
	m.tell(fx, now, "dead", i.Payload.Feed+" "+i.Payload.Record+": "+why)
	fx.count(telemetry.SinkDead, 1)
	return true
}

// rowMost is how many anchors a contract refuses one after the other until only the newest one is tried, now and then: each costs a transaction.
const rowMost = 8

// stopped reports whether an anchor waits because the contract refuses all.
func (m *machine) stopped(now time.Time, i *Intent) bool {
	if i.State != Planned || i.Payload == nil || !i.Payload.anchor() || m.row < rowMost {
		return false
	}
	return now.Sub(m.rowAt) < retryMost || slices.ContainsFunc(m.open, func(o *Intent) bool {
		return o.State == Planned && o.Payload != nil && o.Payload.anchor() && o.Number > i.Number
	})
}

// countRow counts that the contract refused an anchor, or took one.
func (m *machine) countRow(now time.Time, p *Payload, took bool) {
	switch {
	case p == nil || !p.anchor():
	case took:
		m.row = 0
	default:
		m.row, m.rowAt = m.row+1, now
	}
}

// refusedBy names the trouble that the contract of a payload would not take it.
func refusedBy(p *Payload) string { return "refused " + p.Feed }

// unknownGas names the trouble that no endpoint estimates what an answer of a feed takes; earlySlot, that a slot is said to hold a round that is not yet.
func unknownGas(feed string) string { return "estimate " + feed }
func earlySlot(place string) string { return "slot " + place }
