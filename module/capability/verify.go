package capability

import (
	"crypto/ed25519"
	"crypto/sha256"

	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

const verifyFuel = 200_000 // of one signature

var verify = abi.Set{
	Module: manifest.ABI, Needs: "verify", Granted: func(c manifest.Capabilities) bool { return c.Verify },
	Functions: []abi.Function{{Name: "verify", Signature: "iiiiiii:i", Call: abi.Without(check)}},
}

// The algorithms of verify.
const (
	algEd25519 = iota
	algSecp256k1
)

// verify(alg, key, keyLen, sig, sigLen, msg, msgLen)
func check(g abi.Guest, s []uint64) {
	key, sig, msg := g.View(s[1], s[2]), g.View(s[3], s[4]), g.View(s[5], s[6])
	g.Pay(verifyFuel, len(key)+len(sig)+len(msg))
	abi.Reply(s, verified(uint32(s[0]), key, sig, msg))
}

// verified returns 1, 0, or −EINVAL for lengths that no key or signature has, and keys that are none.
func verified(alg uint32, key, sig, msg []byte) int32 {
	valid := false
	switch {
	case len(sig) != 64:
		return -abi.EINVAL
	case alg == algEd25519 && len(key) == ed25519.PublicKeySize:
		valid = ed25519.Verify(key, msg, sig)
	case alg == algSecp256k1:
		k, err := secp.ParsePublicKey(key)
		if err != nil {
			return -abi.EINVAL
		}
		valid = k.Verify(sha256.Sum256(msg), [64]byte(sig))
	default:
		return -abi.EINVAL
	}
	if valid {
		return 1
	}
	return 0
}
