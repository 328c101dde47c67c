// Package signed writes what contracts take of what a quorum signed. It finds out who signed, which calldata, being pure, is told.
package signed

import (
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// Update returns what a feed's contract takes: the answer's word and k of its signatures, or the one of its group.
func Update(a dodona.Answer) ([]byte, error) {
	report := a.Attestation.Report
	proof, err := proofOf(a.Quorum, report.Digest(a.Network.ID()), a.Attestation.Signatures)
	if err != nil {
		return nil, fmt.Errorf("write update of round %d: %w", uint64(report.Round), err)
	}
	return calldata.Feed(report, proof), nil
}

// Post returns what an anchors' contract over windows of the given length takes.
func Post(a dodona.Anchored, periodMilliseconds uint64) ([]byte, error) {
	proof, err := proofOf(a.Quorum, a.Anchor.Digest(a.Network.ID()), a.Signatures)
	if err == nil {
		var data []byte
		if data, err = calldata.Anchor(a.Anchor, periodMilliseconds, proof); err == nil {
			return data, nil
		}
	}
	return nil, fmt.Errorf("write post of the window up to %s: %w", a.Anchor.To, err)
}

// proofOf returns k of the signatures of a digest, or the one of the group, as contracts take them.
func proofOf(q dodona.Quorum, digest dodona.Digest, signatures []dodona.Signature) (calldata.Proof, error) {
	if q.Key != nil {
		return groupProof(signatures)
	}
	signers := make([]dodona.Address, len(signatures))
	for i, sig := range signatures {
		signer, err := secp.Recover(digest, sig)
		if err != nil {
			return calldata.Proof{}, fmt.Errorf("signature %d: %w", i, err)
		}
		signers[i] = signer
	}
	return calldata.Votes(q, signers, signatures)
}

func groupProof(signatures []dodona.Signature) (calldata.Proof, error) {
	if n := len(signatures); n != 1 {
		return calldata.Proof{}, fmt.Errorf("%d signatures, want one by the group", n)
	}
	r, s, err := secp.OnChain(signatures[0])
	if err != nil {
		return calldata.Proof{}, err
	}
	return calldata.Proof{Schnorr: &calldata.Schnorr{R: r, S: s}}, nil
}
