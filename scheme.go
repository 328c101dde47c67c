package dodona

import (
	"bytes"
	"fmt"
	"slices"
)

// A Scheme is how a quorum signs. It is a value: whoever speaks for a quorum is given the one that the quorum names.
type Scheme struct {
	Name string // as in [Quorum]

	// Verify returns nil if the signatures are what makes an attestation of the digest: enough of them, in order, and no more.
	// It is pure and safe for concurrent use. A [SignerError] says that a signature is good, but of somebody else.
	Verify func(Quorum, Digest, []Signature) error
}

// ECDSA returns the scheme "ecdsa": k signatures of different members, ascending by signer. recover returns who signed a
// digest, refusing every signature that is not the one canonical encoding.
func ECDSA(recover func(Digest, Signature) (Address, error)) Scheme {
	return Scheme{Name: "ecdsa", Verify: func(q Quorum, digest Digest, signatures []Signature) error {
		if len(signatures) != q.K {
			return fmt.Errorf("%d signatures, want %d", len(signatures), q.K)
		}
		var before Address
		for _, sig := range signatures {
			signer, err := recover(digest, sig)
			switch {
			case err != nil:
				return fmt.Errorf("recover signer: %w", err)
			case !slices.Contains(q.Members, signer):
				return &SignerError{signer}
			case bytes.Compare(signer[:], before[:]) <= 0:
				return fmt.Errorf("signed by %s after %s: signers must be strictly ascending", signer, before)
			}
			before = signer
		}
		return nil
	}}
}

// A SignerError says that somebody signed who is no member of the quorum: another key than the quorum's was used.
type SignerError struct{ Signer Address }

// Error names the signer.
func (e *SignerError) Error() string {
	return fmt.Sprintf("signed by %s, which is not a member", e.Signer)
}
