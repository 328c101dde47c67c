package anchor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// ErrUntiled: the leaves do not say of every round of every feed exactly once what became of it. Do not sign.
var ErrUntiled = errors.New("the grid is not tiled exactly")

// Rules are what a signer knows of the network whose anchor it is asked to sign.
type Rules struct {
	Every time.Duration // the grid of windows
	Grids []Grid        // of the feeds

	// OffGrid allows attestations beside the grid and of feeds that are not in Grids: a network of one member makes
	// them where rounds begin at once, where a grid has changed, and where a feed was taken out of the configuration.
	OffGrid bool

	// Attested says whether the signer knows an attestation; nil believes. The leaf's kind tells whether it is late.
	Attested func(dodona.Leaf) bool
}

// Check returns nil if a signer may sign the anchor a over leaves, which follows last (zero if it is the first one).
// Members of a network ask it before they sign what another proposes; a network of one signs its own.
// It is pure. What it cannot know is the cause of a gap, which is the word of whoever proposes.
func Check(a, last dodona.Anchor, network dodona.Digest, leaves []dodona.Leaf, r Rules) error {
	if err := checkWindow(a, last, network, r.Every); err != nil {
		return err
	}
	tree, err := NewTree(leaves)
	if err != nil {
		return err
	}
	if uint64(tree.Len()) != a.Count || tree.Root() != a.Root {
		return fmt.Errorf("the anchor says %d leaves under %s, but these %d have the root %s", a.Count, a.Root.Short(), tree.Len(), tree.Root().Short())
	}
	byFeed := make(map[dodona.FeedID][]dodona.Leaf)
	for _, l := range leaves {
		if r.Attested != nil && l.Kind != dodona.LeafGap && !r.Attested(l) {
			return fmt.Errorf("leaf %s of feed %s: no such attestation is known", l.Round, l.Feed.Short())
		}
		byFeed[l.Feed] = append(byFeed[l.Feed], l)
	}
	for _, g := range r.Grids {
		id := g.Feed.ID()
		if err := checkTiles(Window{a.From, a.To}, g.Every, byFeed[id], r); err != nil {
			return fmt.Errorf("feed %q: %w", g.Feed.Name, err)
		}
		delete(byFeed, id)
	}
	for id, list := range byFeed {
		if !r.OffGrid {
			return fmt.Errorf("%d leaves of %s, which is no feed of this network", len(list), id.Short())
		}
		if err := checkTiles(Window{a.From, a.To}, 0, list, r); err != nil {
			return fmt.Errorf("feed %s: %w", id.Short(), err)
		}
	}
	return nil
}

// checkWindow returns why a is not the next window.
func checkWindow(a, last dodona.Anchor, network dodona.Digest, every time.Duration) error {
	previous := dodona.Digest{}
	if !last.Root.IsZero() {
		previous = last.Digest(network)
	}
	switch {
	case a.Previous != previous:
		return fmt.Errorf("the anchor follows %s, but the last one is %s", a.Previous.Short(), previous.Short())
	case last.To != 0 && a.From != last.To:
		return fmt.Errorf("the window begins at %s, but the last one ended at %s", a.From, last.To)
	case a.To <= a.From || grid.At(a.To, every) != a.To:
		return fmt.Errorf("the window from %s to %s does not end on the grid of %s", a.From, a.To, every)
	case last.To == 0 && grid.At(a.From, every) != a.From:
		return fmt.Errorf("the first window begins at %s, which is not on the grid of %s", a.From, every)
	}
	return nil
}

// checkTiles returns why the leaves of one feed do not tile its grid; without a grid, why they cannot be.
func checkTiles(w Window, every time.Duration, leaves []dodona.Leaf, r Rules) error {
	slices.SortFunc(leaves, func(a, b dodona.Leaf) int { return cmp.Compare(a.Round, b.Round) })
	step := dodona.Round(every.Milliseconds())
	var next dodona.Round // the first instant of the grid that is not spoken for
	if step > 0 {
		next = grid.From(w.From, every)
	}
	floor := w.From             // nothing may be below: the end of the tile before
	var lateBefore dodona.Round // nothing is attested of round 0
	for _, l := range leaves {
		switch l.Kind {
		case dodona.LeafLate:
			if l.Round >= w.From || l.Round == lateBefore {
				return fmt.Errorf("%w: late round %s lies in the window, or stands twice", ErrUntiled, l.Round)
			}
			lateBefore = l.Round
		case dodona.LeafAttestation:
			onGrid := step > 0 && l.Round%step == 0
			switch {
			case !w.Contains(l.Round) || l.Round < floor:
				return fmt.Errorf("%w: round %s lies outside the window, or is spoken for", ErrUntiled, l.Round)
			case l.Round < grid.At(w.To-1, r.Every):
				return fmt.Errorf("%w: round %s is attested before the last %s of a longer window", ErrUntiled, l.Round, r.Every)
			case !onGrid && !r.OffGrid:
				return fmt.Errorf("%w: round %s lies beside the grid", ErrUntiled, l.Round)
			case step > 0 && next < l.Round:
				return fmt.Errorf("%w: nothing is said of round %s", ErrUntiled, next)
			}
			floor = l.Round + 1
			if step > 0 {
				next = grid.Next(l.Round, every)
			}
		case dodona.LeafGap:
			last, fits := l.Value.Int64()
			switch {
			case step == 0 || !fits:
				return fmt.Errorf("%w: a gap at %s of a feed without a grid, or without an end", ErrUntiled, l.Round)
			case l.Round != next || l.Round < floor:
				return fmt.Errorf("%w: a gap begins at %s, want %s", ErrUntiled, l.Round, next)
			case dodona.Round(last) < l.Round || dodona.Round(last) >= w.To || dodona.Round(last)%step != 0:
				return fmt.Errorf("%w: a gap ends at %s, which is not in the window or beside the grid", ErrUntiled, dodona.Round(last))
			}
			floor, next = dodona.Round(last)+1, dodona.Round(last)+step
		default:
			return fmt.Errorf("%w: a leaf of kind %d", ErrUntiled, l.Kind)
		}
	}
	if step > 0 && next < w.To {
		return fmt.Errorf("%w: nothing is said of round %s", ErrUntiled, next)
	}
	return nil
}
