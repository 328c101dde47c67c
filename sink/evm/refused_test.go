package evm

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatOneEndpointRefusesAnotherTakes, in the same turn, and is asked from then on; that a nonce is used must be said twice.
func TestWhatOneEndpointRefusesAnotherTakes(t *testing.T) {
	for message, c := range map[string]struct {
		code int
		most time.Duration
	}{
		"txpool is full":                             {-32000, 4 * time.Second},
		"sender is not allowed by this gateway":      {-32000, 4 * time.Second},
		"transaction rejected":                       {-32003, 4 * time.Second},
		"internal error":                             {-32603, 4 * time.Second},
		"insufficient funds for gas * price + value": {-32000, 4 * time.Second},
		"replacement transaction underpriced":        {-32000, 4 * time.Second},
		"max fee per gas less than block base fee":   {-32000, 4 * time.Second},
		"exceeds block gas limit":                    {-32000, 4 * time.Second},
		"nonce too low: next nonce 5000, tx nonce 5": {-32000, 17 * time.Second},
	} {
		bubble(t, message, func(t *testing.T) {
			l := newLedger()
			first, second := newFace(l), newFace(l)
			first.says = refusesAll(c.code, message)
			b := newPair(t, l, first, second)
			given := b.refusing(func(dodona.Record) bool { return false })
			b.starts(sink.Latest)
			if states := b.rounds(l, 1, 10, c.most, 20*time.Second); len(states) != 1 || states[sink.OK] == 0 || len(b.events) > 0 {
				t.Errorf("the sink says %v; events %q", states, b.events)
			}
			if e := b.client.Endpoints(); !e[1].Current || !strings.Contains(e[0].Error, message) {
				t.Errorf("endpoints %+v, want the second to be asked, and why not the first", e)
			}
			if n := first.asked[sendRaw].Load(); n > 2 {
				t.Errorf("the first was sent %d transactions, want none after the second took one", n)
			}
			if _, most := tips(t, given(), 1); most > 1e9 {
				t.Errorf("a tip of %s is paid", Price(most))
			}
		})
	}
}

// TestWhatAllEndpointsRefuseIsToldAsTheFirstSaysIt, each is asked once a broadcast, and nothing else is asked more often than of one endpoint.
func TestWhatAllEndpointsRefuseIsToldAsTheFirstSaysIt(t *testing.T) {
	const minutes = 30
	others := make(map[int]int) // requests that are no broadcasts, by number of endpoints
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			var faces []*face
			for at := range n {
				f := newFace(l)
				f.says = refusesAll(-32000, fmt.Sprintf("txpool %d is full", at))
				faces = append(faces, f)
			}
			b := newPair(t, l, faces...)
			b.starts(sink.Latest)
			b.attest(1)
			time.Sleep(minutes*time.Minute + time.Second/2) // no broadcast is under way then
			if st := b.status(); st.State != sink.Stuck || !strings.Contains(st.LastError, "txpool 0 is full") || len(b.events) != 1 {
				t.Errorf("%d endpoints: %s, %q, events %q", n, st.State, st.LastError, b.events)
			}
			if !b.client.Endpoints()[0].Current {
				t.Errorf("%d endpoints: the first is left, though no other one is better", n)
			}
			sent := faces[0].asked[sendRaw].Load()
			for at, f := range faces {
				if got := f.asked[sendRaw].Load(); got != sent || got > 5*minutes+1 {
					t.Errorf("%d endpoints: endpoint %d is sent the transaction %d times in %d minutes, the first %d times", n, at, got, minutes, sent)
				}
			}
			others[n], _ = l.answers()
			t.Logf("%d endpoints: each minute %d broadcasts to each, %d other requests to all", n, sent/minutes, others[n]/minutes)
		})
	}
	if most := others[1] + 2*(minutes/5+1); others[3] > most { // what each is asked for its chain
		t.Errorf("three endpoints are asked %d other requests, one %d; want at most %d", others[3], others[1], most)
	}
}

// TestWhichOfSeveralRefusalsIsBelieved: the first, of those that want more the one that wants least, and that a nonce is used.
func TestWhichOfSeveralRefusalsIsBelieved(t *testing.T) {
	const full, used = "txpool is full", "nonce too low"
	needs := func(n int) string { return fmt.Sprintf("transaction underpriced: tip needed %d, tip permitted 1", n) }
	for _, c := range []struct {
		say     [3]string // by endpoint
		want    reply
		message string
		current int
	}{
		{[3]string{full, "no", "insufficient funds"}, refused, full, 0},
		{[3]string{full, used, "no"}, stale, used, 1},
		{[3]string{used, used, used}, spent, used, 0},
		{[3]string{used, full, used}, spent, used, 0},
		{[3]string{used, full, full}, stale, used, 0},
		{[3]string{used, full, "already known"}, accepted, "", 2},
		{[3]string{needs(30), needs(20), needs(25)}, underpriced, needs(20), 0},
		{[3]string{needs(30), needs(40), full}, underpriced, needs(30), 0},
		{[3]string{needs(30), "max fee per gas less than block base fee", "replacement transaction underpriced"}, underpriced, needs(30), 0},
		{[3]string{full, needs(20), needs(30)}, refused, full, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			var faces []*face
			for _, message := range c.say {
				f := newFace(l)
				f.says = refusesAll(-32000, message)
				faces = append(faces, f)
			}
			b := newPair(t, l, faces...)
			b.turns.tipsAt = time.Now()
			r, message := classify(b.client.Send(t.Context(), []byte{2}))
			r, message = b.sendElsewhere(t.Context(), []byte{2}, r, message, make(map[int]bool))
			if r != c.want || message != c.message || b.client.Current() != c.current {
				t.Errorf("%q: reply %d, %q, current endpoint %d; want %d, %q, %d", c.say, r, message, b.client.Current(), c.want, c.message, c.current)
			}
			if forgot := b.turns.tipsAt.IsZero(); forgot != (c.current > 0) {
				t.Errorf("%q: what is believed of the first is forgotten: %t, current endpoint %d", c.say, forgot, c.current)
			}
		})
	}
}

// TestWhatOneEndpointKeepsToItselfIsSentThroughAnother once it has waited for long.
func TestWhatOneEndpointKeepsToItselfIsSentThroughAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first := newFace(l)
		first.says = saying(sendRaw, "0x0")
		b := newPair(t, l, first, newFace(l))
		b.starts(sink.Latest)
		b.rounds(l, 1, 3, b.settings.BumpAfter+10*time.Second, time.Minute)
	})
}

// TestThatANonceIsUsedIsAskedOfOthersTheSecondTime: the first time a block may just have taken it.
func TestThatANonceIsUsedIsAskedOfOthersTheSecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		first.says, second.says = refusesAll(-32000, "nonce too low"), refusesAll(-32000, "nonce too low")
		b := newPair(t, l, first, second)
		b.takesTurn()
		i := &Intent{Intent: intent.Intent{Number: 1, State: Sent, Attempts: []Attempt{{Raw: []byte{2}, At: time.Now()}}}}
		for n := range int64(3) {
			if err := b.send(t.Context(), []*Intent{i}); err != nil || second.asked[sendRaw].Load() != n {
				t.Errorf("broadcast %d: %v, the second endpoint was sent it %d times, want %d", n, err, second.asked[sendRaw].Load(), n)
			}
		}
	})
}

// TestOneThatHangsIsWaitedForOnceATurn, however many transactions the first endpoint refuses.
func TestOneThatHangsIsWaitedForOnceATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second, third := newFace(l), newFace(l), newFace(l)
		b := newPair(t, l, first, second, third)
		b.takesTurn()
		first.says, third.says, second.trips = refusesAll(-32000, "no"), refusesAll(-32000, "nor here"), always(errHangs)
		var intents []*Intent
		for n := range uint64(8) {
			intents = append(intents, &Intent{Intent: intent.Intent{Number: n + 1, State: Sent, Attempts: []Attempt{{Raw: []byte{byte(n)}, At: time.Now()}}}})
		}
		begun := time.Now()
		if err := b.send(t.Context(), intents); err != nil || time.Since(begun) > b.settings.Timeout {
			t.Errorf("%v after %s, want it over after one timeout", err, time.Since(begun))
		}
		if a, c := first.asked[sendRaw].Load(), third.asked[sendRaw].Load(); a != 8 || c != 8 {
			t.Errorf("the others are sent %d and %d transactions, want 8 each", a, c)
		}
	})
}
