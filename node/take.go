package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/source"
)

// takes are the feeds that take every reading, by name. They outlive a reload that changes a feed: it goes on where it stood.
type takes struct {
	pumps *fleet[*source.Pump]

	mu    sync.Mutex
	feeds map[string]*takerOfAll
}

func newTakes(pumps *fleet[*source.Pump]) *takes {
	return &takes{pumps: pumps, feeds: map[string]*takerOfAll{}}
}

// follow learns the feeds of a configuration.
func (t *takes) follow(c *config.Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	feeds := map[string]*takerOfAll{}
	for _, f := range c.Feeds {
		s := f.Settings.WithDefaults()
		if s.Take != feed.TakeAll {
			continue
		}
		was, now := t.feeds[f.Feed.Name], newTakerOfAll(t.pumps)
		for _, name := range s.Sources() {
			now.takers[name] = &source.Taker{Name: f.Feed.Name}
			if was != nil && was.takers[name] != nil {
				now.takers[name] = was.takers[name]
			}
		}
		if was != nil && maps.Equal(was.takers, now.takers) {
			now = was // it may be at work
		}
		feeds[f.Feed.Name] = now
	}
	t.feeds = feeds
}

// of returns how a feed takes all, nil if it does not.
func (t *takes) of(feed string) *takerOfAll {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.feeds[feed]
}

// from returns who takes every reading of a source.
func (t *takes) from(name string) (takers []*source.Taker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.feeds {
		if taker := f.takers[name]; taker != nil {
			takers = append(takers, taker)
		}
	}
	return takers
}

// A takerOfAll asks for one feed that takes each reading once. It goes on behind what a round took, once the journal has the round and
// its observation: a round that was over before the readings came, or before it was signed, leaves them to the next, maxNamed times.
type takerOfAll struct {
	pumps  *fleet[*source.Pump]
	takers map[string]*source.Taker // by source

	mu    sync.Mutex
	given map[string]given     // by source: what a round was given last
	named map[string][]reached // by source: what the kept rounds named since it took something, oldest first
}

// maxNamed is in how many kept rounds a reading may stand that count it in no answer: each names it in the journal.
const maxNamed = 10

// longest is how long before the last round a reading may have come that is still to count: in rounds that name it, or in none yet.
func longest(s feed.Settings) time.Duration {
	s = s.WithDefaults()
	return max(s.Stale, (maxNamed+1)*s.Every)
}

func newTakerOfAll(pumps *fleet[*source.Pump]) *takerOfAll {
	return &takerOfAll{pumps: pumps, takers: map[string]*source.Taker{}, given: map[string]given{}, named: map[string][]reached{}}
}

type given struct {
	round    dodona.Round
	readings []dodona.Reading
}

// reached are the readings of a source up to which a round came.
type reached struct {
	round   dodona.Round
	digests []dodona.Digest
}

func (a *takerOfAll) ask(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
	pump, found := a.pumps.get(name)
	if !found {
		return nil, errReplaced
	}
	taker := a.takers[name]
	readings, err := pump.Since(ctx, r, taker)
	if err != nil {
		return nil, err
	}
	if last := taker.Round(); len(readings) == 0 && last > 0 {
		return nil, fmt.Errorf("no new reading since round %v", last)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given[name] = given{r, readings}
	return readings, nil
}

// kept notes what a round took that is in the journal, and gives up what it was the last to name.
func (a *takerOfAll) kept(b dodona.Bundle, counts bool) {
	if a == nil {
		return
	}
	taken := takenBy(b, counts)
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, taker := range a.takers {
		digests := taken[name]
		// Of what was given some is of points that the feed does not ask for; and a round that is too large for the journal would only grow.
		if last := a.given[name]; last.round == b.Round && (len(digests) > 0 || len(b.Inputs) == 0) {
			digests = nil
			for _, r := range last.readings {
				digests = append(digests, r.Digest())
			}
		}
		var over *reached
		a.named[name], over = note(a.named[name], reached{b.Round, namedBy(b, name)}, len(digests) > 0)
		a.took(name, taker, reached{b.Round, digests})
		if pump, found := a.pumps.get(name); found && over != nil {
			pump.GiveUp(taker, over.round, over.digests, fmt.Sprintf("in %d rounds of %s no answer counts them", maxNamed, taker.Name))
		}
	}
}

// pass moves a feed on behind readings of which it needs none.
func (a *takerOfAll) pass(name string, r dodona.Round, readings []dodona.Reading) {
	var digests []dodona.Digest
	for _, reading := range readings {
		digests = append(digests, reading.Digest())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took(name, a.takers[name], reached{r, digests})
}

func (a *takerOfAll) took(name string, taker *source.Taker, last reached) {
	if pump, found := a.pumps.get(name); found {
		pump.Took(taker, last.round, last.digests)
		return
	}
	taker.Stand(last.round, last.digests)
}

// note returns what rounds named of a source since one took something of it, after one more round, and what is to be given up then.
func note(named []reached, by reached, took bool) (after []reached, over *reached) {
	if took {
		return nil, nil
	}
	if len(by.digests) == 0 {
		return named, nil
	}
	if named = append(named, by); len(named) < maxNamed {
		return named, nil
	}
	return slices.Clone(named[1:]), &named[0]
}

// namedBy returns which readings of a source a round names.
func namedBy(b dodona.Bundle, name string) (digests []dodona.Digest) {
	for _, in := range b.Inputs {
		for _, ref := range in.Readings {
			if in.Source == name {
				digests = append(digests, ref.Digest)
			}
		}
	}
	return digests
}

// takenBy returns which readings a kept round took, by source: all of one whose answer counts, or of which a module keeps something. Of
// a missed one those of which nothing would have counted; the others are for the next round.
func takenBy(b dodona.Bundle, counts bool) map[string][]dodona.Digest {
	taken := make(map[string][]dodona.Digest)
	counted := b.Value != nil && counts || len(b.State) > 0
	for _, in := range b.Inputs {
		if !counted && (b.Value != nil || slices.ContainsFunc(b.Inputs, func(other dodona.Input) bool {
			return other.Source == in.Source && other.Status == dodona.InputUsed
		})) {
			continue
		}
		for _, ref := range in.Readings {
			taken[in.Source] = append(taken[in.Source], ref.Digest)
		}
	}
	return taken
}

// lookBack is how far before its last round is looked for what a feed took last, farther each time, and then as far as reach says.
var lookBack = []time.Duration{time.Minute, 10 * time.Minute}

// stand reads from the journal what a feed took and gave up to its last round, so that it goes on there after a restart.
func (r *rounds) stand(ctx context.Context, f config.Feed, last dodona.Round, a *takerOfAll) error {
	if a == nil || last == 0 {
		return nil
	}
	for _, within := range lookBack {
		if all, err := r.standWithin(ctx, f, last, a, max(within, 2*maxNamed*f.Settings.Every)); all || err != nil {
			return err
		}
	}
	back := longest(f.Settings)
	for _, more := range []time.Duration{min(time.Hour, back), back} { // an hour tells mostly, and a day of rounds takes long to read
		within := r.reach(ctx, last, a, back, more)
		if within == 0 {
			return nil
		}
		if _, err := r.standWithin(ctx, f, last, a, within); err != nil {
			return err
		}
	}
	return nil
}

// standWithin reads so far back, and returns whether that is known of all sources, or of no more than can be read.
func (r *rounds) standWithin(ctx context.Context, f config.Feed, last dodona.Round, a *takerOfAll, within time.Duration) (all bool, err error) {
	taken, named, err := r.taken(ctx, f, last.Time().Add(-within))
	if err != nil && ctx.Err() != nil {
		return false, err
	}
	if err != nil { // a record is damaged; what is known is worth more than no round
		r.log.Warn("what a feed took last cannot be read; it may take readings again", "feed", f.Feed.Name, "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, taker := range a.takers {
		a.took(name, taker, taken[name])
		a.named[name] = named[name]
	}
	return err != nil || len(taken) >= len(a.takers), nil
}

// reach returns how far before the last round a reading lies that a pump begins with and that would still count, and so much more, of sources of
// which nothing is known yet: a pump begins with what its source said last, however long ago that was. It is 0 if there is none.
func (r *rounds) reach(ctx context.Context, last dodona.Round, a *takerOfAll, back, more time.Duration) (within time.Duration) {
	for name, taker := range a.takers {
		if taker.Round() > 0 {
			continue
		}
		newest, err := r.journal.Own().Last(ctx, dodona.TopicReading, name)
		if err != nil {
			continue // it said nothing, or that is told where its pump reads it
		}
		if ago := last.Time().Sub(newest.Appended); ago < back {
			within = max(within, ago+more)
		}
	}
	return within
}

// taken returns which readings the rounds of a feed took last, or gave up, that were kept since an instant, and what they named since then; by source.
func (r *rounds) taken(ctx context.Context, f config.Feed, since time.Time) (last map[string]reached, named map[string][]reached, err error) {
	before := func(rec dodona.Record) bool { return rec.Appended.Before(since) }
	observed := make(map[string]time.Time)
	for rec, err := range r.journal.Own().Scan(ctx, dodona.TopicObservation, f.Feed.Name, before) {
		if err != nil {
			return nil, nil, err
		}
		observed[rec.ID] = rec.Appended
	}
	last, named = make(map[string]reached), make(map[string][]reached)
	for rec, err := range r.journal.Own().Scan(ctx, dodona.TopicRound, f.Feed.Name, before) {
		if err != nil {
			return last, named, err
		}
		b, err := decodeRecord[dodona.Bundle](rec)
		if err != nil {
			return last, named, err
		}
		_, closes := grid.Open(b.Round, madeEvery(*b, f.Settings.Every))
		at, found := observed[rec.ID]
		taken := takenBy(*b, found && !at.After(closes))
		for _, name := range f.Settings.Sources() {
			var over *reached
			if named[name], over = note(named[name], reached{b.Round, namedBy(*b, name)}, len(taken[name]) > 0); over != nil {
				last[name] = *over
			}
			if len(taken[name]) > 0 {
				last[name] = reached{b.Round, taken[name]}
			}
		}
	}
	return last, named, nil
}

// madeEvery returns how far apart the rounds were when one was made, by its own rules: that is how long it was open, whatever is configured since.
func madeEvery(b dodona.Bundle, today time.Duration) time.Duration {
	var rules struct {
		EveryMs int64 `json:"everyMs"`
	}
	if err := json.Unmarshal(b.Rules, &rules); err != nil || rules.EveryMs <= 0 {
		return today
	}
	return time.Duration(rules.EveryMs) * time.Millisecond
}
