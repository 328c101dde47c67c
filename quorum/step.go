package quorum

import (
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// An item is an observation record on its way through the steps.
type item struct {
	record   dodona.Record
	received time.Time // by which its round is open or not, whenever it is decided
	finding  finding

	// Of one that is believed. It is assembled once: after a race a slice is decided anew for each round that it finds.
	report   dodona.Report
	observed dodona.Digest
}

// Step decides a slice of observation records and changes nothing: the same slice after the same commits gives the
// same claims and records, whatever now is (it only measures the lag). Records of other topics are counted and
// passed over. What has to wait for the commit of this step is left to [Validator.Next].
//
// Step checks signatures on a few goroutines and returns when they are done.
func (v *Validator) Step(now time.Time, recs []dodona.Record) *Effects {
	v.mu.Lock()
	defer v.mu.Unlock()
	items := make([]item, 0, len(recs))
	var lag time.Duration
	for _, rec := range recs {
		if rec.Topic != dodona.TopicObservation {
			continue
		}
		items = append(items, item{record: rec, received: rec.Appended}) // this node's own journal took it
		if !rec.Appended.IsZero() {
			lag = max(lag, now.Sub(rec.Appended))
		}
	}
	v.examineAll(items)
	e := v.decideAll(items)
	e.ignored, e.lag = len(recs)-len(items), lag
	return e
}

// Next decides what e left over, which must be committed. It returns nil if that is nothing.
func (v *Validator) Next(e *Effects) *Effects {
	if len(e.rest) == 0 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.decideAll(e.rest)
}

// again decides anew what e decided, after memory has changed.
func (v *Validator) again(e *Effects) *Effects {
	v.mu.Lock()
	defer v.mu.Unlock()
	anew := v.decideAll(e.items)
	anew.ignored, anew.lag = e.ignored, e.lag
	return anew
}

// examineAll examines every item, and assembles what is believed, on as many goroutines as there are workers.
func (v *Validator) examineAll(items []item) {
	var group sync.WaitGroup
	for first := range min(v.workers, len(items)) {
		group.Go(func() {
			for i := first; i < len(items); i += v.workers {
				it := &items[i]
				if it.finding = v.examine(it.record, it.received); it.finding.reason == "" {
					it.report, it.observed = assemble(v.networkID, it.finding.belief)
				}
			}
		})
	}
	group.Wait()
}

// decideAll gives each item its fate, in order: attested, repeated, rejected, or left to the next step.
func (v *Validator) decideAll(items []item) *Effects {
	e := &Effects{network: v.network, quorum: v.quorum, scheme: v.scheme, items: items, claimed: map[string]attested{}}
	waiting := map[string]bool{} // feeds whose later observations must wait, so that their order is kept
	for _, it := range items {
		name := it.finding.feed.Name // empty if it is refused
		if waiting[name] || !v.decide(e, it) {
			waiting[name] = true
			e.rest = append(e.rest, it)
		}
	}
	return e
}

// decide gives one observation its fate. It returns false if the feed has a claim in this step already.
func (v *Validator) decide(e *Effects, it item) bool {
	o := outcome{record: it.record, finding: it.finding, report: it.report, observed: it.observed}
	name := it.finding.feed.Name
	if o.finding.reason == "" && v.order(e, &o) {
		e.repeated = append(e.repeated, name)
		return true
	}
	if o.finding.reason != "" {
		e.outcomes = append(e.outcomes, o)
		return true
	}
	if _, taken := e.claimed[name]; taken {
		return false
	}
	e.claimed[name] = attested{o.report.Round, o.observed}
	if h := v.memory[name]; h != nil {
		o.after = h.newest
	}
	e.Claims = append(e.Claims, dodona.Claim{
		Network: v.networkID, Type: dodona.ClaimReport, Subject: name,
		Round: o.report.Round, Digest: o.report.Digest(v.networkID), Observed: o.observed,
	})
	o.claim = len(e.Claims)
	e.outcomes = append(e.outcomes, o)
	return true
}

// order reports whether what was assembled is what was attested before, and refuses it if it comes too late or contradicts
// what was.
func (v *Validator) order(e *Effects, o *outcome) (repeated bool) {
	f, name, round := &o.finding, o.finding.feed.Name, o.report.Round
	memory := v.memory[name]
	if memory.isSpoiled(round) {
		f.refuse(ReasonConflict, "the journal holds something else under the name of round %d, which is no answer of this quorum", uint64(round))
		return false
	}
	last, any := memory.last()
	before, known := memory.find(round)
	if claimed, found := e.claimed[name]; found {
		last, any = claimed.round, true
		if claimed.round == round {
			before, known = claimed, true
		}
	}
	if !any || round > last {
		return false
	}
	switch {
	case before.observed == o.observed:
		return true
	case known:
		f.refuse(ReasonEquivocation, "%s signed two observations of round %d: %s is attested, this is %s",
			f.observation.Signer, uint64(round), before.observed, o.observed)
	case memory != nil && !o.record.Appended.After(memory.restored):
		// It is older than the attestation that memory was rebuilt from, so it was decided before the restart,
		// when the reader had not yet finished its slice.
		return true
	default:
		f.refuse(ReasonOrder, "round %d is below round %d, the last one attested", uint64(round), uint64(last))
	}
	return false
}

// Commit remembers what was attested, once its records are durable. It counts what was decided, so call it once.
func (v *Validator) Commit(e *Effects) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range e.outcomes {
		if reason := o.finding.reason; reason != "" {
			v.recorder.Count(telemetry.QuorumRejected.Of(string(reason)), 1)
			continue
		}
		name := o.finding.feed.Name
		h := v.memoryOf(name)
		h.insert(attested{o.report.Round, o.observed})
		h.newest = o.report.Round.ID()
		v.recorder.Count(telemetry.QuorumAttested.Of(name), 1)
	}
	for _, name := range e.repeated {
		v.recorder.Count(telemetry.QuorumRepeated.Of(name), 1)
	}
	if e.lag > 0 {
		v.recorder.Time(telemetry.QuorumLag, e.lag)
	}
}
