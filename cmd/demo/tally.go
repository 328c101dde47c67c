package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/node"
	"github.com/dodona-oracle/dodona/verify"
)

// A tally counts what the node did and judges it from outside: every answer is verified as a stranger would.
type tally struct {
	market *market // nil when the real exchanges are asked
	outage *outage // nil if no device is to be unplugged

	mu       sync.Mutex
	network  dodona.Digest
	feeds    []string        // in the order of the configuration
	last     map[string]seen // by feed
	attested int
	verified int
	missed   int
	refused  int                            // liar's values that were not used
	module   int                            // answers that the module's points gave
	by       map[string]int                 // answers by the protocol that brought their values
	answers  map[dodona.Round]dodona.Int192 // attested, of the feed that goes to the chain
	onchain  int                            // updates that the contract took
	anchors  int                            // Merkle roots that the other contract took
	gas      uint64                         // of the newest update, the whole transaction
	shape    dodona.Feed                    // the feed that goes to the chain
	slot     string                         // what the contract's slot holds, for people
	beyond   []string
	kept     []time.Duration
	invalid  []string
}

// remembered is how long ago an answer may be that the chain takes now, milliseconds. Rounds are whole seconds apart.
const remembered = 600_000

// mostKept is of how many answers the percentiles are, about the newest ones: the demo may run for days, and each look at it sorts them.
const mostKept = 1 << 14

// A seen is the newest round of a feed, and when it was seen.
type seen struct {
	node.Outcome
	at time.Time
}

// sums are the numbers at the end.
type sums struct {
	Rounds   int     `json:"rounds"`
	Attested int     `json:"attested"`
	Verified int     `json:"verified"`
	Missed   int     `json:"missed"`
	Onchain  int     `json:"onchain"` // updates that the feed's contract took
	Anchors  int     `json:"anchors"` // Merkle roots that the anchors' contract took
	Gas      uint64  `json:"gas"`     // of the newest update, the whole transaction
	Module   int     `json:"module"`  // of the attested: answers of the feed whose points a WebAssembly module makes
	P50      float64 `json:"p50_ms"`  // from the value, journaled, to the attestation read back from the journal
	P99      float64 `json:"p99_ms"`

	Protocols map[string]int `json:"protocols"`           // of the attested: answers of the feeds that each protocol brings
	Unplugged *gap           `json:"unplugged,omitempty"` // with --unplug
}

func newTally(m *market, feeds ...string) *tally {
	return &tally{market: m, feeds: feeds, last: make(map[string]seen), answers: make(map[dodona.Round]dodona.Int192), by: make(map[string]int)}
}

func (t *tally) trust(n dodona.Network) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.network = n.ID()
}

// broke takes why the demo itself failed.
func (t *tally) broke(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.invalid = append(t.invalid, err.Error())
}

// add takes a round that ended.
func (t *tally) add(o node.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.outage != nil {
		t.outage.add(o)
	}
	if o.Bundle != nil {
		t.last[o.Bundle.Feed.Name] = seen{o, time.Now()}
	}
	if o.Answer == nil {
		t.missed++
		return
	}
	t.attested++
	t.by[protocolOf(o.Answer.Feed.Name)]++
	if r := o.Answer.Attestation.Report; o.Answer.Feed.Name == onChain {
		t.answers[r.Round], t.shape = r.Value, o.Answer.Feed
		delete(t.answers, r.Round-remembered)
	}
	if o.Bundle != nil && o.Bundle.Fuel > 0 {
		t.module++
	}
	if o.Kept > 0 {
		t.keep(o.Kept)
	}
	t.verify(o)
	t.judge(o)
}

// keep takes how long the journal took for an answer, in the place of that of an old one if there are many.
func (t *tally) keep(took time.Duration) {
	if len(t.kept) < mostKept {
		t.kept = append(t.kept, took)
		return
	}
	t.kept[t.attested%mostKept] = took
}

// verify checks the answer as its own JSON says it, pinned to the demo's network.
func (t *tally) verify(o node.Outcome) {
	raw, err := json.Marshal(o.Answer)
	if err != nil {
		t.invalid = append(t.invalid, err.Error())
		return
	}
	verdict := verify.Answer(raw, verify.Expect{NetworkID: &t.network})
	if !verdict.Valid {
		t.invalid = append(t.invalid, fmt.Sprintf("round %s: %s", o.Round, verdict))
		return
	}
	t.verified++
}

// judge compares the answer with what its device can have, or with what the honest servers said from the round's instant on, until it was
// seen here.
func (t *tally) judge(o node.Outcome) {
	if o.Bundle != nil {
		for _, in := range o.Bundle.Inputs {
			if in.Source == "coingecko" && (in.Status == dodona.InputOutlier || in.Status == dodona.InputBad) {
				t.refused++
			}
		}
	}
	report := o.Answer.Attestation.Report
	value := report.Value.Decimal(o.Answer.Feed.Decimals)
	if fine, known := can(o.Answer.Feed.Name, value); known && !fine {
		t.beyond = append(t.beyond, fmt.Sprintf("%s round %s: no device says %s", o.Answer.Feed.Name, o.Round, o.Answer.Feed.Format(report.Value)))
	} else if known || t.market == nil {
		return
	}
	low, high, found := t.market.spread(o.Round.Time(), time.Now())
	lowest, highest := low.decimal(), high.decimal()
	if o.Answer.Feed.Unit == "kUSD" {
		lowest, highest = low.thousands(), high.thousands()
	}
	if !found || value.Cmp(lowest) < 0 || value.Cmp(highest) > 0 {
		t.beyond = append(t.beyond, fmt.Sprintf("%s round %s: %s is outside of %s–%s", o.Answer.Feed.Name, o.Round,
			o.Answer.Feed.Format(report.Value), o.Answer.Feed.FormatExact(lowest), o.Answer.Feed.FormatExact(highest)))
	}
}

// mined takes a transaction, and judges what the feed's slot holds afterwards: it must be an attested answer.
func (t *tally) mined(m mined) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch answer, found := t.answers[m.round]; {
	case !m.ok:
		t.beyond = append(t.beyond, fmt.Sprintf("a contract refused a transaction, with %d gas", m.gas))
	case m.anchor:
		t.anchors++
	case !found || answer != m.value:
		t.beyond = append(t.beyond, fmt.Sprintf("the contract's slot says %s for round %s, which is no attested answer", m.value, m.round))
	default:
		t.onchain++
		t.gas = m.gas
		t.slot = t.shape.Format(m.value)
	}
}

func (t *tally) sums() sums {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sums{
		Rounds: t.attested + t.missed, Attested: t.attested, Verified: t.verified, Missed: t.missed, Module: t.module,
		Onchain: t.onchain, Anchors: t.anchors, Gas: t.gas,
		P50: percentile(t.kept, 50), P99: percentile(t.kept, 99),
		Protocols: maps.Clone(t.by), Unplugged: t.outage.left(),
	}
}

// percentile returns the p-th percentile in milliseconds, 0 of nothing.
func percentile(durations []time.Duration, p int) float64 {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	at := min(len(sorted)*p/100, len(sorted)-1)
	return float64(sorted[at].Microseconds()) / 1000
}

// good reports whether the demo kept its promise.
func (t *tally) good() bool {
	s := t.sums()
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.Unplugged.complaint() == nil && s.Attested > 0 && s.Verified == s.Attested && len(t.beyond) == 0 && len(t.invalid) == 0
}

// complaint says why it is not good.
func (t *tally) complaint() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	if t.attested == 0 {
		errs = append(errs, errNothing)
	}
	if err := t.outage.left().complaint(); err != nil {
		errs = append(errs, err)
	}
	for _, list := range [][]string{t.invalid, t.beyond} {
		for _, text := range list {
			errs = append(errs, errors.New(text))
		}
	}
	return errors.Join(errs...)
}
