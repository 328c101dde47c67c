package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// keys returns n keys whose addresses ascend, the same ones every time.
func keys(n int) []*secp.PrivateKey {
	out := make([]*secp.PrivateKey, n)
	for i := range out {
		seed := dodona.Keccak256(fmt.Appendf(nil, "key %d of a test, worth nothing", i))
		k, err := secp.ParsePrivateKey(seed[:])
		if err != nil {
			panic(err)
		}
		out[i] = k
	}
	slices.SortFunc(out, func(a, b *secp.PrivateKey) int { return compareAddresses(a.Address(), b.Address()) })
	return out
}

var btc = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}

const round = dodona.Round(1_795_349_070_000)

// answerOf returns a valid answer of k of n for a feed, signed by the first k members.
func answerOf(k, n int, feed dodona.Feed, value dodona.Int192) dodona.Answer {
	q := dodona.Quorum{Scheme: "ecdsa", K: k}
	for _, key := range keys(n) {
		q.Members = append(q.Members, key.Address())
	}
	a := dodona.Answer{Network: dodona.Network{Name: "demo", First: q.Digest()}, Quorum: q, Feed: feed}
	a.Attestation.Report = dodona.Report{Feed: feed.ID(), Round: round, Value: value}
	a.Attestation.Observed = dodona.Keccak256([]byte("observed"))
	return signedBy(a, keys(n)[:k]...)
}

// signedBy signs the report of a anew, in the given order.
func signedBy(a dodona.Answer, signers ...*secp.PrivateKey) dodona.Answer {
	a.Attestation.Signatures = []dodona.Signature{}
	for _, k := range signers {
		a.Attestation.Signatures = append(a.Attestation.Signatures, k.Sign(a.Attestation.Report.Digest(a.Network.ID())))
	}
	return a
}

// founded makes the quorum of a the first one of its network and signs again, so that only the quorum can be wrong.
func founded(a dodona.Answer, signers ...*secp.PrivateKey) dodona.Answer {
	a.Network.First = a.Quorum.Digest()
	return signedBy(a, signers...)
}

func encode(t testing.TB, a dodona.Answer) []byte {
	t.Helper()
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestValidAnswers(t *testing.T) {
	one := keys(1)[0].Address().Short()
	enum := dodona.Feed{Name: "pump.state", Kind: dodona.Enum, Labels: []string{"off", "läuft", "故障"}}
	for _, c := range []struct {
		answer  dodona.Answer
		message string
		shown   string
	}{
		{answerOf(1, 1, btc, dodona.NewInt192(4321855000000)), `valid: signed by ` + one + `, the only member of network "demo"; no proof with it`, "43,218.55000000 USD"},
		{answerOf(1, 1, btc, dodona.NewInt192(-1)), `valid: signed by ` + one + `, the only member of network "demo"; no proof with it`, "-0.00000001 USD"},
		{answerOf(3, 4, btc, dodona.NewInt192(0)), `valid: signed by 3 of 4 members of network "demo", where 3 are enough; no proof with it`, "0.00000000 USD"},
		{answerOf(2, 2, dodona.Feed{Name: "door", Kind: dodona.Bool}, dodona.NewInt192(1)), `valid: signed by 2 of 2 members of network "demo", where 2 are enough; no proof with it`, "true"},
		{answerOf(11, 16, enum, dodona.NewInt192(2)), `valid: signed by 11 of 16 members of network "demo", where 11 are enough; no proof with it`, "故障"},
	} {
		id := c.answer.Network.ID()
		reversed := slices.Clone(c.answer.Quorum.Members)
		slices.Reverse(reversed)
		for _, want := range []Expect{{}, {NetworkID: &id}, {Members: reversed}, {NetworkID: &id, Members: reversed}} {
			v := Answer(encode(t, c.answer), want)
			if v.String() != c.message || v.Answer != c.shown || v.Reason != Valid {
				t.Errorf("got %+v\nwant %s, %s", v, c.message, c.shown)
			}
			if pinned := want.NetworkID != nil || want.Members != nil; v.Pinned != pinned {
				t.Errorf("pinned: got %v, want %v", v.Pinned, pinned)
			}
			if v.Network != "demo" || v.NetworkID != id || v.Feed != c.answer.Feed.Name || v.Round != round ||
				*v.Value != c.answer.Attestation.Report.Value || !slices.Equal(v.Signers, c.answer.Quorum.Members[:c.answer.Quorum.K]) {
				t.Errorf("facts of the verdict: %+v", v)
			}
		}
	}
}

// A lie is an answer that is wrong in one way, and the reason to find.
type lie struct {
	answer dodona.Answer
	want   Expect
	reason Reason
	words  string // part of the message
}

// lies returns one lie for every check that is not about the JSON.
func lies() map[string]lie {
	ks, four := keys(4), answerOf(3, 4, btc, dodona.NewInt192(5))
	one := answerOf(1, 1, btc, dodona.NewInt192(5))
	stranger := keys(20)[19]
	change := func(a dodona.Answer, f func(*dodona.Answer)) dodona.Answer {
		a.Quorum.Members = slices.Clone(a.Quorum.Members)
		a.Attestation.Signatures = slices.Clone(a.Attestation.Signatures)
		f(&a)
		return a
	}
	quorum := func(f func(*dodona.Quorum)) dodona.Answer {
		return founded(change(four, func(a *dodona.Answer) { f(&a.Quorum) }), ks...)
	}
	feed := func(f dodona.Feed, value int64) dodona.Answer { return answerOf(1, 1, f, dodona.NewInt192(value)) }
	other := dodona.Keccak256([]byte("another network"))
	big, _ := dodona.ParseInt192("3138550867693340381917894711603833208051177722232017256447") // 2^191 − 1
	return map[string]lie{
		"value changed":      {answer: change(four, func(a *dodona.Answer) { a.Attestation.Report.Value = dodona.NewInt192(6) }), reason: Signature, words: "not a member"},
		"round changed":      {answer: change(four, func(a *dodona.Answer) { a.Attestation.Report.Round++ }), reason: Signature, words: "not a member"},
		"signed by stranger": {answer: signedBy(one, stranger), reason: Signature, words: "the signer is " + stranger.Address().Short() + `, not a member of network "demo"`},
		"network renamed":    {answer: change(one, func(a *dodona.Answer) { a.Network.Name = "main" }), reason: Signature, words: "not a member"},
		"r is zero":          {answer: change(one, func(a *dodona.Answer) { clear(a.Attestation.Signatures[0][:32]) }), reason: Signature, words: "zero"},
		"v flipped":          {answer: change(one, func(a *dodona.Answer) { a.Attestation.Signatures[0][64] ^= 27 ^ 28 }), reason: Signature},
		"v is 0":             {answer: change(one, func(a *dodona.Answer) { a.Attestation.Signatures[0][64] = 0 }), reason: Signature, words: "neither 27 nor 28"},
		"an observation's signature": {answer: change(one, func(a *dodona.Answer) {
			o := dodona.Observation{Feed: a.Attestation.Report.Feed, Round: round, Value: a.Attestation.Report.Value}
			a.Attestation.Signatures[0] = keys(1)[0].Sign(o.Digest(a.Network.ID()))
		}), reason: Signature, words: "not a member"},

		"too few":               {answer: signedBy(four, ks[:2]...), reason: Threshold, words: "2 of 4"},
		"nobody":                {answer: signedBy(one), reason: Threshold, words: "0 of 1"},
		"unsorted":              {answer: signedBy(four, ks[1], ks[0], ks[2]), reason: Order, words: "ascending"},
		"one counted twice":     {answer: signedBy(four, ks[0], ks[0], ks[1]), reason: Order},
		"one member many times": {answer: signedBy(one, keys(1)[0], keys(1)[0]), reason: Order},

		"another feed's name":     {answer: change(one, func(a *dodona.Answer) { a.Feed.Name = "eth.usd" }), reason: Feed, words: "eth.usd"},
		"another unit":            {answer: change(one, func(a *dodona.Answer) { a.Feed.Unit = "EUR" }), reason: Feed},
		"a decimal less":          {answer: change(one, func(a *dodona.Answer) { a.Feed.Decimals = 7 }), reason: Feed},
		"another feed's report":   {answer: change(one, func(a *dodona.Answer) { a.Attestation.Report.Feed[0] ^= 1 }), reason: Feed},
		"a name with capitals":    {answer: feed(dodona.Feed{Name: "BTC", Kind: dodona.Number}, 1), reason: Feed},
		"no name":                 {answer: feed(dodona.Feed{Kind: dodona.Number}, 1), reason: Feed},
		"an endless name":         {answer: feed(dodona.Feed{Name: strings.Repeat("a", 300), Kind: dodona.Number}, 1), reason: Feed},
		"a terminal code as unit": {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Number, Unit: "\x1b[2J"}, 1), reason: Feed},
		"a hidden unit":           {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Number, Unit: "USD\u202e"}, 1), reason: Feed},
		"58 decimals":             {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Number, Decimals: 58}, 1), reason: Feed},
		"no kind":                 {answer: feed(dodona.Feed{Name: "a"}, 1), reason: Feed, words: "kind"},
		"free text":               {answer: feed(dodona.Feed{Name: "a", Kind: "text"}, 1), reason: Feed, words: "kind"},
		"a bool with decimals":    {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Bool, Decimals: 1}, 1), reason: Feed},
		"a number with labels":    {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Number, Labels: []string{"x"}}, 1), reason: Feed},
		"an enum without labels":  {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Enum}, 0), reason: Feed},
		"an enum with decimals":   {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Enum, Decimals: 1, Labels: []string{"x"}}, 0), reason: Feed},
		"a label twice":           {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{"x", "x"}}, 0), reason: Feed, words: "distinct"},
		"an empty label":          {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{""}}, 0), reason: Feed},

		"a bool of 2":          {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Bool}, 2), reason: Value, words: "want 0 to 1"},
		"a bool of -1":         {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Bool}, -1), reason: Value},
		"a label that is none": {answer: feed(dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{"x"}}, 1), reason: Value, words: "want 0 to 0"},
		"a huge label":         {answer: answerOf(1, 1, dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{"x"}}, big), reason: Value},
		"round 0":              {answer: signedBy(change(one, func(a *dodona.Answer) { a.Attestation.Report.Round = 0 }), keys(1)...), reason: Value, words: "round 0"},

		"k = 2 of 4":          {answer: quorum(func(q *dodona.Quorum) { q.K = 2 }), reason: Quorum, words: "k must be 3 to 4"},
		"k = 5 of 4":          {answer: quorum(func(q *dodona.Quorum) { q.K = 5 }), reason: Quorum},
		"k = 0":               {answer: quorum(func(q *dodona.Quorum) { q.K = 0 }), reason: Quorum},
		"k negative":          {answer: quorum(func(q *dodona.Quorum) { q.K = -1 }), reason: Quorum},
		"members unsorted":    {answer: quorum(func(q *dodona.Quorum) { slices.Reverse(q.Members) }), reason: Quorum, words: "ascending"},
		"a member twice":      {answer: quorum(func(q *dodona.Quorum) { q.Members[1] = q.Members[0] }), reason: Quorum},
		"nobody's address":    {answer: quorum(func(q *dodona.Quorum) { q.Members[0] = dodona.Address{} }), reason: Quorum},
		"no members":          {answer: quorum(func(q *dodona.Quorum) { q.Members = []dodona.Address{} }), reason: Quorum},
		"another scheme":      {answer: quorum(func(q *dodona.Quorum) { q.Scheme = "frost" }), reason: Quorum, words: "frost"},
		"a quorum of its own": {answer: signedBy(change(one, func(a *dodona.Answer) { a.Quorum.Members[0] = stranger.Address() }), stranger), reason: Quorum, words: "no rotation"},

		"another network":              {answer: one, want: Expect{NetworkID: &other}, reason: Network, words: other.Short()},
		"a namesake":                   {answer: founded(change(one, func(a *dodona.Answer) { a.Quorum.Members[0] = stranger.Address() }), stranger), want: Expect{NetworkID: networkID(one)}, reason: Network},
		"a namesake's members":         {answer: founded(change(one, func(a *dodona.Answer) { a.Quorum.Members[0] = stranger.Address() }), stranger), want: Expect{Members: one.Quorum.Members}, reason: Member},
		"one member less than asked":   {answer: answerOf(2, 3, btc, dodona.NewInt192(5)), want: Expect{Members: four.Quorum.Members}, reason: Member},
		"a network without a name":     {answer: signedBy(change(one, func(a *dodona.Answer) { a.Network.Name = "" }), keys(1)...), reason: Network},
		"a network of terminal codes":  {answer: signedBy(change(one, func(a *dodona.Answer) { a.Network.Name = "\x1b]0;x\a" }), keys(1)...), reason: Network},
		"a network of an endless name": {answer: signedBy(change(one, func(a *dodona.Answer) { a.Network.Name = strings.Repeat("x", 256) }), keys(1)...), reason: Network},
	}
}

func networkID(a dodona.Answer) *dodona.Digest {
	id := a.Network.ID()
	return &id
}

func TestLiesAreFoundWithTheirReason(t *testing.T) {
	found := map[Reason]bool{Valid: true, Malformed: true}
	for name, l := range lies() {
		v := Answer(encode(t, l.answer), l.want)
		if v.Reason != l.reason || !strings.Contains(v.Message, l.words) || !strings.HasPrefix(v.String(), "INVALID "+string(l.reason)+": ") {
			t.Errorf("%s: got %s, want %s with %q", name, v, l.reason, l.words)
		}
		if !reflect.DeepEqual(v, Verdict{Reason: v.Reason, Message: v.Message}) {
			t.Errorf("%s: the verdict repeats the lie: %+v", name, v)
		}
		found[v.Reason] = true
	}
	for _, l := range evidenceLies() {
		found[l.reason] = true
	}
	for _, r := range Reasons() {
		if !found[r] {
			t.Errorf("no lie gives the reason %s", r)
		}
	}
}

// malformed returns texts that are not the one form of an answer.
func malformed(valid string) map[string]string {
	swap := func(old, replacement string) string {
		if !strings.Contains(valid, old) {
			panic(old + " is not in " + valid)
		}
		return strings.Replace(valid, old, replacement, 1)
	}
	return map[string]string{
		"nothing":                    "",
		"blanks":                     "  \n",
		"null":                       "null",
		"a number":                   "7",
		"an array":                   "[" + valid + "]",
		"two answers":                valid + valid,
		"something behind":           valid + " x",
		"cut short":                  valid[:len(valid)-1],
		"cut shorter":                valid[:len(valid)/2],
		"a byte order mark":          "\ufeff" + valid,
		"an unknown field":           swap(`{"network"`, `{"extra":1,"network"`),
		"an unknown field inside":    swap(`"k":`, `"extra":[[]],"k":`),
		"a field twice":              swap(`"network":{"name":"demo",`, `"network":{"name":"demo","name":"demo",`),
		"an object twice":            swap(`{"network"`, `{"feed":{"name":"btc.usd","kind":"number","unit":"USD","decimals":8},"network"`),
		"a field twice by escape":    swap(`"network":{"name":"demo",`, `"network":{"name":"demo","na\u006de":"demo",`),
		"a field in capitals":        swap(`"network"`, `"Network"`),
		"a field in Unicode folding": swap(`"k":`, "\"\u212a\":"),
		"a field missing":            swap(`"name":"demo",`, ``),
		"observed missing":           swap(`"observed"`, `"labels"`),
		"null for an object":         swap(`{"name":"demo",`, `null,"x":{"name":"demo",`),
		"null for a text":            swap(`"demo"`, `null`),
		"null for signatures":        swap(`"signatures":[`, `"signatures":null,"x":[`),
		"a number for a text":        swap(`"demo"`, `1`),
		"a text for a number":        swap(`"decimals":8`, `"decimals":"8"`),
		"a value as number":          swap(`"value":"5"`, `"value":5`),
		"a value with zeros":         swap(`"value":"5"`, `"value":"05"`),
		"a value with a plus":        swap(`"value":"5"`, `"value":"+5"`),
		"a value with a point":       swap(`"value":"5"`, `"value":"5.0"`),
		"a value of 2^191":           swap(`"value":"5"`, `"value":"3138550867693340381917894711603833208051177722232017256448"`),
		"minus zero":                 swap(`"value":"5"`, `"value":"-0"`),
		"a round in exponent form":   swap(`"round":1795349070000`, `"round":1.79534907e12`),
		"a round below zero":         swap(`"round":1795349070000`, `"round":-1`),
		"a round above 2^64":         swap(`"round":1795349070000`, `"round":18446744073709551616`),
		"a fraction of k":            swap(`"k":1`, `"k":1.0`),
		"256 decimals":               swap(`"decimals":8`, `"decimals":256`),
		"hex in capitals":            swap(`"0x`, `"0X`),
		"hex too short":              swap(`"first":"0x`, `"first":"0x00`),
		"deep nesting":               swap(`"demo"`, strings.Repeat("[", 100_000)),
		"deep nesting of objects":    strings.Repeat(`{"network":`, 100_000),
		"not UTF-8":                  swap(`"demo"`, "\"d\xffmo\""),
		"more than 1 MiB":            valid + strings.Repeat(" ", MaxBytes),
		"a control character":        swap(`"demo"`, "\"de\nmo\""),
		"single quotes":              swap(`"demo"`, `'demo'`),
		"a comment":                  swap(`{"network"`, `{/*x*/"network"`),
		"a trailing comma":           valid[:len(valid)-1] + ",}",
	}
}

func TestMalformedAnswersAreRefused(t *testing.T) {
	valid := string(encode(t, answerOf(1, 1, btc, dodona.NewInt192(5))))
	for name, raw := range malformed(valid) {
		v := Answer([]byte(raw), Expect{})
		if v.Reason != Malformed || v.Valid || v.Message == "" || len(v.Message) > 300 {
			t.Errorf("%s: got %s, want malformed", name, v)
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(valid), "", "\t"); err != nil {
		t.Fatal(err)
	}
	if v := Answer(indented.Bytes(), Expect{}); !v.Valid {
		t.Errorf("indented: %s", v)
	}
}

// TestEveryFieldOfAnAnswerIsRead keeps the table of fields in step with the types of the root package.
func TestEveryFieldOfAnAnswerIsRead(t *testing.T) {
	a := answerOf(1, 1, dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{"x"}}, dodona.NewInt192(0))
	if v := Answer(encode(t, a), Expect{}); !v.Valid {
		t.Fatalf("an answer with every field: %s", v)
	}
}

// TestEveryFlippedBitIsFound flips each bit of a valid answer: the result must be refused, or say the same.
func TestEveryFlippedBitIsFound(t *testing.T) {
	a := answerOf(1, 1, btc, dodona.NewInt192(5))
	raw := encode(t, a)
	for i := range raw {
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << bit
			mustRefuse(t, a, changed)
		}
	}
}

// mustRefuse fails if raw is taken although it does not say what the valid answer a says. Observed is carried
// beside the report and not part of what is signed, so it alone may differ.
func mustRefuse(t *testing.T, a dodona.Answer, raw []byte) {
	t.Helper()
	v := Answer(raw, Expect{NetworkID: networkID(a)})
	if !slices.Contains(Reasons(), v.Reason) || v.Message == "" || (v.Reason == Valid) != v.Valid {
		t.Fatalf("no verdict for %q: %+v", raw, v)
	}
	if !v.Valid {
		return
	}
	var got dodona.Answer
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("valid, but not even JSON: %q", raw)
	}
	got.Attestation.Observed = a.Attestation.Observed
	if string(encode(t, got)) != string(encode(t, a)) {
		t.Fatalf("taken as valid:\n%q\nwhere the network signed\n%q", raw, encode(t, a))
	}
}

func FuzzAnswer(f *testing.F) {
	a := answerOf(1, 1, btc, dodona.NewInt192(5))
	valid := string(encode(f, a))
	f.Add([]byte(valid))
	for _, raw := range malformed(valid) {
		if len(raw) < 1<<14 {
			f.Add([]byte(raw))
		}
	}
	for _, l := range lies() {
		f.Add(encode(f, l.answer))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { mustRefuse(t, a, raw) })
}

// FuzzMutation changes a valid answer in one place, which reaches deeper than free bytes do.
func FuzzMutation(f *testing.F) {
	a := answerOf(3, 4, btc, dodona.NewInt192(5))
	valid := encode(f, a)
	f.Add(10, 1, []byte("x"))
	f.Add(0, len(valid), []byte("{}"))
	f.Add(len(valid)-3, 0, []byte(`,"0x00"`))
	f.Fuzz(func(t *testing.T, at, remove int, insert []byte) {
		if at < 0 || at > len(valid) || remove < 0 || remove > len(valid)-at {
			return
		}
		mustRefuse(t, a, slices.Concat(valid[:at], insert, valid[at+remove:]))
	})
}

// TestBuildsForTheBrowser compiles the package, and all it imports, for GOOS=js.
func TestBuildsForTheBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles")
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
}

func BenchmarkAnswer(b *testing.B) {
	raw := encode(b, answerOf(1, 1, btc, dodona.NewInt192(4321855000000)))
	b.ReportAllocs()
	for b.Loop() {
		if v := Answer(raw, Expect{}); !v.Valid {
			b.Fatal(v)
		}
	}
}
