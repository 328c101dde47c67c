package verify

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

//go:generate go test -run ^Test(Schnorr)?Vectors -update .

var update = flag.Bool("update", false, "write spec/vectors/report.json anew")

const vectorsFile = "../spec/vectors/report.json"

// vectors is spec/vectors/report.json: every digest of spec/report.md with its input, and answers with their verdict.
type vectors struct {
	About        []string            `json:"about"`
	Keys         []keyVector         `json:"keys"`
	Feeds        []feedVector        `json:"feeds"`
	Quorums      []quorumVector      `json:"quorums"`
	Networks     []networkVector     `json:"networks"`
	Readings     []readingVector     `json:"readings"`
	Roots        []rootVector        `json:"roots"`
	Observations []observationVector `json:"observations"`
	Observed     []observedVector    `json:"observed"`
	Reports      []reportVector      `json:"reports"`
	Recover      []recoverVector     `json:"recover"`
	Answers      []answerVector      `json:"answers"`
}

type (
	keyVector struct {
		Private dodona.Digest  `json:"private"`
		Address dodona.Address `json:"address"`
	}
	feedVector struct {
		Feed dodona.Feed   `json:"feed"`
		ID   dodona.FeedID `json:"id"`
	}
	quorumVector struct {
		Quorum dodona.Quorum `json:"quorum"`
		Digest dodona.Digest `json:"digest"`
	}
	networkVector struct {
		Network dodona.Network `json:"network"`
		ID      dodona.Digest  `json:"id"`
	}
	readingVector struct {
		Reading dodona.Reading `json:"reading"`
		Salt    dodona.Digest  `json:"salt"`
		Digest  dodona.Digest  `json:"digest"`
		Leaf    dodona.Digest  `json:"leaf"`
	}
	rootVector struct {
		Leaves []dodona.Digest `json:"leaves"`
		Root   dodona.Digest   `json:"root"`
	}
	observationVector struct {
		Network     dodona.Digest      `json:"network"`
		Observation dodona.Observation `json:"observation"`
		Program     dodona.Digest      `json:"program"`
		Origin      dodona.Digest      `json:"origin"`
		Digest      dodona.Digest      `json:"digest"`
	}
	observedVector struct {
		Network      dodona.Digest `json:"network"`
		Observations []int         `json:"observations"` // indices into observations
		Observed     dodona.Digest `json:"observed"`
	}
	reportVector struct {
		Network   dodona.Digest    `json:"network"`
		Report    dodona.Report    `json:"report"`
		Digest    dodona.Digest    `json:"digest"`
		Signer    dodona.Address   `json:"signer"`
		Signature dodona.Signature `json:"signature"`
	}
	recoverVector struct {
		Name      string           `json:"name"`
		Digest    dodona.Digest    `json:"digest"`
		Signature dodona.Signature `json:"signature"`
		Signer    *dodona.Address  `json:"signer"` // null: must be refused
	}
	answerVector struct {
		Name      string           `json:"name"`
		Raw       string           `json:"raw"`
		NetworkID *dodona.Digest   `json:"expectNetworkId,omitempty"`
		Members   []dodona.Address `json:"expectMembers,omitempty"`
		Reason    Reason           `json:"reason"`
	}
)

func build(t *testing.T) vectors {
	v := vectors{About: []string{
		"The vectors of spec/report.md. The private keys are worth nothing.",
		"answers: verify raw, expecting what expectNetworkId and expectMembers say, and compare the reason.",
		"recover: a signature whose signer is null must be refused.",
	}}
	ks := keys(4)
	for _, k := range ks {
		v.Keys = append(v.Keys, keyVector{dodona.Digest(k.Bytes()), k.Address()})
	}
	for _, f := range []dodona.Feed{
		btc,
		{Name: "boiler-3.temperature", Kind: dodona.Number, Unit: "Cel", Decimals: 2},
		{Name: "a", Kind: dodona.Number},
		{Name: "water", Kind: dodona.Number, Unit: "m³/h of thirty-three bytes, more", Decimals: 57},
		{Name: "door", Kind: dodona.Bool},
		{Name: "pump.state", Kind: dodona.Enum, Labels: []string{"off", "läuft", "故障"}},
	} {
		v.Feeds = append(v.Feeds, feedVector{f, f.ID()})
	}
	for _, kn := range [][2]int{{1, 1}, {2, 2}, {2, 3}, {3, 4}} {
		a := answerOf(kn[0], kn[1], btc, dodona.NewInt192(0))
		v.Quorums = append(v.Quorums, quorumVector{a.Quorum, a.Quorum.Digest()})
		v.Networks = append(v.Networks, networkVector{a.Network, a.Network.ID()})
	}
	addReadings(&v)
	addSigned(t, &v, ks)
	addAnswers(t, &v)
	return v
}

func addReadings(v *vectors) {
	at := time.UnixMilli(int64(round)).UTC()
	leaves := []dodona.Digest{}
	for i, r := range []dodona.Reading{
		{Source: "kraken", Body: []byte(`{"c":"43218.10"}`), ContentType: "application/json", SourceTime: at, Received: at.Add(38 * time.Millisecond)},
		{Source: "boiler", Item: "3/holding/100", Body: []byte{0x00, 0xd7}, Received: at, Quality: dodona.Uncertain},
		{Source: "boiler", Item: "3/holding/100", Body: []byte{}, SourceTime: time.UnixMilli(0).UTC(), Received: at, Quality: dodona.Bad},
		{Source: "meter", Body: []byte("1"), SourceTime: time.UnixMilli(-1).UTC(), Received: at},
	} {
		salt := dodona.Keccak256([]byte{byte(i)})
		v.Readings = append(v.Readings, readingVector{r, salt, r.Digest(), r.Leaf(salt)})
		v.Roots = append(v.Roots, rootVector{slices.Clone(leaves), dodona.Root(leaves...)})
		leaves = append(leaves, r.Leaf(salt))
	}
	v.Roots = append(v.Roots, rootVector{leaves, dodona.Root(leaves...)})
}

func addSigned(t *testing.T, v *vectors, ks []*secp.PrivateKey) {
	network := v.Networks[3].ID
	for i, text := range []string{
		"0", "1", "-1", "4321855000000", "-9223372036854775809",
		"3138550867693340381917894711603833208051177722232017256447", "-3138550867693340381917894711603833208051177722232017256448",
	} {
		value, err := dodona.ParseInt192(text)
		if err != nil {
			t.Fatal(err)
		}
		k := ks[i%len(ks)]
		r := dodona.Report{Feed: v.Feeds[i%len(v.Feeds)].ID, Round: round + dodona.Round(i), Value: value}
		digest := r.Digest(network)
		v.Reports = append(v.Reports, reportVector{network, r, digest, k.Address(), k.Sign(digest)})
		o := dodona.Observation{
			Feed: r.Feed, Name: v.Feeds[i%len(v.Feeds)].Feed.Name, Round: r.Round, Value: value, Signer: k.Address(),
			Origin: dodona.Origin{
				Version: dodona.Keccak256([]byte("version")), Rules: dodona.Keccak256([]byte("{}")), ReadingsRoot: v.Roots[i%len(v.Roots)].Root,
			},
		}
		digest = o.Digest(network)
		o.Signature = k.Sign(digest)
		v.Observations = append(v.Observations, observationVector{network, o, o.Origin.Program(), o.Origin.Digest(), digest})
	}
	for _, pick := range [][]int{{}, {0}, {2, 0, 1}, {3, 2, 1, 0}} {
		list := []dodona.Observation{}
		for _, i := range pick {
			list = append(list, v.Observations[i].Observation)
		}
		v.Observed = append(v.Observed, observedVector{network, pick, dodona.Observed(network, list...)})
	}
	signer, digest, good := ks[0].Address(), v.Reports[0].Digest, v.Reports[0].Signature
	v.Recover = append(v.Recover, recoverVector{"good", digest, good, &signer})
	change := func(name string, f func(*dodona.Signature)) {
		s := good
		f(&s)
		v.Recover = append(v.Recover, recoverVector{name, digest, s, nil})
	}
	change("r is 0", func(s *dodona.Signature) { clear(s[:32]) })
	change("s is 0", func(s *dodona.Signature) { clear(s[32:64]) })
	order := []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41")
	change("r is the group order", func(s *dodona.Signature) { copy(s[:32], order) })
	change("s is the group order", func(s *dodona.Signature) { copy(s[32:64], order) })
	change("s in the upper half", func(s *dodona.Signature) {
		borrow := 0
		for i := 31; i >= 0; i-- { // order − s
			d := int(order[i]) - int(s[32+i]) - borrow
			borrow = 0
			if d < 0 {
				d, borrow = d+256, 1
			}
			s[32+i] = byte(d)
		}
		s[64] ^= 27 ^ 28
	})
	for _, wrong := range []byte{0, 1, 26, 29, 30, 255} {
		change("v is "+strconv.Itoa(int(wrong)), func(s *dodona.Signature) { s[64] = wrong })
	}
}

func addAnswers(t *testing.T, v *vectors) {
	for _, kn := range [][2]int{{1, 1}, {3, 4}, {4, 4}} {
		a := answerOf(kn[0], kn[1], btc, dodona.NewInt192(4321855000000))
		v.Answers = append(v.Answers, answerVector{
			Name: "valid", Raw: string(encode(t, a)), NetworkID: networkID(a), Members: a.Quorum.Members, Reason: Valid,
		})
	}
	all := lies()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		l := all[name]
		v.Answers = append(v.Answers, answerVector{name, string(encode(t, l.answer)), l.want.NetworkID, l.want.Members, l.reason})
	}
	broken := malformed(string(encode(t, answerOf(1, 1, btc, dodona.NewInt192(5)))))
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		if raw := broken[name]; len(raw) < 8<<10 && name != "not UTF-8" { // JSON cannot carry it
			v.Answers = append(v.Answers, answerVector{Name: name, Raw: raw, Reason: Malformed})
		}
	}
}

// TestVectors holds the file to this implementation, and this implementation to the file.
func TestVectors(t *testing.T) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(build(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what this code computes; if the change is meant, run: go generate ./verify", vectorsFile)
	}
	var v vectors
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Answers {
		if verdict := Answer([]byte(c.Raw), Expect{NetworkID: c.NetworkID, Members: c.Members}); verdict.Reason != c.Reason {
			t.Errorf("answer %q: got %s, want %s", c.Name, verdict, c.Reason)
		}
	}
	for _, c := range v.Recover {
		signer, err := secp.Recover(c.Digest, c.Signature)
		if (err == nil) != (c.Signer != nil) || (err == nil && signer != *c.Signer) {
			t.Errorf("recover %q: got %s, %v, want %v", c.Name, signer, err, c.Signer)
		}
	}
	for i, c := range v.Readings {
		if c.Reading.Digest() != c.Digest || c.Reading.Leaf(c.Salt) != c.Leaf {
			t.Errorf("reading %d has another digest after its way through JSON", i)
		}
	}
	for i, c := range v.Reports {
		if signer, err := secp.Recover(c.Report.Digest(c.Network), c.Signature); err != nil || signer != c.Signer {
			t.Errorf("report %d: signed by %s, %v, want %s", i, signer, err, c.Signer)
		}
	}
	for i, c := range v.Observations {
		if signer, err := secp.Recover(c.Observation.Digest(c.Network), c.Observation.Signature); err != nil || signer != c.Observation.Signer {
			t.Errorf("observation %d: signed by %s, %v, want %s", i, signer, err, c.Observation.Signer)
		}
	}
}
