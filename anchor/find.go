package anchor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A Place is where in an anchor something stands.
type Place struct {
	Anchored dodona.Anchored
	Proof    dodona.Proof
	Number   uint64 // of the leaf, from 1, in the order of the tree
	Gap      *Gap   // nil if the leaf is an attestation
	Sealed   time.Time
}

// Find returns where an attestation is anchored; appended is when its data record was. [dodona.ErrNotFound] says that
// it is not anchored, or not yet, or that the records that would tell are no longer kept.
func Find(ctx context.Context, l dodona.Ledger, a dodona.Attestation, appended time.Time) (Place, error) {
	leaf := a.Leaf()
	place, err := first(ctx, l, (leaf.Round + 1).Before(), 1, // one that ends at the round is without it
		func(rec dodona.Record) (Place, error) { return find(ctx, l, rec, leaf) })
	if !errors.Is(err, dodona.ErrNotFound) {
		return place, err
	}
	// It came when its window was sealed already, and stands in one of the first anchors that came after it.
	leaf.Kind = dodona.LeafLate
	return first(ctx, l, func(rec dodona.Record) bool { return rec.Appended.Before(appended) }, lateLooks,
		func(rec dodona.Record) (Place, error) { return find(ctx, l, rec, leaf) })
}

// lateLooks is in how many anchors a late attestation is looked for: more than one, because clocks differ.
const lateLooks = 4

// FindGap returns where it is anchored that a round of a feed, by name, was missed, or [dodona.ErrNotFound].
func FindGap(ctx context.Context, l dodona.Ledger, feed string, round dodona.Round) (Place, dodona.Feed, error) {
	var identity dodona.Feed
	place, err := first(ctx, l, (round + 1).Before(), 1,
		func(rec dodona.Record) (place Place, err error) {
			place, identity, err = findGap(ctx, l, rec, feed, round)
			return place, err
		})
	return place, identity, err
}

// Covering returns the anchor whose window has a round in it, of whatever network, or [dodona.ErrNotFound].
func Covering(ctx context.Context, l dodona.Ledger, round dodona.Round) (dodona.Anchored, error) {
	place, err := first(ctx, l, (round + 1).Before(), 1, func(rec dodona.Record) (Place, error) {
		a, err := readAnchored(rec)
		if err == nil && !(Window{a.Anchor.From, a.Anchor.To}).Contains(round) {
			err = dodona.ErrNotFound
		}
		return Place{Anchored: a}, err
	})
	return place.Anchored, err
}

// first returns what look finds in the first few anchors that are not before.
func first(ctx context.Context, l dodona.Ledger, before func(dodona.Record) bool, looks int, look func(dodona.Record) (Place, error)) (Place, error) {
	for rec, err := range l.Scan(ctx, dodona.TopicAnchor, KeySeries, before) {
		if err != nil {
			return Place{}, fmt.Errorf("look for an anchor: %w", err)
		}
		place, err := look(rec)
		if !errors.Is(err, dodona.ErrNotFound) {
			return place, err
		}
		if looks--; looks == 0 {
			break
		}
	}
	return Place{}, fmt.Errorf("anchor: %w", dodona.ErrNotFound)
}

// find returns the place of a leaf in one anchor.
func find(ctx context.Context, l dodona.Ledger, rec dodona.Record, leaf dodona.Leaf) (Place, error) {
	a, err := readAnchored(rec)
	if err != nil {
		return Place{}, err
	}
	inside := Window{a.Anchor.From, a.Anchor.To}.Contains(leaf.Round)
	if inside != (leaf.Kind != dodona.LeafLate) {
		return Place{}, dodona.ErrNotFound
	}
	plan, err := planOf(ctx, l, a.Anchor)
	if err != nil {
		return Place{}, err
	}
	if leaf.Kind == dodona.LeafLate && plan.Late == 0 {
		return Place{}, dodona.ErrNotFound
	}
	path, number, err := plan.prove(ctx, l, leaf)
	if err != nil {
		return Place{}, err
	}
	return Place{Anchored: a, Proof: dodona.Proof{Leaf: leaf, Path: path}, Number: number, Sealed: rec.Appended}, nil
}

// findGap returns the place of the gap that covers a round, in the anchor of the round's window.
func findGap(ctx context.Context, l dodona.Ledger, rec dodona.Record, feed string, round dodona.Round) (place Place, identity dodona.Feed, err error) {
	a, err := readAnchored(rec)
	if err != nil {
		return place, identity, err
	}
	if !(Window{a.Anchor.From, a.Anchor.To}).Contains(round) {
		return place, identity, dodona.ErrNotFound
	}
	plan, err := planOf(ctx, l, a.Anchor)
	if err != nil {
		return place, identity, err
	}
	if err := plan.loadFeeds(ctx, l); err != nil {
		return place, identity, err
	}
	at, found := slices.BinarySearchFunc(plan.feeds, feed, func(f FeedState, name string) int { return strings.Compare(f.Feed.Name, name) })
	if !found {
		return place, identity, dodona.ErrNotFound
	}
	identity = plan.feeds[at].Feed
	gap, err := plan.gap(ctx, l, feed, round)
	if err != nil {
		return place, identity, err
	}
	leaf := gap.leaf(identity.ID())
	path, number, err := plan.prove(ctx, l, leaf)
	if err != nil {
		return place, identity, err
	}
	return Place{
		Anchored: a, Proof: dodona.Proof{Leaf: leaf, Path: path}, Number: number, Gap: &gap, Sealed: rec.Appended,
	}, identity, nil
}

// plansOf returns the plans of windows that end at to or later, without their feeds.
func plansOf(ctx context.Context, l dodona.Ledger, to dodona.Round) (plans []*Plan, err error) {
	for rec, err := range l.Scan(ctx, dodona.TopicLeaf, KeyPlan, place{to: to}.before()) {
		if err != nil {
			return nil, fmt.Errorf("read the plan of an anchor: %w", err)
		}
		p, err := readPlan(rec)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// planOf returns the plan of an anchor, or [dodona.ErrNotFound] if it is no longer kept.
func planOf(ctx context.Context, l dodona.Ledger, a dodona.Anchor) (*Plan, error) {
	for rec, err := range l.Scan(ctx, dodona.TopicLeaf, KeyPlan, place{to: a.To}.before()) {
		if err != nil {
			return nil, fmt.Errorf("read the plan of an anchor: %w", err)
		}
		p, err := readPlan(rec)
		if err != nil {
			return nil, err
		}
		if p.Anchor == a {
			return p, nil
		}
		if p.Anchor.To > a.To {
			break
		}
	}
	return nil, fmt.Errorf("the plan of the anchor at %s: %w", a.To, dodona.ErrNotFound)
}

// record returns the record of one part.
func (p *Plan) record(ctx context.Context, l dodona.Ledger, number int) (dodona.Record, error) {
	for rec, err := range l.Scan(ctx, dodona.TopicLeaf, KeyPart, place{p.Anchor.To, p.Attempt, uint64(number)}.before()) {
		if err != nil {
			return rec, fmt.Errorf("read a part of an anchor: %w", err)
		}
		if rec.ID == p.partID(number) {
			return rec, nil
		}
		break
	}
	return dodona.Record{}, fmt.Errorf("part %d of the anchor at %s: %w", number, p.Anchor.To, dodona.ErrNotFound)
}

// loadFeeds reads the feeds of a plan.
func (p *Plan) loadFeeds(ctx context.Context, l dodona.Ledger) error {
	var feeds []FeedState
	for i := 0; i < len(p.Parts) && p.Parts[i].Holds == holdsFeeds; i++ {
		list, err := readPiece[FeedState](ctx, l, p, i)
		if err != nil {
			return err
		}
		feeds = append(feeds, list...)
	}
	p.feeds = feeds
	return nil
}

func readPiece[T any](ctx context.Context, l dodona.Ledger, p *Plan, number int) (list []T, err error) {
	rec, err := p.record(ctx, l, number)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(rec.Body, &list); err != nil {
		return nil, fmt.Errorf("read part %s of an anchor: %w", rec.ID, err)
	}
	return list, nil
}

// gap returns the gap of a feed that covers a round.
func (p *Plan) gap(ctx context.Context, l dodona.Ledger, feed string, round dodona.Round) (Gap, error) {
	last := -1 // the last part that begins at or before it
	for i, part := range p.Parts {
		if part.Holds == holdsGaps && (part.Feed < feed || (part.Feed == feed && part.Round <= round)) {
			last = i
		}
	}
	if last < 0 {
		return Gap{}, dodona.ErrNotFound
	}
	list, err := readPiece[Gap](ctx, l, p, last)
	if err != nil {
		return Gap{}, err
	}
	for _, g := range list {
		if g.Feed == feed && g.Covers(round) {
			return g, nil
		}
	}
	return Gap{}, dodona.ErrNotFound
}

// prove returns the path of a leaf, checked against the root, and its number in the tree from 1.
func (p *Plan) prove(ctx context.Context, l dodona.Ledger, leaf dodona.Leaf) (path []dodona.Digest, number uint64, err error) {
	s, before, roots := shapeOf(int(p.Anchor.Count)), 0, []dodona.Digest{}
	for _, part := range p.Parts {
		if part.Holds == holdsLeaves {
			roots = append(roots, part.Root)
		} else {
			before++
		}
	}
	if len(roots) != s.parts() {
		return nil, 0, fmt.Errorf("the plan of the anchor at %s has %d parts with leaves, want %d", p.Anchor.To, len(roots), s.parts())
	}
	holder := s.holder(p.Parts[before:], leaf.Digest())
	if holder < 0 {
		return nil, 0, dodona.ErrNotFound
	}
	rec, err := p.record(ctx, l, before+holder)
	if err != nil {
		return nil, 0, err
	}
	at, path, err := s.path(holder, rec.Body, roots, leaf)
	if err != nil {
		return nil, 0, err
	}
	if (dodona.Proof{Leaf: leaf, Path: path}).Root() != p.Anchor.Root {
		return nil, 0, fmt.Errorf("part %s of an anchor was altered: its leaves do not lead to root %s", rec.ID, p.Anchor.Root.Short())
	}
	return path, uint64(2*s.n - 1 - at), nil
}

// holder returns the part that has a leaf of that digest, if any has: leaves fall by digest from node to node.
func (s shape) holder(parts []Part, digest dodona.Digest) int {
	for _, lowestOf := range []func(Part) dodona.Digest{
		func(p Part) dodona.Digest { return p.Upper }, func(p Part) dodona.Digest { return p.Lower },
	} {
		for i, p := range parts {
			if lowest := lowestOf(p); !lowest.IsZero() && compareDigests(lowest, digest) <= 0 {
				return i
			}
		}
	}
	return -1
}

// path returns the node of a leaf, and its siblings up to the root, out of the leaves of its part and all parts' roots.
func (s shape) path(part int, body []byte, roots []dodona.Digest, leaf dodona.Leaf) (at int, path []dodona.Digest, err error) {
	k, want, nodes := newKeccak(), leaf.Digest(), make(map[int]dodona.Digest)
	at = -1
	for _, run := range s.leafRuns(part) {
		for node := run[0]; node < run[1]; node++ {
			if len(body) < leafBytes {
				return 0, nil, errors.New("a part of an anchor is cut short")
			}
			nodes[node] = k.leaf(readLeaf(body[:leafBytes]))
			if nodes[node] == want {
				at = node
			}
			body = body[leafBytes:]
		}
	}
	if at < 0 {
		return 0, nil, dodona.ErrNotFound
	}
	for level := s.bottom - 1; level >= s.cut; level-- {
		first, end := s.run(part, level)
		for node := first; node < min(end, s.n-1); node++ {
			nodes[node] = k.node(nodes[2*node+1], nodes[2*node+2])
		}
	}
	for i, root := range roots {
		nodes[len(roots)-1+i] = root
	}
	for node := len(roots) - 2; node >= 0; node-- {
		nodes[node] = k.node(nodes[2*node+1], nodes[2*node+2])
	}
	path = []dodona.Digest{}
	for node := at; node > 0; node = (node - 1) / 2 {
		path = append(path, nodes[sibling(node)])
	}
	return at, path, nil
}

// Leaves returns what an anchor is over, in the order of the tree, or [dodona.ErrNotFound] if it is no longer kept. A member of a network that
// has another root fetches them.
func Leaves(ctx context.Context, l dodona.Ledger, a dodona.Anchor) ([]dodona.Leaf, error) {
	p, err := planOf(ctx, l, a)
	if err != nil {
		return nil, err
	}
	s, first := shapeOf(int(a.Count)), 0
	for first < len(p.Parts) && p.Parts[first].Holds != holdsLeaves {
		first++
	}
	if len(p.Parts)-first != s.parts() {
		return nil, fmt.Errorf("the plan of the anchor at %s has %d parts with leaves, want %d", a.To, len(p.Parts)-first, s.parts())
	}
	leaves := make([]dodona.Leaf, s.n)
	for part := range s.parts() {
		rec, err := p.record(ctx, l, first+part)
		if err != nil {
			return nil, err
		}
		body := rec.Body
		for _, run := range s.leafRuns(part) {
			for node := run[0]; node < run[1]; node++ {
				if len(body) < leafBytes {
					return nil, fmt.Errorf("part %s of an anchor is cut short", rec.ID)
				}
				leaves[2*s.n-2-node] = readLeaf(body[:leafBytes])
				body = body[leafBytes:]
			}
		}
	}
	return leaves, nil
}
