package anchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// The causes of gaps that no round record tells, beside that of a [Loss].
const (
	CauseSilent     = "no record of these rounds" // the node was off, the feed was not there, or the record was freed
	CauseUnattested = "computed, but not attested"
)

// A FeedState is a feed as an anchor leaves it.
type FeedState struct {
	Feed  dodona.Feed  `json:"feed"`
	Every int64        `json:"everyMs"` // its grid, milliseconds; 0: it was taken out of the configuration
	Last  dodona.Round `json:"last"`    // its attestations up to here are anchored
}

// A Gap is a gap as a plan keeps it.
type Gap struct {
	Feed  string       `json:"feed"`  // its name
	First dodona.Round `json:"first"` // missed
	Last  dodona.Round `json:"last"`  // missed
	Every int64        `json:"everyMs"`
	Cause string       `json:"cause"`
}

// Covers reports whether round is one of those that the gap says were missed.
func (g Gap) Covers(round dodona.Round) bool {
	return g.First <= round && round <= g.Last && g.Every > 0 && (round-g.First)%dodona.Round(g.Every) == 0
}

// leaf returns the leaf of a gap of the feed with that id.
func (g Gap) leaf(id dodona.FeedID) dodona.Leaf {
	return dodona.Leaf{
		Kind: dodona.LeafGap, Feed: id, Round: g.First, Value: dodona.NewInt192(int64(g.Last)), Observed: dodona.Keccak256([]byte(g.Cause)),
	}
}

// A Draft collects what a window's tree is over.
type Draft struct {
	window  Window
	network dodona.Digest
	anchor  dodona.Anchor // without root and count
	feeds   map[string]*draftFeed
	loss    Loss
}

type draftFeed struct {
	state    FeedState
	id       dodona.FeedID
	attested []dodona.Leaf // rising rounds
	covered  int           // of them with id, inside the window, on the grid
	told     []told        // rising rounds, of those that were not attested
}

// told is what a round record says of a round without an attestation.
type told struct {
	round dodona.Round
	cause string
}

// A Loss is rounds of which answers may be missing in the journal: of those among them that it has no answer of, an anchor says that nothing is known.
type Loss struct {
	After dodona.Round // the last round before them; zero: all rounds may be missing, up to
	Until dodona.Round // this one; zero: nothing is missing
	Cause string       // of their gaps

	// Told bounds when the record of a round was appended that is believed to have been missed. Zero: it is believed whenever it was.
	Told time.Time
}

// Covers reports whether a round's answer may be missing.
func (l Loss) Covers(r dodona.Round) bool { return l.After < r && r <= l.Until }

// believes reports whether a record that says that a round was missed is to be believed.
func (l Loss) believes(rec dodona.Record) bool { return l.Told.IsZero() || rec.Appended.Before(l.Told) }

// retired is how long after its last attestation a feed is looked after that is no longer configured, milliseconds.
const retired = 24 * 3600 * 1000

// Draft returns an empty draft of a window. grids are the feeds that must be tiled, by distinct names.
func (s *Series) Draft(w Window, grids []Grid) *Draft {
	d := &Draft{
		window: w, network: s.networkID, feeds: make(map[string]*draftFeed),
		anchor: dodona.Anchor{From: w.From, To: w.To},
	}
	if !s.last.Root.IsZero() {
		d.anchor.Previous = s.last.Digest(s.networkID)
	}
	for _, f := range s.feeds {
		if f.Last+retired < w.From {
			continue // unless it is configured, below
		}
		d.feeds[f.Feed.Name] = &draftFeed{state: FeedState{Feed: f.Feed, Last: f.Last}, id: f.Feed.ID()}
	}
	for _, g := range grids {
		f := d.feeds[g.Feed.Name]
		if f == nil {
			// Of a feed that no anchor knows, nothing before this window is looked for.
			f = &draftFeed{state: FeedState{Last: max(w.From, 1) - 1}}
			d.feeds[g.Feed.Name] = f
			for _, before := range s.feeds {
				if before.Feed.Name == g.Feed.Name {
					f.state.Last = before.Last
				}
			}
		}
		f.state.Feed, f.state.Every, f.id = g.Feed, g.Every.Milliseconds(), g.Feed.ID()
	}
	return d
}

// Lack tells the draft of rounds whose answers may be missing, before Round is given any.
func (d *Draft) Lack(l Loss) { d.loss = l }

// Wanted returns, for every feed that the draft is about, the first round whose data records it wants, by name.
func (d *Draft) Wanted() map[string]dodona.Round {
	wanted := make(map[string]dodona.Round, len(d.feeds))
	for name, f := range d.feeds {
		wanted[name] = f.state.Last + 1
	}
	return wanted
}

// Answer takes a data record: those of each feed in the order of their rounds. It reports whether the draft wants
// more of that feed. What belongs to another network is passed over.
func (d *Draft) Answer(rec dodona.Record) (more bool, err error) {
	f := d.feeds[rec.Key]
	if f == nil {
		return false, fmt.Errorf("draft anchor: nobody asked for feed %.60q", rec.Key)
	}
	round, named := rec.Round()
	if !named || round <= f.state.Last {
		return true, nil
	}
	if round >= d.window.To {
		return false, nil
	}
	a, err := attestationOf(rec)
	if err != nil {
		return false, err
	}
	if a.Network.ID() != d.network {
		return true, nil
	}
	f.take(a.Attestation.Leaf(), d.window)
	return true, nil
}

// attestationOf reads what an anchor needs of a data record.
func attestationOf(rec dodona.Record) (a attested, err error) {
	if err := json.Unmarshal(rec.Body, &a); err != nil {
		return a, fmt.Errorf("draft anchor: read answer %s of %s: %w", rec.ID, rec.Key, err)
	}
	if round, _ := rec.Round(); a.Attestation.Report.Round != round {
		return a, fmt.Errorf("draft anchor: data record %s of %s holds round %d", rec.ID, rec.Key, uint64(a.Attestation.Report.Round))
	}
	return a, nil
}

type attested struct {
	Network     dodona.Network
	Attestation dodona.Attestation
}

func (f *draftFeed) take(leaf dodona.Leaf, w Window) {
	if leaf.Round < w.From {
		leaf.Kind = dodona.LeafLate
	} else if leaf.Feed == f.id && f.onGrid(leaf.Round) {
		f.covered++
	}
	f.attested = append(f.attested, leaf)
	f.state.Last = leaf.Round
}

func (f *draftFeed) every() time.Duration { return time.Duration(f.state.Every) * time.Millisecond }

func (f *draftFeed) onGrid(r dodona.Round) bool {
	return f.state.Every > 0 && r%dodona.Round(f.state.Every) == 0
}

// Untold returns, by name, the feeds with rounds in the window that were not attested: their round records should be
// given to Round.
func (d *Draft) Untold() []string {
	var names []string
	for name, f := range d.feeds {
		if f.state.Every == 0 {
			continue
		}
		lattice := (grid.From(d.window.To, f.every()) - grid.From(d.window.From, f.every())) / dodona.Round(f.state.Every)
		if int(lattice) > f.covered {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Round takes a round record: those of each feed in the order of their rounds. It reports whether the draft wants
// more of that feed. A record that cannot be read tells nothing.
func (d *Draft) Round(rec dodona.Record) (more bool) {
	f := d.feeds[rec.Key]
	round, named := rec.Round()
	if f == nil || !named || round >= d.window.To {
		return false
	}
	if !f.onGrid(round) {
		return true
	}
	var b struct {
		Feed   dodona.Feed
		Missed string
	}
	if json.Unmarshal(rec.Body, &b) != nil || b.Feed.ID() != f.id {
		return true
	}
	cause := CauseUnattested
	if b.Missed != "" {
		cause = causeOf(b.Missed)
	}
	if d.loss.Covers(round) && (b.Missed == "" || !d.loss.believes(rec)) {
		cause = d.loss.Cause
	}
	if n := len(f.told); n == 0 || f.told[n-1].round < round {
		f.told = append(f.told, told{round, cause})
	}
	return true
}

// maxCause bounds a cause, in bytes.
const maxCause = 240

// causeOf makes text that came from elsewhere a cause: printable, on one line, not too long.
func causeOf(text string) string {
	cause := plain.Line(text, maxCause)
	if len(cause) <= maxCause {
		return cause
	}
	return plain.Line(text, maxCause-len("…"))
}

// ErrEmpty: the window has nothing to commit to. Let it grow.
var ErrEmpty = errors.New("an anchor over nothing")

// leaves returns what the tree is over, and the gaps among it, by feed and round.
func (d *Draft) leaves() (leaves []dodona.Leaf, gaps []Gap) {
	total := 0
	for _, f := range d.feeds {
		total += len(f.attested)
	}
	leaves = make([]dodona.Leaf, 0, total+len(d.feeds))
	for _, name := range sortedNames(d.feeds) {
		f := d.feeds[name]
		leaves = append(leaves, f.attested...)
		for _, g := range f.gaps(d.window, d.loss) {
			gaps = append(gaps, g)
			leaves = append(leaves, g.leaf(f.id))
		}
	}
	return leaves, gaps
}

// gaps returns the stretches of the grid inside the window that no attestation covers, cut where the cause changes
// and where an attestation off the grid lies between.
func (f *draftFeed) gaps(w Window, loss Loss) (gaps []Gap) {
	if f.state.Every == 0 {
		return nil
	}
	step := dodona.Round(f.state.Every)
	next := grid.From(w.From, f.every()) // the first instant that is not covered yet
	fused := false                       // whether the last gap may still grow
	miss := func(upTo dodona.Round, cause string) {
		if upTo < next {
			return
		}
		if n := len(gaps); fused && gaps[n-1].Cause == cause {
			gaps[n-1].Last = upTo
		} else {
			gaps = append(gaps, Gap{f.state.Feed.Name, next, upTo, f.state.Every, cause})
		}
		next, fused = upTo+step, true
	}
	silent := func(upTo dodona.Round) {
		miss(min(upTo, grid.At(loss.After, f.every())), CauseSilent)
		miss(min(upTo, grid.At(loss.Until, f.every())), loss.Cause)
		miss(upTo, CauseSilent)
	}
	notes := f.told
	silence := func(until dodona.Round) { // everything below until is missed
		for len(notes) > 0 && notes[0].round < until {
			if note := notes[0]; note.round >= next {
				if note.round > next {
					silent(note.round - step)
				}
				miss(note.round, note.cause)
			}
			notes = notes[1:]
		}
		if until > next {
			silent(grid.At(until-1, f.every()))
		}
	}
	for _, a := range f.attested {
		if a.Feed != f.id {
			continue // of late ones, which lie below the window, nothing comes
		}
		silence(a.Round)
		next, fused = max(next, grid.Next(a.Round, f.every())), false
	}
	silence(w.To)
	return gaps
}
