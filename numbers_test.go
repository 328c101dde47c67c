package dodona

import (
	"errors"
	"math/big"
	"strings"
	"testing"
)

// TestNumbersOfTheProtocolStay: verifiers in other languages and contracts were built with them.
func TestNumbersOfTheProtocolStay(t *testing.T) {
	for name, c := range map[string]struct{ got, want int }{
		"members of a quorum":   {MaxMembers, 128},
		"digits after a point":  {MaxScale, 57},
		"parts of a name":       {MaxNameParts, 16},
		"leaf of an answer":     {int(LeafAttestation), 1},
		"leaf of a gap":         {int(LeafGap), 2},
		"leaf of a late answer": {int(LeafLate), 3},
		"bytes of a digest":     {len(Digest{}), 32},
		"bytes of an address":   {len(Address{}), 20},
		"bytes of a signature":  {len(Signature{}), 65},
		"bytes of a group key":  {len(GroupKey{}), 33},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
}

func TestAQuorumHasUpTo128Members(t *testing.T) {
	for n, want := range map[int]bool{127: true, 128: true, 129: false} {
		q := Quorum{Scheme: "ecdsa", K: LeastK(n)}
		for i := range n {
			q.Members = append(q.Members, Address{18: byte((i + 1) >> 8), 19: byte(i + 1)})
		}
		if err := q.Check(); (err == nil) != want {
			t.Errorf("%d members: %v, want to pass: %t", n, err, want)
		}
	}
}

func TestAKeyOfAGroupKnowsWhetherItsPointIsOdd(t *testing.T) {
	for first, want := range map[byte]uint8{2: 0, 3: 1} {
		if got := (GroupKey{first}).Parity(); got != want {
			t.Errorf("a key that begins with %d has parity %d, want %d", first, got, want)
		}
	}
	key := GroupKey{0: 3, 1: 7, 32: 9}
	want := packed(t, "uint8 bytes32 uint8", uint8(2), key.X(), uint8(1))
	if key.Digest() != want || key.X() != (Digest{0: 7, 31: 9}) {
		t.Errorf("the key %s of x %s has the digest %s, want %s", key, key.X(), key.Digest(), want)
	}
	group, member := Quorum{Scheme: "frost", Key: &key}, Quorum{Scheme: "ecdsa", K: 1, Members: []Address{{1}}}
	if group.Digest() != want {
		t.Errorf("the quorum of a key has the digest %s, want that of the key", group.Digest())
	}
	alone := member.Digest()
	if member.Key = &key; member.Digest() != alone {
		t.Error("a key changes the digest of a quorum whose scheme has none")
	}
	if (Quorum{Scheme: "frost"}).Digest() == want {
		t.Error("a quorum without its key has its digest")
	}
}

func TestAllMembersMayBeNeeded(t *testing.T) {
	for n := 1; n <= 4; n++ {
		q := Quorum{Scheme: "ecdsa", K: n}
		for i := range n {
			q.Members = append(q.Members, Address{19: byte(i + 1)})
		}
		if err := q.Check(); err != nil {
			t.Errorf("%d of %d: %v", n, n, err)
		}
		if q.K++; q.Check() == nil {
			t.Errorf("%d of %d passed", n+1, n)
		}
	}
}

func TestValuesFitTheirKind(t *testing.T) {
	large := func(text string) Int192 {
		i, _ := new(big.Int).SetString(text, 10)
		v, err := Int192FromBig(i)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	labels := Feed{Kind: Enum, Labels: []string{"off", "on", "broken"}}
	for _, c := range []struct {
		feed Feed
		v    Int192
		want bool
	}{
		{Feed{Kind: Number}, NewInt192(-7), true},
		{Feed{Kind: Number}, large("18446744073709551616"), true},
		{Feed{Kind: Bool}, NewInt192(-1), false},
		{Feed{Kind: Bool}, NewInt192(0), true},
		{Feed{Kind: Bool}, NewInt192(1), true},
		{Feed{Kind: Bool}, NewInt192(2), false},
		{Feed{Kind: Bool}, large("18446744073709551617"), false}, // 1, as far as 64 bits go
		{labels, NewInt192(-1), false},
		{labels, NewInt192(0), true},
		{labels, NewInt192(2), true},
		{labels, NewInt192(3), false},
		{Feed{Kind: "text"}, NewInt192(0), false},
	} {
		if err := c.feed.CheckValue(c.v); (err == nil) != c.want {
			t.Errorf("%s of %+v: %v, want to fit: %t", c.v, c.feed, err, c.want)
		}
	}
}

func TestAnExponentHasUpToSixDigits(t *testing.T) {
	if d, err := ParseDecimal("1e000002"); err != nil || d.String() != "100" {
		t.Errorf("six digits: %v, %v", d, err)
	}
	if d, err := ParseDecimal("1e0000002"); !errors.Is(err, ErrRange) {
		t.Errorf("seven digits: %v, %v, want ErrRange", d, err)
	}
}

func TestHexThatIsWrongSaysHowLongItShouldBe(t *testing.T) {
	for _, wrong := range []string{"0x12", "0x" + strings.Repeat("g", 40)} {
		var a Address
		if err := a.UnmarshalText([]byte(wrong)); err == nil || !strings.Contains(err.Error(), "40 lower-case digits") {
			t.Errorf("%q: %v, want to hear of 40 lower-case digits", wrong, err)
		}
	}
}
