package node

import (
	"context"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// A voice signs in the name of a node, and believes who signed.
type voice struct {
	identity
	observations dodona.Signer                                                 // of what the node signs as itself
	attestations dodona.Signer                                                 // of what the quorum signs
	recover      func(dodona.Digest, dodona.Signature) (dodona.Address, error) // who signed an observation
	scheme       dodona.Scheme                                                 // of the quorum
}

func newVoice(id identity, signer dodona.Signer) voice {
	recoverer := secp.NewRecoverer(id.quorum.Members...)
	observations := newRecovery(id.key.Address(), recoverer.Recover, madeObservations)
	reports := newRecovery(id.key.Address(), recoverer.Recover, madeReports)
	return voice{id, knownSigner{signer, observations}, knownSigner{signer, reports}, observations.Recover, dodona.ECDSA(reports.Recover)}
}

// recovery finds out who signed, and knows what this process signed itself: the validator of the same process need
// not do the arithmetic again for a signature that is equal to the last byte.
type recovery struct {
	address dodona.Address
	recover func(dodona.Digest, dodona.Signature) (dodona.Address, error)

	mu   sync.Mutex
	made map[dodona.Digest]dodona.Signature
	ring []dodona.Digest // the digests in made, oldest at next
	next int
}

// How many signatures are known; older ones cost the arithmetic again.
const (
	madeObservations = 4096
	madeReports      = 1024 // more than a slice has, and they are checked as soon as they are made
)

func newRecovery(address dodona.Address, recover func(dodona.Digest, dodona.Signature) (dodona.Address, error), size int) *recovery {
	return &recovery{
		address: address, recover: recover, made: make(map[dodona.Digest]dodona.Signature), ring: make([]dodona.Digest, size),
	}
}

// remember takes a signature that this process has just made.
func (r *recovery) remember(digest dodona.Digest, signature dodona.Signature) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.made, r.ring[r.next])
	r.ring[r.next] = digest
	r.made[digest] = signature
	r.next = (r.next + 1) % len(r.ring)
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

// A knownSigner lets a recovery know what it signs.
type knownSigner struct {
	dodona.Signer
	known *recovery
}

// Sign signs as the signer does.
func (s knownSigner) Sign(ctx context.Context, claims ...dodona.Claim) ([][]byte, error) {
	signatures, err := s.Signer.Sign(ctx, claims...)
	for i, signature := range signatures {
		if len(signature) == len(dodona.Signature{}) {
			s.known.remember(claims[i].Digest, dodona.Signature(signature))
		}
	}
	return signatures, err
}
