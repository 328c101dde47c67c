package ethrpc

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func patience(after time.Duration) *errPatience {
	return &errPatience{after: after, said: &Error{Code: 429, Message: "HTTP status 429"}}
}

// TestAMethodThatIsRefusedAgainSlowsNoOther: it waited for what was asked for, so the pace is not what is refused.
func TestAMethodThatIsRefusedAgainSlowsNoOther(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var p pace
	for range 20 {
		p.slowDown(now, "eth_estimateGas", patience(time.Second))
		now = now.Add(time.Second)
	}
	if p.gap != leastGap {
		t.Errorf("requests are %s apart after one method was refused 20 times, want %s", p.gap, leastGap)
	}
	if at := p.free("eth_getBalance"); at.After(now) {
		t.Errorf("another method may be asked in %s, want now", at.Sub(now))
	}
	for _, method := range []string{"a", "b", "c", "d", "e"} {
		p.slowDown(now, method, patience(time.Second))
	}
	if p.gap != mostGap {
		t.Errorf("requests are %s apart after one method after the other was refused, want %s", p.gap, mostGap)
	}
	if at := p.free("eth_getBalance"); at != now.Add(time.Second) {
		t.Errorf("another method may be asked in %s, want in a second", at.Sub(now))
	}
}

func TestAPaceIsAsBeforeAfterFourCalmMinutes(t *testing.T) {
	now := time.Unix(1795349070, 0)
	p := pace{gap: mostGap, slowed: now}
	for range 240 {
		now = now.Add(time.Second)
		p.calm(now)
	}
	if p.gap != 0 {
		t.Errorf("requests are still %s apart", p.gap)
	}
}

// TestAnEndpointThatHungIsWellSoonAfterItAnswers: no pace is tried that may be too fast.
func TestAnEndpointThatHungIsWellSoonAfterItAnswers(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var s slow
	s.failed(vain{times: 1, since: now, last: "eth_call: no complete answer in 10s (timeout)"})
	now = now.Add(10 * time.Second)
	if s.answered(); !s.learn(now, 10*time.Second) || s.Over() {
		t.Fatalf("%+v: not slow after a request that waited for 10 s", s)
	}
	for range 9 {
		now = now.Add(time.Second)
		s.answered()
		s.learn(now, 0)
	}
	if !s.told || !s.Over() {
		t.Errorf("%+v: want it told still, and that it answers again", s)
	}
	now = now.Add(time.Second)
	if s.learn(now, 0); s.told || !s.Since.IsZero() {
		t.Errorf("%+v: it is not over 10 s after the last answer that was waited for", s)
	}
}

// TestAnEndpointThatHangsNowAndThenIsToldOfLessAndLess: each time that it hangs again, its calm must last for longer.
func TestAnEndpointThatHangsNowAndThenIsToldOfLessAndLess(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var s slow
	told := 0
	hangs := func() {
		s.failed(vain{times: 1, since: now, last: "eth_call: no complete answer in 10s (timeout)"})
		now = now.Add(10 * time.Second)
		s.answered()
		if s.learn(now, 10*time.Second) {
			told++
		}
	}
	answers := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(time.Second) {
			s.answered()
			s.learn(now, 0)
		}
	}
	for range 30 {
		hangs()
		answers(2 * time.Minute)
	}
	if told < 2 || told > 6 {
		t.Errorf("told %d times in an hour, want a few", told)
	}
	answers(soonAfter + hungFor<<mostAgain)
	if s.told {
		t.Errorf("%+v: it has answered for long, and is told still", s)
	}
	hangs()
	if answers(hungFor + 2*time.Second); s.told {
		t.Errorf("%+v: after a good while it is as the first time", s)
	}
}

// TestWhoDoesNotSayHowLongIsLeftAloneForLonger each time that it refuses the same again.
func TestWhoDoesNotSayHowLongIsLeftAloneForLonger(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var p pace
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
		p.slowDown(now, "eth_call", patience(0))
		if got := p.free("eth_call").Sub(now); got != want*time.Second {
			t.Errorf("it is left alone for %s, want %d s", got, want)
		}
	}
}

func TestHowLongAnEndpointWantsToBeLeftAlone(t *testing.T) {
	date := time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		header, data string
		want         time.Duration
	}{
		{"5", "", 5 * time.Second},
		{"0", "", 0},
		{"99999999999999999999", "", mostAway},
		{date, "", mostAway},
		{"Mon, 02 Jan 2006 15:04:05 GMT", "", 0},
		{"1", "", time.Second},
		{"1.5", "", 2 * time.Second},
		{"", `{"rate":{"backoff_seconds":0.01}}`, 0},
		{"", "", 0},
		{"soon", "", 0},
		{"-1", "", 0},
		{"", `{"rate":{"backoff_seconds":30}}`, 30 * time.Second},
		{"7", `{"rate":{"backoff_seconds":30}}`, 7 * time.Second},
		{"", `{"rate":{"backoff_seconds":1e300}}`, mostAway},
		{"", `{"rate":{"backoff_seconds":-3}}`, 0},
		{"", `{"rate":"none"}`, 0},
		{"", `[]`, 0},
	} {
		h := http.Header{}
		if c.header != "" {
			h.Set("Retry-After", c.header)
		}
		if got := backoff(h, &Error{Data: json.RawMessage(c.data)}); got != c.want {
			t.Errorf("Retry-After %q, data %s: %s, want %s", c.header, c.data, got, c.want)
		}
	}
}

// TestSlownessIsOverWhenNothingIsRefusedForAMinute, and not each time that a faster pace is tried.
func TestSlownessIsOverWhenNothingIsRefusedForAMinute(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var s slow
	begun := 0
	for range 30 { // a request waits for ten seconds
		s.refused(now, "eth_call: HTTP status 429")
		now = now.Add(10 * time.Second)
		s.answered()
		if s.learn(now, 10*time.Second) {
			begun++
		}
	}
	if !s.told || begun != 1 || s.Times != 30 || s.Of != 60 || s.Each < 9*time.Second {
		t.Errorf("%+v, begun %d times", s, begun)
	}
	for range 49 {
		now = now.Add(time.Second)
		s.answered()
		s.learn(now, 0)
	}
	s.refused(now, "eth_call: HTTP status 429")
	now = now.Add(59 * time.Second)
	if s.learn(now, time.Second/10); !s.told || s.Each >= slowTo {
		t.Errorf("%+v: it is over, with a refusal 59 s ago", s)
	}
	now = now.Add(time.Second)
	if s.learn(now, 0); s.told || !s.Since.IsZero() || s.Times != 0 {
		t.Errorf("%+v: it is not over a minute after the last refusal", s)
	}
}

// TestNothingIsRefusedAloneOnceOthersAre: what was found out about a method does not hold when the endpoint refuses another one.
func TestNothingIsRefusedAloneOnceOthersAre(t *testing.T) {
	now := time.Unix(1795349070, 0)
	var p pace
	for range mostRow {
		p.slowDown(now, "eth_estimateGas", patience(time.Second))
		now = now.Add(time.Second)
	}
	p.refused["eth_estimateGas"].alone = true
	if r := p.slowDown(now, "eth_estimateGas", patience(time.Second)); !r.alone {
		t.Error("refused once more, it is not refused alone any more")
	}
	if p.slowDown(now, "eth_getBalance", patience(time.Second)); p.refused["eth_estimateGas"].alone {
		t.Error("it is still said to be refused alone, after another method was refused")
	}
}

// TestWhoSaysWhenToComeBackIsLeftAloneWhateverTheStatus: some endpoints ban those who come sooner with 403 or 418.
func TestWhoSaysWhenToComeBackIsLeftAloneWhateverTheStatus(t *testing.T) {
	for _, c := range []struct {
		status     int
		header     string
		body       string
		isRefusal  bool
		wait       time.Duration
		saysStatus bool
	}{
		{429, "", `{"id":1,"error":{"code":-32000,"message":"slow down"}}`, true, 0, true},
		{403, "600", "", true, 10 * time.Minute, true},
		{418, "2.5", `{"id":1,"error":{"code":-1003,"message":"banned"}}`, true, 3 * time.Second, true},
		{502, "30", "<html>", true, 30 * time.Second, true},
		{503, "7200", "", true, time.Hour, true},
		{403, "", "", false, 0, false},
		{502, "soon", "", false, 0, false},
		{200, "30", `{"id":1,"error":{"code":-32000,"message":"nonce too low"}}`, false, 0, false},
		{200, "30", `{"id":1,"error":{"code":-32005,"message":"request rate limited"}}`, true, 30 * time.Second, false},
	} {
		resp := &http.Response{StatusCode: c.status, Header: http.Header{}}
		if c.header != "" {
			resp.Header.Set("Retry-After", c.header)
		}
		said, is := refusal(resp, []byte(c.body), decode(c.status, []byte(c.body), nil))
		if is != c.isRefusal {
			t.Errorf("%d with %q: a refusal %t, want %t", c.status, c.header, is, c.isRefusal)
			continue
		}
		if is && (backoff(resp.Header, said) != c.wait || strings.Contains(said.Message, "HTTP status") != c.saysStatus) {
			t.Errorf("%d with %q: wait %s, %q; want %s", c.status, c.header, backoff(resp.Header, said), said.Message, c.wait)
		}
	}
}
