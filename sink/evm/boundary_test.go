package evm

import (
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// These tests stand at the bounds of what the machine decides: one view fewer, one block fewer, one intent more.

func TestANonceCountsAsTakenWithTheThirdViewInARow(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.view.Nonce = 1
	look := func(want int, when string) {
		t.Helper()
		p.turn(t, time.Minute) // far longer than lostFor
		if got := p.open[0].lost; len(p.open) != 1 || p.top != 1 || got != want {
			t.Fatalf("%s: %d views count, %d intents were planned; want %d views and one intent", when, got, p.top, want)
		}
	}
	look(1, "the first view")
	look(2, "the second view")
	p.view.Nonce = 0
	look(0, "the nonce is free again")
	p.view.Nonce = 1
	look(1, "the first view of another row")
	look(2, "the second of it")
	hash := p.open[0].last().Hash
	p.view.Receipts[hash] = &ethrpc.Receipt{Tx: hash, Block: 11, BlockHash: dodona.Digest{11}, OK: true}
	look(0, "in a block")
	p.view.Receipts[hash] = nil
	look(1, "in no block any more")
	look(2, "twice in no block")
	p.turn(t, time.Minute)
	if p.top != 2 || len(p.open) != 1 || p.open[0].Nonce != 1 {
		t.Errorf("after the third view in a row: open %+v, %d intents were planned", p.open[0], p.top)
	}
}

func TestANonceThatIsMissingForAMomentIsNotTaken(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.view.Nonce = 1
	p.turn(t, time.Second)
	for range 11 { // the time counts from the first of the views
		p.turn(t, time.Second)
	}
	if p.top != 1 {
		t.Fatal("taken before lostFor")
	}
	p.turn(t, time.Second)
	if p.top != 2 {
		t.Error("not taken after lostFor")
	}
}

func TestNoncesAreMissedWithTheThirdViewInARow(t *testing.T) {
	p := finalPlay(t)
	p.lose()
	p.view.Head.Number = 25
	look := func(want int, gone bool) {
		t.Helper()
		p.turn(t, time.Minute)
		if p.behind != want || p.nonceGap.empty() == gone {
			t.Fatalf("%d views count, missing is %v; want %d", p.behind, p.nonceGap, want)
		}
	}
	look(1, false)
	look(2, false)
	p.view.Nonce = 3
	look(0, false)
	p.view.Nonce = 1
	look(1, false)
	look(2, false)
	look(3, true)
}

func TestNoncesThatAreMissingForAMomentAreNotSentAgain(t *testing.T) {
	p := finalPlay(t)
	p.lose()
	p.view.Head.Number = 25
	for range 12 { // a view a second: the first, and eleven seconds more
		p.turn(t, time.Second)
	}
	if !p.nonceGap.empty() {
		t.Fatal("missing before lostFor")
	}
	p.turn(t, time.Second)
	if p.nonceGap.empty() {
		t.Error("not missing after lostFor")
	}
}

func rounds(intents []*Intent) (list []dodona.Round) {
	for _, i := range intents {
		list = append(list, i.Payload.Round)
	}
	return list
}

func TestWithEveryALaterAnswerWaitsForAnEarlierOne(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.offer(t, 2000)
	p.open[0].Reverts, p.open[0].NotUntil = 1, p.now.Add(time.Minute)
	if sent := p.turn(t, time.Second); len(sent) > 0 {
		t.Fatalf("rounds %v overtake round 1000", rounds(sent))
	}
	if got := rounds(p.turn(t, time.Minute)); !slices.Equal(got, []dodona.Round{1000}) {
		t.Errorf("sent %v, want round 1000, and 2000 once the contract takes that", got)
	}
	if got := rounds(p.turn(t, time.Second)); len(got) > 0 {
		t.Errorf("sent %v while that is under way", got)
	}
	p.settleAll(t, "f")
	if next := p.flying("f"); next == nil || next.Payload.Round != 2000 {
		t.Errorf("under way is %+v then", next)
	}
}

func TestAnAnswerThatIsPlannedAnewGoesBeforeNewerOnes(t *testing.T) {
	p := newPlay(sink.Every)
	p.window = 1 // so that the others stay planned
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.window = 4
	for _, r := range []dodona.Round{2000, 3000} {
		p.offer(t, r)
	}
	for _, i := range p.open[1:] {
		i.Reverts, i.NotUntil = 1, p.now.Add(retryMost)
	}
	p.view.Nonce = 1 // somebody's transaction
	for range 3 {
		p.turn(t, time.Minute)
	}
	if got := rounds(p.open); !slices.Equal(got, []dodona.Round{1000, 2000, 3000}) || p.open[0].Number != 4 {
		t.Errorf("open are rounds %v", got)
	}
}

func TestARestartKeepsTheOrder(t *testing.T) {
	p := newPlay(sink.Every)
	p.window = 20
	for n := range 20 {
		p.offer(t, dodona.Round(1000*(n+1)))
	}
	q := newPlay(sink.Every)
	q.restore(p.now, p.journal)
	if got := rounds(q.open); len(got) != 20 || !slices.IsSorted(got) {
		t.Errorf("open are rounds %v", got)
	}
}

func TestAWindowIsFullWithItsLastTransaction(t *testing.T) {
	p := newPlay(sink.Every)
	offer := func(r dodona.Round) bool {
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: r.ID(), Round: r, Attested: p.now})
		p.did(t, fx)
		return taken
	}
	for n := range 4 {
		if !offer(dodona.Round(1000 * (n + 1))) {
			t.Fatalf("answer %d of a window of four is not taken", n+1)
		}
	}
	if offer(5000) || len(p.open) != 4 {
		t.Error("a window of four takes five")
	}
	p.turn(t, time.Second)
	if offer(5000) {
		t.Error("what is sent and in no block does not count")
	}
	p.mine(11)
	p.turn(t, time.Second)
	if !offer(5000) {
		t.Error("what is in a block counts")
	}
	for len(p.open) < mostOpen {
		p.open = append(p.open, &Intent{Intent: intent.Intent{Number: 1 << 40, State: Mined, Block: &Block{}}})
	}
	if offer(6000) {
		t.Errorf("%d intents are open, and one more is taken", len(p.open))
	}
}

func TestAWindowIsForAllFeedsTogether(t *testing.T) {
	p := newPlay(sink.Latest)
	for _, feed := range []string{"a", "b", "c", "d", "e"} {
		p.target[feed], p.view.Slots[feed] = dodona.Address{8}, sink.Said{}
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: feed, Record: "1000", Round: 1000, Attested: p.now})
		if p.did(t, fx); !taken {
			t.Fatalf("feed %s waits", feed)
		}
	}
	if sent := p.turn(t, time.Second); len(sent) != 4 {
		t.Fatalf("%d transactions are under way in a window of four", len(sent))
	}
	p.mine(11)
	if sent := p.turn(t, time.Second); len(sent) != 1 || sent[0].place() != "e" {
		t.Errorf("sent %d, want the fifth feed's", len(sent))
	}
}

func TestAMoveToAnotherChainOrSenderPlansAnew(t *testing.T) {
	p := newPlay(sink.Every)
	p.view.Nonce = 40
	for n := range 3 {
		p.offer(t, dodona.Round(1000*(n+1)))
	}
	p.turn(t, time.Second)
	p.mine(11)
	p.turn(t, time.Second) // all three are in a block that is not deep enough
	for name, move := range map[string]func(*play){
		"another chain":  func(q *play) { q.chain = 2 },
		"another sender": func(q *play) { q.sender = dodona.Address{10} },
	} {
		q := newPlay(sink.Every)
		move(q)
		moved, st := q.restore(p.now, p.journal)
		q.did(t, st.effects)
		if moved != 3 || len(q.journal) != 3 || q.pendingNonce != 0 {
			t.Errorf("%s: %d moved, %d journaled, next nonce %d; want 3, 3 and 0", name, moved, len(q.journal), q.pendingNonce)
		}
		for _, e := range q.journal {
			if i := e.Intent; e.Chain != q.chain || e.Sender != q.sender || i.State != Planned || i.Nonce != 0 || len(i.Attempts) != 0 || i.Block != nil {
				t.Errorf("%s: journaled %+v", name, e)
			}
		}
		if sent := q.turn(t, time.Second); !slices.Equal(rounds(sent), []dodona.Round{1000, 2000, 3000}) || sent[0].Nonce != 0 || len(sent[0].Attempts) != 1 {
			t.Errorf("%s: sent %v", name, rounds(sent))
		}
		back := newPlay(sink.Every) // where both were: what the other did is not ours
		if moved, _ := back.restore(p.now, append(slices.Clone(p.journal), q.journal...)); moved != 3 || back.pendingNonce != 43 {
			t.Errorf("%s and back: %d moved, next nonce %d; want 3 and 43", name, moved, back.pendingNonce)
		}
	}
	same := newPlay(sink.Every)
	if moved, _ := same.restore(p.now, p.journal); moved != 0 || same.pendingNonce != 43 || same.open[0].State != Mined {
		t.Errorf("nothing changed: %d moved, next nonce %d, the first is %s", moved, same.pendingNonce, same.open[0].State)
	}
}

func TestABlockIsFinalWithItsLastConfirmation(t *testing.T) {
	p := newPlay(sink.Every) // three confirmations, its own block is the first
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.mine(11)
	p.view.Head.Number = 12
	p.turn(t, time.Second)
	if len(p.open) != 1 || p.open[0].State != Mined {
		t.Fatalf("with two confirmations: %+v", p.journal[len(p.journal)-1].Intent.State)
	}
	p.view.Head.Number = 13
	p.turn(t, time.Second)
	if last := p.journal[len(p.journal)-1].Intent; len(p.open) != 0 || last.State != Final {
		t.Errorf("with three confirmations: %s", last.State)
	}
}

// TestADeliveryTakesUntilTheFirstBlock, whatever becomes of that block.
func TestADeliveryTakesUntilTheFirstBlock(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.mine(11)
	p.turn(t, time.Second)
	for _, r := range p.view.Receipts {
		r.Block, r.BlockHash = 12, dodona.Digest{12}
	}
	p.turn(t, time.Second)
	p.view.Head.Number = 14
	p.turn(t, time.Second)
	if len(p.open) != 0 || !slices.Equal(p.took, []time.Duration{2 * time.Second}) {
		t.Errorf("%d open, it took %v, want 2 s once", len(p.open), p.took)
	}
}

func TestWhatTheChainHasAlreadyIsNotSent(t *testing.T) {
	for has, want := range map[dodona.Round]int{999: 1, 1000: 0, 1001: 0} {
		p := newPlay(sink.Every)
		p.offer(t, 1000)
		p.view.Slots["f"] = sink.Said{Round: has}
		if sent := p.turn(t, time.Second); len(sent) != want {
			t.Errorf("the chain has round %d: %d sent, want %d", has, len(sent), want)
		}
	}
}

func TestARevertedAnswerThatTheChainHasIsNotSentAgain(t *testing.T) {
	for has, want := range map[dodona.Round]State{999: Reverted, 1000: Superseded, 1001: Superseded} {
		p := newPlay(sink.Every)
		p.offer(t, 1000)
		p.turn(t, time.Second)
		p.mine(11)
		p.view.Receipts[p.open[0].last().Hash].OK = false
		p.view.Slots["f"] = sink.Said{Round: has}
		for p.view.Head.Number = 20; p.view.Head.Number < 25; p.view.Head.Number++ { // the slot is certain after a while
			p.turn(t, 5*time.Second)
		}
		first := slices.IndexFunc(p.journal, func(e intent.Entry) bool { return e.Intent.Number == 1 && e.Intent.State.Over() })
		if first < 0 || p.journal[first].Intent.State != want || (len(p.open) == 1) != (want == Reverted) {
			t.Errorf("the chain has round %d: open %d, want the intent %s", has, len(p.open), want)
		}
	}
}
