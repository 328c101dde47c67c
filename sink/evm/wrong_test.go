package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// TestOneWrongAnswerCostsNothing: one of two endpoints says, once or for ever, that a contract holds a round that nobody made, or that the key
// has sent a hundred transactions. All rounds are delivered, each with one transaction.
func TestOneWrongAnswerCostsNothing(t *testing.T) {
	for method, says := range map[string]string{"eth_getStorageAt": slotWord(math.MaxUint64), "eth_getTransactionCount": "0x64"} {
		for _, times := range []int64{1, forever} {
			bubble(t, fmt.Sprintf("%s, %d times", method, times), func(t *testing.T) {
				l, b, _, said := besideALiar(t, method, says, sink.Latest)
				time.Sleep(5 * time.Minute)
				said.left.Store(times)
				const last = 30
				b.attestsEach(3, last, time.Minute)
				b.holdsEach(l, 1, last)
				l.mu.Lock()
				defer l.mu.Unlock()
				if n := len(l.mined(l.head())); n != last {
					t.Errorf("%d transactions for %d rounds", n, last)
				}
			})
		}
	}
}

// TestAnImpossibleSlotIsNotBelieved of the only endpoint, and is shown; what the contract held before stays.
func TestAnImpossibleSlotIsNotBelieved(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Slots["f"] = sink.Said{Round: 1000}
	p.turn(t, time.Second)
	p.offer(t, 2000)
	p.view.Slots["f"] = sink.Said{Round: dodona.Round(p.now.Add(time.Hour).UnixMilli())}
	if sent := p.turn(t, time.Second); len(sent) != 1 {
		t.Errorf("%d transactions are sent", len(sent))
	}
	if got := p.trouble["slot f"].Message; !strings.Contains(got, "later than the clock") {
		t.Errorf("told %q", got)
	}
	p.view.Slots["f"] = sink.Said{Round: 1000}
	p.turn(t, time.Second)
	if _, still := p.trouble["slot f"]; still {
		t.Error("it is still a trouble")
	}
	p.view.Head.Time = uint64(p.now.Add(2 * time.Hour).Unix()) // the clock of this node is late
	p.view.Slots["f"] = sink.Said{Round: dodona.Round(p.now.Add(time.Hour).UnixMilli())}
	for range lostViews {
		p.turn(t, lostFor/2)
	}
	if has, _ := p.holds("f"); has != p.view.Slots["f"] {
		t.Error("a slot is not believed that is no later than the newest block")
	}
}

// TestOneCountThatIsTooHighGivesNoNonce, of the only endpoint; the third in a row does.
func TestOneCountThatIsTooHighGivesNoNonce(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Nonce = 2
	p.turn(t, time.Second)
	p.offer(t, 1000)
	p.view.Nonce = 100
	for range lostViews - 1 {
		if sent := p.turn(t, 4*time.Second); len(sent) > 0 {
			t.Fatalf("nonce %d is used", sent[0].Nonce)
		}
	}
	p.view.Nonce = 2
	if sent := p.turn(t, 4*time.Second); len(sent) != 1 || sent[0].Nonce != 2 {
		t.Fatalf("sent %+v, want nonce 2", sent)
	}
	p.view.Nonce = 100
	p.offer(t, 2000)
	begun, sent := p.now, 0
	for sent == 0 && p.now.Sub(begun) < time.Minute {
		sent = len(p.turn(t, 4*time.Second))
	}
	if sent == 0 {
		t.Error("nothing is sent, though the count stays")
	}
}

// TestALaggardIsNotAskedWhatAnotherSenderDelivered: the endpoint that comes first is so far behind that it cannot know.
func TestALaggardIsNotAskedWhatAnotherSenderDelivered(t *testing.T) {
	besideAnother(t, 40*time.Second, 0, 0)
}

// TestAFullWindowAsksNoMoreThanTheChain: every answer is to be sent, and none can be.
func TestAFullWindowAsksNoMoreThanTheChain(t *testing.T) {
	for _, method := range []string{"eth_getBalance", sendRaw} {
		bubble(t, method, func(t *testing.T) {
			l := newLedger()
			f := newFace(l)
			f.takes = func(string) time.Duration { return 20 * time.Millisecond }
			var on atomic.Bool
			f.says = saysWhile(&on, saying(method, "0x0"))
			b := newPair(t, l, f)
			b.starts(sink.Every)
			on.Store(true)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for r := dodona.Round(1); r <= 20; r++ {
					_ = b.take(ctx, b.answer("feed-0", r))
				}
			}()
			time.Sleep(5 * time.Minute)
			before, _ := l.answers()
			time.Sleep(10 * time.Minute)
			after, _ := l.answers()
			if each := (after - before) / 10; each > 700 {
				t.Errorf("%d requests a minute", each)
			}
			cancel()
			<-done
		})
	}
}

// TestAClockThatWasAheadDelaysNothing: what was done then counts as done now, after a start and while it runs.
func TestAClockThatWasAheadDelaysNothing(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, ahead := range []time.Duration{0, time.Hour, 24 * time.Hour} {
			p := newPlay(sink.Every)
			p.now = p.now.Add(ahead)
			p.offer(t, 1000)
			p.accepts(t, time.Second)
			p.view.Head.BaseFee *= 20 // now it pays too little
			p.view.Receipts[p.open[0].last().Hash] = nil
			if again {
				text, err := json.Marshal(p.journal)
				if err != nil {
					t.Fatal(err)
				}
				var entries []intent.Entry
				if err := json.Unmarshal(text, &entries); err != nil {
					t.Fatal(err)
				}
				q := newPlay(sink.Every)
				q.now, q.view, q.journal = p.now, p.view, p.journal
				_, st := q.restore(p.now, entries)
				q.did(t, st.effects)
				p = q
			}
			p.now = p.now.Add(-ahead)
			p.view.Estimates[p.open[0].Number] = estimate{Gas: 40_000}
			begun := p.now
			for len(p.open[0].Attempts) < 2 && p.now.Sub(begun) < 5*time.Minute {
				p.accepts(t, 30*time.Second)
			}
			if n := len(p.open[0].Attempts); n < 2 {
				t.Errorf("a clock that was ahead by %s, started again %t: not replaced in five minutes", ahead, again)
			}
		}
	}
}

// TestWhatIsToldCanBeJournaled, whatever an endpoint says; and what cannot be is left out, so that intents are kept and sent.
func TestWhatIsToldCanBeJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		f := newFace(l)
		huge, err := json.Marshal(strings.Repeat("<\x1b[31m\n", 200_000))
		if err != nil {
			t.Fatal(err)
		}
		lies := true
		f.says = func(m string) string {
			if lies && m == "eth_sendRawTransaction" {
				lies = false
				return `"error":{"code":-32000,"message":` + string(huge) + `}`
			}
			return ""
		}
		b := newPair(t, l, f)
		b.starts(sink.Latest)
		b.rounds(l, 1, 5, time.Minute, 50*time.Second)
		for _, e := range b.events {
			if len(e) > 1000 || strings.ContainsRune(e, '\x1b') {
				t.Errorf("an event of %d bytes: %.80q", len(e), e)
			}
		}
		if len(b.events) == 0 {
			t.Error("nothing is told of the refusal")
		}
	})
}

// TestAnEventThatCanNeverBeJournaledHoldsUpNothing.
func TestAnEventThatCanNeverBeJournaledHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		b := newPair(t, l, newFace(l))
		keep := b.Sink.env.Append
		b.Sink.env.Append = func(ctx context.Context, recs ...dodona.Record) error {
			for _, rec := range recs {
				if rec.Topic == dodona.TopicEvent {
					return dodona.Permanent(errors.New("a record is larger than the bus takes"))
				}
			}
			return keep(ctx, recs...)
		}
		lies := 1
		l.says = func(m string, _ []json.RawMessage) string {
			if m == "eth_sendRawTransaction" && lies > 0 {
				lies--
				return `"error":{"code":-32000,"message":"no"}`
			}
			return ""
		}
		b.starts(sink.Latest)
		b.rounds(l, 1, 5, time.Minute, 50*time.Second)
	})
}
