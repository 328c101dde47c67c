package evm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsAnsweredInVainIsNotAskedForAllTheTime: an endpoint that answers, and never lets a turn get through, is asked less and less
// often at last.
func TestWhatIsAnsweredInVainIsNotAskedForAllTheTime(t *testing.T) {
	racetest.Spare(t)
	says := func(method, text string) func(*bench, *ledger) {
		return func(b *bench, l *ledger) {
			b.settings.Anchor = dodona.Address{9}
			l.says = func(m string, _ []json.RawMessage) string {
				if m == method {
					return text
				}
				return ""
			}
		}
	}
	for name, c := range map[string]struct {
		make  func(*bench, *ledger)
		state sink.State
		text  string
	}{
		"a contract without code":         {says("eth_getCode", `"result":"0x"`), sink.Stuck, "has no code on chain 1"},
		"a contract of anchors reverts":   {says("eth_call", `"error":{"code":3,"message":"execution reverted"}`), sink.Stuck, "is it a DodonaAnchor"},
		"a contract of anchors is silent": {says("eth_call", `"result":"0x"`), sink.Stuck, "has no period; is it a DodonaAnchor"},
		"a contract of anchors says 0":    {says("eth_call", `"result":"0x`+strings.Repeat("0", 64)+`"`), sink.Stuck, "has no period; is it a DodonaAnchor"},
		"no one may pay for a call":       {says("eth_call", `"error":{"code":-32000,"message":"insufficient funds"}`), sink.Retrying, "insufficient funds"},
		"nothing can be sent": {func(_ *bench, l *ledger) {
			l.trip(failsFor(sendRaw))
		}, sink.Retrying, "HTTP status 502"},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			b := newBench(t, 1, l)
			c.make(b, l)
			b.begin()
			if c.state == sink.Retrying && b.settings.Anchor.IsZero() {
				b.attest(1)
			}
			time.Sleep(10 * time.Minute)
			before, _ := l.answers()
			time.Sleep(2 * time.Hour)
			if s := b.status(); s.State != c.state || !strings.Contains(s.LastError, c.text) {
				t.Errorf("the sink says %q, %q", s.State, s.LastError)
			}
			n, by := l.answers()
			if n == before || n-before > 2500 { // a look each half a minute or so
				t.Errorf("it was asked %d times in two hours: %v", n-before, by)
			}
		})
	}
}

// TestAnEndpointThatAsksForPatienceIsNotInTheWayOfOneThatFails now and then: that is asked again meanwhile, and delivers.
func TestAnEndpointThatAsksForPatienceIsNotInTheWayOfOneThatFails(t *testing.T) {
	for name, habit := range map[string]func() func(string) error{
		"nine of ten fail":  func() func(string) error { return every(10, err502) },
		"two of three fail": func() func(string) error { return every(3, err502) },
		"half a minute of a minute fails": func() func(string) error {
			return func(string) error {
				if time.Now().Unix()%60 < 30 {
					return err502
				}
				return nil
			}
		},
	} {
		for at := range 2 {
			bubble(t, name, func(t *testing.T) {
				l, busy := newLedger(), newLedger()
				busy.says = func(string, []json.RawMessage) string {
					return `"error":{"code":-32005,"message":"daily request count exceeded, request rate limited","data":{"rate":{"backoff_seconds":600}}}`
				}
				l.trip(habit())
				pair := [][]*ledger{{l, busy}, {busy, l}}[at]
				b := newBench(t, 1, pair...)
				b.begin()
				b.within(3*time.Minute, "it is ready", b.isReady)
				for round := range dodona.Round(5) {
					b.attest(round + 1)
					b.within(3*time.Minute, "it is delivered", func() bool { return l.holds(round+1) == 1 })
					time.Sleep(17 * time.Second)
				}
				if n, _ := busy.answers(); n > 10 { // one each ten minutes
					t.Errorf("the one that asks for patience was asked %d times", n)
				}
			})
		}
	}
}
