package dodona

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"pgregory.net/rapid"
)

// These tests hold every digest against go-ethereum's packing and typed-data hashing, which nobody here wrote.

var (
	anyText = rapid.OneOf(rapid.String(), rapid.StringN(0, 70, -1), rapid.SampledFrom([]string{
		"", "btc.usd", "°C", "中文", "a\x00", "\xff", strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 33),
	}))
	anyDigest = rapid.Custom(func(t *rapid.T) (d Digest) {
		copy(d[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
		return d
	})
	anyAddress = rapid.Custom(func(t *rapid.T) (a Address) {
		copy(a[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "bytes"))
		return a
	})
	anyFeed = rapid.Custom(func(t *rapid.T) Feed {
		return Feed{
			Name: anyText.Draw(t, "name"), Kind: Kind(anyText.Draw(t, "kind")), Unit: anyText.Draw(t, "unit"),
			Decimals: rapid.Uint8().Draw(t, "decimals"), Labels: rapid.SliceOfN(anyText, 0, 4).Draw(t, "labels"),
		}
	})
	anyQuorum = rapid.Custom(func(t *rapid.T) Quorum {
		return Quorum{
			Scheme: "ecdsa", K: rapid.IntRange(0, 200).Draw(t, "k"),
			Members: rapid.SliceOfN(anyAddress, 0, 5).Draw(t, "members"),
		}
	})
	anyReport = rapid.Custom(func(t *rapid.T) Report {
		return Report{anyDigest.Draw(t, "feed"), Round(rapid.Uint64().Draw(t, "round")), anyInt192.Draw(t, "value")}
	})
	anyOrigin = rapid.Custom(func(t *rapid.T) Origin {
		return Origin{anyDigest.Draw(t, "version"), anyDigest.Draw(t, "rules"), anyDigest.Draw(t, "root")}
	})
	anyObservation = rapid.Custom(func(t *rapid.T) Observation {
		r := anyReport.Draw(t, "report")
		return Observation{
			Feed: r.Feed, Round: r.Round, Value: r.Value, Origin: anyOrigin.Draw(t, "origin"), Signer: anyAddress.Draw(t, "signer"),
		}
	})
	anyTime = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 3).Draw(t, "none") == 0 {
			return time.Time{}
		}
		return time.UnixMilli(rapid.SampledFrom([]int64{0, 1, -1, 1795349070000, -62135596800001}).Draw(t, "ms"))
	})
	anyReading = rapid.Custom(func(t *rapid.T) Reading {
		return Reading{
			Source: anyText.Draw(t, "source"), Item: anyText.Draw(t, "item"), ContentType: anyText.Draw(t, "type"),
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"), SourceTime: anyTime.Draw(t, "at"), Received: anyTime.Draw(t, "received"),
			Quality: Quality(rapid.Uint8().Draw(t, "quality")),
		}
	})
)

// packed returns keccak256(abi.encode(values)) as go-ethereum computes it; types are separated by blanks.
func packed(t interface{ Fatalf(string, ...any) }, types string, values ...any) Digest {
	var args abi.Arguments
	for _, name := range strings.Fields(types) {
		kind, err := abi.NewType(name, "", nil)
		if err != nil {
			t.Fatalf("type %s: %v", name, err)
		}
		args = append(args, abi.Argument{Type: kind})
	}
	b, err := args.Pack(values...)
	if err != nil {
		t.Fatalf("pack %s: %v", types, err)
	}
	return Digest(crypto.Keccak256Hash(b))
}

func commonAddresses(list []Address) []common.Address {
	out := make([]common.Address, len(list))
	for i, a := range list {
		out[i] = common.Address(a)
	}
	return out
}

func TestKeccakIsEthereums(t *testing.T) {
	for size := range 300 {
		b := bytes.Repeat([]byte{byte(size)}, size)
		if got, want := Keccak256(b[:size/3], b[size/3:]), Digest(crypto.Keccak256Hash(b)); got != want {
			t.Fatalf("%d bytes: got %s, want %s", size, got, want)
		}
	}
}

func TestFeedIDIsABIPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFeed.Draw(t, "feed")
		labels := f.Labels
		if labels == nil {
			labels = []string{}
		}
		want := packed(t, "string string string uint8 bytes32", f.Name, string(f.Kind), f.Unit, f.Decimals, packed(t, "string[]", labels))
		if got := f.ID(); got != want {
			t.Fatalf("%+v: got %s, want %s", f, got, want)
		}
	})
}

func TestQuorumAndNetworkAreABIPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuorum.Draw(t, "quorum")
		digest := packed(t, "uint8 uint256 address[]", uint8(1), big.NewInt(int64(q.K)), commonAddresses(q.Members))
		if got := q.Digest(); got != digest {
			t.Fatalf("%+v: got %s, want %s", q, got, digest)
		}
		n := Network{Name: anyText.Draw(t, "name"), First: digest}
		if got, want := n.ID(), packed(t, "string bytes32", n.Name, n.First); got != want {
			t.Fatalf("%+v: got %s, want %s", n, got, want)
		}
	})
}

func TestOriginIsABIPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOrigin.Draw(t, "origin")
		program := packed(t, "bytes32 bytes32", o.Version, o.Rules)
		if got := o.Program(); got != program {
			t.Fatalf("program of %+v: got %s, want %s", o, got, program)
		}
		if got, want := o.Digest(), packed(t, "bytes32 bytes32", program, o.ReadingsRoot); got != want {
			t.Fatalf("%+v: got %s, want %s", o, got, want)
		}
	})
}

// typedData returns the EIP-712 digest of a message as go-ethereum computes it.
func typedData(t *rapid.T, network Digest, primary string, fields []apitypes.Type, message apitypes.TypedDataMessage) Digest {
	hash, _, err := apitypes.TypedDataAndHash(apitypes.TypedData{
		Types: apitypes.Types{
			"EIP712Domain": {{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "salt", Type: "bytes32"}},
			primary:        fields,
		},
		PrimaryType: primary,
		Domain:      apitypes.TypedDataDomain{Name: "Dodona", Version: "1", Salt: network.String()},
		Message:     message,
	})
	if err != nil {
		t.Fatalf("typed data: %v", err)
	}
	return Digest(hash)
}

var reportFields = []apitypes.Type{{Name: "feed", Type: "bytes32"}, {Name: "round", Type: "uint64"}, {Name: "value", Type: "int192"}}

func messageOf(feed FeedID, round Round, value Int192) apitypes.TypedDataMessage {
	return apitypes.TypedDataMessage{
		"feed": feed.String(), "round": (*math.HexOrDecimal256)(new(big.Int).SetUint64(uint64(round))),
		"value": (*math.HexOrDecimal256)(value.Big()),
	}
}

func TestReportDigestIsEIP712(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, network := anyReport.Draw(t, "report"), anyDigest.Draw(t, "network")
		if got, want := r.Digest(network), typedData(t, network, "Report", reportFields, messageOf(r.Feed, r.Round, r.Value)); got != want {
			t.Fatalf("%+v: got %s, want %s", r, got, want)
		}
	})
}

func TestObservationDigestIsEIP712(t *testing.T) {
	fields := append(slices.Clone(reportFields), apitypes.Type{Name: "origin", Type: "bytes32"})
	rapid.Check(t, func(t *rapid.T) {
		o, network := anyObservation.Draw(t, "observation"), anyDigest.Draw(t, "network")
		message := messageOf(o.Feed, o.Round, o.Value)
		message["origin"] = o.Origin.Digest().String()
		if got, want := o.Digest(network), typedData(t, network, "Observation", fields, message); got != want {
			t.Fatalf("%+v: got %s, want %s", o, got, want)
		}
	})
}

func TestObservedIsABIPackedInOrderOfSigners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		network := anyDigest.Draw(t, "network")
		list := rapid.SliceOfNDistinct(anyObservation, 0, 5, func(o Observation) Address { return o.Signer }).Draw(t, "observations")
		got := Observed(network, list...)
		slices.SortFunc(list, func(a, b Observation) int { return bytes.Compare(a.Signer[:], b.Signer[:]) })
		signers, digests := []common.Address{}, [][32]byte{}
		for _, o := range list {
			signers, digests = append(signers, common.Address(o.Signer)), append(digests, o.Digest(network))
		}
		if want := packed(t, "address[] bytes32[]", signers, digests); got != want {
			t.Fatalf("%+v: got %s, want %s", list, got, want)
		}
	})
}

func TestReadingDigestIsABIPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, salt := anyReading.Draw(t, "reading"), anyDigest.Draw(t, "salt")
		hash := func(s string) Digest { return Digest(crypto.Keccak256Hash([]byte(s))) }
		want := packed(t, "bytes32 bytes32 bytes32 int64 int64 uint8 bytes32", hash(r.Source), hash(r.Item), hash(r.ContentType),
			r.SourceTime.UnixMilli(), r.Received.UnixMilli(), uint8(r.Quality), hash(string(r.Body)))
		if got := r.Digest(); got != want {
			t.Fatalf("%+v: got %s, want %s", r, got, want)
		}
		if got, want := r.Leaf(salt), Digest(crypto.Keccak256Hash(salt[:], want[:])); got != want {
			t.Fatalf("leaf of %+v: got %s, want %s", r, got, want)
		}
	})
}

var anyQuorumOfSome = rapid.Custom(func(t *rapid.T) Quorum {
	q := anyQuorum.Draw(t, "quorum")
	q.Members = append(q.Members, anyAddress.Draw(t, "member"))
	return q
})

func number(v uint64) *math.HexOrDecimal256 {
	return (*math.HexOrDecimal256)(new(big.Int).SetUint64(v))
}

func TestAnchorDigestIsEIP712(t *testing.T) {
	fields := []apitypes.Type{
		{Name: "root", Type: "bytes32"},
		{Name: "previous", Type: "bytes32"},
		{Name: "from", Type: "uint64"},
		{Name: "to", Type: "uint64"},
		{Name: "count", Type: "uint64"},
	}
	rapid.Check(t, func(t *rapid.T) {
		network, a := anyDigest.Draw(t, "network"), Anchor{
			Root: anyDigest.Draw(t, "root"), Previous: anyDigest.Draw(t, "previous"),
			From: Round(rapid.Uint64().Draw(t, "from")), To: Round(rapid.Uint64().Draw(t, "to")), Count: rapid.Uint64().Draw(t, "count"),
		}
		want := typedData(t, network, "Anchor", fields, apitypes.TypedDataMessage{
			"root": a.Root.String(), "previous": a.Previous.String(),
			"from": number(uint64(a.From)), "to": number(uint64(a.To)), "count": number(a.Count),
		})
		if got := a.Digest(network); got != want {
			t.Fatalf("%+v: got %s, want %s", a, got, want)
		}
	})
}

func TestRotationDigestIsEIP712(t *testing.T) {
	fields := []apitypes.Type{
		{Name: "epoch", Type: "uint64"},
		{Name: "quorum", Type: "bytes32"},
		{Name: "members", Type: "bytes32"},
		{Name: "fromRound", Type: "uint64"},
	}
	rapid.Check(t, func(t *rapid.T) {
		network, r := anyDigest.Draw(t, "network"), Rotation{
			Epoch: rapid.Uint64().Draw(t, "epoch"), Next: anyQuorumOfSome.Draw(t, "next"), FromRound: Round(rapid.Uint64().Draw(t, "from")),
		}
		members := packed(t, "uint256 address[]", big.NewInt(int64(r.Next.K)), commonAddresses(r.Next.Members))
		want := typedData(t, network, "Rotate", fields, apitypes.TypedDataMessage{
			"epoch": number(r.Epoch), "quorum": r.Next.Digest().String(), "members": members.String(), "fromRound": number(uint64(r.FromRound)),
		})
		if got := r.Digest(network); got != want {
			t.Fatalf("%+v: got %s, want %s", r, got, want)
		}
	})
}

var anyLeaf = rapid.Custom(func(t *rapid.T) Leaf {
	r := anyReport.Draw(t, "report")
	return Leaf{LeafKind(rapid.Uint8().Draw(t, "kind")), r.Feed, r.Round, r.Value, anyDigest.Draw(t, "observed")}
})

func TestLeafIsABIPackedAndHashedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLeaf.Draw(t, "leaf")
		once := packed(t, "uint8 bytes32 uint64 int192 bytes32", uint8(l.Kind), l.Feed, uint64(l.Round), l.Value.Big(), l.Observed)
		if got, want := l.Digest(), Digest(crypto.Keccak256Hash(once[:])); got != want {
			t.Fatalf("%+v: got %s, want %s", l, got, want)
		}
	})
}

func TestProofLeadsFromItsLeafToTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfNDistinct(anyLeaf, 1, 20, Leaf.Digest).Draw(t, "leaves")
		digests := make([]Digest, len(leaves))
		for i, l := range leaves {
			digests[i] = l.Digest()
		}
		at := rapid.IntRange(0, len(leaves)-1).Draw(t, "at")
		p := Proof{Leaf: leaves[at], Path: pathByQueue(digests, digests[at])}
		if got, want := p.Root(), Root(digests...); got != want {
			t.Fatalf("leaf %d of %d: got %s, want %s", at, len(leaves), got, want)
		}
		p.Leaf.Round++
		if p.Root() == Root(digests...) {
			t.Fatalf("leaf %d of %d is not bound by its proof", at, len(leaves))
		}
	})
}

// pathByQueue finds the siblings of a leaf as rootByLayers finds the root.
func pathByQueue(leaves []Digest, of Digest) (path []Digest) {
	queue := slices.Clone(leaves)
	slices.SortFunc(queue, func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
	for len(queue) > 1 {
		a, b := queue[0], queue[1]
		parent := rootByLayers(queue[:2])
		switch of {
		case a:
			path, of = append(path, b), parent
		case b:
			path, of = append(path, a), parent
		}
		queue = append(queue[2:], parent)
	}
	return path
}

// rootByLayers is a second way to the root: OpenZeppelin's complete tree has its deepest leaves first, so the layers
// are built by pairing from the end.
func rootByLayers(leaves []Digest) Digest {
	if len(leaves) == 0 {
		return Digest{}
	}
	queue := slices.Clone(leaves)
	slices.SortFunc(queue, func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
	// In the array form the leaves fill the end in reverse, so parents appear in the order in which the queue gives pairs.
	for len(queue) > 1 {
		a, b := queue[0], queue[1]
		if bytes.Compare(a[:], b[:]) > 0 {
			a, b = b, a
		}
		queue = append(queue[2:], Digest(crypto.Keccak256Hash(a[:], b[:])))
	}
	return queue[0]
}

func TestRootAgreesWithASecondImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfN(anyDigest, 0, 40).Draw(t, "leaves")
		want := rootByLayers(leaves)
		if got := Root(leaves...); got != want {
			t.Fatalf("%d leaves: got %s, want %s", len(leaves), got, want)
		}
		if got := Root(rapid.Permutation(leaves).Draw(t, "order")...); got != want {
			t.Fatalf("%d leaves in another order: got %s, want %s", len(leaves), got, want)
		}
		if len(leaves) > 0 {
			at := rapid.IntRange(0, len(leaves)-1).Draw(t, "at")
			other := slices.Clone(leaves)
			other[at][7] ^= 1
			if Root(other...) == want {
				t.Fatalf("leaf %d of %d is not bound by the root", at, len(leaves))
			}
		}
	})
}

var openZeppelinRoots = map[int]string{
	1:  "0x5e1bfd352c3f7fb144d526cac5eb277d0611abe9c9c02ca1a621a5c192858c02",
	2:  "0xa5daec84ae0ff4b4e1337a0f364e50b899f62f6e03aa610f1395c88044691c02",
	3:  "0xd72256058fb8a4e37daa96f441261b4f99231ace800039400160c1790337c775",
	5:  "0xf66f6ddc972ac66a65d266e2bc038e42f13e3df1b1f967b3d084e2822deffb0a",
	8:  "0x37488254c364dc55d77084b81ba0f93b77339faa2e1044f23685ee00148e23dd",
	13: "0x657fd54ed6b4bdbb009a2a50637666a105b5461306cb5aa8aa4c4c02ec021514",
	60: "0xa3d41299f9f1a50b44d158c03851ce7d26fc4d5c5c21e100a1bf64eb454571ef",
}

// TestRootIsOpenZeppelins holds roots that @openzeppelin/merkle-tree 1.0.8, SimpleMerkleTree.of, computed over
// keccak256("leaf 0"), keccak256("leaf 1"), ….
func TestRootIsOpenZeppelins(t *testing.T) {
	for n, want := range openZeppelinRoots {
		leaves := make([]Digest, n)
		for i := range leaves {
			leaves[i] = Keccak256([]byte("leaf " + strconv.Itoa(i)))
		}
		if got := Root(leaves...).String(); got != want {
			t.Errorf("%d leaves: got %s, want %s", n, got, want)
		}
	}
}

// TestDifferentStructsHaveDifferentDigests changes one field at a time, also to values that look alike when
// fields are joined without lengths.
func TestDifferentStructsHaveDifferentDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyFeed.Draw(t, "a"), anyFeed.Draw(t, "b")
		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0:
			b = a
			b.Name, b.Unit = a.Name+a.Unit, ""
		case 1:
			b = a
			b.Labels = append(slices.Clone(a.Labels), "")
		case 2:
			b = a
			b.Labels = []string{strings.Join(a.Labels, "")}
		case 3:
			b = a
			b.Name += "\x00"
		case 4:
			b = a
			b.Decimals++
		}
		same := a.Name == b.Name && a.Kind == b.Kind && a.Unit == b.Unit && a.Decimals == b.Decimals && slices.Equal(a.Labels, b.Labels)
		if (a.ID() == b.ID()) != same {
			t.Fatalf("feeds %+v and %+v: same %v, ids %s %s", a, b, same, a.ID(), b.ID())
		}

		p, q := anyQuorum.Draw(t, "p"), anyQuorum.Draw(t, "q")
		if same := p.K == q.K && slices.Equal(p.Members, q.Members); (p.Digest() == q.Digest()) != same {
			t.Fatalf("quorums %+v and %+v: same %v", p, q, same)
		}

		r, s := anyReading.Draw(t, "r"), anyReading.Draw(t, "s")
		if rapid.Bool().Draw(t, "times only") {
			at, received := s.SourceTime, s.Received
			s = r
			s.SourceTime, s.Received = at, received
		}
		sameReading := r.Source == s.Source && r.Item == s.Item && r.ContentType == s.ContentType && bytes.Equal(r.Body, s.Body) &&
			r.SourceTime.Equal(s.SourceTime) && r.Received.Equal(s.Received) && r.Quality == s.Quality
		if (r.Digest() == s.Digest()) != sameReading {
			t.Fatalf("readings %+v and %+v: same %v", r, s, sameReading)
		}

		x, y := anyObservation.Draw(t, "x"), anyObservation.Draw(t, "y")
		n, m := anyDigest.Draw(t, "n"), anyDigest.Draw(t, "m")
		if rapid.Bool().Draw(t, "one field") {
			field := rapid.IntRange(0, 6).Draw(t, "field")
			z := x
			for i, set := range []func(){
				func() { z.Feed = y.Feed },
				func() { z.Round = y.Round },
				func() { z.Value = y.Value },
				func() { z.Origin.Version = y.Origin.Version },
				func() { z.Origin.Rules = y.Origin.Rules },
				func() { z.Origin.ReadingsRoot = y.Origin.ReadingsRoot },
			} {
				if i == field {
					set()
				}
			}
			y = z
		} else {
			n = m
		}
		y.Signer = x.Signer // who signs is in the signature, not in what is signed
		if (x.Digest(n) == y.Digest(m)) != (x == y && n == m) {
			t.Fatalf("observations %+v in %s and %+v in %s: digests %s %s", x, n, y, m, x.Digest(n), y.Digest(m))
		}
		if (Report{x.Feed, x.Round, x.Value}).Digest(n) == x.Digest(n) {
			t.Fatalf("a report and an observation share the digest %s", x.Digest(n))
		}
	})
}

func TestQuorumCheckIsTheRuleOfTheProtocol(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 4, 7: 5, 16: 11} {
		if got := LeastK(n); got != want {
			t.Errorf("least k of %d members: got %d, want %d", n, got, want)
		}
	}
	for n := 1; n <= MaxMembers; n++ {
		f := (n - 1) / 3
		if k := LeastK(n); 2*k-n <= f || k > n-f {
			t.Errorf("%d members: with k = %d two quorums share only %d members (%d may lie), or %d silent ones stop it", n, k, 2*k-n, f, f)
		}
	}
	member := func(b byte) Address { return Address{19: b} }
	good := Quorum{"ecdsa", 3, []Address{member(1), member(2), member(3), member(4)}, nil}
	if err := good.Check(); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	for _, q := range []Quorum{
		{},
		{"ecdsa", 0, nil, nil},
		{"frost", 0, nil, nil},
		{"frost", 1, nil, &GroupKey{}},
		{"frost", 0, []Address{member(1)}, &GroupKey{}},
		{"ecdsa", 1, []Address{member(1)}, &GroupKey{}},
		{"frost", 1, []Address{member(1)}, nil},
		{"", 1, []Address{member(1)}, nil},
		{"ecdsa", 0, []Address{member(1)}, nil},
		{"ecdsa", -1, []Address{member(1)}, nil},
		{"ecdsa", 2, []Address{member(1)}, nil},
		{"ecdsa", 1, []Address{member(0)}, nil},
		{"ecdsa", 2, good.Members, nil},
		{"ecdsa", 5, good.Members, nil},
		{"ecdsa", 2, []Address{member(2), member(1)}, nil},
		{"ecdsa", 2, []Address{member(1), member(1)}, nil},
		{"ecdsa", 129, make([]Address, 129), nil},
	} {
		if q.Check() == nil {
			t.Errorf("%+v passed", q)
		}
	}
}

func TestHexHasOneForm(t *testing.T) {
	d := Keccak256([]byte("x"))
	text := d.String()
	for _, wrong := range []string{"", "0x", text[2:], strings.ToUpper(text), "0X" + text[2:], text + "00", text[:65], text[:65] + "g", " " + text, text + "\n"} {
		var back Digest
		if err := back.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q was read as %s", wrong, back)
		}
	}
	sig := Signature{64: 27}
	b, err := json.Marshal(struct {
		D Digest
		A Address
		S Signature
	}{d, Address{1}, sig})
	if err != nil || !bytes.Contains(b, []byte(hex.EncodeToString(d[:]))) {
		t.Fatalf("got %s, %v", b, err)
	}
	var back Digest
	if err := back.UnmarshalText([]byte(text)); err != nil || back != d {
		t.Fatalf("got %s, %v, want %s", back, err, d)
	}
}

func BenchmarkReportDigest(b *testing.B) {
	r := Report{Keccak256(nil), 1795349070000, NewInt192(4321855)}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Digest(r.Feed)
	}
}

func TestBytesHaveOneText(t *testing.T) {
	var d Digest
	good := `"0x` + strings.Repeat("ab", 32) + `"`
	if err := json.Unmarshal([]byte(good), &d); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{strings.ToUpper(good), good[:len(good)-3] + `"`, `"` + strings.Repeat("ab", 33) + `"`, `"0x` + strings.Repeat("zz", 32) + `"`, `"0x` + strings.Repeat("aB", 32) + `"`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is accepted as a digest", bad)
		}
	}
}

func FuzzBytesHaveOneText(f *testing.F) {
	f.Add("0x" + strings.Repeat("ab", 32))
	f.Add("0X" + strings.Repeat("AB", 32))
	f.Fuzz(func(t *testing.T, s string) {
		var d Digest
		if d.UnmarshalText([]byte(s)) == nil && d.String() != s {
			t.Errorf("%q reads as %s", s, d)
		}
	})
}

func TestPeopleWriteAddressesWithAChecksum(t *testing.T) {
	const checked, lower = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed" // EIP-55's own
	for _, row := range []struct{ text, says string }{
		{checked, ""},
		{lower, ""},
		{"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", ""},
		{"0x52908400098527886E0F7030069857D2E4169EE7", ""}, // letters are all capitals
		{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "do not match its checksum (EIP-55)"},
		{"0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", "do not match its checksum (EIP-55)"},
		{"0X" + lower[2:], "do not match its checksum (EIP-55)"},
		{checked[:41], "got 41 characters"},
		{checked + "A", "got 43 characters"},
		{"0xG" + checked[3:], "want 0x and 40 lower-case digits"},
		{checked[:39] + "\u212a", "want 0x and 40 lower-case digits"}, // the Kelvin sign: three bytes, k in lower case
		{"0x" + strings.Repeat("0", 37) + "\u212a", "want 0x and 40 lower-case digits"},
		{checked[:40] + "\u0130", "want 0x and 40 lower-case digits"},
		{"", "got 0 characters"},
	} {
		var a Address
		err := a.Set(row.text)
		switch {
		case row.says == "" && (err != nil || a.String() != strings.ToLower(row.text)):
			t.Errorf("%q reads as %s, %v", row.text, a, err)
		case row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says) || !a.IsZero()):
			t.Errorf("%q reads as %s, %v; want an error that says %q", row.text, a, err, row.says)
		}
	}
	var a Address
	if a.UnmarshalText([]byte(checked)) == nil {
		t.Error("programs may write capitals")
	}
}

func TestShortFormsHaveTwoBytesOfEitherEnd(t *testing.T) {
	d, a := Digest{0: 0x9f, 1: 0x2c, 2: 1, 29: 1, 30: 0x41, 31: 0xd7}, Address{0: 1, 1: 2, 2: 3, 17: 4, 18: 5, 19: 6}
	if d.Short() != "0x9f2c…41d7" || a.Short() != "0x0102…0506" {
		t.Errorf("got %s and %s", d.Short(), a.Short())
	}
}

func TestOnlyZeroIsZero(t *testing.T) {
	if !(Digest{}).IsZero() || (Digest{31: 1}).IsZero() || !(Address{}).IsZero() || (Address{19: 1}).IsZero() {
		t.Error("a digest or an address with a bit is zero, or one without is not")
	}
	if i := NewInt192(0); !i.IsZero() || NewInt192(-1).IsZero() {
		t.Error("0 is not zero, or −1 is")
	}
}
