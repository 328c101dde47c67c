package node

import (
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// recovery finds out who signed, and knows what this process signed itself: the validator of the same process need
// not do the arithmetic again for a signature that is equal to the last byte.
type recovery struct {
	address dodona.Address
	recover func(dodona.Digest, dodona.Signature) (dodona.Address, error)

	mu   sync.Mutex
	made map[dodona.Digest]dodona.Signature
	ring [maxMade]dodona.Digest // the digests in made, oldest at next
	next int
}

// maxMade bounds the signatures that are known; older ones cost the arithmetic again.
const maxMade = 4096

func newRecovery(address dodona.Address, q dodona.Quorum) *recovery {
	return &recovery{
		address: address, recover: secp.NewRecoverer(q.Members...).Recover,
		made: make(map[dodona.Digest]dodona.Signature),
	}
}

// remember takes a signature that this process has just made.
func (r *recovery) remember(digest dodona.Digest, signature dodona.Signature) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.made, r.ring[r.next])
	r.ring[r.next] = digest
	r.made[digest] = signature
	r.next = (r.next + 1) % maxMade
}

// Recover returns who signed the digest, or an error for anything but a canonical signature.
func (r *recovery) Recover(digest dodona.Digest, signature dodona.Signature) (dodona.Address, error) {
	r.mu.Lock()
	made, found := r.made[digest]
	r.mu.Unlock()
	if found && made == signature {
		return r.address, nil
	}
	return r.recover(digest, signature)
}
