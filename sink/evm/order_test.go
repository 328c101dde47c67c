package evm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/sink"
)

// waiting returns the rounds that wait, in the order in which they would go.
func (p *play) waiting() (list []dodona.Round) {
	for _, i := range p.open {
		if i.State == Planned {
			list = append(list, i.Payload.Round)
		}
	}
	return list
}

// refusedIn returns what is known to be refused.
func refusedIn(p *play) []*Intent {
	_, refused := p.machine.refused(p.now)
	return refused
}

// revertAll puts what is in flight into a block that is deep enough, which reverts it.
func (p *play) revertAll(t *testing.T, depth uint64) {
	t.Helper()
	block := p.view.Head.Number + 1
	for _, i := range p.open {
		if i.State == Signed || i.State == Sent {
			hash := i.last().Hash
			p.view.Receipts[hash] = &ethrpc.Receipt{Tx: hash, Block: block, BlockHash: dodona.Digest{byte(block), byte(block >> 8)}}
			p.view.Nonce = max(p.view.Nonce, i.Nonce+1)
		}
	}
	p.view.Head.Number = block + depth
	p.turn(t, time.Second)
}

// TestAStartKeepsTheOrder: what was planned anew has a higher number than what it goes before.
func TestAStartKeepsTheOrder(t *testing.T) {
	p := newPlay(sink.Every)
	p.window = 2
	p.offer(t, 1000)
	p.offer(t, 2000)
	p.turn(t, time.Second)
	p.revertAll(t, p.confirmations)
	p.window = 10
	for round := dodona.Round(3000); round < 7000; round += 1000 {
		p.offer(t, round)
	}
	q := newPlay(sink.Every)
	q.restore(p.now, p.journal)
	if got, want := q.waiting(), []dodona.Round{1000, 2000, 3000, 4000, 5000, 6000}; !slices.Equal(got, want) || !slices.Equal(p.waiting(), want) {
		t.Errorf("after a start wait %v, before it %v, want %v", got, p.waiting(), want)
	}
}

// TestAContractThatRevertsIsTriedWithOne: `gas` is set, so that nobody is asked whether it would. What is known to be reverted holds up its feed for a while,
// and so does one that is tried again; whatever the policy, an hour costs few transactions.
func TestAContractThatRevertsIsTriedWithOne(t *testing.T) {
	for policy, most := range map[sink.Choice]int{sink.Every: 4 + 8, sink.Latest: 1 + 8} {
		p := newPlay(policy)
		for n := range 360 {
			p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: dodona.Round(1000 + n).ID(), Round: dodona.Round(1000 + n), Data: []byte{1}, Attested: p.now})
			p.turn(t, 10*time.Second)
			p.revertAll(t, 0) // a block that is not deep enough yet
		}
		seen := make(map[dodona.Digest]bool)
		for _, e := range p.journal {
			for _, a := range e.Intent.Attempts {
				seen[a.Hash] = true
			}
		}
		if len(seen) > most || len(seen) < 4 {
			t.Errorf("%s: %d transactions in an hour, want %d at most", policy, len(seen), most)
		}
		if refused := len(refusedIn(p)); policy == sink.Every && refused < 300 {
			t.Errorf("%d of %d count as what holds up nobody else", refused, len(p.open))
		}
	}
}

// TestOneContractThatCannotBeAskedHoldsUpNoOther: nobody estimates what its answers take, or its slot is said to hold what is not yet. If that goes for all, it is
// the endpoint's, or the clock's, and nothing is passed over.
func TestOneContractThatCannotBeAskedHoldsUpNoOther(t *testing.T) {
	for name, trouble := range map[string]func(string) string{"estimate": unknownGas, "slot": earlySlot} {
		p := newPlay(sink.Every)
		p.target["g"] = dodona.Address{8}
		p.gas = 0
		st := &step{now: p.now}
		p.say(st, trouble("f"), true, "nobody says")
		offer := func(feed string) bool {
			r := dodona.Round(1000 + p.top)
			taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: feed, Record: r.ID(), Round: r, Attested: p.now})
			p.did(t, fx)
			return taken
		}
		for range 3 * p.window {
			if !offer("f") {
				t.Fatalf("%s: the feed is not put aside", name)
			}
		}
		if !offer("g") {
			t.Errorf("%s: another feed is held up", name)
		}
		p.say(st, trouble("g"), true, "nobody says")
		if offer("g") || len(refusedIn(p)) > 0 {
			t.Errorf("%s: all are put aside", name)
		}
		p.anchor = dodona.Address{5}
		if len(p.stuck()) != 2 {
			t.Errorf("%s: anchors are well, and not both feeds are put aside", name)
		}
		anchor := Payload{Topic: dodona.TopicAnchor, Feed: "series", Record: "1", Round: 1, Attested: p.now}
		p.plan(st, anchor)
		what := anchor.Feed
		if name == "slot" {
			what = anchor.Place()
		}
		if p.say(st, trouble(what), true, "nobody says"); len(p.stuck()) > 0 {
			t.Errorf("%s: all are put aside, anchors too", name)
		}
		if due := p.due(p.now); name == "estimate" && len(due) > 3 {
			t.Errorf("%d answers are asked about in one look", len(due))
		}
	}
}

// TestAnchorsAndFeedsHoldUpEachOtherNot: nobody estimates what an anchor takes, or its slot holds what no contract can hold, and a feed is delivered, one anchor being asked about at a time
// after some; and the other way round beside the only feed. Once the cause is gone, all that waited goes.
func TestAnchorsAndFeedsHoldUpEachOtherNot(t *testing.T) {
	racetest.Spare(t)
	for name, c := range map[string]struct{ estimate, anchors bool }{
		"anchors, estimate": {true, true}, "anchors, slot": {false, true}, "the only feed, estimate": {true, false}, "the only feed, slot": {false, false},
	} {
		p := newPlay(sink.Every)
		p.anchor, p.gas = dodona.Address{5}, 0
		ill, asked, read, delivered := true, 0, 0, dodona.Round(0)
		of := func(payload *Payload) bool { return payload.Anchor() == c.anchors }
		turn := func() {
			w := p.wants(p.now, false)
			clear(p.view.Estimates)
			asked = 0
			for _, e := range w.Estimates {
				p.view.Estimates[e.Number] = estimate{Gas: 50_000}
				if ill && c.estimate && of(e.Payload) {
					p.view.Estimates[e.Number] = estimate{Unknown: "out of gas"}
					asked++
				}
			}
			p.view.Slots = map[string]sink.Said{"f": p.view.Slots["f"]}
			if !c.estimate && !c.anchors {
				if p.view.Slots["f"] = (sink.Said{Round: 1 << 62}); !ill {
					p.view.Slots["f"] = sink.Said{Round: delivered}
				}
			}
			for _, a := range w.Anchors {
				p.view.Slots[a.Place()] = sink.Said{}
				if ill && !c.estimate && c.anchors {
					p.view.Slots[a.Place()] = sink.Said{Round: 1 << 62}
				}
			}
			read = len(w.Anchors)
			p.turn(t, 5*time.Second)
		}
		rounds := 30 * p.window
		well, late := 0, 0
		for n := range rounds {
			r := dodona.RoundAt(p.now)
			for _, topic := range []dodona.Topic{dodona.TopicData, dodona.TopicAnchor} {
				payload := Payload{Topic: topic, Feed: "f", Record: r.ID(), Round: r, Data: []byte{byte(n)}, Attested: p.now}
				if payload.Anchor() {
					payload.Feed = "series"
				}
				taken, fx := p.take(p.now, payload)
				if p.did(t, fx); !taken {
					t.Fatalf("%s: round %d of %s is not taken", name, n, payload.Feed)
				}
			}
			turn()
			for _, i := range p.open {
				if i.State.InFlight() && !of(i.Payload) {
					well++
				}
			}
			p.settleAll(t, "f")
		}
		if well < rounds-1 || c.estimate && asked > 1 || c.anchors && read > 1 {
			t.Errorf("%s: %d of %d went; %d are asked about in one look, %d slots are read", name, well, rounds, asked, read)
		}
		if told := p.trouble["reverted"].Message; c.anchors != strings.Contains(told, "nobody says whether it would") {
			t.Errorf("%s: told is %q", name, told)
		}
		ill = false
		for range 20 * rounds {
			p.now = p.now.Add(refusedMost)
			turn()
			for _, i := range p.open {
				if i.State.InFlight() && of(i.Payload) {
					late++
					delivered = max(delivered, i.Payload.Round)
				}
			}
			p.settleAll(t, "f")
		}
		if late != rounds || len(p.open) > 0 {
			t.Errorf("%s: %d of %d went afterwards, %d are open", name, late, rounds, len(p.open))
		}
	}
}

// TestWhatTakesThePlaceOfARevertedOneIsOnTrialToo: with the policy latest a newer answer goes in its nonce.
func TestWhatTakesThePlaceOfARevertedOneIsOnTrialToo(t *testing.T) {
	p := newPlay(sink.Latest)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.revertAll(t, p.confirmations)
	p.turn(t, retryMost)
	before := p.flying("f")
	if before == nil || before.Reverts != 1 {
		t.Fatalf("under way is %+v", before)
	}
	p.offer(t, 2000)
	p.turn(t, p.bumpAfter+time.Second)
	if now := p.flying("f"); now == nil || now.Payload.Round != 2000 || now.Reverts != 1 || now.RevertedBy != p.target["f"] {
		t.Errorf("in its place is %+v", now)
	}
}

// TestNothingIsPassedOverForAnEndpoint: of two feeds one is quiet, so that only a question shows whether it is the contract of the other one that cannot be asked.
func TestNothingIsPassedOverForAnEndpoint(t *testing.T) {
	p := newPlay(sink.Every)
	p.target["quiet"], p.view.Slots["quiet"] = dodona.Address{8}, sink.Said{}
	p.gas = 0
	offer := func() bool {
		r := dodona.Round(1000 + p.top)
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: r.ID(), Round: r, Data: []byte{1}, Attested: p.now})
		p.did(t, fx)
		return taken
	}
	look := func(e estimate, speaks bool) {
		p.estimates(e)
		p.view.Speaks = speaks
		p.turn(t, time.Minute)
	}
	unknown := estimate{Unknown: "no state"}
	offer()
	look(estimate{Refused: "paused"}, false) // the contract's, once
	p.now = p.now.Add(refusedMost)
	look(unknown, false) // and then the endpoint's
	for len(p.open) < mostOpen {
		if !offer() {
			t.Fatalf("%d are open, and no more are taken", len(p.open))
		}
	}
	look(unknown, false)
	if offer() {
		t.Fatal("an answer is passed over for an endpoint that says nothing of any contract")
	}
	c := p.wants(p.now, false).Control
	if c == nil || *c.To != p.target["quiet"] || c.From != p.sender || len(c.Data) == 0 {
		t.Fatalf("as a control is asked %+v", c)
	}
	look(unknown, true)
	if !offer() || len(p.open) != mostOpen {
		t.Errorf("nothing is passed over; %d are open", len(p.open))
	}
	q := newPlay(sink.Every) // a start knows it for as long
	q.target, q.gas, q.now = p.target, 0, p.now
	q.restore(q.now, p.journal)
	if _, refused := q.refused(q.now); len(refused) == 0 {
		t.Error("a start knows nothing of it")
	}
	p.now = p.now.Add(refusesFor)
	if offer() {
		t.Error("an answer is passed over for what was seen long ago")
	}
	look(unknown, true)
	look(unknown, false)
	if offer() {
		t.Error("an answer is passed over for an endpoint that says nothing by now")
	}
}

// TestAShortSilencePassesNothingOver, of answers that are old already and with another feed that was estimated a moment before: only one that is no chance any more does.
func TestAShortSilencePassesNothingOver(t *testing.T) {
	p := newPlay(sink.Every)
	p.target["quiet"], p.view.Slots["quiet"] = dodona.Address{8}, sink.Said{}
	p.gas = 0
	offer := func() bool {
		r := dodona.Round(1000 + p.top)
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: r.ID(), Round: r, Data: []byte{1}, Attested: p.now.Add(-6 * time.Hour)})
		p.did(t, fx)
		return taken
	}
	offer()
	p.estimates(estimate{Mute: true})
	p.turn(t, time.Second)
	for len(p.open) < mostOpen {
		if !offer() {
			t.Fatalf("%d are open, and no more are taken", len(p.open))
		}
	}
	for _, said := range []string{"", "of others it is said"} {
		p.now = p.now.Add(time.Minute)
		p.spoke["quiet"] = p.now
		p.estimates(estimate{Mute: true, Unknown: said})
		p.turn(t, time.Second)
		if want := said != ""; offer() != want {
			t.Errorf("silent %q: passed over %t, want %t", said, !want, want)
		}
	}
}

// TestAsAControlNoneIsAskedThatIsIllItself: of other feeds nobody says anything either, but of one, and of anchors.
func TestAsAControlNoneIsAskedThatIsIllItself(t *testing.T) {
	p := newPlay(sink.Every)
	p.gas = 0
	st := &step{now: p.now}
	for n, feed := range []string{"a", "b", "z"} {
		p.target[feed] = dodona.Address{byte(20 + n)}
	}
	for n := range mostOpen / 2 {
		p.plan(st, Payload{Topic: dodona.TopicData, Feed: "f", Record: fmt.Sprint(n), Round: dodona.Round(n + 1), Data: []byte{1}, Attested: p.now})
	}
	p.say(st, unknownGas("f"), true, "nobody says")
	p.say(st, unknownGas("a"), true, "nobody says")
	p.say(st, earlySlot("b"), true, "it is of tomorrow")
	if c := p.control(); c == nil || *c.To != p.target["z"] {
		t.Errorf("asked is %+v, want %s", c, p.target["z"])
	}
	p.say(st, unknownGas("z"), true, "nobody says")
	if c := p.control(); c != nil {
		t.Errorf("asked is %+v, and all are ill", c)
	}
	if p.anchor = (dodona.Address{30}); *p.control().To != p.anchor {
		t.Errorf("asked is %+v, want the contract of anchors", p.control())
	}
}

// TestWhatASlotCannotHoldSpeaksOfItsContract, if another one holds what it can: then the oldest is passed over, so that there is room; else it is the clock, or the endpoint.
func TestWhatASlotCannotHoldSpeaksOfItsContract(t *testing.T) {
	p := newPlay(sink.Every)
	p.target["g"] = dodona.Address{8}
	st := &step{now: p.now}
	for n := range mostOpen {
		p.plan(st, Payload{Topic: dodona.TopicData, Feed: "f", Record: fmt.Sprint(n), Round: dodona.Round(n + 1), Data: []byte{1}, Attested: p.now})
	}
	offer := func() bool {
		r := dodona.Round(1 + p.top)
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "f", Record: r.ID(), Round: r, Data: []byte{1}, Attested: p.now})
		p.did(t, fx)
		return taken
	}
	far := sink.Said{Round: dodona.Round(p.now.Add(24 * time.Hour).UnixMilli())}
	p.view.Slots = map[string]sink.Said{"f": far, "g": far}
	p.turn(t, time.Second)
	if offer() {
		t.Error("an answer is passed over, and no slot can be as it is said")
	}
	p.view.Slots["g"] = sink.Said{}
	p.turn(t, time.Second)
	p.turn(t, time.Second)
	if !offer() || len(p.open) != mostOpen {
		t.Errorf("nothing is passed over; %d are open", len(p.open))
	}
}

// TestWhatAContractTakesItDoesNotRefuse: that it refused one is over when it takes another, by estimate or in a block; and a clock that was ahead makes it last no longer.
func TestWhatAContractTakesItDoesNotRefuse(t *testing.T) {
	for name, takes := range map[string]func(*play){
		"estimated": func(p *play) {
			p.gas, p.now = 0, p.now.Add(refusedMost)
			p.estimates(estimate{Gas: 50_000})
			p.turn(t, 0)
		},
		"in a block": func(p *play) {
			p.turn(t, refusedMost)
			p.mine(p.view.Head.Number + 1)
			p.turn(t, time.Second)
		},
	} {
		p := newPlay(sink.Every)
		p.gas = 0
		p.offer(t, 1000)
		p.estimates(estimate{Refused: "paused"})
		p.turn(t, time.Second)
		if p.refuses["f"] != p.now {
			t.Fatalf("noted is %v", p.refuses)
		}
		p.gas = 60000
		if takes(p); len(p.refuses) > 0 {
			t.Errorf("%s: still noted is %v", name, p.refuses)
		}
	}
	p := newPlay(sink.Every)
	p.refuses["f"] = p.now.Add(24 * time.Hour)
	p.turn(t, time.Second)
	if p.refuses["f"] != p.now {
		t.Errorf("noted is %v, now %v", p.refuses["f"], p.now)
	}
}

// TestATrialDoesNotEndTheTrouble: what the contract reverted several times goes out now and then, and is told as over once the contract takes one.
func TestATrialDoesNotEndTheTrouble(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	for range 2 * mostTries {
		p.turn(t, retryMost)
		p.turn(t, time.Second)
		p.revertAll(t, p.confirmations)
	}
	if _, there := p.trouble["reverted"]; !there {
		t.Fatalf("troubles are %v", p.trouble)
	}
	before := p.events
	p.turn(t, retryMost)
	if got := p.trouble["reverted"].Message; p.flying("f") == nil || p.events != before || !strings.Contains(got, "is on trial again") {
		t.Errorf("%d events while it is on trial, told is %q", p.events-before, got)
	}
	p.mine(p.view.Head.Number + 1)
	p.turn(t, time.Second)
	if _, there := p.trouble["reverted"]; there {
		t.Errorf("the contract took it, and troubles are %v", p.trouble)
	}
}

// TestWhatIsRevertedHoldsUpForAWhile, not for as long as it takes to be deep enough, a longer one for each; and nothing is passed over for it.
func TestWhatIsRevertedHoldsUpForAWhile(t *testing.T) {
	p := newPlay(sink.Every)
	p.confirmations = 1000
	for n, wait := range []time.Duration{pause(1), pause(2), pause(3)} {
		p.offer(t, dodona.Round(1000*(n+1)))
		p.turn(t, time.Second)
		p.revertAll(t, 0)
		p.offer(t, dodona.Round(1000*(n+1)+500))
		if got := p.turn(t, wait-2*time.Second); len(got) > 0 {
			t.Errorf("after %s goes %v", wait-time.Second, rounds(got))
		}
		if waits, refused := p.machine.refused(p.now); len(waits) != 1 || len(refused) > (n+1)/mostTries {
			t.Errorf("%d wait, and %d may be passed over", len(waits), len(refused))
		}
		p.open = slices.DeleteFunc(p.open, func(i *Intent) bool { return i.State == Planned })
		p.now = p.now.Add(wait)
	}
}

// TestOneBlockIsOneReason, however many it reverted; then one goes at a time, and three blocks are told.
func TestOneBlockIsOneReason(t *testing.T) {
	p := newPlay(sink.Every)
	p.confirmations = 1000
	for n := range mostTries {
		for r := range p.window {
			p.offer(t, dodona.Round(1000*(n+1)+r))
		}
		want := 1
		if n == 0 {
			want = p.window
		}
		if got := p.turn(t, pause(n)); len(got) != want {
			t.Fatalf("after %d blocks and %s go %v", n, pause(n), rounds(got))
		}
		if got := p.turn(t, time.Second); len(got) > 0 {
			t.Fatalf("before it is known what became of that go %v", rounds(got))
		}
		if _, told := p.trouble["reverted"]; told {
			t.Errorf("told after %d blocks", n)
		}
		p.revertAll(t, 0)
	}
	p.offer(t, 9000)
	if refused := refusedIn(p); len(refused) == 0 {
		t.Error("three blocks do not show that it is refused")
	}
	if got := p.turn(t, pause(mostTries)-time.Second); len(got) > 0 {
		t.Errorf("too early go %v", rounds(got))
	}
	if said := p.trouble["reverted"].Message; !strings.Contains(said, "rounds of f in 3 blocks") || !strings.Contains(said, p.now.Add(time.Second).UTC().Format(time.TimeOnly)) {
		t.Errorf("told is %q", said)
	}
	if got := p.turn(t, 2*time.Second); len(got) != 1 {
		t.Errorf("then go %v", rounds(got))
	}
}

// TestAContractThatIsCorrectedIsTriedAtOnce: another one had reverted what waits, or what is in a block, when the sink was started again.
func TestAContractThatIsCorrectedIsTriedAtOnce(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	for range mostTries {
		p.turn(t, retryMost)
		p.revertAll(t, p.confirmations)
	}
	if i := p.open[0]; i.Reverts != mostTries || !i.NotUntil.After(p.now) {
		t.Fatalf("it is %+v", i)
	}
	p.offer(t, 2000)
	q := newPlay(sink.Every)
	q.target["f"] = dodona.Address{17}
	q.restore(p.now, p.journal)
	q.now = p.now
	if got := rounds(q.turn(t, time.Second)); !slices.Equal(got, []dodona.Round{1000, 2000}) {
		t.Errorf("sent %v to the right contract", got)
	}

	p = newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.target["f"] = dodona.Address{17}
	p.revertAll(t, p.confirmations)
	if i := p.open[0]; i.Reverts != 0 || i.State == Planned && i.NotUntil.After(p.now) {
		t.Errorf("what went to another contract counts as reverted by this one: %+v", i)
	}
}

// TestWhatABlockHasIsCompared, which is an older answer than the one that replaced it: the contract has that.
func TestWhatABlockHasIsCompared(t *testing.T) {
	p := newPlay(sink.Latest)
	i := &Intent{badAt: p.now, Intent: intent.Intent{
		State: Mined, Payload: &Payload{Topic: dodona.TopicData, Feed: "f", Round: 2000}, Block: &Block{Tx: dodona.Digest{1}},
		Attempts: []Attempt{{Hash: dodona.Digest{1}, Round: 1000, To: dodona.Address{7}}, {Hash: dodona.Digest{2}, Round: 2000, To: dodona.Address{7}}},
	}}
	p.open, p.slots["f"], p.known["f"] = []*Intent{i}, sink.Said{Round: 1000}, true
	if len(p.onTrial(p.now)) > 0 {
		t.Error("it holds up newer ones")
	}
	p.slots["f"] = sink.Said{Round: 999}
	if !p.onTrial(p.now)["f"] {
		t.Error("it holds up nothing")
	}
}

// TestWhatLiesInBlocksPassesNothingOver, for it leaves by itself; and of several feeds the one is passed over of which most wait.
func TestWhatLiesInBlocksPassesNothingOver(t *testing.T) {
	p := newPlay(sink.Every)
	p.target["g"] = dodona.Address{8}
	st := &step{now: p.now}
	put := func(feed string, n int, state State) {
		for range n {
			r := dodona.Round(1000 + p.top)
			p.plan(st, Payload{Topic: dodona.TopicData, Feed: feed, Record: r.ID(), Round: r, Attested: p.now})
			i := p.open[len(p.open)-1]
			if i.State = state; state == Mined {
				i.Block = &Block{OK: true}
			} else {
				i.Refusals = 1
			}
		}
	}
	put("g", 10, Planned)
	put("f", mostOpen/2-10, Planned)
	put("g", mostOpen/2, Mined)
	offer := func() bool {
		taken, fx := p.take(p.now, Payload{Topic: dodona.TopicData, Feed: "g", Record: "next", Round: dodona.Round(9000 + p.top), Attested: p.now})
		p.did(t, fx)
		return taken
	}
	p.refuses["f"], p.refuses["g"] = p.now, p.now
	if offer() {
		t.Error("something is passed over for what lies in blocks")
	}
	put("f", 1, Planned)
	if !offer() {
		t.Fatal("nothing is passed over")
	}
	for _, i := range p.open[:10] {
		if i.Payload.Feed != "g" {
			t.Error("the feed is passed over of which few wait")
		}
	}
}

// TestAFeedThatIsTakenOutTellsOfWhatWaited: a receipt each.
func TestAFeedThatIsTakenOutTellsOfWhatWaited(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.offer(t, 2000)
	q := newPlay(sink.Every)
	clear(q.target)
	_, fx := q.restore(p.now, p.journal)
	told := 0
	for _, rec := range fx.keep {
		var r dodona.Receipt
		if rec.Topic == dodona.TopicReceipt && json.Unmarshal(rec.Body, &r) == nil && r.Status == dodona.ReceiptSuperseded && r.Detail != "" {
			told++
		}
	}
	if told != 2 || len(q.open) > 0 {
		t.Errorf("%d receipts, %d are open", told, len(q.open))
	}
}

// TestAllThatIsMissingIsSentAgain, of however many nonces: those that were sent again first, and are in a block by now, say nothing of the others.
func TestAllThatIsMissingIsSentAgain(t *testing.T) {
	p := newPlay(sink.Every)
	const rounds = 3*mostGap + 5
	for n := range rounds {
		p.offer(t, dodona.Round(1000+n))
		p.turn(t, time.Second)
		p.settleAll(t, "f")
	}
	if len(p.open) > 0 || p.pendingNonce != rounds {
		t.Fatalf("%d are open, the next nonce is %d", len(p.open), p.pendingNonce)
	}
	clear(p.view.Receipts)
	p.view.Nonce, p.view.Slots["f"] = 0, sink.Said{}
	p.confirmations = 1000
	for n := 0; p.view.Nonce < rounds; n++ {
		if n > 10*rounds/mostGap+20 {
			t.Fatalf("%d of %d are there again after %d looks", p.view.Nonce, rounds, n)
		}
		p.turn(t, 15*time.Second)
		p.mine(p.view.Head.Number + 1)
	}
}

// TestANewerAnswerNeedNotWait with the policy latest, for one that was reverted because the contract had a newer one, nor where what it takes is estimated.
func TestANewerAnswerNeedNotWait(t *testing.T) {
	for name, c := range map[string]struct {
		gas   uint64
		there dodona.Round
		goes  bool
	}{"another one was sooner": {60000, 1000, true}, "it is estimated": {0, 500, true}, "the contract refuses all": {60000, 500, false}} {
		p := newPlay(sink.Latest)
		p.gas = c.gas
		turn := func() {
			for _, w := range p.wants(p.now, false).Estimates {
				p.view.Estimates[w.Number] = estimate{Gas: 50_000}
			}
			p.turn(t, time.Second)
		}
		p.offer(t, 1000)
		turn()
		p.view.Slots["f"] = sink.Said{Round: c.there}
		p.revertAll(t, 0)
		p.offer(t, 2000)
		turn()
		if next := p.flying("f"); (next != nil) != c.goes {
			t.Errorf("%s: under way is %+v", name, next)
		}
	}
}

// TestAStartKnowsThatAnchorsAreRefused: as many as had been are not tried again.
func TestAStartKnowsThatAnchorsAreRefused(t *testing.T) {
	p := newPlay(sink.Every)
	p.anchor = dodona.Address{5}
	st := &step{now: p.now}
	for n := range 2 * rowMost {
		p.plan(st, Payload{Topic: dodona.TopicAnchor, Feed: "series", Record: dodona.Round(n).ID(), Round: dodona.Round(1 + n), Attested: p.now})
		p.open[n].Reverts = 1
		p.write(st, p.open[n])
	}
	p.did(t, st.effects)
	q := newPlay(sink.Every)
	q.anchor = p.anchor
	q.restore(p.now, p.journal)
	for n, i := range q.open {
		if want := n < len(q.open)-1; q.stopped(q.now, i) != want {
			t.Errorf("anchor %d waits: %t", n, !want)
		}
	}
}

// TestNoncesThatAreGivenUpAreNotThoseInBlocks.
func TestNoncesThatAreGivenUpAreNotThoseInBlocks(t *testing.T) {
	p := newPlay(sink.Every)
	p.offer(t, 1000)
	p.turn(t, time.Second)
	p.confirmations = 1000
	p.mine(11)
	p.turn(t, time.Second)
	p.pendingNonce = 2 + 2*mostJump // an endpoint lied
	for range 10 {
		p.turn(t, 10*time.Second)
	}
	if len(p.open) != 1 || p.open[0].State != Mined || p.pendingNonce != 1 {
		t.Errorf("open is %+v, the next nonce %d", p.open[0], p.pendingNonce)
	}
}
