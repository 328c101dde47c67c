package contracts_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
)

// functionsOf returns the signatures of a contract's functions, "latest()", out of its ABI.
func functionsOf(t *testing.T, name string) []string {
	artifact, err := contracts.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	type argument struct {
		Type       string
		Components []argument
	}
	var entries []struct {
		Type, Name string
		Inputs     []argument
	}
	if err := json.Unmarshal(artifact.ABI, &entries); err != nil {
		t.Fatal(err)
	}
	var write func(list []argument) string
	write = func(list []argument) string {
		types := []string{}
		for _, a := range list {
			if rest, tuple := strings.CutPrefix(a.Type, "tuple"); tuple {
				a.Type = write(a.Components) + rest
			}
			types = append(types, a.Type)
		}
		return "(" + strings.Join(types, ",") + ")"
	}
	out := []string{}
	for _, e := range entries {
		if e.Type == "function" {
			out = append(out, e.Name+write(e.Inputs))
		}
	}
	return out
}

func TestHubStoresBatchesAndRefusesAttacksOnAChain(t *testing.T) {
	for name, s := range speakers() {
		c := newChain(t, osaka())
		network := s.network.ID()
		hub := c.deploy(t, contracts.Hub, calldata.NewHub(network, s.hubKey()))
		ids := feedIDs(10)
		c.mustSend(t, hub, calldata.OpenPage(ids...))     // page 0, 3 words
		c.mustSend(t, hub, calldata.OpenPage(ids[1:]...)) // page 1, 3 words, another layout
		c.mustSend(t, hub, calldata.OpenPage(ids[0]))     // page 2, 1 word
		page, second := calldata.Page(3), calldata.Page(1<<8|3)
		batch := func(round dodona.Round, values ...int64) calldata.HubBatch {
			return calldata.HubBatch{Layout: calldata.LayoutOf(ids...), Round: round, Values: values}
		}
		values := []int64{1, -2, math.MaxInt64, math.MinInt64 + 1, 5, calldata.NoAnswer, 7, 8, 9, -10}
		stored := c.time(t) - 1000
		c.mustSend(t, hub, s.batch(batch(stored, values...), page))
		at := c.time(t)
		for place, want := range values {
			ret, err := c.try(hub, append(append(selector("latest(uint32,uint256)"), uintWord(uint64(page))...), uintWord(uint64(place))...))
			word := dodona.NewInt192(want).Word()
			if want == calldata.NoAnswer {
				if err != revert("NoAnswer()") {
					t.Errorf("%s: place %d without an answer: %x, %v", name, place, ret, err)
				}
			} else if err != nil || !bytes.Equal(ret, append(uintWord(uint64(stored)), word[:]...)) {
				t.Errorf("%s: place %d: %x, %v, want %d", name, place, ret, err, want)
			}
		}
		for place, want := range map[uint64]string{10: "NoAnswer()", 11: "NoPlace()", math.MaxUint64: "NoPlace()"} {
			if ret, err := c.try(hub, append(append(selector("latest(uint32,uint256)"), uintWord(uint64(page))...), uintWord(place)...)); err != revert(want) {
				t.Errorf("%s: place %d: %x, %v, want %s", name, place, ret, err, want)
			}
		}
		// A number whose low byte is 0 is that of no page, whoever asks for whatever place.
		for _, number := range []uint64{0, uint64(page) &^ 0xff, 7 << 8, math.MaxUint32 &^ 0xff} {
			for _, place := range []uint64{0, 10, math.MaxUint64} {
				for name, rest := range map[string][]byte{"latest(uint32,uint256)": nil, "read(uint32,uint256,uint64)": uintWord(3600)} {
					call := append(append(append(selector(name), uintWord(number)...), uintWord(place)...), rest...)
					if ret, err := c.try(hub, call); err != revert("NoPlace()") {
						t.Errorf("%s of page %#x, place %d: %x, %v, want NoPlace()", name, number, place, ret, err)
					}
				}
			}
		}
		good := s.batch(batch(at, values...), page)
		if _, err := c.try(hub, good); err != nil {
			t.Errorf("%s: the good batch is refused: %v", name, err)
		}
		proof := len(s.prove(dodona.Digest{}).Bytes())
		moved := func(to calldata.Page) []byte {
			return changed(good, func(b []byte) []byte { copy(b[96:100], uintWord(uint64(to))[28:]); return b })
		}
		elsewhere := s
		elsewhere.network.Name = "another"
		for how, a := range map[string]attack{
			"replay":                     {s.batch(batch(stored, values...), page), "OldRound(uint64)"},
			"an older round":             {s.batch(batch(stored-1, values...), page), "OldRound(uint64)"},
			"a round far ahead":          {s.batch(batch(at+3600_000, values...), page), "FutureRound(uint64)"},
			"another network":            {elsewhere.batch(batch(at, values...), page), "BadProof()"},
			"the page of another layout": {moved(second), "BadProof()"},
			"a page of fewer words":      {moved(2<<8 | 1), "BadEncoding()"},
			"a page nobody opened":       {moved(7<<8 | 3), "NoPlace()"},
			"a page of no words":         {moved(0), "BadEncoding()"},
			"a wrong count of words":     {moved(4), "BadEncoding()"},
			"another value":              {changed(good, func(b []byte) []byte { b[40]++; return b }), "BadProof()"},
			"another round":              {changed(good, func(b []byte) []byte { b[7]--; return b }), "BadProof()"},
			"words in another order":     {changed(good, func(b []byte) []byte { w := bytes.Clone(b[32:64]); copy(b[32:], b[64:96]); copy(b[64:], w); return b }), "BadProof()"},
			"cut":                        {good[:len(good)-1], ""},
			"padded":                     {append(bytes.Clone(good), 0), ""},
			"without a proof":            {good[:len(good)-proof], ""},
			"nothing":                    {nil, ""},
		} {
			if ret, err := c.try(hub, a.data); err == nil || (a.want != "" && err.Error() != a.want) {
				t.Errorf("%s: %s: got %x, %v, want %s", name, how, ret, err, a.want)
			}
		}
		read := func(maxAge uint64) []byte {
			return append(append(append(selector("read(uint32,uint256,uint64)"), uintWord(uint64(page))...), uintWord(0)...), uintWord(maxAge)...)
		}
		if ret, err := c.try(hub, read(3600)); err != nil || !bytes.Equal(ret, uintWord(1)) {
			t.Errorf("%s: read: %x, %v", name, ret, err)
		}
		if _, err := c.try(hub, read(0)); err != revert("StaleRound(uint64)") {
			t.Errorf("%s: read with maxAge 0: %v", name, err)
		}
	}
}

func TestHubHandsOverToTheSuccessorItsQuorumSigned(t *testing.T) {
	for _, pair := range [][2]speaker{
		{ecdsaSpeaker(3, 4), schnorrSpeaker(7)}, {schnorrSpeaker(7), ecdsaSpeaker(5, 7)}, {ecdsaSpeaker(1, 1), ecdsaSpeaker(3, 4)},
	} {
		old, next := pair[0], pair[1]
		next.network = old.network // constant for life
		network := old.network.ID()
		m := newMachine(t, osaka(), blockTime)
		hub := m.deploy(t, contracts.Hub, calldata.NewHub(network, old.hubKey()))
		m.mustSend(t, hub, calldata.OpenPage(feedID))
		quorum := next.quorum
		if next.single != nil {
			quorum = dodona.Quorum{Scheme: "frost", Key: new(dodona.GroupKey)}
			*quorum.Key = next.group()
		}
		rotation := dodona.Rotation{Epoch: 1, Next: quorum, FromRound: now}
		rotate := func(r dodona.Rotation, by speaker) []byte {
			return calldata.Rotate(r.Epoch, r.Next.MembersDigest(), r.FromRound, next.hubKey(), by.prove(r.Digest(network)))
		}
		second := rotation
		second.Epoch = 2
		for how, a := range map[string]attack{
			"signed by the successor": {rotate(rotation, next), "BadProof()"},
			"an epoch too high":       {rotate(second, old), "BadEpoch(uint64)"},
			"epoch 0":                 {rotate(dodona.Rotation{Next: quorum, FromRound: now}, old), "BadEpoch(uint64)"},
			"another round":           {changed(rotate(rotation, old), func(b []byte) []byte { b[4+95]++; return b }), "BadProof()"},
			"other members":           {changed(rotate(rotation, old), func(b []byte) []byte { b[4+33]++; return b }), "BadProof()"},
			"activate before rotate":  {selector("activate()"), "NotYet(uint64)"},
		} {
			if ret, err := m.call(hub, a.data); err == nil || err.Error() != a.want {
				t.Errorf("%s: %x, %v, want %s", how, ret, err, a.want)
			}
		}
		m.mustSend(t, hub, rotate(rotation, old))
		if _, err := m.call(hub, rotate(rotation, old)); err != revert("BadEpoch(uint64)") {
			t.Errorf("rotated twice: %v", err)
		}
		send := func(by speaker) error {
			at := dodona.Round(m.config.Time * 1000)
			_, err := m.call(hub, by.batch(calldata.HubBatch{Layout: calldata.LayoutOf(feedID), Round: at, Values: []int64{1}}, 1))
			return err
		}
		const notice = 2 * 24 * 3600
		for _, wait := range []uint64{0, notice - 1} {
			m.config.Time = blockTime + wait
			if _, err := m.call(hub, selector("activate()")); err != revert("NotYet(uint64)") {
				t.Errorf("activated after %d s: %v", wait, err)
			}
			if err := send(old); err != nil {
				t.Errorf("the old quorum is refused during the notice: %v", err)
			}
			if err := send(next); err == nil {
				t.Error("the successor speaks during the notice")
			}
		}
		m.config.Time = blockTime + notice
		m.mustSend(t, hub, selector("activate()"))
		if err := send(next); err != nil {
			t.Errorf("the successor is refused: %v", err)
		}
		if err := send(old); err == nil {
			t.Error("the old quorum still speaks")
		}
		digest := quorum.Digest()
		if got, err := m.call(hub, selector("quorum()")); err != nil || !bytes.Equal(got, digest[:]) {
			t.Errorf("quorum() is %x, %v, want %s", got, err, digest)
		}
		if got, err := m.call(hub, selector("epoch()")); err != nil || !bytes.Equal(got, uintWord(1)) {
			t.Errorf("epoch() is %x, %v", got, err)
		}
		if _, err := m.call(hub, rotate(rotation, old)); err == nil {
			t.Error("the same rotation is taken again")
		}
	}
}

func TestAnchorsAreKeptInARingAndProved(t *testing.T) {
	for name, s := range speakers() {
		c := newChain(t, osaka())
		anchors := c.deploy(t, s.anchorContract(), s.args(calldata.PeriodSubject(gasPeriod)))
		leaves := []dodona.Leaf{}
		digests := []dodona.Digest{}
		for i := range 5 {
			leaves = append(leaves, dodona.Leaf{Kind: dodona.LeafKind(1 + i%3), Feed: feedID, Round: now + dodona.Round(i), Value: dodona.NewInt192(int64(-i)), Observed: dodona.Digest{byte(i)}})
			digests = append(digests, leaves[i].Digest())
		}
		root := dodona.Root(digests...)
		to := c.time(t) / gasPeriod * gasPeriod
		anchor := dodona.Anchor{Root: root, Previous: dodona.Digest{1}, From: to - 3*gasPeriod, To: to, Count: 5}
		good := s.post(anchor)
		elsewhere := s
		elsewhere.network.Name = "another"
		later := anchor
		later.To, later.From = to+3600_000, to
		off := changed(good, func(b []byte) []byte { b[7]++; return b })
		empty, none := anchor, anchor
		empty.Count, none.From = 0, to
		// signed writes what calldata.Anchor refuses to.
		signed := func(a dodona.Anchor, periods, count byte) []byte {
			data := bytes.Clone(good[:calldata.AnchorSize])
			data[9], data[13] = periods, count
			return append(data, s.prove(a.Digest(s.network.ID())).Bytes()...)
		}
		for how, a := range map[string]attack{
			"another root":     {changed(good, func(b []byte) []byte { b[20]++; return b }), "BadProof()"},
			"another previous": {changed(good, func(b []byte) []byte { b[50]++; return b }), "BadProof()"},
			"another from":     {changed(good, func(b []byte) []byte { b[9]++; return b }), "BadProof()"},
			"another count":    {changed(good, func(b []byte) []byte { b[13]++; return b }), "BadProof()"},
			"off the grid":     {off, "BadWindow()"},
			"no leaves":        {signed(empty, 3, 0), "BadWindow()"},
			"no length":        {signed(none, 0, 5), "BadWindow()"},
			"far ahead":        {s.post(later), "FutureRound(uint64)"},
			"another network":  {elsewhere.post(anchor), "BadProof()"},
			"cut":              {good[:len(good)-1], "BadProof()"},
			"padded":           {append(bytes.Clone(good), 0), "BadProof()"},
			"nothing":          {nil, "OldRound(uint64)"},
		} {
			if ret, err := c.try(anchors, a.data); err == nil || err.Error() != a.want {
				t.Errorf("%s: %s: %x, %v, want %s", name, how, ret, err, a.want)
			}
		}
		if again := signed(anchor, 3, 5); !bytes.Equal(again, good) {
			t.Fatalf("%s: the test writes %x, want %x", name, again, good)
		}
		receipt := c.send(t, &anchors, good)
		if receipt.Status != types.ReceiptStatusSuccessful || len(receipt.Logs) != 1 || !bytes.Equal(receipt.Logs[0].Data, root[:]) {
			t.Fatalf("%s: the post: status %d, logs %+v", name, receipt.Status, receipt.Logs)
		}
		if _, err := c.try(anchors, good); err != revert("OldRound(uint64)") {
			t.Errorf("%s: posted twice: %v", name, err)
		}
		before := anchor
		before.To, before.From = to-4096*gasPeriod, to-4097*gasPeriod
		if _, err := c.try(anchors, s.post(before)); err != revert("OldRound(uint64)") {
			t.Errorf("%s: a window of the ring's round before overwrites a later one: %v", name, err)
		}
		for i, l := range leaves {
			proof := dodona.Proof{Leaf: l, Path: pathOf(digests, i)}
			if proof.Root() != root {
				t.Fatalf("leaf %d: the test's path leads to %s, want %s", i, proof.Root(), root)
			}
			call := calldata.VerifyLeaf(to, proof)
			if ret, err := c.try(anchors, call); err != nil || !bytes.Equal(ret, uintWord(1)) {
				t.Errorf("%s: leaf %d: %x, %v", name, i, ret, err)
			}
			for at := 36; at < len(call); at += 13 {
				broken := changed(call, func(b []byte) []byte { b[at] ^= 1; return b })
				if ret, err := c.try(anchors, broken); err == nil && !bytes.Equal(ret, uintWord(0)) {
					t.Errorf("%s: leaf %d with byte %d changed: %x", name, i, at, ret)
				}
			}
			if ret, err := c.try(anchors, calldata.VerifyLeaf(to-gasPeriod, proof)); err != revert("NotAnchored()") {
				t.Errorf("%s: a window that is not there: %x, %v", name, ret, err)
			}
			if _, err := c.try(anchors, append(bytes.Clone(call), 0)); err != revert("BadEncoding()") {
				t.Errorf("%s: padded: %v", name, err)
			}
		}
	}
}

// pathOf returns the siblings of leaf i in OpenZeppelin's tree.
func pathOf(leaves []dodona.Digest, i int) (path []dodona.Digest) {
	n := len(leaves)
	sorted := append([]dodona.Digest{}, leaves...)
	for a := range sorted { // few
		for b := range a {
			if bytes.Compare(sorted[a][:], sorted[b][:]) < 0 {
				sorted[a], sorted[b] = sorted[b], sorted[a]
			}
		}
	}
	tree := make([]dodona.Digest, 2*n-1)
	at := 0
	for k, l := range sorted {
		tree[2*n-2-k] = l
		if l == leaves[i] {
			at = 2*n - 2 - k
		}
	}
	for k := n - 2; k >= 0; k-- {
		tree[k] = dodona.Root(tree[2*k+1], tree[2*k+2])
	}
	for ; at > 0; at = (at - 1) / 2 {
		path = append(path, tree[at-1+2*(at%2)])
	}
	return path
}

func TestAdapterIsAnAggregator(t *testing.T) {
	s := schnorrSpeaker(1)
	m := newMachine(t, osaka(), blockTime)
	feed := s.deployFeed(t, m)
	adapter := m.deploy(t, contracts.Adapter, calldata.NewAdapter(dodona.Address(feed), feedWords))
	const noData = "08c379a0" // Error(string)
	round := func(r uint64) []byte { return append(selector("getRoundData(uint80)"), uintWord(r)...) }
	older := func(name string, r uint64) []byte { return append(selector(name), uintWord(r)...) } // of AggregatorInterface
	for _, call := range [][]byte{
		selector("latestRoundData()"), round(0), round(uint64(now)),
		selector("latestAnswer()"), selector("latestTimestamp()"), selector("latestRound()"), older("getAnswer(uint256)", 0), older("getTimestamp(uint256)", 0),
	} {
		if _, err := m.call(adapter, call); err == nil || !strings.HasPrefix(err.Error(), noData) || !strings.Contains(err.Error(), hexOf("No data present")) {
			t.Errorf("before the first update: %v", err)
		}
	}
	at := now + 9_999 // ahead of the block, within what is allowed
	m.mustSend(t, feed, s.update(at, dodona.NewInt192(-5)))
	minus := dodona.NewInt192(-5).Word()
	want := bytes.Join([][]byte{uintWord(uint64(at)), minus[:], uintWord(blockTime), uintWord(blockTime), uintWord(uint64(at))}, nil)
	for _, call := range [][]byte{selector("latestRoundData()"), round(uint64(at))} {
		if got, err := m.call(adapter, call); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %x, %v, want %x", got, err, want)
		}
	}
	for _, c := range []struct {
		call []byte
		want []byte
	}{
		{selector("latestAnswer()"), minus[:]},
		{selector("latestTimestamp()"), uintWord(blockTime)},
		{selector("latestRound()"), uintWord(uint64(at))},
		{older("getAnswer(uint256)", uint64(at)), minus[:]},
		{older("getTimestamp(uint256)", uint64(at)), uintWord(blockTime)},
	} {
		if got, err := m.call(adapter, c.call); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%x: got %x, %v, want %x", c.call, got, err, c.want)
		}
	}
	wide := older("getAnswer(uint256)", uint64(at))
	wide[4] = 1 // a round of more than 64 bits
	for _, call := range [][]byte{older("getAnswer(uint256)", uint64(at)-1), older("getTimestamp(uint256)", uint64(at)+1), wide} {
		if _, err := m.call(adapter, call); err == nil || !strings.HasPrefix(err.Error(), noData) {
			t.Errorf("%x, a round that is not stored: %v", call, err)
		}
	}
	if _, err := m.call(adapter, round(uint64(at)-1)); err == nil || !strings.HasPrefix(err.Error(), noData) {
		t.Errorf("a round that is not stored: %v", err)
	}
	if got, err := m.call(adapter, selector("decimals()")); err != nil || !bytes.Equal(got, uintWord(18)) {
		t.Errorf("decimals() is %x, %v", got, err)
	}
	if got, err := m.call(adapter, selector("description()")); err != nil || !bytes.Contains(got, []byte("btc.usd")) {
		t.Errorf("description() is %x, %v", got, err)
	}
	if got, err := m.call(adapter, selector("version()")); err != nil || !bytes.Equal(got, uintWord(1)) {
		t.Errorf("version() is %x, %v", got, err)
	}
	other := feedWords
	other.Decimals = 8
	if _, err := m.tryDeploy(contracts.Adapter, calldata.NewAdapter(dodona.Address(feed), other)); err == nil {
		t.Error("an adapter with other decimals than the feed's is deployed")
	}
	// A consumer that knows AggregatorV3Interface alone.
	consumer := m.create(t, consumerCode(t), append(make([]byte, 12), adapter[:]...))
	if got, err := m.call(consumer, selector("price()")); err != nil || !bytes.Equal(got, minus[:]) {
		t.Errorf("the consumer sees %x, %v", got, err)
	}
	m.config.Time += 3610
	if _, err := m.call(consumer, selector("price()")); err == nil {
		t.Error("the consumer takes an answer older than its hour")
	}
}

func consumerCode(t *testing.T) []byte {
	raw, err := os.ReadFile("artifacts/testdata/Consumer.json")
	if err != nil {
		t.Fatal(err)
	}
	var artifact struct{ Bytecode string }
	if err := json.Unmarshal(raw, &artifact); err != nil {
		t.Fatal(err)
	}
	return common.FromHex(artifact.Bytecode)
}

func hexOf(s string) string {
	var b strings.Builder
	for i := range len(s) {
		const digits = "0123456789abcdef"
		b.WriteByte(digits[s[i]>>4])
		b.WriteByte(digits[s[i]&15])
	}
	return b.String()
}
