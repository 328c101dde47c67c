package evm

import (
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// Update returns what a feed's contract takes: the answer's word and k of its signatures, or the one of its group.
func Update(a dodona.Answer) ([]byte, error) {
	if a.Quorum.Key != nil {
		return groupUpdate(a)
	}
	digest := a.Attestation.Report.Digest(a.Network.ID())
	signers := make([]dodona.Address, len(a.Attestation.Signatures))
	for i, sig := range a.Attestation.Signatures {
		signer, err := secp.Recover(digest, sig)
		if err != nil {
			return nil, fmt.Errorf("signature %d of round %d: %w", i, uint64(a.Attestation.Report.Round), err)
		}
		signers[i] = signer
	}
	votes, err := calldata.Votes(a.Quorum, signers, a.Attestation.Signatures)
	if err != nil {
		return nil, fmt.Errorf("write update of round %d: %w", uint64(a.Attestation.Report.Round), err)
	}
	return calldata.Feed(a.Attestation.Report, votes), nil
}

func groupUpdate(a dodona.Answer) ([]byte, error) {
	round := uint64(a.Attestation.Report.Round)
	if n := len(a.Attestation.Signatures); n != 1 {
		return nil, fmt.Errorf("write update of round %d: %d signatures, want one by the group", round, n)
	}
	r, s, err := secp.OnChain(a.Attestation.Signatures[0])
	if err != nil {
		return nil, fmt.Errorf("signature of round %d: %w", round, err)
	}
	return calldata.Feed(a.Attestation.Report, calldata.Proof{Schnorr: &calldata.Schnorr{R: r, S: s}}), nil
}
