package evm

import (
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// Update returns what a DodonaFeed takes: the answer's word and k of its signatures.
func Update(a dodona.Answer) ([]byte, error) {
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
