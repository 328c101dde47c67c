package secp

import (
	"slices"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/dodona-oracle/dodona"
)

// A Known is a public key with tables that make [Known.Signed] several times faster than [Recover].
// It takes about 115 KB and two milliseconds to make.
type Known struct {
	address dodona.Address
	table   [64][15]secp256k1.JacobianPoint // table[w][d-1] = d·16^w·P, affine
}

// NewKnown returns the tables of k.
func NewKnown(k PublicKey) *Known {
	known := &Known{address: k.Address()}
	var base secp256k1.JacobianPoint // 16^w·P
	k.point.AsJacobian(&base)
	for w := range known.table {
		row := &known.table[w]
		row[0].Set(&base)
		for d := 1; d < len(row); d++ {
			secp256k1.AddNonConst(&row[d-1], &base, &row[d])
		}
		secp256k1.AddNonConst(&row[len(row)-1], &base, &base)
	}
	known.toAffine()
	return known
}

// toAffine makes every z one with a single inversion (Montgomery's trick). No point of the table is infinity,
// because the order of the group is prime.
func (k *Known) toAffine() {
	points := make([]*secp256k1.JacobianPoint, 0, len(k.table)*len(k.table[0]))
	for w := range k.table {
		for d := range k.table[w] {
			points = append(points, &k.table[w][d])
		}
	}
	var product secp256k1.FieldVal // of the z before
	before := make([]secp256k1.FieldVal, len(points))
	product.SetInt(1)
	for i, p := range points {
		before[i].Set(&product)
		product.Mul(&p.Z)
	}
	inverse := product.Inverse()
	for i, p := range slices.Backward(points) {
		var z, z2 secp256k1.FieldVal
		z.Mul2(inverse, &before[i])
		inverse.Mul(&p.Z)
		z2.SquareVal(&z)
		p.X.Mul(&z2).Normalize()
		p.Y.Mul(z2.Mul(&z)).Normalize()
		p.Z.SetInt(1)
	}
}

// Signed reports whether [Recover] of digest and sig would return the address of k.
func (k *Known) Signed(digest dodona.Digest, sig dodona.Signature) bool {
	r, s, err := parse(sig)
	if err != nil {
		return false
	}
	// R = (z/s)·G + (r/s)·P must have the x coordinate r itself and the parity that v names: then, and only then,
	// recovery from r and v leads back to P.
	var z, u1, u2 secp256k1.ModNScalar
	z.SetByteSlice(digest[:])
	w := s.InverseNonConst()
	u1.Mul2(&z, w)
	u2.Mul2(&r, w)
	var point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&u1, &point)
	bytes := u2.Bytes()
	for i, b := range bytes {
		// bytes are big endian, windows little endian.
		if high := b >> 4; high > 0 {
			secp256k1.AddNonConst(&point, &k.table[63-2*i][high-1], &point)
		}
		if low := b & 15; low > 0 {
			secp256k1.AddNonConst(&point, &k.table[62-2*i][low-1], &point)
		}
	}
	if point.Z.IsZero() { // infinity
		return false
	}
	point.ToAffine()
	x := point.X.Bytes()
	return [32]byte(sig[:32]) == *x && point.Y.IsOdd() == (sig[64] == 28)
}

// A Recoverer is [Recover] for the signatures of a few members: it remembers their keys, so that only the first
// signature of each is recovered the slow way. It may be used by many goroutines.
type Recoverer struct {
	members []dodona.Address
	mu      sync.RWMutex
	known   []*Known
}

// maxKnown is how many keys may be tried before recovering is cheaper.
const maxKnown = 2

// NewRecoverer returns a recoverer for the given members. With more than two it is no faster than [Recover].
func NewRecoverer(members ...dodona.Address) *Recoverer {
	if len(members) > maxKnown {
		members = nil
	}
	return &Recoverer{members: slices.Clone(members)}
}

// Recover returns what [Recover] returns.
func (r *Recoverer) Recover(digest dodona.Digest, sig dodona.Signature) (dodona.Address, error) {
	r.mu.RLock()
	known := r.known // only ever appended to
	r.mu.RUnlock()
	for _, k := range known {
		if k.Signed(digest, sig) {
			return k.address, nil
		}
	}
	key, err := RecoverKey(digest, sig)
	if err != nil {
		return dodona.Address{}, err
	}
	address := key.Address()
	if slices.Contains(r.members, address) {
		r.remember(key, address)
	}
	return address, nil
}

func (r *Recoverer) remember(key PublicKey, address dodona.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.ContainsFunc(r.known, func(k *Known) bool { return k.address == address }) {
		r.known = append(slices.Clone(r.known), NewKnown(key))
	}
}
