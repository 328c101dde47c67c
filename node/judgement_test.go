package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/source"
)

// eventually waits until a node's state is as it should be, however slow the machine.
func eventually(t *testing.T, what string, fits func() (bool, string)) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		is, seen := fits()
		if is {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never %s, but %s", what, seen)
		}
	}
}

// TestASourceOfWhichNothingCanBeUsedSaysSo with a server that says what is wrong in each way, and then what is right.
func TestASourceOfWhichNothingCanBeUsedSaysSo(t *testing.T) {
	t.Parallel()
	var body atomic.Value
	body.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/good" {
			fmt.Fprint(w, `{"price": 5}`)
			return
		}
		fmt.Fprint(w, body.Load())
	}))
	defer server.Close()
	n := openNode(t, fmt.Sprintf(`
node: {name: gw, data: %q, key: {hex: "0000000000000000000000000000000000000000000000000000000000000001"}}
network: {name: plant}
api: {listen: "127.0.0.1:0"}
sources:
  s: {http: {url: "%[2]s/s", every: 100ms}, value: /price}
  good: {http: {url: "%[2]s/good", every: 100ms}, value: /price}
feeds:
  only: {decimals: 2, every: 200ms, from: [s]}
  both: {decimals: 2, every: 200ms, from: [s, good], need: 1}
`, t.TempDir(), server.URL), Options{})
	defer run(t, n)()
	status := func(name string) api.SourceStatus {
		for _, s := range n.state.Sources() {
			if s.Name == name {
				return s
			}
		}
		return api.SourceStatus{}
	}
	for _, c := range []struct{ says, state, because string }{
		{`<!doctype html><title>Please log in</title>`, "unusable", "not JSON"},
		{`{"price": 7}`, "ok", ""},
		{`{"quote": {"usd": 7}}`, "unusable", "nothing stands at /price"},
		{`{"price": null}`, "unusable", ""},
		{`{"price": 8}`, "ok", ""},
	} {
		body.Store(c.says)
		eventually(t, c.state+" with "+c.says, func() (bool, string) {
			s := status("s")
			metrics := httptest.NewRecorder()
			n.metrics.ServeHTTP(metrics, nil)
			up := strings.Contains(metrics.Body.String(), `dodona_source_up{source="s"} 1`)
			fits := s.State == c.state && up == (c.state == "ok") &&
				(c.state == "ok" || (s.Quality == dodona.Bad && strings.HasPrefix(s.LastError, "delivers, but nothing usable: ") && strings.Contains(s.LastError, c.because)))
			return fits, fmt.Sprintf("%+v, up %t", s, up)
		})
		if g := status("good"); g.State != "ok" && g.State != "starting" { // its first answer may be under way
			t.Errorf("the other source is %s: %s", g.State, g.LastError)
		}
	}
}

// n0 knows no pump.
func n0(string) (*source.Pump, bool) { return nil, false }

// TestASourceIsOfUseIfOneFeedCanUseIt: a value that is too far off, too old or in another unit is a value.
func TestASourceIsOfUseIfOneFeedCanUseIt(t *testing.T) {
	seven := dodona.NewInt192(7).Decimal(0)
	in := func(source string, status dodona.InputStatus, value *dodona.Decimal, reason string) dodona.Input {
		return dodona.Input{Source: source, Status: status, Value: value, Reason: reason}
	}
	j := new(judgement)
	take := func(feed string, inputs ...dodona.Input) {
		j.take(feed, judged(inputs, func(name string) bool { return name == "polled" }), n0)
	}
	for i, c := range []struct {
		feed   string
		inputs []dodona.Input
		want   string // of source s afterwards
	}{
		{"a", []dodona.Input{in("s", dodona.InputBad, nil, "no number"), in("t", dodona.InputUsed, &seven, "")}, "no number"},
		{"b", []dodona.Input{in("s", dodona.InputOutlier, &seven, "far")}, ""},
		{"b", []dodona.Input{in("s", dodona.InputBad, nil, "b: no number")}, "no number"},
		{"b", []dodona.Input{in("s", dodona.InputBad, &seven, "is in Cel")}, ""},
		{"b", []dodona.Input{in("s", dodona.InputBad, nil, "one of two"), in("s", dodona.InputStale, &seven, "old")}, ""},
		{"b", []dodona.Input{in("s", dodona.InputBad, nil, "both"), in("s", dodona.InputBad, nil, "of two")}, "no number"},
		{"b", []dodona.Input{in("s", dodona.InputFailed, nil, "refused")}, "no number"}, // it says nothing of what came before
		{"b", []dodona.Input{in("", dodona.InputBad, nil, "a module's")}, "no number"},
	} {
		take(c.feed, c.inputs...)
		if got := j.verdict("s"); got != c.want {
			t.Errorf("step %d: of the source is said %q, want %q", i, got, c.want)
		}
	}
	j.forget([]string{"a"}, nil)
	if got := j.verdict("s"); got != "both" {
		t.Errorf("after feed a is gone: %q", got)
	}
	j.given("c", []dodona.Point{{ID: "s", Quality: dodona.Good}}, n0)
	if got := j.verdict("s"); got != "" {
		t.Errorf("after a module was given a point: %q", got)
	}
	j.given("c", []dodona.Point{{ID: "s", Quality: dodona.Bad, Reason: "nothing there"}}, n0)
	if got := j.verdict("s"); got != "both" {
		t.Errorf("after a module was given none: %q", got)
	}
	take("b", in("polled", dodona.InputStale, &seven, "measured 2d before the round"))
	if got := j.verdict("polled"); got != "measured 2d before the round" {
		t.Errorf("of what is asked each time and always as old is said %q", got)
	}
	j.forget(nil, []string{"s"})
	if got := j.verdict("s"); got != "" {
		t.Errorf("after the source was replaced: %q", got)
	}
}
