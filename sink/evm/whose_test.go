package evm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
)

// TestAForeignContractGetsNothing though `gas` is set, and what it holds supersedes nothing and is not shown; what waits goes once it is the right one.
func TestAForeignContractGetsNothing(t *testing.T) {
	for _, policy := range []sink.Choice{sink.Latest, sink.Every} {
		p := newPlay(policy)
		p.view.Slots["f"] = sink.Said{Round: 500}
		p.turn(t, time.Second) // nobody has said whose it is
		delete(p.view.Slots, "f")
		p.view.Foreign = map[string]foreigner{"f": {"it is that of feed g", p.now}}
		p.offer(t, 1000)
		for range 20 {
			if sent := p.turn(t, time.Minute); len(sent) > 0 {
				t.Fatalf("%s: %d transactions go to it", policy, len(sent))
			}
		}
		if _, shown := p.holds("f"); shown {
			t.Errorf("%s: what it holds is shown", policy)
		}
		if state, worst := p.standing(); state != sink.Stuck || worst != "contract f" || len(p.trouble) != 1 || p.events != 1 {
			t.Errorf("%s: %s, %s, troubles %v, %d events; want one", policy, state, worst, p.trouble, p.events)
		}
		p.view.Foreign = nil
		p.view.Slots["f"] = sink.Said{}
		if sent := p.turn(t, time.Second); len(sent) != 1 || sent[0].Payload.Round != 1000 {
			t.Errorf("%s: sent %v once it is the right one", policy, sent)
		}
		if len(p.trouble) > 0 {
			t.Errorf("%s: troubles %v", policy, p.trouble)
		}
	}
}

// TestAForeignContractHoldsUpNoOtherFeed, however much waits for it.
func TestAForeignContractHoldsUpNoOtherFeed(t *testing.T) {
	p := newPlay(sink.Every)
	p.target["g"] = dodona.Address{8}
	p.view.Slots["g"] = sink.Said{}
	delete(p.view.Slots, "f")
	p.view.Foreign = map[string]foreigner{"f": {"it is that of feed g", p.now}}
	p.turn(t, time.Second)
	for r := range dodona.Round(3 * 4) { // three windows
		p.offer(t, 1000+r)
	}
	taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "g", Record: "1", Round: 1, Data: []byte{1}, Attested: p.now})
	p.did(t, fx)
	if sent := p.turn(t, time.Second); !taken || len(sent) != 1 || sent[0].Payload.Feed != "g" {
		t.Errorf("taken %t, sent %v; want that of the other feed", taken, sent)
	}
}

// A namer answers, for an endpoint, a function of the first contract of a bench, as a word or as the code of an error; empty: as the ledger does.
type namer func(function string) string

func (n namer) says(method string, params []json.RawMessage) string {
	var call struct {
		To   dodona.Address
		Data ethrpc.Bytes
	}
	if method != "eth_call" || json.Unmarshal(params[0], &call) != nil || call.To[19] != 1 {
		return ""
	}
	for _, function := range []string{"feed()", "period()"} {
		if selector := ethrpc.Selector(function); string(call.Data) == string(selector[:]) {
			return n(function)
		}
	}
	return ""
}

const noSuch = `"error":{"code":3,"message":"execution reverted"}`

func wordOf(d dodona.Digest) string { return `"result":"` + d.String() + `"` }

// TestASinkAsksAContractWhoseItIs: what is that of another feed, or of anchors, is one trouble with the contract's address and what to do; it costs no transaction and no answer, and
// holds up no other feed. One that does not say is delivered to, and so is one of which a single endpoint says that it is another one's.
func TestASinkAsksAContractWhoseItIs(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	other := dodona.Feed{Name: "feed-1"}.ID()
	for name, c := range map[string]struct {
		says namer
		text string // of the trouble; empty: there is none
	}{
		"of another feed": {func(string) string { return wordOf(other) }, "and it is that of feed feed-1;"},
		"of a feed that is not known": {
			func(string) string { return wordOf(dodona.Digest{1}) },
			"and it is that of a feed with id 0x01000000",
		},
		"an adapter": {
			func(string) string { return wordOf(dodona.Digest{12: 0xab}) },
			"and it is an adapter, which only shows what 0xab00000000000000000000000000000000000000 holds: name that one;",
		},
		"of anchors": {func(function string) string {
			if function == "feed()" {
				return noSuch
			}
			return wordOf(dodona.Digest{30: 1})
		}, "and it takes anchors;"},
		"it has no such function": {func(string) string { return noSuch }, ""},
		"it says nothing":         {func(string) string { return `"result":"0x"` }, ""},
		"calls are not answered":  {func(string) string { return `"error":{"code":-32601,"message":"no such method"}` }, ""},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newLedger()
			l.says = c.says.says
			b := newBench(t, 2, l)
			b.starts(sink.Latest)
			b.attest(1)
			want := 2
			if c.text != "" {
				want = 1
			}
			b.within(time.Minute, "contracts have it", func() bool { return l.holds(1) == want })
			b.attest(2)
			b.within(time.Minute, "contracts have the next", func() bool { return l.holds(2) == want })
			time.Sleep(time.Hour)
			detail := b.detail()
			if c.text == "" {
				if b.status().State != sink.OK || len(b.events) > 0 || len(detail.Slots) != 2 {
					t.Errorf("status %+v, events %q", b.status(), b.events)
				}
				return
			}
			told := detail.Troubles["contract feed-0"]
			if len(detail.Troubles) != 1 || len(b.events) != 1 || !strings.Contains(told, c.text) || !strings.Contains(told, b.targets["feed-0"].String()) || !strings.Contains(told, "correct `contracts: feed-0`") {
				t.Errorf("troubles %q, events %q", detail.Troubles, b.events)
			}
			if s := b.status(); s.State != sink.Stuck || s.LastError != "contract: "+told || s.Queue != 1 || s.Dead > 0 {
				t.Errorf("status %+v", s)
			}
			if _, shown := detail.Slots["feed-0"]; shown || len(detail.Slots) != 1 {
				t.Errorf("slots %v", detail.Slots)
			}
			l.say(nil)
			b.within(whoseEvery+time.Minute, "what waits goes once it is the right one", func() bool { return l.holds(2) == 2 })
			if s, n := b.status(), len(b.eventsOf("contract")); s.State != sink.OK || n != 2 {
				t.Errorf("the sink says %q, %d events %q", s.State, n, b.events)
			}
		})
	}
}

// TestOneEndpointThatMakesUpWhoseAContractIsStopsNothing.
func TestOneEndpointThatMakesUpWhoseAContractIsStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		first, second := newFace(l), newFace(l)
		first.says = func(method string) string {
			if method != "eth_call" {
				return ""
			}
			return wordOf(dodona.Digest{1})
		}
		b := newPair(t, l, first, second)
		b.starts(sink.Latest)
		b.rounds(l, 1, 5, time.Minute, 30*time.Second)
		if s := b.status(); s.State != sink.OK || len(b.events) > 0 {
			t.Errorf("the sink says %q, %q; events %q", s.State, s.LastError, b.events)
		}
	})
}

// TestWindowsThatDoNotFitTheirContractAreTold from the start, and what is dropped is counted, named and told.
func TestWindowsThatDoNotFitTheirContractAreTold(t *testing.T) {
	for every, fits := range map[time.Duration]bool{10 * time.Minute: false, 14 * time.Minute: true, 7 * time.Minute: true, time.Minute: false, 0: true} {
		bubble(t, fmt.Sprint(every), func(t *testing.T) {
			l := newLedger()
			l.says = namer(func(function string) string {
				if function != "period()" {
					return noSuch
				}
				return fmt.Sprintf(`"result":"0x%064x"`, (7 * time.Minute).Milliseconds())
			}).says
			b := newBench(t, 0, l)
			b.settings.Anchor = dodona.Address{19: 1}
			b.env.AnchorEvery = func() time.Duration { return every }
			b.starts(sink.Latest)
			detail := b.detail()
			if told := detail.Troubles[misfit]; (told == "") != fits {
				t.Fatalf("told %q", told)
			} else if !fits && (!strings.Contains(told, "windows of 7m or a multiple, and this node anchors every "+every.String()[:2]) || b.status().State != sink.Stuck) {
				t.Errorf("the sink says %q, told %q", b.status().State, told)
			}
			for n := range sink.MostDeadLetters + 4 {
				if err := b.refuse(t.Context(), dodona.Record{Topic: dodona.TopicAnchor, Key: "series", ID: fmt.Sprint(n)}, errors.New("not on the grid")); err != nil {
					t.Fatal(err)
				}
			}
			s := b.status()
			letters := s.DeadLetters
			if s.Dead != sink.MostDeadLetters+4 || len(letters) != sink.MostDeadLetters || letters[0].Record != "4" || letters[len(letters)-1].Detail != "not on the grid" {
				t.Errorf("%d dead, letters %+v", s.Dead, letters)
			}
			if len(b.eventsOf("dead")) != sink.MostDeadLetters+4 || s.LastError == "" {
				t.Errorf("events %q, last error %q", b.events, s.LastError)
			}
		})
	}
}

// TestNothingGoesWhereAForeignContractWas, if a development chain was begun anew and has nothing there.
func TestNothingGoesWhereAForeignContractWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.says = namer(func(string) string { return wordOf(dodona.Digest{1}) }).says
		b := newBench(t, 1, l)
		b.starts(sink.Latest)
		b.attest(1)
		time.Sleep(time.Minute)
		l.say(func(method string, _ []json.RawMessage) string {
			if method == "eth_call" || method == "eth_getCode" {
				return `"result":"0x"`
			}
			return ""
		})
		b.within(whoseEvery+time.Minute, "it is told", func() bool { return strings.Contains(strings.Join(b.eventsOf("rpc"), "\n"), "has no code on chain 1") })
		time.Sleep(time.Hour)
		if _, by := l.answers(); by[sendRaw] > 0 {
			t.Errorf("%d transactions are sent", by[sendRaw])
		}
		l.say(nil)
		b.within(5*time.Minute, "what waits goes once it is there", func() bool { return l.holds(1) == 1 })
	})
}
