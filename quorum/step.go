package quorum

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
)

// Step decides a slice of observation records, in order, and changes nothing: the same slice after the same
// commits gives the same claims and records, whatever now is. Records of other topics are counted and passed over.
//
// It checks signatures on a few goroutines and returns when they are done.
func (v *Validator) Step(now time.Time, recs []dodona.Record) *Effects {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := &Effects{network: v.network, quorum: v.quorum, recover: v.recover, added: map[string][]attested{}}
	observations := make([]dodona.Record, 0, len(recs))
	for _, rec := range recs {
		if rec.Topic != dodona.TopicObservation {
			e.counts.Ignored++
			continue
		}
		observations = append(observations, rec)
		if !rec.Appended.IsZero() {
			e.lag = max(e.lag, now.Sub(rec.Appended))
		}
	}
	for i, f := range v.examineAll(observations) {
		v.decide(e, observations[i], f)
	}
	e.counts.Observations = len(observations)
	return e
}

// examineAll examines every record; the order of the findings is the order of the records.
func (v *Validator) examineAll(recs []dodona.Record) []finding {
	findings := make([]finding, len(recs))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(recs); i = int(next.Add(1)) - 1 {
			findings[i] = v.examine(v.feeds, v.names, recs[i])
		}
	}
	var group sync.WaitGroup
	for range min(v.workers, len(recs)) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	return findings
}

// decide gives one observation its fate: attested, repeated or rejected.
func (v *Validator) decide(e *Effects, rec dodona.Record, f finding) {
	if f.reason == "" {
		repeated := v.order(e, rec, &f)
		if repeated {
			e.repeated = append(e.repeated, f.feed.Name)
			e.counts.Repeated++
			return
		}
	}
	if f.reason != "" {
		e.reject(rec, f)
		return
	}
	name := f.feed.Name
	e.added[name] = append(e.added[name], attested{f.report.Round, f.observed})
	e.Claims = append(e.Claims, dodona.Claim{
		Network: v.networkID, Type: "report", Subject: name,
		Round: f.report.Round, Digest: f.digest, Observed: f.observed,
	})
	e.outcomes = append(e.outcomes, outcome{record: rec, finding: f, claim: len(e.Claims) - 1})
}

// order reports whether the observation is one that was attested before, and refuses it if it comes too late
// or contradicts the one that was.
func (v *Validator) order(e *Effects, rec dodona.Record, f *finding) (repeated bool) {
	name, round := f.feed.Name, f.report.Round
	memory := v.memory[name]
	last, any := memory.last()
	added := e.added[name]
	if len(added) > 0 {
		last, any = added[len(added)-1].round, true
	}
	if !any || round > last {
		return false
	}
	before, known := find(added, round)
	if !known {
		before, known = memory.find(round)
	}
	switch {
	case known && before.observed == f.observed:
		return true
	case known:
		f.refuse(ReasonEquivocation, "%s signed two observations of round %d: %s is attested, this is %s",
			f.observation.Signer, uint64(round), before.observed, f.observed)
	case memory != nil && !memory.restored.IsZero() && !rec.Appended.After(memory.restored):
		// It is older than the attestation that memory was rebuilt from, so it was decided before the restart:
		// a slice's attestations are appended together, and the reader had not yet finished the slice.
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
		f := o.finding
		if f.reason != "" {
			v.recorder.Count(telemetry.QuorumRejected, string(f.reason), 1)
			continue
		}
		v.memoryOf(f.feed.Name).insert(attested{f.report.Round, f.observed})
		v.recorder.Count(telemetry.QuorumAttested, f.feed.Name, 1)
	}
	for _, name := range e.repeated {
		v.recorder.Count(telemetry.QuorumRepeated, name, 1)
	}
	if e.counts.Observations > 0 {
		v.recorder.Time(telemetry.QuorumLag, "", e.lag)
	}
}

// String says in a line what a step decided.
func (c Counts) String() string {
	return fmt.Sprintf("%d observations: %d attested, %d repeated, %d rejected; %d other records",
		c.Observations, c.Attested, c.Repeated, c.Rejected, c.Ignored)
}
