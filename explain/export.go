package explain

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
)

// MaxBundle is the most bytes of readings that a bundle carries.
const MaxBundle = 16 << 20

// Export returns a bundle that carries everything needed to replay a round anywhere: the readings whole, their salts,
// what the node signed, the network it signed for, and the module that made the points, if one did. Salts is the function that salted the readings when the round
// was computed, with the index of each in the order of [dodona.SortReadings]; whoever holds the bundle can test guesses
// of these readings against the origin, and of no others.
//
// A round that is no longer kept whole cannot be replayed, nor can one that was salted with another secret: its export is
// [dodona.ErrNotFound], with what is missing.
func Export(ctx context.Context, l Archive, salts func(dodona.FeedID, dodona.Round, int) dodona.Digest, name string, round dodona.Round) (dodona.Bundle, error) {
	b, err := export(ctx, l, salts, name, round)
	if err != nil {
		return dodona.Bundle{}, fmt.Errorf("export bundle: %w", err)
	}
	return b, nil
}

func export(ctx context.Context, l Archive, salts func(dodona.FeedID, dodona.Round, int) dodona.Digest, name string, round dodona.Round) (b dodona.Bundle, err error) {
	// The story has everything but the salts; it also finds the observation that the attestation came from.
	t := teller{Story: Story{Feed: name, Round: round}, ledger: l}
	if err := t.tell(ctx, nil); err != nil {
		return b, err
	}
	if t.bundle == nil {
		return b, fmt.Errorf("round %d of %s: its inputs and rules are no longer kept: %w", uint64(round), name, dodona.ErrNotFound)
	}
	b = *t.bundle
	b.Observation, b.Network = t.signed, t.network
	found, err := readings(ctx, l, b.Inputs)
	if err != nil {
		return b, err
	}
	if b.Readings, err = whole(b.Inputs, found); err != nil {
		return b, fmt.Errorf("round %d of %s: %w", uint64(round), name, err)
	}
	if err := disclose(&b, salts); err != nil {
		return b, fmt.Errorf("round %d of %s: %w", uint64(round), name, err)
	}
	if b.Module, err = moduleOf(ctx, l, b); err != nil {
		return b, fmt.Errorf("round %d of %s: %w", uint64(round), name, err)
	}
	return b, nil
}

// moduleOf returns the Wasm that made a bundle's points; nil if none ran.
func moduleOf(ctx context.Context, l Archive, b dodona.Bundle) ([]byte, error) {
	m := moduleIn(b)
	if m == nil || !m.Ran {
		return nil, nil
	}
	wasm, err := l.Module(ctx, m.Digest)
	if err != nil {
		return nil, fmt.Errorf("the module %s %s that made its points, %s: %w", m.Name, m.Version, m.Digest.Short(), err)
	}
	return wasm, nil
}

// whole returns the readings that the inputs name, each once, in the order that salts count them.
func whole(inputs []dodona.Input, found map[dodona.Digest]kept) ([]dodona.Reading, error) {
	var list []dodona.Reading
	seen := map[dodona.Digest]bool{}
	size := 0
	for _, in := range inputs {
		for _, ref := range in.Readings {
			if seen[ref.Digest] {
				continue
			}
			seen[ref.Digest] = true
			k, ok := found[ref.Digest]
			if !ok {
				return nil, fmt.Errorf("the bytes of reading %s of %s are no longer kept: %w", ref.Digest, in.Source, dodona.ErrNotFound)
			}
			if size += len(k.reading.Body); size > MaxBundle {
				return nil, fmt.Errorf("its readings have more than %d bytes, too many for a bundle", MaxBundle)
			}
			list = append(list, k.reading)
		}
	}
	dodona.SortReadings(list)
	return list, nil
}

// disclose writes the salt of each reading beside its name. Salts that do not lead to the root that was signed are
// another process's: they would disclose nothing, and no replay would agree.
func disclose(b *dodona.Bundle, salts func(dodona.FeedID, dodona.Round, int) dodona.Digest) error {
	id := b.Feed.ID()
	of := func(i int) dodona.Digest { return salts(id, b.Round, i) }
	asked := !b.Origin.ReadingsRoot.IsZero()
	if asked && feed.ReadingsRoot(b.Readings, b.Transcript, of) != b.Origin.ReadingsRoot {
		return fmt.Errorf("its readings were salted with a secret that is not here: export it from the process that observed it, %q "+
			"(if that is this one, it had another keys/salts then, to be restored from a backup), or put a copy of its data folder's keys/salts into the one of this process and start again: %w", b.Node, dodona.ErrNotFound)
	}
	salt := make(map[dodona.Digest]dodona.Digest, len(b.Readings))
	for i, r := range b.Readings {
		salt[r.Digest()] = of(i)
	}
	if len(b.Transcript) > 0 { // the leaf after the readings
		s := of(len(b.Readings))
		b.TranscriptSalt = &s
	}
	for i := range b.Inputs {
		for j := range b.Inputs[i].Readings {
			ref := &b.Inputs[i].Readings[j]
			s := salt[ref.Digest]
			ref.Salt = &s
		}
	}
	return nil
}

// compact returns JSON without the blanks that an editor or a printer put in, or raw itself if it is not JSON.
func compact(raw json.RawMessage) json.RawMessage {
	again, err := json.Marshal(raw)
	if err != nil {
		return raw
	}
	return again
}
