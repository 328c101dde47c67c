package dodona

import (
	"errors"
	"strings"
	"testing"
)

// TestAnAttestationNeedsKDistinctMembersInOrder: each row differs from a good list in one thing.
func TestAnAttestationNeedsKDistinctMembersInOrder(t *testing.T) {
	digest := Digest{7}
	by := func(n byte) Signature { return Signature{0: n, 64: 27} }
	scheme := ECDSA(func(d Digest, s Signature) (Address, error) {
		if d != digest || s[64] != 27 {
			return Address{}, errors.New("broken")
		}
		return Address{s[0]}, nil
	})
	three := Quorum{Scheme: "ecdsa", K: 3, Members: []Address{{1}, {2}, {3}, {4}}}
	one := Quorum{Scheme: "ecdsa", K: 1, Members: []Address{{1}}}
	broken := by(2)
	broken[64] = 28
	for name, c := range map[string]struct {
		quorum Quorum
		digest Digest
		list   []Signature
		want   string
	}{
		"one of one":                  {one, digest, []Signature{by(1)}, ""},
		"three of four":               {three, digest, []Signature{by(1), by(2), by(3)}, ""},
		"others of the four":          {three, digest, []Signature{by(1), by(3), by(4)}, ""},
		"none of one":                 {one, digest, nil, "0 signatures, want 1"},
		"one twice":                   {one, digest, []Signature{by(1), by(1)}, "2 signatures, want 1"},
		"one too few":                 {three, digest, []Signature{by(1), by(2)}, "2 signatures, want 3"},
		"one too many":                {three, digest, []Signature{by(1), by(2), by(3), by(4)}, "4 signatures, want 3"},
		"the first counted twice":     {three, digest, []Signature{by(1), by(1), by(2)}, "ascending"},
		"the last counted twice":      {three, digest, []Signature{by(1), by(2), by(2)}, "ascending"},
		"the first two the wrong way": {three, digest, []Signature{by(2), by(1), by(3)}, "ascending"},
		"the last two the wrong way":  {three, digest, []Signature{by(1), by(3), by(2)}, "ascending"},
		"a stranger first":            {three, digest, []Signature{by(0), by(2), by(3)}, "not a member"},
		"a stranger last":             {three, digest, []Signature{by(1), by(2), by(9)}, "not a member"},
		"a broken one in the middle":  {three, digest, []Signature{by(1), broken, by(3)}, "recover signer: broken"},
		"of another digest":           {three, Digest{8}, []Signature{by(1), by(2), by(3)}, "recover signer: broken"},
	} {
		err := scheme.Verify(c.quorum, c.digest, c.list)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	var who *SignerError
	if err := scheme.Verify(three, digest, []Signature{by(1), by(2), by(9)}); !errors.As(err, &who) || who.Signer != (Address{9}) {
		t.Errorf("got %v, want an error that names the stranger", err)
	}
}
