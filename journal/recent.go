package journal

import (
	"hash/maphash"

	"github.com/dodona-oracle/dodona"
)

// recentIDs is how many records of a stream are recognised when they come again.
const recentIDs = 1 << 14

// An identity stands for what makes a record the same as another one: topic, key, id, and on a shared subject the body
// too, since two writers may give one id to different answers. It means nothing outside its process.
type identity [2]uint64

// recent remembers the identities of the last records in a ring. It belongs to one goroutine.
type recent struct {
	seeds [2]maphash.Seed
	ring  []identity
	next  int
	known map[identity]struct{}
}

func newRecent(size int) *recent {
	return &recent{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		ring:  make([]identity, 0, size), known: make(map[identity]struct{}),
	}
}

func (r *recent) identity(rec dodona.Record) (same identity) {
	for i, seed := range r.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, part := range [...]string{string(rec.Topic), rec.Key, rec.ID} {
			_, _ = h.WriteString(part)
			_ = h.WriteByte(0)
		}
		if shared(rec.Topic) {
			_, _ = h.Write(rec.Body)
		}
		same[i] = h.Sum64()
	}
	return same
}

func (r *recent) has(same identity) bool {
	_, found := r.known[same]
	return found
}

func (r *recent) add(same identity) {
	if r.has(same) {
		return
	}
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, same)
	} else {
		delete(r.known, r.ring[r.next])
		r.ring[r.next] = same
		r.next = (r.next + 1) % len(r.ring)
	}
	r.known[same] = struct{}{}
}
