package evm

import (
	"log/slog"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/telemetry"
)

// outranPlay is one whose round 2000 was to take the place of round 1000 with the same nonce; the nonce is used, by round 1000.
func outranPlay(t *testing.T) (p *play, older Attempt) {
	t.Helper()
	p = newPlay(sink.Latest)
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	older = p.open[0].last()
	p.offer(t, 2000)
	p.turn(t, time.Minute)
	if len(p.open) != 1 || p.open[0].Payload.Round != 2000 || len(p.open[0].Attempts) != 2 || p.open[0].Payload.Passed != 1 {
		t.Fatalf("open %+v", p.open)
	}
	p.view.Nonce, p.view.Slots["f"] = 1, sink.Said{Round: 1000}
	return p, older
}

// inBlock puts an attempt into block 11 and makes that deep enough.
func (p *play) inBlock(a Attempt, ok bool) {
	p.view.Receipts[a.Hash] = &ethrpc.Receipt{Tx: a.Hash, Block: 11, BlockHash: dodona.Digest{11}, OK: ok}
	p.view.Head.Number = 13
}

// wantAnew fails unless round 2000 goes out again, once, with the next nonce, and is all that is under way.
func (p *play) wantAnew(t *testing.T, turns int) {
	t.Helper()
	times := 0
	for range turns {
		for _, i := range p.turn(t, 7*time.Second) {
			if i.last().Round == 2000 && i.Nonce == 1 && len(i.Attempts) == 1 && i.Payload.Passed == 0 {
				times++
			}
		}
	}
	if times != 1 || len(p.open) != 1 || p.open[0].Payload.Round != 2000 {
		t.Fatalf("round 2000 is sent %d times with nonce 1; open %+v", times, p.open)
	}
	p.mine(20)
	p.view.Head.Number = 40
	for range turns {
		if sent := p.turn(t, time.Minute); len(sent) > 0 {
			t.Errorf("sent after it was final: %+v", sent[0])
		}
	}
	if last := p.journal[len(p.journal)-1].Intent; len(p.open) > 0 || last.State != Final || last.Payload.Round != 2000 {
		t.Errorf("open %+v, last journaled %+v", p.open, last)
	}
}

func TestAnAnswerWhosePlaceAnOlderOneKeptIsSentAnew(t *testing.T) {
	p, older := outranPlay(t)
	p.inBlock(older, true)
	p.wantAnew(t, 1)
}

// TestARestartKnowsWhichAnswerABlockHas: with whatever was journaled when the process died.
func TestARestartKnowsWhichAnswerABlockHas(t *testing.T) {
	p, older := outranPlay(t)
	bumped := len(p.journal)
	p.inBlock(older, true)
	p.turn(t, time.Second)
	for cut := bumped; cut <= len(p.journal); cut++ {
		if cut > 0 && p.journal[cut-1].Intent.State == Final {
			continue // it is journaled at once with what is planned anew
		}
		q := newPlay(sink.Latest)
		_, st := q.restore(p.now, p.journal[:cut])
		q.did(t, st.effects)
		q.journal, q.now = append(q.journal, p.journal[:cut]...), p.now.Add(time.Minute)
		q.view.Nonce, q.view.Slots["f"] = 1, sink.Said{Round: 1000}
		q.inBlock(older, true)
		for _, r := range []dodona.Round{1000, 2000} {
			q.offer(t, r) // the reader gives again what it had not finished
		}
		q.wantAnew(t, 1)
	}
}

func TestAnAnswerIsSentAnewWhateverBecameOfTheOlderOne(t *testing.T) {
	for _, c := range []struct {
		what     string
		slot     dodona.Round
		ok, seen bool
	}{
		{"the older one is in the contract, and has no receipt", 1000, true, false},
		{"the older one was reverted, as the contract had it already", 1000, false, true},
		{"the older one was reverted, as the contract had one between", 1500, false, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, older := outranPlay(t)
			p.view.Slots["f"] = sink.Said{Round: c.slot}
			events, turns := p.events, 1
			if c.seen {
				p.inBlock(older, c.ok)
			} else {
				turns = lostViews
			}
			p.wantAnew(t, turns)
			if p.events > events {
				t.Error("somebody is blamed")
			}
		})
	}
}

// TestAnAnswerIsNotSentAnewBehindANewerOne: a contract takes ascending rounds only.
func TestAnAnswerIsNotSentAnewBehindANewerOne(t *testing.T) {
	p, older := outranPlay(t)
	p.inBlock(older, true)
	p.view.Head.Number = 11
	p.turn(t, time.Second)
	p.offer(t, 3000)
	if sent := p.turn(t, time.Second); len(sent) != 1 || sent[0].Payload.Round != 3000 || sent[0].Nonce != 1 {
		t.Fatalf("sent %v, want round 3000 with nonce 1", sent)
	}
	p.view.Head.Number = 13
	p.turn(t, time.Second)
	if len(p.open) != 1 || p.open[0].Payload.Round != 3000 {
		t.Errorf("open %+v, want round 3000 alone", p.open)
	}
}

// TestWhatWasFinalGoesOutAgainWithTheBytesOfTheBlock, not with those that were to take their place.
func TestWhatWasFinalGoesOutAgainWithTheBytesOfTheBlock(t *testing.T) {
	p, older := outranPlay(t)
	p.inBlock(older, true)
	p.wantAnew(t, 1)
	clear(p.view.Receipts)
	p.view.Nonce, p.view.Slots["f"] = 0, sink.Said{}
	sent := make(map[uint64]dodona.Round)
	for range lostViews + 1 {
		for _, i := range p.turn(t, 7*time.Second) {
			sent[i.Nonce] = i.last().Round
		}
	}
	if len(sent) != 2 || sent[0] != 1000 || sent[1] != 2000 {
		t.Errorf("sent again by nonce: %v, want rounds 1000 and 2000", sent)
	}
}

// TestTheWorstTroubleIsTheState: an endpoint that is slow hides nothing that waits for somebody.
func TestTheWorstTroubleIsTheState(t *testing.T) {
	client, err := ethrpc.NewClient(ethrpc.Options{URLs: []string{"http://a.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		troubles []string // in the order in which they begin
		state    sink.State
		last     string
	}{
		{nil, sink.OK, ""},
		{[]string{"rpc"}, sink.Retrying, "rpc: of rpc"},
		{[]string{"funds"}, sink.Stuck, "funds: of funds"},
		{[]string{"funds", "rpc"}, sink.Stuck, "funds: of funds"},
		{[]string{"rpc", "funds"}, sink.Stuck, "funds: of funds"},
		{[]string{"refused f", "fees", "rpc"}, sink.Stuck, "fees: of fees"},
		{[]string{"fees", "refused f", "rpc"}, sink.Stuck, "refused: of refused f"},
	} {
		for range 30 { // a map has another order each time
			p := newPlay(sink.Latest)
			s := &Sink{client: client, m: p.machine, counts: make(map[telemetry.Counters]uint64), env: sink.Env{
				Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler), Recorder: telemetry.Nop, Holds: func(int) {},
			}}
			for _, what := range c.troubles {
				p.now = p.now.Add(time.Second)
				st := &step{now: p.now}
				p.say(st, what, true, "of "+what)
				s.tellNews(st.keep)
			}
			s.show(nil)
			var got sink.Status
			if s.Report(&got); got.State != c.state || got.LastError != c.last {
				t.Fatalf("troubles %q: state %s, last error %q; want %s, %q", c.troubles, got.State, got.LastError, c.state, c.last)
			}
		}
	}
}
