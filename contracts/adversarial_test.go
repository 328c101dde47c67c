package contracts_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
)

var (
	order     = new(big.Int).SetBytes([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"))
	halfOrder = new(big.Int).Rsh(order, 1)
)

// try is an eth_call by the funded account: what a contract answers, or why it refuses.
func (c *chain) try(to common.Address, data []byte) ([]byte, error) {
	ret, err := c.backend.Client().CallContract(context.Background(), ethereum.CallMsg{
		From: crypto.PubkeyToAddress(c.key.PublicKey), To: &to, Data: data, Gas: 10_000_000,
	}, nil)
	var reverted interface{ ErrorData() any }
	if errors.As(err, &reverted) {
		text, _ := reverted.ErrorData().(string)
		data := common.FromHex(text)
		if len(data) >= 4 {
			if name, found := errorNames[[4]byte(data)]; found {
				return nil, revert(name)
			}
		}
		return nil, revert(text)
	}
	return ret, err
}

// An attack is a message that must be refused, and the error that says so; "" is any.
type attack struct {
	data []byte
	want string
}

func changed(data []byte, change func(b []byte) []byte) []byte { return change(bytes.Clone(data)) }

// feedAttacks are all the ways in which an update of the given good one may be wrong. stored is the round in the slot.
func feedAttacks(s speaker, stored, now dodona.Round) map[string]attack {
	value := dodona.NewInt192(77)
	good := s.update(now, value)
	report := dodona.Report{Feed: feedID, Round: now, Value: value}
	elsewhere := s
	elsewhere.network.Name = "another"
	stranger := schnorrSpeaker(99)
	if s.single == nil {
		stranger = s
		stranger.keys = ecdsaSpeaker(s.quorum.K+1, s.quorum.K+1).keys
		stranger.keys = slices.Clone(stranger.keys)
		stranger.keys[0] = keyOf(200)
	}
	other := report
	other.Feed = dodona.Digest{1}
	list := map[string]attack{
		"replay of the stored round":   {s.update(stored, value), "OldRound(uint64)"},
		"an older round":               {s.update(stored-1, value), "OldRound(uint64)"},
		"round 0":                      {s.update(0, value), "OldRound(uint64)"},
		"a round far ahead":            {s.update(now+3600_000, value), "FutureRound(uint64)"},
		"a round of 48 bits":           {s.update(1<<48-1, value), "FutureRound(uint64)"},
		"a round of 64 bits":           {s.update(math.MaxUint64, value), ""},
		"another network":              {elsewhere.update(now, value), "BadProof()"},
		"another feed":                 {calldata.Feed(report, s.prove(other.Digest(s.network.ID()))), "BadProof()"},
		"another value":                {changed(good, func(b []byte) []byte { b[31]++; return b }), "BadProof()"},
		"another round":                {changed(good, func(b []byte) []byte { b[7]--; return b }), "BadProof()"},
		"a stranger's signature":       {stranger.update(now, value), "BadProof()"},
		"an empty message":             {nil, ""},
		"a word alone":                 {good[:32], "BadProof()"},
		"less than a word":             {good[:31], ""},
		"cut by a byte":                {good[:len(good)-1], "BadProof()"},
		"padded with a zero":           {append(bytes.Clone(good), 0), "BadProof()"},
		"padded to words":              {append(bytes.Clone(good), make([]byte, 32-len(good)%32)...), "BadProof()"},
		"an observation's digest":      {calldata.Feed(report, s.prove(dodona.Observation{Feed: feedID, Round: now, Value: value}.Digest(s.network.ID()))), "BadProof()"},
		"a call that does not exist":   {selector("owner()"), "BadEncoding()"},
		"an upgrade that is not there": {append(selector("upgradeTo(address)"), make([]byte, 32)...), "BadEncoding()"},
	}
	if s.single != nil {
		schnorrAttacks(list, good)
	} else {
		ecdsaAttacks(list, s, report, good)
	}
	return list
}

func schnorrAttacks(list map[string]attack, good []byte) {
	put := func(name string, change func(r, s []byte)) {
		list[name] = attack{changed(good, func(b []byte) []byte { change(b[32:52], b[52:84]); return b }), "BadProof()"}
	}
	put("s = 0", func(_, s []byte) { clear(s) })
	put("s = Q", func(_, s []byte) { order.FillBytes(s) })
	put("s = 2²⁵⁶ − 1", func(_, s []byte) { copy(s, bytes.Repeat([]byte{255}, 32)) })
	put("−s", func(_, s []byte) { new(big.Int).Sub(order, new(big.Int).SetBytes(s)).FillBytes(s) })
	put("R_e = 0", func(r, _ []byte) { clear(r) })
	put("R_e = 0, s = 0", func(r, s []byte) { clear(r); clear(s) })
	put("R_e of the identity precompile", func(r, _ []byte) { clear(r); r[19] = 4 })
}

func ecdsaAttacks(list map[string]attack, s speaker, report dodona.Report, good []byte) {
	put := func(name string, change func(b []byte) []byte) {
		list[name] = attack{changed(good, change), "BadProof()"}
	}
	put("r = 0", func(b []byte) []byte { clear(b[33:65]); return b })
	put("r = Q", func(b []byte) []byte { order.FillBytes(b[33:65]); return b })
	put("s = 0", func(b []byte) []byte { clear(b[65:97]); return b })
	put("the other parity", func(b []byte) []byte { b[65] ^= 0x80; return b })
	put("an index of no member", func(b []byte) []byte { b[32] = byte(len(s.quorum.Members)); return b })
	put("index 255", func(b []byte) []byte { b[32] = 255; return b })
	// EIP-2098 has no room for an s of 256 bits; one above half of Q and below 2²⁵⁵ it has.
	put("s = half of Q, and one", func(b []byte) []byte { new(big.Int).Add(halfOrder, big.NewInt(1)).FillBytes(b[65:97]); return b })
	put("−s", func(b []byte) []byte {
		v := new(big.Int).SetBytes(b[65:97])
		v.SetBit(v, 255, 0)
		new(big.Int).Sub(order, v).FillBytes(b[65:97])
		return b
	})
	zero := calldata.Feed(report, calldata.Proof{Votes: make([]calldata.Vote, s.quorum.K)})
	list["votes of zeros, which recover the zero address"] = attack{zero, "BadProof()"}
	if s.quorum.K < 2 {
		return
	}
	put("one vote less", func(b []byte) []byte { return b[:len(b)-calldata.VoteSize] })
	put("one signer twice", func(b []byte) []byte { copy(b[97:162], b[32:97]); return b })
	put("signers in another order", func(b []byte) []byte {
		first := bytes.Clone(b[32:97])
		copy(b[32:97], b[97:162])
		copy(b[97:162], first)
		return b
	})
	put("indices in another order", func(b []byte) []byte { b[32], b[97] = b[97], b[32]; return b })
	put("one vote more than k", func(b []byte) []byte {
		digest := report.Digest(s.network.ID())
		last := len(s.keys) - 1
		proof := calldata.Proof{Votes: []calldata.Vote{{Index: uint8(last), Signature: s.keys[last].Sign(digest)}}}
		return append(b, proof.Bytes()...)
	})
}

func TestFeedRefusesEveryAttackOnAChain(t *testing.T) {
	for name, s := range speakers() {
		c := newChain(t, osaka())
		feed := c.deploy(t, s.feedContract(), s.args(feedID))
		stored := c.time(t) - 1000
		c.mustSend(t, feed, s.update(stored, dodona.NewInt192(5)))
		at := c.time(t)
		if _, err := c.try(feed, s.update(at, dodona.NewInt192(77))); err != nil {
			t.Errorf("%s: the good update is refused: %v", name, err)
		}
		for how, a := range feedAttacks(s, stored, at) {
			if ret, err := c.try(feed, a.data); err == nil || (a.want != "" && err.Error() != a.want) {
				t.Errorf("%s: %s: got %x, %v, want %s", name, how, ret, err, a.want)
			}
			// The same update as an argument of a function.
			if len(a.data) < 32 || strings.HasPrefix(a.want, "BadEnc") {
				continue
			}
			round := dodona.Round(new(big.Int).SetBytes(a.data[:8]).Uint64())
			if strings.Contains(how, "replay") || strings.Contains(how, "older") { // for readAt they are what was asked for
				continue
			}
			if ret, err := c.try(feed, calldata.ReadAt(a.data, round)); err == nil {
				t.Errorf("%s: readAt: %s: got %x", name, how, ret)
			}
			if ret, err := c.try(feed, calldata.ReadLatest(a.data, 3600)); err == nil {
				t.Errorf("%s: readLatest: %s: got %x", name, how, ret)
			}
		}
		payment := types.MustSignNewTx(c.key, c.signer, &types.LegacyTx{
			Nonce: c.nonce(t), To: &feed, Value: big.NewInt(1), Data: s.update(at, dodona.NewInt192(77)), Gas: 1_000_000, GasPrice: big.NewInt(50e9),
		})
		if receipt := c.mine(t, payment); receipt.Status != types.ReceiptStatusFailed {
			t.Errorf("%s: an update with a payment is taken", name)
		}
		// The last instant that is not too far ahead is taken: eth_call runs at the head's time or after.
		if _, err := c.try(feed, s.update(at+15_000, dodona.NewInt192(1))); err != nil {
			t.Errorf("%s: 15 s ahead: %v", name, err)
		}
	}
}

func TestPullTakesWhatWasAskedFor(t *testing.T) {
	for name, s := range speakers() {
		m := newMachine(t, osaka(), blockTime)
		feed := s.deployFeed(t, m)
		update := s.update(now-5000, dodona.NewInt192(-77))
		minus := dodona.NewInt192(-77).Word()
		if ret, err := m.call(feed, calldata.ReadAt(update, now-5000)); err != nil || !bytes.Equal(ret, minus[:]) {
			t.Errorf("%s: readAt before anything is stored: %x, %v", name, ret, err)
		}
		if _, err := m.call(feed, calldata.ReadAt(update, now-4000)); err != revert("OtherRound(uint64)") {
			t.Errorf("%s: readAt of another round: %v", name, err)
		}
		m.mustSend(t, feed, s.update(now-2000, dodona.NewInt192(1)))
		m.config.Time++
		m.mustSend(t, feed, s.update(now-1000, dodona.NewInt192(1)))
		if ret, err := m.call(feed, calldata.ReadAt(update, now-5000)); err != nil || !bytes.Equal(ret, minus[:]) {
			t.Errorf("%s: readAt after a newer round is stored: %x, %v", name, ret, err)
		}
		if _, err := m.call(feed, calldata.ReadLatest(update, 60)); err != revert("OldRound(uint64)") {
			t.Errorf("%s: readLatest of a round below the stored one: %v", name, err)
		}
		newer := s.update(now, dodona.NewInt192(9))
		if _, err := m.call(feed, calldata.ReadLatest(newer, 0)); err != revert("StaleRound(uint64)") {
			t.Errorf("%s: readLatest of a round a second old with maxAge 0: %v", name, err)
		}
		want := append(uintWord(uint64(now)), uintWord(9)...)
		for range 2 { // the second time it is the stored one
			if ret, err := m.send(feed, calldata.ReadLatest(newer, 1)); err != nil || !bytes.Equal(ret, want) {
				t.Errorf("%s: readLatest: %x, %v", name, ret, err)
			}
		}
		if got := m.slot(feed, 0); [32]byte(got) != calldata.FeedWord(dodona.Report{Round: now, Value: dodona.NewInt192(9)}) {
			t.Errorf("%s: readLatest stored %x", name, got)
		}
		if _, err := m.call(feed, calldata.ReadLatest(s.update(now, dodona.NewInt192(10)), 60)); err != revert("OtherValue()") {
			t.Errorf("%s: two values of one round: %v", name, err)
		}
		good := calldata.ReadAt(newer, now)
		for how, data := range map[string][]byte{
			"cut":                  good[:len(good)-1],
			"padded":               append(bytes.Clone(good), 0),
			"a word more":          append(bytes.Clone(good), make([]byte, 32)...),
			"another offset":       changed(good, func(b []byte) []byte { b[4+31] = 96; return b }),
			"dirty padding":        changed(good, func(b []byte) []byte { b[len(b)-1] = 1; return b }),
			"a round of 65 bits":   changed(good, func(b []byte) []byte { b[4+32+23] = 1; return b }),
			"a length of 256 bits": changed(good, func(b []byte) []byte { b[4+64] = 255; return b }),
			"the selector alone":   good[:4],
		} {
			if ret, err := m.call(feed, data); err != revert("BadEncoding()") {
				t.Errorf("%s: readAt %s: %x, %v", name, how, ret, err)
			}
		}
	}
}

func TestReadersBoundTheAge(t *testing.T) {
	s := schnorrSpeaker(1)
	m := newMachine(t, osaka(), blockTime)
	feed := s.deployFeed(t, m)
	read := func(maxAge uint64) []byte { return append(selector("read(uint64)"), uintWord(maxAge)...) }
	for _, f := range [][]byte{read(60), selector("latest()")} {
		if _, err := m.call(feed, f); err != revert("NoAnswer()") {
			t.Errorf("before the first update: %v", err)
		}
	}
	m.mustSend(t, feed, s.update(now-60_000, dodona.NewInt192(5)))
	if _, err := m.call(feed, read(60)); err != nil {
		t.Errorf("60 s old, 60 allowed: %v", err)
	}
	if _, err := m.call(feed, read(59)); err != revert("StaleRound(uint64)") {
		t.Errorf("60 s old, 59 allowed: %v", err)
	}
	if _, err := m.call(feed, read(math.MaxUint64)); err != nil {
		t.Errorf("any age allowed: %v", err)
	}
}

// TestNoSelectorLooksLikeARound: an update begins with a round, 0x000001xx until 2039, and must not be taken for a call.
func TestNoSelectorLooksLikeARound(t *testing.T) {
	functions := 0
	for _, name := range contracts.Names() {
		for _, signature := range functionsOf(t, name) {
			functions++
			if s := calldata.Selector(signature); s[0] == 0 && s[1] == 0 {
				t.Errorf("%s: %s has the selector %x", name, signature, s)
			}
		}
	}
	if functions < 30 {
		t.Errorf("only %d functions were looked at", functions)
	}
	word := calldata.FeedWord(dodona.Report{Round: now})
	if !bytes.HasPrefix(word[:], []byte{0, 0, 1}) {
		t.Errorf("a round of today begins with %x", word[:4])
	}
}

func TestConstructorsRefuseBadKeys(t *testing.T) {
	m := newMachine(t, osaka(), blockTime)
	schnorr := schnorrSpeaker(1)
	for name, change := range map[string]func(args []byte){
		"Px = 0":         func(b []byte) { clear(b[64:96]) },
		"Px = Q":         func(b []byte) { order.FillBytes(b[64:96]) },
		"Px above Q":     func(b []byte) { copy(b[64:96], bytes.Repeat([]byte{255}, 32)) },
		"Px of no point": func(b []byte) { clear(b[64:96]); b[95] = 5 },
		"parity 2":       func(b []byte) { b[127] = 2 },
	} {
		for _, contract := range []string{contracts.Feed, contracts.Anchor} {
			args := schnorr.args(calldata.PeriodSubject(1000))
			change(args)
			if _, err := m.tryDeploy(contract, args); err != revert("BadKey()") {
				t.Errorf("%s: %s: %v", contract, name, err)
			}
		}
	}
	a, b, c := dodona.Address{1}, dodona.Address{2}, dodona.Address{3}
	for name, q := range map[string]dodona.Quorum{
		"nobody":            {K: 0},
		"k = 0":             {K: 0, Members: []dodona.Address{a}},
		"k above n":         {K: 2, Members: []dodona.Address{a}},
		"k too small":       {K: 1, Members: []dodona.Address{a, b, c}},
		"the zero address":  {K: 2, Members: []dodona.Address{{}, a, b}},
		"unordered members": {K: 2, Members: []dodona.Address{b, a, c}},
		"one member twice":  {K: 2, Members: []dodona.Address{a, a, c}},
	} {
		for _, contract := range []string{contracts.FeedECDSA, contracts.AnchorECDSA} {
			if _, err := m.tryDeploy(contract, calldata.NewECDSA(dodona.Digest{}, calldata.PeriodSubject(1000), q)); err != revert("BadKey()") {
				t.Errorf("%s: %s: %v", contract, name, err)
			}
		}
		q.Scheme = "ecdsa"
		if _, err := m.tryDeploy(contracts.Hub, calldata.NewHub(dodona.Digest{}, calldata.HubKey(q, dodona.GroupKey{}))); err != revert("BadKey()") {
			t.Errorf("hub: %s: %v", name, err)
		}
	}
}

func TestContractsSayWhoseTheyAre(t *testing.T) {
	for name, s := range speakers() {
		m := newMachine(t, osaka(), blockTime)
		quorum := s.quorum.Digest()
		if s.single != nil {
			quorum = s.group().Digest()
		}
		network := s.network.ID()
		for contract, address := range map[string]common.Address{
			"feed":   s.deployFeed(t, m),
			"hub":    m.deploy(t, contracts.Hub, calldata.NewHub(network, s.hubKey())),
			"anchor": m.deploy(t, s.anchorContract(), s.args(calldata.PeriodSubject(1000))),
		} {
			for f, want := range map[string]dodona.Digest{"network()": network, "quorum()": quorum} {
				if got, err := m.call(address, selector(f)); err != nil || !slices.Equal(got, want[:]) {
					t.Errorf("%s: %s.%s is %x, %v, want %s", name, contract, f, got, err, want)
				}
			}
		}
	}
}
