package extract

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"pgregory.net/rapid"
)

// where makes guards of places and texts in turns.
func where(pairs ...string) map[string]Match {
	guards := map[string]Match{}
	for i := 0; i < len(pairs); i += 2 {
		guards[pairs[i]] = MatchText(pairs[i+1])
	}
	return guards
}

const tickers = `[{"symbol":"BTCUSD","price":"43218.55","ok":true,"id":1,"ts":1795349070},{"symbol":"ETHUSD","price":"2301.10","ok":true,"id":2.0}]`

func TestTheElementMeantIsTakenWhereverItStands(t *testing.T) {
	btc, eth := `{"symbol":"BTCUSD","price":"43218.55"}`, `{"symbol":"ETHUSD","price":"2301.10"}`
	rule := Rule{Pointer: "/*/price", Where: where("/*/symbol", "BTCUSD")}
	for _, body := range []string{
		"[" + btc + "," + eth + "]", "[" + eth + "," + btc + "]", "[" + eth + ",null,7,[]," + btc + `,{"symbol":null},{"price":1}]`, "[" + btc + "]",
		`{"a":` + eth + `,"b":` + btc + `}`, `{"~/":` + btc + `}`, `{"*":` + btc + `,"":` + eth + `}`,
	} {
		if got := apply(t, rule, reading(body))[0]; got.Quality != dodona.Good || got.Value != decimal(t, "43218.55") {
			t.Errorf("%s gave %+v", body, got)
		}
	}
}

func TestGuardsHoldOrTheValueIsBad(t *testing.T) {
	null := map[string]Match{"/error": MatchNull()}
	for _, c := range []struct {
		name, body string
		rule       Rule
		want       string // the value, or what the reason holds
	}{
		{"the first is meant", tickers, Rule{Pointer: "/0/price", Where: where("/0/symbol", "BTCUSD")}, "43218.55"},
		{"another came first", tickers, Rule{Pointer: "/0/price", Where: where("/0/symbol", "ETHUSD")}, "guard /0/symbol is BTCUSD, want ETHUSD"},
		{"two guards", tickers, Rule{Pointer: "/1/price", Where: where("/1/symbol", "ETHUSD", "/1/ok", "true")}, "2301.1"},
		{"one of two", tickers, Rule{Pointer: "/1/price", Where: where("/1/symbol", "ETHUSD", "/1/ok", "false")}, "guard /1/ok is true, want false"},
		{"a number by value", tickers, Rule{Pointer: "/1/price", Where: where("/1/id", "2")}, "2301.1"},
		{"a number in a text is no number", `{"id":"2.0","v":1}`, Rule{Pointer: "/v", Where: where("/id", "2")}, "guard /id is 2.0, want 2"},
		{"a number as a text", `{"id":"2","v":1}`, Rule{Pointer: "/v", Where: where("/id", "2")}, "1"},
		{"zero is minus zero", `{"id":-0.00,"v":1}`, Rule{Pointer: "/v", Where: where("/id", "0")}, "1"},
		{"beyond a float", `{"id":9007199254740993,"v":1}`, Rule{Pointer: "/v", Where: where("/id", "9007199254740992")}, "guard /id is 9007199254740993, want"},
		{"beyond 192 bits", `{"id":1e400,"v":1}`, Rule{Pointer: "/v", Where: where("/id", "10e399")}, "1"},
		{"leading zeros are no number", `{"id":7,"v":1}`, Rule{Pointer: "/v", Where: where("/id", "007")}, "guard /id is 7, want 007"},
		{"true as a text", `{"ok":"true","v":1}`, Rule{Pointer: "/v", Where: where("/ok", "true")}, "1"},
		{"1 is not true", `{"ok":1,"v":1}`, Rule{Pointer: "/v", Where: where("/ok", "true")}, "guard /ok is 1, want true"},
		{"null", `{"error":null,"v":1}`, Rule{Pointer: "/v", Where: null}, "1"},
		{"not null", `{"error":"late","v":1}`, Rule{Pointer: "/v", Where: null}, "guard /error is late, want null"},
		{"nothing is not null", `{"v":1}`, Rule{Pointer: "/v", Where: null}, "guard /error: nothing stands there, want null"},
		{"null is not a text", `{"error":null,"v":1}`, Rule{Pointer: "/v", Where: where("/error", "null")}, `guard /error is null, want null`},
		{"nothing", `{"v":1}`, Rule{Pointer: "/v", Where: where("/s", "x")}, "guard /s: nothing stands there, want x"},
		{"an object", `{"s":{},"v":1}`, Rule{Pointer: "/v", Where: where("/s", "x")}, "guard /s is an object, want x"},
		{"a NaN is no text", `{"s":NaN,"v":1}`, Rule{Pointer: "/v", Where: where("/s", "NaN")}, "guard /s is NaN, want NaN"},
		{"the empty text", `{"s":"","v":1}`, Rule{Pointer: "/v", Where: where("/s", "")}, "1"},
		{"other capitals", `{"s":"btcusd","v":1}`, Rule{Pointer: "/v", Where: where("/s", "BTCUSD")}, "guard /s is btcusd, want BTCUSD"},
		{"a blank more", `{"s":"BTCUSD ","v":1}`, Rule{Pointer: "/v", Where: where("/s", "BTCUSD")}, `guard /s is "BTCUSD ", want BTCUSD`},
		{"escapes in the document", `{"\u0073":"BTC\u0055SD","v":1}`, Rule{Pointer: "/v", Where: where("/s", "BTCUSD")}, "1"},
		{"escapes in the pointer", `{"a/b":{"~":"x"},"v":1}`, Rule{Pointer: "/v", Where: where("/a~1b/~0", "x")}, "1"},
		{"twice", `{"s":"BTCUSD","s":"ETHUSD","v":1}`, Rule{Pointer: "/v", Where: where("/s", "BTCUSD")}, "guard /s: the document is ambiguous"},
		{"the only number", `{"s":"x","v":3}`, Rule{Where: where("/s", "x")}, "3"},
		{"the only number beside guards", `{"id":7,"n":8,"t":1795349070,"v":3}`, Rule{Where: where("/id", "7", "/n", "8"), Time: "/t"}, "3"},
		{"several numbers beside guards", `{"id":7,"n":8,"v":3,"w":4}`, Rule{Where: where("/id", "7", "/n", "8")}, "several numbers"},
		{"with a table", `{"s":"x","v":"on"}`, Rule{Pointer: "/v", Where: where("/s", "x"), Enum: map[string]int64{"on": 1}}, "1"},
		{"a hostile text", `{"s":"\u001b[31m\u202e","v":1}`, Rule{Pointer: "/v", Where: where("/s", "x")}, `guard /s is "\x1b[31m\u202e", want x`},
		{"a long text", `{"s":"` + strings.Repeat("a", 100_000) + `","v":1}`, Rule{Pointer: "/v", Where: where("/s", "x")}, "…"},
		{"no document", `<html>`, Rule{Pointer: "/v", Where: where("/s", "x")}, "not JSON"},

		{"none", tickers, Rule{Pointer: "/*/price", Where: where("/*/symbol", "XRPUSD")}, "no element of the document is chosen: there is none for which /*/symbol is XRPUSD; at /*/symbol stand BTCUSD, ETHUSD"},
		{"none of seven", `[{"s":"a"},{"s":"b"},{"s":"c"},{"s":"a"},{"s":"d"},{"s":"e"},{"s":"f"}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "x")}, "at /*/s stand a, b, c, d, e (of 7)"},
		{"none below", `{"data":[` + tickers[1:len(tickers)-1] + `]}`, Rule{Pointer: "/data/*/price", Where: where("/data/*/symbol", "X")}, "no element of /data is chosen"},
		{"nowhere", tickers, Rule{Pointer: "/*/price", Where: where("/*/name", "X")}, "nothing stands at /*/name"},
		{"an empty array", `[]`, Rule{Pointer: "/*/price", Where: where("/*/name", "X")}, "nothing stands at /*/name"},
		{"two", `[{"s":"a","v":1},{"s":"a","v":1}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "2 elements of the document are chosen, want one: /*/s is a for /0 and /1"},
		{"many", "[" + strings.Repeat(`{"s":"a","v":1},`, 99) + `{"s":"a","v":1}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "/0, /1, /2, /3, /4 and 95 more"},
		{"two guards choose", `[{"s":"a","k":"spot","v":1},{"s":"a","k":"perp","v":2},{"s":"b","k":"perp","v":3}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a", "/*/k", "perp")}, "2"},
		{"none for both", `[{"s":"a","k":"spot","v":1},{"s":"b","k":"perp","v":3}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a", "/*/k", "perp")}, "none for which /*/k is perp and /*/s is a"},
		{"a guard of the whole document holds too", `{"st":"ok","d":[{"s":"a","v":1}]}`, Rule{Pointer: "/d/*/v", Where: where("/d/*/s", "a", "/st", "ok")}, "1"},
		{"a guard of the whole document does not", `{"st":"late","d":[{"s":"a","v":1}]}`, Rule{Pointer: "/d/*/v", Where: where("/d/*/s", "a", "/st", "ok")}, "guard /st is late, want ok"},
		{"columns", `{"name":["a","b"],"value":[1,2]}`, Rule{Pointer: "/value/*", Where: where("/name/*", "b")}, "2"},
		{"columns of another length", `{"name":["a","b"],"value":[1]}`, Rule{Pointer: "/value/*", Where: where("/name/*", "b")}, "nothing stands at /value/1"},
		{"a key twice in the element", `[{"s":"b","s":"a","v":1}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "guard /0/s: the document is ambiguous"},
		{"the value twice in the element", `[{"s":"a","v":1,"v":2}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "ambiguous: it has a key of /0/v twice"},
		{"the array twice", `{"d":[{"s":"a","v":1}],"d":[{"s":"a","v":2}]}`, Rule{Pointer: "/d/*/v", Where: where("/d/*/s", "a")}, "ambiguous"},
		{"the member twice", `{"x":{"s":"a","v":1},"x":{"s":"a","v":2}}`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "ambiguous"},
		{"no value in the element", `[{"s":"a"}]`, Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "nothing stands at /0/v"},
		{"a star without a choice", tickers, Rule{Pointer: "/*/price"}, "nothing stands at /*/price, where * is a name, because nothing in where chooses an element"},
		{"a name that is a star", `{"*":{"v":1}}`, Rule{Pointer: "/*/v"}, "1"},
		{"too deep", strings.Repeat("[", 70) + strings.Repeat("]", 70), Rule{Pointer: "/*/v", Where: where("/*/s", "a")}, "nested deeper"},
		{"too many", "[" + strings.Repeat(`1,`, maxElements) + "1]", Rule{Pointer: "/*", Where: where("/*", "1")}, "guard /* is 1 more than 65536 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := apply(t, c.rule, reading(c.body))
			if len(got) != 1 {
				t.Fatalf("%d points", len(got))
			}
			if want, err := dodona.ParseDecimal(c.want); err == nil {
				if got[0].Quality != dodona.Good || got[0].Value != want {
					t.Errorf("%.200s by %+v gave %+v, want %s", c.body, c.rule, got[0], c.want)
				}
				return
			}
			if got[0].Quality != dodona.Bad || got[0].Value.Sign() != 0 || !strings.Contains(got[0].Reason, c.want) {
				t.Errorf("%.200s by %+v\n got %+v\nwant bad: %s", c.body, c.rule, got[0], c.want)
			}
			checkReason(t, got[0].Reason)
		})
	}
}

func TestTheTimeIsThatOfTheElement(t *testing.T) {
	rule := Rule{Pointer: "/*/price", Where: where("/*/symbol", "BTCUSD"), Time: "/*/ts"}
	if got := apply(t, rule, reading(tickers))[0]; got.Quality != dodona.Good || got.Time.Unix() != 1795349070 {
		t.Errorf("got %+v", got)
	}
	rule.Where = where("/*/symbol", "ETHUSD")
	if got := apply(t, rule, reading(tickers))[0]; got.Quality != dodona.Bad || !strings.Contains(got.Reason, "find time: nothing stands at /1/ts") {
		t.Errorf("got %+v", got)
	}
	rule = Rule{Pointer: "/d/*/v", Where: where("/d/*/s", "a"), Time: "/at"}
	if got := apply(t, rule, reading(`{"at":1795349070,"d":[{"s":"a","v":1}]}`))[0]; got.Time.Unix() != 1795349070 {
		t.Errorf("got %+v", got)
	}
}

func TestRulesThatChooseAndThatDoNotReadOneDocument(t *testing.T) {
	x, err := New(Rules{"s": {"chosen": {Pointer: "/*/price", Where: where("/*/symbol", "ETHUSD")}, "first": {Pointer: "/0/price"}, "other": {Pointer: "/*/id", Where: where("/*/symbol", "BTCUSD")}}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range pointsOf(t, x, reading(tickers)) {
		all = append(all, p.ID+" "+p.Value.String())
	}
	if got := strings.Join(all, ", "); got != "s.chosen 2301.1, s.first 43218.55, s.other 1" {
		t.Errorf("got %s", got)
	}
}

func TestManyRulesOfOneDocumentCostWhatItHolds(t *testing.T) {
	rules := map[string]Rule{}
	for i := range 50 {
		rules[fmt.Sprintf("p%d", i)] = Rule{Pointer: "/*/v", Where: where("/*/k", "spot", "/*/s", fmt.Sprint("s", i))}
	}
	x, err := New(Rules{"s": rules})
	if err != nil {
		t.Fatal(err)
	}
	const alike = `{"k":"spot","s":"x","v":1},`
	r := reading("[" + strings.Repeat(alike, 5_000) + `{"k":"spot","s":"s7","v":7}]`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	points := pointsOf(t, x, r)
	runtime.ReadMemStats(&after)
	for _, p := range points {
		if good := p.Quality == dodona.Good; good != (p.ID == "s.p7") || (good && p.Value != decimal(t, "7")) {
			t.Errorf("got %+v", p)
		}
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 20 {
		t.Errorf("%d MiB for a document of %d KiB", mib, len(r.Body)>>10)
	}
}

func TestAChosenRuleNamesTheElement(t *testing.T) {
	rule := Rule{Pointer: "/*/price", Time: "/*/ts", Where: where("/*/symbol", "ETHUSD")}
	if got := rule.Chosen(reading(tickers)); got.Pointer != "/1/price" || got.Time != "/1/ts" {
		t.Errorf("got %+v", got)
	}
	for _, body := range []string{`[]`, `not JSON`, "[" + tickers[1:len(tickers)-1] + "," + tickers[1:len(tickers)-1] + "]"} {
		if got := rule.Chosen(reading(body)); got.Pointer != rule.Pointer || got.Time != rule.Time {
			t.Errorf("%s: got %+v", body, got)
		}
	}
	if got := (Rule{Pointer: "/*/price"}).Chosen(reading(tickers)); got.Pointer != "/*/price" {
		t.Errorf("a rule that does not choose became %+v", got)
	}
}

func TestReadingsAboutSomethingElseGiveNoPoint(t *testing.T) {
	x, err := New(Rules{"s": {"a": {Pointer: "/t", Where: where("/sensor", "a")}, "b": {Pointer: "/t", Where: where("/sensor", "b")}, "c": {Pointer: "/t", Where: where("/sensor", "c")}}})
	if err != nil {
		t.Fatal(err)
	}
	said := func(bodies ...string) string {
		var readings []dodona.Reading
		for _, body := range bodies {
			readings = append(readings, reading(body))
		}
		result, err := x.Apply(context.Background(), dodona.Call{Readings: readings})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, p := range result.Points {
			all = append(all, fmt.Sprint(p.ID, " ", p.Value, " ", p.Quality))
		}
		return strings.Join(all, ", ")
	}
	if got := said(`{"sensor":"a","t":1}`, `{"sensor":"b","t":2}`, `{"sensor":"a","t":3}`); got != "s.a 1 good, s.a 3 good, s.b 2 good, s.c 0 bad, s.c 0 bad, s.c 0 bad" {
		t.Errorf("got %s", got)
	}
	if got := said(`{"sensor":"a","t":1}`, `{"sensor":"a","t":null}`, `{"sensor":"a"`); !strings.HasPrefix(got, "s.a 1 good, s.a 0 bad, s.a 0 bad, s.b") {
		t.Errorf("what is bad is left out: %s", got)
	}
}

func TestAReadingHasWhatItsGuardsSay(t *testing.T) {
	x, err := New(Rules{"s": {
		"a": {Pointer: "/t", Where: where("/sensor", "a")}, "el": {Pointer: "/*/t", Where: where("/*/sensor", "a")}, "plain": {Pointer: "/t"}, "item": {Pointer: "/t", Item: "i"}, "sole": {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ body, want string }{
		{`{"sensor":"a","t":1}`, "a plain sole"},
		{`{"sensor":"b","t":1}`, "plain sole"},
		{`{"sensor":"a","t":null}`, "a-"},
		{`{"sensor":"a","t":NaN}`, "a plain sole"},
		{`{"sensor":"a","t":"broken"}`, "a plain"},
		{`{"sensor":"a","sensor":"b","t":1}`, "a plain sole"},
		{`[{"sensor":"a","t":1},{"sensor":"b","t":2}]`, "el sole"},
		{`[{"sensor":"a","t":1},{"sensor":"a","t":2}]`, "el sole"},
		{`[{"sensor":"b","t":1}]`, "sole"},
		{` `, ""},
		{`Service restarted`, ""},
		{"\xff\xfe", ""},
	} {
		var all []string
		for _, point := range []string{"a", "el", "plain", "item", "sole"} {
			if x.Has(reading(c.body), "s."+point) {
				all = append(all, point)
			}
		}
		want := strings.TrimSuffix(c.want, "a-")
		if got := strings.Join(all, " "); got != want {
			t.Errorf("%s has %q, want %q", c.body, got, want)
		}
	}
	if x.Has(reading(`{"t":1}`), "other") {
		t.Error("a reading has a point without a rule")
	}
}

func TestMistakesInGuardsAreTold(t *testing.T) {
	many := map[string]Match{}
	for i := range maxGuards + 1 {
		many[fmt.Sprintf("/a%d", i)] = MatchText("x")
	}
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{Pointer: "/v", Where: where("symbol", "x")}, "must begin with a slash"},
		{Rule{Pointer: "/v", Where: where("/a~", "x")}, "a tilde"},
		{Rule{Pointer: "/v", Where: where("", "x")}, "an empty pointer"},
		{Rule{Pointer: "/v", Where: many}, "17 guards, at most 16"},
		{Rule{Pointer: "/*/v", Where: where("/*/*", "x")}, "/*/* has two *"},
		{Rule{Pointer: "/*/*", Where: where("/*/s", "x")}, "pointer or time has two *"},
		{Rule{Pointer: "/v", Where: where("/d/*/s", "x")}, "such as /d/*/price"},
		{Rule{Where: where("/d/*/s", "x")}, "the rule has no pointer to its value, such as pointer: /d/*/price"},
		{Rule{Pointer: "/*/v", Where: where("/0/s", "x")}, "nothing here says which element"},
		{Rule{Pointer: "/v", Where: where("/s", "x"), Time: "/*/t"}, "nothing here says which element"},
		{Rule{Pointer: "/v", Where: where("/s", strings.Repeat("x", 1025))}, "1025 bytes"},
	} {
		if err := c.rule.Validate(); err == nil || !strings.HasPrefix(err.Error(), "where: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100v: %v, want %s", c.rule, err, c.want)
		}
	}
}

func TestGuardsMayBeAsLongAndAsManyAsMayBe(t *testing.T) {
	guards := map[string]Match{}
	var members []string
	for i := range maxGuards {
		text := strings.Repeat("x", 1024)
		guards[fmt.Sprintf("/a%d", i)] = MatchText(text)
		members = append(members, fmt.Sprintf(`"a%d":"%s"`, i, text))
	}
	if got := apply(t, Rule{Pointer: "/v", Where: guards}, reading("{"+strings.Join(members, ",")+`,"v":1}`))[0]; got.Quality != dodona.Good {
		t.Errorf("got %+v", got)
	}
}

func TestRulesWithoutGuardsKeepTheirDigest(t *testing.T) {
	x, err := New(Rules{"s": {"": {Pointer: "/*/a", Where: map[string]Match{}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(x.JSON()); got != `{"extract":1,"sources":{"s":{"":{"pointer":"/*/a"}}}}` {
		t.Errorf("got %s", got)
	}
	if got := x.Version().String(); got != "0x8d27ec312683963d1f64f34416ac3859175f422091578163726df2021e264b38" {
		t.Errorf("version %s", got)
	}
}

func TestGuardsAreInTheRules(t *testing.T) {
	guards := where("/b<", "1.0", "/a", "true")
	guards["/n"] = MatchNull()
	x, err := New(Rules{"s": {"": {Pointer: "/v", Where: guards}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"extract":1,"sources":{"s":{"":{"pointer":"/v","where":{"/a":"true","/b\u003c":"1.0","/n":null}}}}}`
	if string(x.JSON()) != want {
		t.Errorf("got  %s\nwant %s", x.JSON(), want)
	}
	guards["/a"] = MatchText("false") // the extraction keeps its own
	again, err := Parse(x.JSON())
	if err != nil || again.Version() != x.Version() || string(again.JSON()) != want {
		t.Errorf("read back: %v, %s", err, again.JSON())
	}
	for _, raw := range []string{`{"/a":1}`, `{"/a":true}`, `{"/a":["x"]}`, `{"/a":"x","/a":"y"}`, `{"a":"x"}`, `["/a"]`, `"/a"`} {
		if _, err := Parse(json.RawMessage(`{"extract":1,"sources":{"s":{"":{"pointer":"/v","where":` + raw + `}}}}`)); err == nil {
			t.Errorf("where %s is read", raw)
		}
	}
}

func TestNumbersAreEqualByValueWhateverTheirSize(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"1", "1.0", true},
		{"1", "1e0", true},
		{"10", "1e1", true},
		{"0.1", "1e-1", true},
		{"0", "-0", true},
		{"0e999999999999999999999", "0", true},
		{"100", "1E+2", true},
		{"1", "-1", false},
		{"1", "10", false},
		{"0.1", "0.01", false},
		{"1e400", "10e399", true},
		{"1e99999999999999", "10e99999999999998", true},
		{"1e99999999999999", "1e99999999999998", false},
		{"1e400", "1e401", false},
		{"1e99999999999999999999", "1e99999999999999999999", true},
		{"1e99999999999999999999", "1e-99999999999999999999", false},
		{"1e99999999999999999999", "1e99999999999999999998", false},
		{"0.30000000000000004", "0.3", false},
		{strings.Repeat("9", 500), strings.Repeat("9", 500) + ".0", true},
		{strings.Repeat("9", 500), strings.Repeat("9", 499) + "8", false},
	} {
		a, okA := quantityOf(c.a)
		b, okB := quantityOf(c.b)
		if !okA || !okB || (a == b) != c.equal {
			t.Errorf("%.40s and %.40s: %v %v, want equal %v", c.a, c.b, a, b, c.equal)
		}
	}
	for _, s := range []string{"", "+1", "01", "1.", ".5", "1e", " 1", "1 ", "0x1", "NaN", "true", `"1"`, "１"} {
		if _, ok := quantityOf(s); ok {
			t.Errorf("%q is a number", s)
		}
	}
}

func TestQuantitiesAgreeWithDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers.Filter(fits).Draw(t, "a"), numbers.Filter(fits).Draw(t, "b")
		if rapid.Bool().Draw(t, "near") {
			switch b = a; {
			case strings.ContainsAny(a, "eE"):
			case strings.Contains(a, "."):
				b += "0"
			default:
				b += ".0"
			}
		}
		x, errX := dodona.ParseDecimal(a)
		y, errY := dodona.ParseDecimal(b)
		qx, okX := quantityOf(a)
		qy, okY := quantityOf(b)
		if errX != nil || errY != nil || !okX || !okY || (x.Cmp(y) == 0) != (qx == qy) {
			t.Fatalf("%s and %s: decimals %v, quantities %v and %v", a, b, x.Cmp(y), qx, qy)
		}
	})
}

// chosen finds the value by encoding/json: the member v of the only element whose member s is want.
func chosen(body []byte, want string) (any, bool) {
	var elements []map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if d.Decode(&elements) != nil {
		return nil, false
	}
	var found []any
	for _, e := range elements {
		if e["s"] == want {
			found = append(found, e["v"])
		}
	}
	if len(found) != 1 {
		return nil, false
	}
	return found[0], true
}

func TestDrawnElementsAreChosenAsEncodingJSONWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var elements []string
		for range rapid.IntRange(0, 6).Draw(t, "count") {
			s := rapid.SampledFrom([]string{`"a"`, `"b"`, `"a "`, `"\u0061"`, "null", "1", `["a"]`}).Draw(t, "s")
			e := rapid.SampledFrom([]string{`{"s":%s,"v":%d}`, `{"v":%[2]d,"x":{"s":"a"},"s":%[1]s}`, `{"t":%s,"v":%d}`}).Draw(t, "form")
			elements = append(elements, fmt.Sprintf(e, s, rapid.IntRange(0, 99).Draw(t, "v")))
		}
		body := "[" + strings.Join(elements, ",") + "]"
		x, err := New(Rules{"s": {"": {Pointer: "/*/v", Where: where("/*/s", "a")}}})
		if err != nil {
			t.Fatal(err)
		}
		got := pointsOf(t, x, reading(body))[0]
		want, found := chosen([]byte(body), "a")
		if found != (got.Quality == dodona.Good) || (found && got.Value.String() != fmt.Sprint(want)) {
			t.Fatalf("%s gave %+v, encoding/json %v, %v", body, got, want, found)
		}
	})
}

func FuzzWhere(f *testing.F) {
	for _, seed := range []struct{ body, guard, want, pointer string }{
		{tickers, "/*/symbol", "BTCUSD", "/*/price"},
		{tickers, "/0/symbol", "BTCUSD", "/0/price"},
		{`{"a":[1,2],"b":[3,4]}`, "/a/*", "2.0", "/b/*"},
		{`{"a":NaN,"v":1}`, "/a", "NaN", "/v"},
		{`{"a":{"x":1e999999999999},"v":1}`, "/*/x", "1e999999999999", "/*/x"},
		{`[[[["a"]]]]`, "/0/*/0/0", "a", "/0/*"},
	} {
		f.Add([]byte(seed.body), seed.guard, seed.want, seed.pointer)
	}
	fuzztest.Run(f, func(t *testing.T, body []byte, guard, want, pointer string) {
		with, err := New(Rules{"s": {"": {Pointer: pointer, Where: where(guard, want)}}})
		if err != nil {
			return
		}
		r := reading(string(body))
		got := pointsOf(t, with, r)[0]
		if got.Quality == dodona.Bad {
			checkReason(t, got.Reason)
			return
		}
		if again, err := Parse(with.JSON()); err != nil || again.Version() != with.Version() {
			t.Fatalf("%s is not read back: %v", with.JSON(), err)
		}
		if parsed, _ := parsePointer(guard); parsed.stars() > 0 {
			return
		}
		without, err := New(Rules{"s": {"": {Pointer: pointer}}})
		if err != nil {
			t.Fatal(err)
		}
		if plain := pointsOf(t, without, r)[0]; pointer != "" && plain != got {
			t.Fatalf("%q at %s: %+v with the guard, %+v without", body, pointer, got, plain)
		}
	})
}
