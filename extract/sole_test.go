package extract

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

func TestNoErrorsDocumentHasAValueForARuleWithoutAPointer(t *testing.T) {
	for _, body := range []string{
		`{"error":"rate limit exceeded","code":429}`,
		`{"code":429,"error":"rate limit exceeded"}`,
		`{"status":"0","message":"NOTOK","result":"Max rate limit reached"}`,
		`{"status":"0","message":"NOTOK","result":null}`,
		`{"message":"NOTOK","result":"0"}`,
		`{"price":null,"code":1003}`,
		`{"price":null,"volume":5}`,
		`{"price":"","volume":5}`,
		`{"price":" ","volume":5}`,
		`{"price":"NaN","code":1}`,
		`{"price":"Infinity","volume":1}`,
		`{"price":"-inf","volume":1}`,
		`{"price":"n/a","volume":5}`,
		`{"price":"unavailable","amount":5}`,
		`{"price":NaN,"volume":5}`,
		`{"success":false,"retry_after":30}`,
		`{"success":true,"price":30}`,
		`{"ok":false,"price":0}`,
		`{"price":5,"stale":true}`,
		`{"detail":"Request was throttled.","retry_after":30}`,
		`{"detail":"Request was throttled. Expected available in 30 seconds.","rate":30}`,
		`{"msg":"Invalid symbol.","code":-1121}`,
		`{"symbol":"BTCUSDT","seconds":30}`,
		`{"error":{"type":"quota","rate":5}}`,
		`{"error":{"text":"quota"},"price":5}`,
		`{"last_error":"timeout","price":5}`,
		`{"API Error":"timeout","price":5}`,
		`{"errors":["quota"],"price":0}`,
		`{"status":"error","price":0}`,
		`{"statusCode":429}`,
		`{"code":429}`,
		`{"error":429}`,
		`{"retry_after":30}`,
		`{"data":{"Retry-After":"30"}}`,
		`{"error":[429]}`,
		`["rate limit",429]`,
		`[429,"rate limit"]`,
		`[null,429]`,
		`{"t":[5,null]}`,
		`{"title":"Too Many Requests","type":"about:blank","status":429}`,
		`{"timestamp":1795349070000,"path":"/price"}`,
		`{"Note":"5 calls per minute","value":5}`,
		`{"a":1,"b":2}`,
		`{"price":{},"volume":5}`,
		`{"price":[ ],"volume":5}`,
		`{"volume":5,"price":[[]]}`,
		"{\"volume\":5,\"data\":{\n}}",
		`[5,[]]`,
		`{"error":[],"data":{"price":5}}`,
		`{"errors":{},"t":5}`,
		`{"retry_after_seconds":30}`,
		`{"retryAfterSeconds":30}`,
		`{"retryafterseconds":30}`,
		`{"x-ratelimit-remaining":3}`,
		`{"rate_limit_remaining":3}`,
		`{"remainingRequests":3}`,
		`{"requests-left":3}`,
		`{"dailyQuota":3}`,
		`{"api":{"QUOTA_USED":3}}`,
		`{"http":429}`,
		`{"HTTPResponse":429}`,
		`{"httpcode":429}`,
		`{"sys_errno":11}`,
		`{"errNo":11}`,
		`{"isOK":0}`,
		`{"wait_ms":500}`,
		`{"Timeout-Ms":500}`,
		`{"successCount":0}`,
		`{"failedReads":3}`,
		`{"creditsLeft":0}`,
		`{"error_msg":"x","price":5}`,
		`{"shortReason":"x","price":5}`,
		`{"price_usd":"n/a","power":3}`,
		`{"price_usd":"N.A.","power":3}`,
		`{"price_usd":"#N/A","power":3}`,
		`{"x":"--","power":3}`,
		`{"x":"—","power":3}`,
		`{"x":"?","power":3}`,
		`{"x":"null","power":3}`,
		`{"x":"None","power":3}`,
		`{"x":"False","power":3}`,
		`{"x":"not available","power":3}`,
		`{"x":"Temporarily unavailable.","power":3}`,
		`{"x":"sensor error","power":3}`,
		`{"x":"Rate limit exceeded","rate":30}`,
		`{"x":["unknown"],"power":3}`,
	} {
		r := reading(body)
		got := apply(t, Rule{}, r)[0]
		if got.Quality != dodona.Bad || !strings.Contains(got.Reason, "pointer") {
			t.Errorf("%s gave %+v, want a bad point that says to write a pointer", body, got)
		}
		if n, err := Number(r, ""); err == nil {
			t.Errorf("%s gives a module %s as its only number", body, n)
		}
	}
}

func TestARuleWithoutAPointerTakesWhatCanOnlyBeTheValue(t *testing.T) {
	for _, c := range []struct {
		body string
		rule Rule
		want string
	}{
		{"43218.55", Rule{}, "43218.55"},
		{`"43218.55"`, Rule{}, "43218.55"},
		{"[5]", Rule{}, "5"},
		{`{"t":21.5}`, Rule{}, "21.5"},
		{`{"bitcoin":{"usd":43218.55}}`, Rule{}, "43218.55"},
		{"[43218.55]", Rule{}, "43218.55"},
		{`{"data":{"price":43218.55}}`, Rule{}, "43218.55"},
		{`{"data":[{"price":"43218.55"}]}`, Rule{}, "43218.55"},
		{`{"value":21.5,"unit":"Cel"}`, Rule{}, "21.5"},
		{`{"value":55,"unit":"%"}`, Rule{}, "55"},
		{`{"price":5,"currency":"€"}`, Rule{}, "5"},
		{`{"area":"NO1","price":5}`, Rule{}, "5"},
		{`{"token":"stock","price":5}`, Rule{}, "5"},
		{`{"quotation":{"banknote":5}}`, Rule{}, "5"},
		{`{"preset":5}`, Rule{}, "5"},
		{`{"terrain":5}`, Rule{}, "5"},
		{`{"id":"b1","site":"Hintertux","temperature":21.5}`, Rule{}, "21.5"},
		{`{"symbol":"BTCUSDT","price":"43218.55"}`, Rule{}, "43218.55"},
		{`{"base":"EUR","date":"2026-11-30","Exchange Rate":1.08}`, Rule{}, "1.08"},
		{`{"data":{"base":"BTC","currency":"USD","amount":"43218.55"}}`, Rule{}, "43218.55"},
		{`{"pair":"BTCUSD","last_price":["43218.55"]}`, Rule{}, "43218.55"},
		{`{"price":"43218.55","ts":"2026-11-30T00:00:00Z"}`, Rule{Time: "/ts"}, "43218.55"},
		{`{"t":5,"ts":"2026-11-30T00:00:00Z"}`, Rule{Time: "/ts"}, "5"},
		{`{"s":"x","v":3}`, Rule{Where: where("/s", "x")}, "3"},
		{`{"status":"ok","v":3}`, Rule{Where: where("/status", "ok")}, "3"},
		{`{"success":true,"error":"none","v":3}`, Rule{Where: where("/success", "true", "/error", "none")}, "3"},
	} {
		if got := apply(t, c.rule, reading(c.body))[0]; got.Quality != dodona.Good || got.Value != decimal(t, c.want) {
			t.Errorf("%s by %+v gave %+v, want %s", c.body, c.rule, got, c.want)
		}
	}
}

func TestWhatIsRefusedWithoutAPointerSaysWhatToWrite(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"rate limit","code":429}`: "the rule has no pointer, and the document may not mean its only number, 429 at /code, as a value: it has the text \"rate limit\" at /error too; if it does, write value: /code",
		`{"code":429}`:                      "429 at /code, as a value: that is what a document without a value calls its error; if it does, write value: /code",
		`{"price":null,"code":1003}`:        "1003 at /code, as a value: it has null at /price too; if it does, write value: /code",
		`{"symbol":"X","c":5}`:              "5 at /c, as a value: it has the text X at /symbol too; if it does, write value: /c",
		`{"price":{},"volume":5}`:           "5 at /volume, as a value: it has an empty object at /price too; if it does, write value: /volume",
		`{"volume":5,"price":[]}`:           "5 at /volume, as a value: it has an empty array at /price too; if it does, write value: /volume",
		`{"price_usd":"n/a","power":3}`:     "3 at /power, as a value: it has the text n/a at /price_usd too; if it does, write value: /power",
		`{"price":null,"ok":false}`:         "the document has null at /price where a number would be, and the rule has no pointer; say which value is meant, such as value: /price",
	} {
		if got := apply(t, Rule{}, reading(body))[0]; !strings.Contains(got.Reason, want) {
			t.Errorf("%s gave %q, want … %s …", body, got.Reason, want)
		}
	}
}

func TestTheSpecificationNamesWhatMembersAreCalled(t *testing.T) {
	raw, err := os.ReadFile("../spec/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(valueNames, errorParts, errorWords, noneTexts, noneParts) {
		if !strings.Contains(string(raw), "`"+name+"`") {
			t.Errorf("spec/rules.md does not name %s", name)
		}
	}
}

func TestNamesAreReadByTheirWords(t *testing.T) {
	for name, want := range map[string]string{
		"retry_after_seconds": "retry after seconds",
		"retryAfterSeconds":   "retry after seconds",
		"X-RateLimit-Reset":   "x rate limit reset",
		"HTTPStatus2xx":       "http status xx",
		"QUOTA USED":          "quota used",
		"isOK":                "is ok",
		"err":                 "err",
		"préset":              "pr set",
		"{err@}[`":            "err",
		"":                    "",
		"_9":                  "",
	} {
		if got := strings.Join(wordsOf([]byte(name)), " "); got != want {
			t.Errorf("%q has the words %q, want %q", name, got, want)
		}
	}
}
