package ethrpc

import (
	"math/big"

	"github.com/dodona-oracle/dodona"
)

// Ether writes an amount of wei for people: "1,234.5 ether".
func Ether(wei *big.Int) string {
	if wei == nil {
		return "an unknown amount"
	}
	if d, err := dodona.NewDecimal(wei, 18); err == nil {
		return d.Grouped(0) + " ether"
	}
	// More than any chain has: somebody's word.
	return new(big.Rat).SetFrac(wei, big.NewInt(1e18)).FloatString(18) + " ether"
}

// Gwei writes a price of gas, which is in wei, as configurations have it: "30 gwei", "0.000000001 gwei".
func Gwei(wei uint64) string {
	d, err := dodona.NewDecimal(new(big.Int).SetUint64(wei), 9)
	if err != nil {
		panic("64 bits do not fit in 192: " + err.Error()) // cannot happen
	}
	return d.String() + " gwei"
}
