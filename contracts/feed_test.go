package contracts_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/secp"
)

const (
	blockTime = 1_795_349_070 // seconds
	now       = dodona.Round(blockTime * 1000)
)

var (
	feedWords = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 18}
	feedID    = feedWords.ID()
)

// A speaker is a quorum with its keys: it signs digests the way one of the two variants wants them.
type speaker struct {
	network dodona.Network
	quorum  dodona.Quorum      // scheme ecdsa
	keys    []*secp.PrivateKey // in the order of members
	single  *secp.PrivateKey   // scheme frost, a group of one
}

func keyOf(seed byte) *secp.PrivateKey {
	d := dodona.Keccak256([]byte("contracts"), []byte{seed})
	k, err := secp.ParsePrivateKey(d[:])
	if err != nil {
		panic(err)
	}
	return k
}

func ecdsaSpeaker(k, n int) speaker {
	s := speaker{}
	for i := range n {
		s.keys = append(s.keys, keyOf(byte(i)))
	}
	slices.SortFunc(s.keys, func(a, b *secp.PrivateKey) int {
		x, y := a.Address(), b.Address()
		return bytes.Compare(x[:], y[:])
	})
	s.quorum = dodona.Quorum{Scheme: "ecdsa", K: k}
	for _, key := range s.keys {
		s.quorum.Members = append(s.quorum.Members, key.Address())
	}
	s.network = dodona.Network{Name: "test", First: s.quorum.Digest()}
	return s
}

func schnorrSpeaker(seed byte) speaker {
	s := speaker{single: keyOf(seed)}
	s.network = dodona.Network{Name: "test", First: s.group().Digest()}
	return s
}

func (s speaker) group() dodona.GroupKey {
	g, err := s.single.GroupKey()
	if err != nil {
		panic(err)
	}
	return g
}

// prove signs a digest with the first k members, or the group.
func (s speaker) prove(digest dodona.Digest) calldata.Proof {
	if s.single != nil {
		sig, err := s.single.SignSchnorr(digest)
		if err != nil {
			panic(err)
		}
		r, scalar, err := secp.OnChain(sig)
		if err != nil {
			panic(err)
		}
		return calldata.Proof{Schnorr: &calldata.Schnorr{R: r, S: scalar}}
	}
	p := calldata.Proof{}
	for i := range s.quorum.K {
		p.Votes = append(p.Votes, calldata.Vote{Index: uint8(i), Signature: s.keys[i].Sign(digest)})
	}
	return p
}

// args are the constructor arguments of a contract about a subject.
func (s speaker) args(subject calldata.Subject) []byte {
	if s.single != nil {
		return calldata.NewSchnorr(s.network.ID(), subject, s.group())
	}
	return calldata.NewECDSA(s.network.ID(), subject, s.quorum)
}

func (s speaker) feedContract() string {
	if s.single != nil {
		return contracts.Feed
	}
	return contracts.FeedECDSA
}

func (s speaker) deployFeed(t testing.TB, m *machine) common.Address {
	return m.deploy(t, s.feedContract(), s.args(feedID))
}

// update returns a signed update of the feed.
func (s speaker) update(round dodona.Round, value dodona.Int192) []byte {
	r := dodona.Report{Feed: feedID, Round: round, Value: value}
	return calldata.Feed(r, s.prove(r.Digest(s.network.ID())))
}

func speakers() map[string]speaker {
	return map[string]speaker{
		"schnorr": schnorrSpeaker(1), "ecdsa 1 of 1": ecdsaSpeaker(1, 1), "ecdsa 3 of 4": ecdsaSpeaker(3, 4), "ecdsa 11 of 16": ecdsaSpeaker(11, 16),
	}
}

func TestFeedStoresWhatItsQuorumSigned(t *testing.T) {
	for name, s := range speakers() {
		m := newMachine(t, osaka(), blockTime)
		feed := s.deployFeed(t, m)
		for i, text := range []string{
			"3123456789012345678901", "0", "-1", "3138550867693340381917894711603833208051177722232017256447",
			"-3138550867693340381917894711603833208051177722232017256448",
		} {
			value, err := dodona.ParseInt192(text)
			if err != nil {
				t.Fatal(err)
			}
			round := now - 10_000 + dodona.Round(i)
			if _, err := m.send(feed, s.update(round, value)); err != nil {
				t.Fatalf("%s: %s: %v", name, text, err)
			}
			if got, want := m.slot(feed, 0), calldata.FeedWord(dodona.Report{Round: round, Value: value}); [32]byte(got) != want {
				t.Errorf("%s: %s: the slot holds %x, want %x", name, text, got, want)
			}
			latest, err := m.call(feed, selector("latest()"))
			word := value.Word()
			if want := append(uintWord(uint64(round)), word[:]...); err != nil || !bytes.Equal(latest, want) {
				t.Errorf("%s: %s: latest() is %x, %v, want %x", name, text, latest, err, want)
			}
		}
	}
}

func selector(signature string) []byte {
	s := calldata.Selector(signature)
	return s[:]
}

func uintWord(v uint64) []byte {
	word := calldata.PeriodSubject(v)
	return word[:]
}

// hubKey is the speaker's key as DodonaHub takes it.
func (s speaker) hubKey() []byte {
	if s.single != nil {
		return calldata.HubKey(dodona.Quorum{Scheme: "frost"}, s.group())
	}
	return calldata.HubKey(s.quorum, dodona.GroupKey{})
}

func (s speaker) anchorContract() string {
	if s.single != nil {
		return contracts.Anchor
	}
	return contracts.AnchorECDSA
}

// batch returns a signed batch for a page.
func (s speaker) batch(b calldata.HubBatch, page calldata.Page) []byte {
	data, err := calldata.Batch(b, page, s.prove(b.Digest(s.network.ID())))
	if err != nil {
		panic(err)
	}
	return data
}

// post returns a signed anchor.
func (s speaker) post(a dodona.Anchor) []byte {
	data, err := calldata.Anchor(a, gasPeriod, s.prove(a.Digest(s.network.ID())))
	if err != nil {
		panic(err)
	}
	return data
}

// TestTheCurveRefusesAChallengeOfZero: e is a Keccak digest, so no signature with e = 0 can be made to try on a contract. With
// it the last word that ecrecover is asked with is Q; the contracts rest on the precompile answering nothing to that, and refuse
// the address zero that this leaves.
func TestTheCurveRefusesAChallengeOfZero(t *testing.T) {
	q := crypto.S256().Params().N
	px := crypto.S256().Params().Gx
	word := func(v *big.Int) []byte { return common.LeftPadBytes(v.Bytes(), 32) }
	input := func(m, r, s *big.Int) []byte {
		return bytes.Join([][]byte{word(m), word(big.NewInt(27)), word(r), word(s)}, nil)
	}
	precompile := vm.PrecompiledContractsOsaka[common.BytesToAddress([]byte{1})]
	for name, in := range map[string][]byte{
		"s = 0":     input(big.NewInt(7), px, new(big.Int)),
		"s = Q":     input(big.NewInt(7), px, q),
		"r = 0":     input(big.NewInt(7), new(big.Int), big.NewInt(7)),
		"r = Q":     input(big.NewInt(7), q, big.NewInt(7)),
		"s above Q": input(big.NewInt(7), px, new(big.Int).Add(q, big.NewInt(1))),
	} {
		if out, err := precompile.Run(in); err != nil || len(out) != 0 {
			t.Errorf("%s: the precompile answers %x, %v", name, out, err)
		}
	}
	if out, err := precompile.Run(input(big.NewInt(8), px, big.NewInt(7))); err != nil || len(out) != 32 {
		t.Errorf("a signature that may be: %x, %v", out, err)
	}
}
