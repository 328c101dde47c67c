package verify

import (
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// checkQuorum returns why q can be no quorum, of either scheme.
func checkQuorum(q dodona.Quorum) error {
	if err := q.Check(); err != nil {
		return err
	}
	if q.Key != nil {
		if err := secp.CheckGroupKey(*q.Key); err != nil {
			return fmt.Errorf("quorum key %s: %w", q.Key, err)
		}
	}
	return nil
}

// groupSigned judges the one signature of a quorum of scheme frost: R compressed ‖ s. Who of the group made it, nobody
// can tell.
func groupSigned(key dodona.GroupKey, digest dodona.Digest, signatures []dodona.Signature) (Verdict, bool) {
	switch len(signatures) {
	case 0:
		return refuse(Threshold, "not signed: want one signature by the group key"), false
	case 1:
	default:
		return refuse(Order, "%d signatures: want one by the group key", len(signatures)), false
	}
	if err := secp.VerifySchnorr(key, digest, signatures[0]); err != nil {
		return refuse(Signature, "the signature by the group key is broken: %v", err), false
	}
	return Verdict{}, true
}
