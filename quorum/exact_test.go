package quorum_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/internal/signtest"
	"github.com/dodona-oracle/dodona/internal/telemetrytest"
	"github.com/dodona-oracle/dodona/quorum"
	"github.com/dodona-oracle/dodona/telemetry"
)

func TestWhatIsDecidedIsCounted(t *testing.T) {
	r := new(telemetrytest.Tally)
	v := validator(t, func(c *quorum.Config) { c.Recorder = r })
	means := newShaky(newFakeLedger(), 0)
	slice := []dodona.Record{observe(price, 0, 1), observe(price, 1, 1), observe(door, 0, 1), observe(door, 1, 7), {Topic: dodona.TopicObservation}}
	for range 2 {
		if _, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, slice); err != nil {
			t.Fatal(err)
		}
	}
	means.fails = means.calls + 1
	_, err := v.Attest(t.Context(), quorum.Means{Signer: means, Ledger: means}, start, []dodona.Record{observe(price, 3, 1)})
	if !errors.Is(err, errShaky) {
		t.Fatal(err)
	}
	want := map[telemetry.Counter]uint64{
		telemetry.QuorumAttested.Of("btc.usd"): 2, telemetry.QuorumAttested.Of("door"): 1,
		telemetry.QuorumRepeated.Of("btc.usd"): 2, telemetry.QuorumRepeated.Of("door"): 1,
		telemetry.QuorumRejected.Of("value"): 2, telemetry.QuorumRejected.Of("malformed"): 2,
	}
	if got := r.Counts(); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	attests := func(p telemetrytest.Passage, with error) bool {
		return p.Span == telemetry.Attest() && p.Over && errors.Is(p.Err, with)
	}
	if p := r.Passages(); len(p) != 3 || !attests(p[0], nil) || !attests(p[1], nil) || !attests(p[2], errShaky) {
		t.Errorf("passages %v", p)
	}
}

func TestCountsAddUpAndSayWhatTheyAre(t *testing.T) {
	sum := quorum.Counts{15, 4, 5, 6, 7}.Plus(quorum.Counts{10, 1, 3, 6, 9})
	if sum != (quorum.Counts{Observations: 25, Attested: 5, Repeated: 8, Rejected: 12, Ignored: 16}) {
		t.Errorf("%+v", sum)
	}
	if got, want := sum.String(), "25 observations: 5 attested, 8 repeated, 12 rejected; 16 other records"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestARejectionNamesWhatItRejects: its event has the same ID whenever the same record is rejected for the same reason, by whatever
// version; any other record has another.
func TestARejectionNamesWhatItRejects(t *testing.T) {
	rec := altered(observe(price, 0, 1), func(o *dodona.Observation) { o.Signer = stranger })
	e, out := attest(t, newValidator(t), rec)
	signer := stranger
	want := quorum.Rejection{
		Reason: quorum.ReasonMember, Message: stranger.String() + " is not a member", Topic: dodona.TopicObservation,
		Key: rec.Key, ID: rec.ID, Node: "gw-7", Digest: dodona.Keccak256(rec.Body), Size: len(rec.Body),
		Feed: "btc.usd", Round: dodona.RoundAt(start), Signer: &signer,
	}
	text, _ := json.Marshal(want)
	if got := e.Rejections(); len(got) != 1 || string(out[0].Body) != string(text) {
		t.Errorf("got %s, want %s", out[0].Body, text)
	}
	if want := "member-cb64a556a0c962462f1e30793fbb517a"; out[0].ID != want {
		t.Errorf("its event is %s, want %s", out[0].ID, want)
	}
	ids := map[string]string{out[0].ID: "the record"}
	for name, change := range map[string]func(*dodona.Record){
		"key": func(r *dodona.Record) { r.Key = "door" }, "id": func(r *dodona.Record) { r.ID = "7" }, "node": func(r *dodona.Record) { r.Node = "gw-8" },
		"body": func(r *dodona.Record) { r.Body = append(slices.Clone(r.Body), ' ') },
		"cut":  func(r *dodona.Record) { r.Key, r.ID = r.Key+r.ID[:1], r.ID[1:] },
	} {
		other := rec
		change(&other)
		_, out := attest(t, newValidator(t), other)
		if same, found := ids[out[0].ID]; found {
			t.Errorf("with another %s it is %s, as %s", name, out[0].ID, same)
		}
		ids[out[0].ID] = name
	}
}

func TestWhatARejectionRepeatsIsCut(t *testing.T) {
	k := strings.Repeat("k", 125)
	for given, want := range map[string]string{k: k, k + "k": k + "…"} { // 128 bytes at most
		rec := observe(price, 0, 1)
		rec.Key = given
		if r := rejected(t, newValidator(t), rec); r.Key != want {
			t.Errorf("a key of %d bytes has %d: %q", len(given), len(r.Key), r.Key)
		}
	}
}

func TestFeedsThatCannotBeAttestedAreRefused(t *testing.T) {
	v := newValidator(t)
	one := func(f dodona.Feed, every time.Duration) map[dodona.FeedID]quorum.Feed {
		return map[dodona.FeedID]quorum.Feed{f.ID(): {Feed: f, Every: every}}
	}
	for _, c := range []struct {
		feeds map[dodona.FeedID]quorum.Feed
		want  string // "": they are taken
	}{
		{one(dodona.Feed{Name: "a", Kind: dodona.Number}, 1), ""},
		{one(dodona.Feed{Name: "a", Kind: dodona.Bool}, 1), ""},
		{one(dodona.Feed{Name: "a", Kind: dodona.Enum, Labels: []string{"x", "y"}}, 1), ""},
		{one(dodona.Feed{Name: "a", Kind: "text"}, 1), `feed "a": kind "text": want number, bool or enum`},
		{one(dodona.Feed{Name: "a"}, 1), `feed "a": kind "": want number, bool or enum`},
		{one(dodona.Feed{Name: "a", Kind: dodona.Number}, 0), `feed "a": every 0s: want more than 0`},
		{one(dodona.Feed{Name: "a", Kind: dodona.Number}, -1), `feed "a": every -1ns: want more than 0`},
		{one(dodona.Feed{Name: "", Kind: dodona.Number}, 1), `feed "": `},
		{one(dodona.Feed{Name: strings.Repeat("a.", dodona.MaxNameParts-1) + "a", Kind: dodona.Number}, 1), ""},
		{one(dodona.Feed{Name: strings.Repeat("a.", dodona.MaxNameParts) + "a", Kind: dodona.Number}, 1), `feed "` + strings.Repeat("a.", dodona.MaxNameParts) + `a": `},
	} {
		err := v.SetFeeds(c.feeds)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.feeds, err, c.want)
		}
	}
	bad := feeds(dodona.Feed{Name: "b", Kind: "text"}, dodona.Feed{Name: "a", Kind: "text"}, dodona.Feed{Name: "c", Kind: "text"}, price)
	for range 8 {
		if err := v.SetFeeds(bad); err == nil || !strings.HasPrefix(err.Error(), `feed "a": `) {
			t.Errorf("of three wrong feeds the first by name is told: %v", err)
		}
	}
}

// TestFeedsAreTakenWholeOrNotAtAll: one wrong feed leaves the others as they were.
func TestFeedsAreTakenWholeOrNotAtAll(t *testing.T) {
	v := newValidator(t)
	gold := dodona.Feed{Name: "gold", Kind: dodona.Number}
	if err := v.SetFeeds(feeds(gold, dodona.Feed{Name: "z", Kind: "text"})); err == nil {
		t.Fatal("a feed of no kind is taken")
	}
	if e := v.Step(start, []dodona.Record{observe(price, 0, 1), observe(gold, 0, 1)}); e.Counts().Attested != 1 || e.Claims[0].Subject != price.Name {
		t.Errorf("%s, %+v", e.Counts(), e.Claims)
	}
}

// TestTheLargestAnswerThatIsReadIsTaken, and one that is a byte longer is not.
func TestTheLargestAnswerThatIsReadIsTaken(t *testing.T) {
	racetest.Spare(t)
	const most = 256 << 10
	largest := func(f dodona.Feed) int {
		least, _ := dodona.Int192FromBig(new(big.Int).Neg(new(big.Int).Exp(big.NewInt(2), big.NewInt(191), nil)))
		body, err := json.Marshal(dodona.Answer{Network: network, Quorum: group, Feed: f, Attestation: dodona.Attestation{
			Report: dodona.Report{Round: math.MaxUint64, Value: least}, Signatures: []dodona.Signature{{}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return len(body)
	}
	f := dodona.Feed{Name: "mode", Kind: dodona.Enum}
	for i := range 1024 {
		f.Labels = append(f.Labels, fmt.Sprintf("%04d%s", i, strings.Repeat("x", 240)))
	}
	for i := 0; largest(f) != most; i++ { // labels have 255 bytes at most
		f.Labels[i] = f.Labels[i][:4] + strings.Repeat("x", min(251, 240+most-largest(f)))
	}
	v := newValidator(t)
	if err := v.SetFeeds(feeds(f)); err != nil {
		t.Errorf("a feed whose largest answer has %d bytes: %v", largest(f), err)
	}
	f.Labels[len(f.Labels)-1] += "x"
	if err := v.SetFeeds(feeds(f)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("have up to %d bytes, at most %d are read", most+1, most)) {
		t.Errorf("a feed whose largest answer has %d bytes: %v", largest(f), err)
	}
}

// TestAValidatorKeepsWhatItWasGiven: what its caller changes afterwards is the caller's.
func TestAValidatorKeepsWhatItWasGiven(t *testing.T) {
	q := group
	q.Members = []dodona.Address{member}
	f := mode
	f.Labels = slices.Clone(mode.Labels)
	given := feeds(f)
	v := validator(t, func(c *quorum.Config) { c.Quorum, c.Feeds = q, given })
	q.Members[0] = stranger
	f.Labels[2] = "changed"
	clear(given)
	e, out := attest(t, v, observe(mode, 0, 2))
	if e.Counts().Attested != 1 || strings.Contains(string(out[0].Body), "changed") || strings.Contains(string(out[0].Body), stranger.String()) {
		t.Errorf("%s: %s", e.Counts(), out[0].Body)
	}
}

// TestAQuorumIsCheckedBeforeItIsCounted: what no verifier would take is told as that.
func TestAQuorumIsCheckedBeforeItIsCounted(t *testing.T) {
	for _, c := range []struct {
		k, members int
		want       string
	}{
		{2, 1, "quorum 2 of 1: k must be 1 to 1"},
		{2, 2, "quorum of 2 of 2 members: this build supports 1 of 1"},
		{1, 1, ""},
	} {
		q := dodona.Quorum{Scheme: "ecdsa", K: c.k}
		for i := range c.members {
			q.Members = append(q.Members, dodona.Address{byte(i + 1)})
		}
		_, err := quorum.New(quorum.Config{
			Network: dodona.Network{Name: "test", First: q.Digest()}, Quorum: q, Scheme: dodona.ECDSA(signtest.Recover), Feeds: feeds(price), Recover: signtest.Recover,
		})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%d of %d: %v, want %q", c.k, c.members, err, c.want)
		}
	}
}

// TestTheLatestSpoiledRoundsOfAFeedAreRemembered: a round under whose name there is something else is not claimed as long as it may
// be open.
func TestTheLatestSpoiledRoundsOfAFeedAreRemembered(t *testing.T) {
	for _, c := range []struct {
		spoiled int
		claimed bool // the first of them
	}{{64, false}, {65, true}} {
		v := newValidator(t)
		for n := range c.spoiled {
			rec := dodona.Record{Topic: dodona.TopicData, Key: price.Name, ID: observe(price, n, 1).ID, Body: []byte(`{"network":{"name":"old"}}`)}
			for range 2 { // twice takes no place
				if err := v.Restore(rec); err != nil {
					t.Fatal(err)
				}
			}
		}
		if e := v.Step(start, []dodona.Record{observe(price, 0, 1)}); len(e.Claims) == 1 != c.claimed {
			t.Errorf("the first of %d: %s", c.spoiled, e.Counts())
		}
		for n := 1; n < c.spoiled; n++ {
			e := v.Step(start, []dodona.Record{observe(price, n, 1)})
			if list := e.Rejections(); len(list) != 1 || list[0].Reason != quorum.ReasonConflict || !strings.Contains(list[0].Message, "holds something else under the name of round "+observe(price, n, 1).ID) {
				t.Fatalf("round %d of %d: %s, %+v", n, c.spoiled, e.Counts(), list)
			}
		}
		if e := v.Step(start, []dodona.Record{observe(price, c.spoiled, 1), observe(door, 0, 1)}); len(e.Claims) != 2 {
			t.Errorf("after %d, and of another feed: %s", c.spoiled, e.Counts())
		}
	}
}

// TestOnlyADataRecordSpoilsARound: anybody may file an event under a feed and a round.
func TestOnlyADataRecordSpoilsARound(t *testing.T) {
	rec := observe(price, 0, 1)
	for topic, spoils := range map[dodona.Topic]bool{dodona.TopicEvent: false, dodona.TopicObservation: false, dodona.TopicData: true} {
		v := newValidator(t)
		err := v.Restore(dodona.Record{Topic: topic, Key: price.Name, ID: rec.ID, Body: []byte("rubbish")})
		if want := fmt.Sprintf("restore %s btc.usd %s: ", topic, rec.ID); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s…", topic, err, want)
		}
		if e := v.Step(start, []dodona.Record{rec}); len(e.Claims) == 0 != spoils {
			t.Errorf("%s: %s", topic, e.Counts())
		}
	}
}

// TestRoundsAreRestoredInAnyOrder: each is known afterwards, and the last one is the highest.
func TestRoundsAreRestoredInAnyOrder(t *testing.T) {
	var out []dodona.Record
	v := newValidator(t)
	for n := range 4 {
		_, recs := attest(t, v, observe(price, n, int64(n)))
		out = append(out, recs...)
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {3, 0, 3, 2, 1, 1, 0}} {
		again := newValidator(t)
		for _, i := range order {
			rec := out[i]
			rec.Appended = start.Add(-time.Hour) // before every observation
			if err := again.Restore(rec); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 4 {
			if e := again.Step(start, []dodona.Record{observe(price, n, int64(n))}); e.Counts().Repeated != 1 {
				t.Errorf("restored in the order %v: round %d: %s", order, n, e.Counts())
			}
			if list := again.Step(start, []dodona.Record{observe(price, n, 77)}).Rejections(); len(list) != 1 || list[0].Reason != quorum.ReasonEquivocation {
				t.Errorf("restored in the order %v: another observation of round %d: %+v", order, n, list)
			}
		}
		if last, found := again.Last(price.Name); !found || last.ID() != out[3].ID {
			t.Errorf("restored in the order %v: the last is %d, %t", order, last, found)
		}
	}
	if _, found := newValidator(t).Last(price.Name); found {
		t.Error("a round was attested before the first")
	}
}

// TestReasonsAreListedOnceAndInTheirOrder is what metrics and pages rely on.
func TestReasonsAreListedOnceAndInTheirOrder(t *testing.T) {
	want := "malformed feed identity subject member value signature early late order equivocation conflict unsigned"
	var got []string
	for _, r := range quorum.Reasons() {
		got = append(got, string(r))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestWhateverIsNoAnswerSpoilsItsRound: the journal keeps one record of a name.
func TestWhateverIsNoAnswerSpoilsItsRound(t *testing.T) {
	rec := observe(price, 0, 1)
	_, out := attest(t, newValidator(t), rec)
	change := func(f func(*dodona.Answer)) []byte {
		var a dodona.Answer
		if err := json.Unmarshal(out[0].Body, &a); err != nil {
			t.Fatal(err)
		}
		f(&a)
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	for name, body := range map[string][]byte{
		"rubbish":           []byte("rubbish"),
		"more than is read": append(slices.Clone(out[0].Body), make([]byte, 256<<10)...),
		"another feed's":    change(func(a *dodona.Answer) { a.Feed = door }),
		"unsigned":          change(func(a *dodona.Answer) { a.Attestation.Signatures = nil }),
		"another network's": change(func(a *dodona.Answer) { a.Network.Name = "another" }),
	} {
		v := newValidator(t)
		_ = v.Restore(dodona.Record{Topic: dodona.TopicData, Key: price.Name, ID: rec.ID, Body: body})
		if list := v.Step(start, []dodona.Record{rec}).Rejections(); len(list) != 1 || list[0].Reason != quorum.ReasonConflict {
			t.Errorf("%s: %+v", name, list)
		}
	}
	v := newValidator(t)
	if err := v.Restore(out[0]); err != nil {
		t.Fatal(err)
	}
	if c := v.Step(start, []dodona.Record{rec}).Counts(); c.Repeated != 1 {
		t.Errorf("its answer: %s", c)
	}
}

func TestWhatARejectionSaysIsCut(t *testing.T) {
	v := newValidator(t)
	key := strings.Repeat(`"`, 125) // each is two bytes in quotes
	for longer, cut := range map[string]bool{"": false, "f": true} {
		name := strings.Repeat("f", 40) + "." // with it, and without longer, the message has 381 bytes
		name += strings.Repeat("f", 381-len(`an observation of feed "" is filed under ""`)-250-len(name)) + longer
		g := dodona.Feed{Name: name, Kind: dodona.Number}
		if err := v.SetFeeds(feeds(g)); err != nil {
			t.Fatal(err)
		}
		rec := observe(g, 0, 1)
		rec.Key = key
		r := rejected(t, v, rec)
		want := fmt.Sprintf("an observation of feed %q is filed under %q", g.Name, key)
		if len(want) != 381+len(longer) {
			t.Fatalf("the message has %d bytes", len(want))
		}
		if cut {
			want = want[:381] + "…" // 384 bytes at most
		}
		if r.Message != want {
			t.Errorf("a message of %d bytes: %q", len(want), r.Message)
		}
	}
}
