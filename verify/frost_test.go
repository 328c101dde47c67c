package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

const schnorrFile = "../spec/vectors/schnorr.json"

// schnorrVectors is spec/vectors/schnorr.json.
type schnorrVectors struct {
	About   []string        `json:"about"`
	Groups  []groupVector   `json:"groups"`
	Signed  []schnorrVector `json:"signatures"`
	Answers []answerVector  `json:"answers"`
}

type (
	groupVector struct {
		Private *dodona.Digest  `json:"private"` // null: must be refused
		Key     dodona.GroupKey `json:"key"`
		Digest  dodona.Digest   `json:"quorumDigest"`
	}
	schnorrVector struct {
		Name      string           `json:"name"`
		Key       dodona.GroupKey  `json:"key"`
		Digest    dodona.Digest    `json:"digest"`
		Signature dodona.Signature `json:"signature"` // R ‖ s
		Valid     bool             `json:"valid"`
		R         dodona.Address   `json:"onChainR"` // R_e and s as a contract gets them
		S         dodona.Digest    `json:"onChainS"`
		OnChain   bool             `json:"onChainValid"`
	}
)

// frostAnswer returns an answer signed by a group of one.
func frostAnswer(t *testing.T, k *secp.PrivateKey, value int64) dodona.Answer {
	group, err := k.GroupKey()
	if err != nil {
		t.Fatal(err)
	}
	a := dodona.Answer{
		Quorum: dodona.Quorum{Scheme: "frost", Members: []dodona.Address{}, Key: &group}, Feed: btc,
		Attestation: dodona.Attestation{Report: dodona.Report{Feed: btc.ID(), Round: round, Value: dodona.NewInt192(value)}, Observed: dodona.Digest{1}},
	}
	a.Network = dodona.Network{Name: "demo", First: a.Quorum.Digest()}
	sig, err := k.SignSchnorr(a.Attestation.Report.Digest(a.Network.ID()))
	if err != nil {
		t.Fatal(err)
	}
	a.Attestation.Signatures = []dodona.Signature{sig}
	return a
}

// frostLies are answers that must be refused, with the reason.
func frostLies(t *testing.T) map[string]struct {
	answer dodona.Answer
	reason Reason
} {
	k := keys(2)
	out := map[string]struct {
		answer dodona.Answer
		reason Reason
	}{}
	put := func(name string, reason Reason, change func(a *dodona.Answer)) {
		a := frostAnswer(t, k[0], 5)
		change(&a)
		out[name] = struct {
			answer dodona.Answer
			reason Reason
		}{a, reason}
	}
	put("another value", Signature, func(a *dodona.Answer) { a.Attestation.Report.Value = dodona.NewInt192(6) })
	put("another s", Signature, func(a *dodona.Answer) { a.Attestation.Signatures[0][64] ^= 1 })
	put("another R", Signature, func(a *dodona.Answer) { a.Attestation.Signatures[0][0] ^= 1 })
	put("s = 0", Signature, func(a *dodona.Answer) { clear(a.Attestation.Signatures[0][33:]) })
	put("R is no point", Signature, func(a *dodona.Answer) { clear(a.Attestation.Signatures[0][1:33]) })
	put("no signature", Threshold, func(a *dodona.Answer) { a.Attestation.Signatures = []dodona.Signature{} })
	put("the signature twice", Order, func(a *dodona.Answer) {
		a.Attestation.Signatures = append(a.Attestation.Signatures, a.Attestation.Signatures[0])
	})
	put("an ECDSA signature by the same key", Signature, func(a *dodona.Answer) {
		a.Attestation.Signatures[0] = k[0].Sign(a.Attestation.Report.Digest(a.Network.ID()))
	})
	put("members, which nothing binds", Quorum, func(a *dodona.Answer) { a.Quorum.Members = []dodona.Address{k[0].Address()} })
	put("k, which nothing binds", Quorum, func(a *dodona.Answer) { a.Quorum.K = 1 })
	put("no key", Quorum, func(a *dodona.Answer) { a.Quorum.Key = nil })
	put("another key", Quorum, func(a *dodona.Answer) { g, _ := k[1].GroupKey(); a.Quorum.Key = &g })
	put("the key of the other parity", Quorum, func(a *dodona.Answer) { g := *a.Quorum.Key; g[0] ^= 1; a.Quorum.Key = &g })
	put("a key that is no point", Quorum, func(a *dodona.Answer) {
		a.Quorum.Key = &dodona.GroupKey{0: 2, 32: 5}
		a.Network.First = a.Quorum.Digest()
	})
	put("scheme ecdsa with a key", Quorum, func(a *dodona.Answer) { a.Quorum.Scheme = "ecdsa" })
	return out
}

func buildSchnorr(t *testing.T) schnorrVectors {
	v := schnorrVectors{About: []string{
		"The vectors of spec/report.md for the scheme frost. The private keys are worth nothing; each is a group of one.",
		"signatures: valid is the verdict on R || s, onChainValid that of a contract on R_e || s.",
		"groups: a key whose private is null must be refused.",
	}}
	ks := keys(4)
	for _, k := range ks {
		g, err := k.GroupKey()
		if err != nil {
			t.Fatal(err)
		}
		private := dodona.Digest(k.Bytes())
		v.Groups = append(v.Groups, groupVector{&private, g, g.Digest()})
	}
	for _, g := range []dodona.GroupKey{{}, {0: 2}, {0: 2, 32: 5}, {0: 4, 32: 1}, dodona.GroupKey(append([]byte{2}, bytes.Repeat([]byte{255}, 32)...))} {
		v.Groups = append(v.Groups, groupVector{nil, g, g.Digest()})
	}
	add := func(name string, key dodona.GroupKey, digest dodona.Digest, sig dodona.Signature, r dodona.Address, s dodona.Digest) {
		v.Signed = append(v.Signed, schnorrVector{
			name, key, digest, sig, secp.VerifySchnorr(key, digest, sig) == nil, r, s, secp.VerifyOnChain(key, digest, r, s) == nil,
		})
	}
	for i, k := range ks {
		g := v.Groups[i].Key
		digest := dodona.Keccak256([]byte{byte(i)})
		sig, err := k.SignSchnorr(digest)
		if err != nil {
			t.Fatal(err)
		}
		r, s, err := secp.OnChain(sig)
		if err != nil {
			t.Fatal(err)
		}
		add("good", g, digest, sig, r, s)
		change := func(name string, f func(sig, r, s []byte)) {
			sig, r, s := sig, r, s
			f(sig[:], r[:], s[:])
			add(name, g, digest, sig, r, s)
		}
		order := []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41")
		change("s is 0", func(sig, _, s []byte) { clear(sig[33:]); clear(s) })
		change("s is the group order", func(sig, _, s []byte) { copy(sig[33:], order); copy(s, order) })
		change("s is all ones", func(sig, _, s []byte) {
			copy(sig[33:], bytes.Repeat([]byte{255}, 32))
			copy(s, bytes.Repeat([]byte{255}, 32))
		})
		change("another s", func(sig, _, s []byte) { sig[64] ^= 1; s[31] ^= 1 })
		change("R is mirrored, R_e is zero", func(sig, r, _ []byte) { sig[0] ^= 1; clear(r) })
		change("R is another, R_e too", func(sig, r, _ []byte) { sig[32] ^= 1; r[19] ^= 1 })
		add("another digest", g, dodona.Digest{}, sig, r, s)
		add("another key", v.Groups[(i+1)%4].Key, digest, sig, r, s)
		mirrored := g
		mirrored[0] ^= 1
		add("the key of the other parity", mirrored, digest, sig, r, s)
	}
	v.Answers = append(v.Answers, answerVector{Name: "valid", Raw: string(encode(t, frostAnswer(t, ks[0], 4321855000000))), Reason: Valid})
	lies := frostLies(t)
	for _, name := range slices.Sorted(maps.Keys(lies)) {
		v.Answers = append(v.Answers, answerVector{Name: name, Raw: string(encode(t, lies[name].answer)), Reason: lies[name].reason})
	}
	return v
}

// TestSchnorrVectors holds the file to this implementation, and this implementation to the file.
func TestSchnorrVectors(t *testing.T) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(buildSchnorr(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schnorrFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schnorrFile)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%s is not what this code computes, %v; if the change is meant, run: go generate ./verify", schnorrFile, err)
	}
	var v schnorrVectors
	if err := json.Unmarshal(got, &v); err != nil {
		t.Fatal(err)
	}
	for _, g := range v.Groups {
		if err := secp.CheckGroupKey(g.Key); (err == nil) != (g.Private != nil) {
			t.Errorf("key %s: %v", g.Key, err)
		}
	}
	good := 0
	for i, c := range v.Signed {
		if want := c.Name == "good"; c.Valid != want || c.OnChain != want {
			t.Errorf("signature %d (%s): valid %v, on chain %v", i, c.Name, c.Valid, c.OnChain)
		}
		if c.Valid {
			good++
		}
	}
	if good != 4 {
		t.Errorf("%d good signatures", good)
	}
	for _, c := range v.Answers {
		if verdict := Answer([]byte(c.Raw), Expect{}); verdict.Reason != c.Reason {
			t.Errorf("answer %q: got %s, want %s", c.Name, verdict, c.Reason)
		}
	}
	a := frostAnswer(t, keys(1)[0], 5)
	if v := Attestation(a, Expect{Members: []dodona.Address{{1}}}); v.Reason != Member {
		t.Errorf("members were expected, which frost does not tell: %s", v)
	}
}
