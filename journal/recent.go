package journal

import "hash/maphash"

// recentIDs is how many records of a stream are recognised when they come again.
const recentIDs = 1 << 14

// recent remembers the identities of the last records, as hashes, in a ring. It belongs to one goroutine.
type recent struct {
	seeds [2]maphash.Seed
	ring  [][2]uint64
	next  int
	known map[[2]uint64]struct{}
}

func newRecent(size int) *recent {
	return &recent{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		ring:  make([][2]uint64, 0, size), known: make(map[[2]uint64]struct{}),
	}
}

func (r *recent) hash(key string) [2]uint64 {
	return [2]uint64{maphash.String(r.seeds[0], key), maphash.String(r.seeds[1], key)}
}

func (r *recent) has(key string) bool {
	_, found := r.known[r.hash(key)]
	return found
}

func (r *recent) add(key string) {
	h := r.hash(key)
	if _, found := r.known[h]; found {
		return
	}
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, h)
	} else {
		delete(r.known, r.ring[r.next])
		r.ring[r.next] = h
		r.next = (r.next + 1) % len(r.ring)
	}
	r.known[h] = struct{}{}
}
