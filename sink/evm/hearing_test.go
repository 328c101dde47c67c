package evm

import (
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/intent"
	"github.com/dodona-oracle/dodona/sink"
)

// TestWhatIsSaidOfALeadIsWeighed, view after view, the last one decides. The endpoint 0 claims that the slot of f holds round 40, as of block 100;
// round 10 is known.
func TestWhatIsSaidOfALeadIsWeighed(t *testing.T) {
	type view []word
	begun := time.Now()
	say := func(by int, level uint64, block int) word {
		return word{by: by, level: level, said: sink.Said{Round: dodona.Round(level)}, clock: begun.Add(time.Duration(block-100)*10*time.Second + blockAhead + 1)}
	}
	for name, c := range map[string]struct {
		views []view
		pause time.Duration
		how   ruling
		level uint64
	}{
		"nobody else":                                  {[]view{nil}, 0, unclear, 40},
		"nobody else, for some views":                  {[]view{nil, nil, nil}, time.Second, unclear, 40},
		"nobody else, for a while":                     {[]view{nil, nil}, lostFor, unclear, 40},
		"nobody else, for both":                        {[]view{nil, nil, nil}, lostFor / 2, lone, 40},
		"another one too":                              {[]view{{say(1, 40, 100)}}, 0, seconded, 40},
		"another one, who lags":                        {[]view{{say(1, 40, 90)}}, 0, seconded, 40},
		"another one, more":                            {[]view{{say(1, 50, 100)}}, 0, seconded, 40},
		"another one, less":                            {[]view{{say(1, 30, 100)}}, 0, seconded, 30},
		"two others":                                   {[]view{{say(1, 30, 100), say(2, 20, 100)}}, 0, seconded, 30},
		"another one denies":                           {[]view{{say(1, 10, 100)}}, 0, refuted, 10},
		"another one denies for ever":                  {[]view{{say(1, 10, 100)}, {say(1, 10, 100)}, {say(1, 10, 100)}}, lostFor, refuted, 10},
		"one denies, one says so":                      {[]view{{say(1, 10, 100), say(2, 40, 100)}}, 0, seconded, 40},
		"one denies, and one that knows less":          {[]view{{say(1, 5, 100), say(2, 10, 100)}}, 0, refuted, 10},
		"another one has not seen the block":           {[]view{{say(1, 10, 99)}}, 0, unclear, 40},
		"another one has not seen it, for a while":     {[]view{{say(1, 10, 99)}, {say(1, 10, 99)}, {say(1, 10, 99)}}, lostFor, unclear, 40},
		"another one does not see it":                  {[]view{{say(1, 10, 99)}, {say(1, 10, 99)}, {say(1, 10, 99)}}, laggingFor / 2, lone, 40},
		"another one sees it then, and says so":        {[]view{{say(1, 10, 99)}, {say(1, 40, 101)}}, time.Second, seconded, 40},
		"another one sees it then, and denies":         {[]view{{say(1, 10, 99)}, {say(1, 10, 100)}}, time.Second, refuted, 10},
		"who denied is not heard of":                   {[]view{nil, nil, {say(1, 10, 100)}, nil, nil, nil}, lostFor, refuted, 10},
		"who denied is gone":                           {[]view{{say(1, 10, 100)}, nil, nil}, deniedFor / 2, unclear, 40},
		"who denied is gone for long":                  {[]view{{say(1, 10, 100)}, nil, nil, nil, nil}, deniedFor / 2, lone, 40},
		"one who lags is not heard of":                 {[]view{{say(1, 10, 99)}, nil, nil, nil}, lostFor, unclear, 40},
		"another one said so, and took it back":        {[]view{{say(1, 30, 100)}, {say(1, 10, 100)}}, time.Second, refuted, 10},
		"another one said so, and is not heard of now": {[]view{nil, {say(1, 40, 100)}}, time.Second, seconded, 40},
	} {
		now := begun
		e := newHearing(now)
		var how ruling
		var it word
		for n, words := range c.views {
			if n > 0 {
				now = now.Add(c.pause)
			}
			of := lead{say(0, 40, 100), "f", 10, 10}
			of.clock = begun
			e.hear(now, of, words, true, false)
			how, it = e.judge(now, of)
		}
		if how != c.how || it.level != c.level {
			t.Errorf("%s: ruling %d, %d; want %d, %d", name, how, it.level, c.how, c.level)
		}
	}
}

// TestTheLeastOfAWhileHolds: one that nobody can ask about claims more and more, as where another sender delivers, and is believed as far as it
// has been for a while; who falls back is believed as far as that.
func TestTheLeastOfAWhileHolds(t *testing.T) {
	begun := time.Now()
	e, known := newHearing(begun), uint64(10)
	level := func(n int) uint64 { return 20 + uint64(n) }
	for n := range 200 {
		now, of := begun.Add(time.Duration(n)*time.Second), lead{word{level: level(n)}, "f", known, known}
		e.hear(now, of, nil, true, false)
		how, it := e.judge(now, of)
		want := unclear
		if n >= int(lostFor/time.Second) {
			want = lone
			if known = level(n - int(lostFor/time.Second)); it.level != known {
				t.Fatalf("after %d s: %d is seconded, want %d", n, it.level, known)
			}
		}
		if how != want {
			t.Fatalf("after %d s: ruling %d, want %d", n, how, want)
		}
	}
	if n := len(e.leads); n > int(laggingFor/time.Second)+2 {
		t.Errorf("%d words are kept", n)
	}
	now := begun.Add(200 * time.Second)
	for n, l := range []uint64{300, 250, 300, 300} {
		now = now.Add(lostFor / 2)
		of := lead{word{level: l}, "f", known, known}
		e.hear(now, of, nil, true, false)
		if how, it := e.judge(now, of); n == 3 && (how != lone || it.level != 250) {
			t.Errorf("ruling %d, %d; want 250 to be seconded", how, it.level)
		}
	}
	for n := range 10_000 { // as fast as it is woken
		of := lead{word{level: 400}, "f", known, known}
		e.hear(now.Add(time.Duration(n)*time.Millisecond), of, nil, true, true)
	}
	if n := len(e.leads); n > int(laggingFor/time.Second)+2 {
		t.Errorf("%d words are kept of ten seconds", n)
	}
}

// TestADenialIsOfOneLead: it does not refute more than was claimed then, and of a slot who denied is not asked the same again for a while.
func TestADenialIsOfOneLead(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		place   string
		of      uint64
		since   time.Duration
		how     ruling
		unasked bool
	}{
		{"f", 40, 0, refuted, true},
		{"f", 39, 0, unclear, false},
		{"f", 40, askedAfter, refuted, false},
		{"f", 40, deniedFor, unclear, false},
		{theNonce, 40, 0, refuted, false},
	} {
		e := newHearing(now)
		e.denials[1] = denial{word{by: 1, level: 10, at: now.Add(-c.since)}, c.of}
		of := lead{word{level: 40}, c.place, 10, 10}
		if unasked := e.asked(now, 1, of); unasked != c.unasked {
			t.Errorf("%+v: it is not asked: %t", c, unasked)
		}
		e.hear(now, of, nil, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%+v: ruling %d", c, how)
		}
	}
}

// TestAThirdOneIsWaitedFor: of a slot one denial waits for an endpoint that lags, for half a minute; of a count it does not.
func TestAThirdOneIsWaitedFor(t *testing.T) {
	begun := time.Now()
	for _, c := range []struct {
		place string
		after time.Duration
		how   ruling
	}{{"f", 0, unclear}, {"f", thirdFor - 1, unclear}, {"f", thirdFor, refuted}, {theNonce, 0, refuted}} {
		e, now := newHearing(begun), begun.Add(c.after)
		of := lead{word{level: 40, clock: begun}, c.place, 10, 10}
		e.hear(now, of, []word{{by: 1, level: 10, clock: begun.Add(time.Minute)}, {by: 2, level: 10, clock: begun}}, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%+v: ruling %d", c, how)
		}
	}
}

// TestWhatAViewThatIsKeptSays is nothing new, and a word that is known by now none of a lead.
func TestWhatAViewThatIsKeptSays(t *testing.T) {
	now := time.Now()
	e := newHearing(now)
	e.said[1] = word{by: 1, level: 8}
	of := lead{word{level: 40, clock: now}, "f", 10, 10}
	for range 2 * lostViews {
		now = now.Add(lostFor)
		e.hear(now, of, nil, false, false)
		if how, it := e.judge(now, of); how != unclear || e.views > 0 {
			t.Fatalf("ruling %d, %d, of %d views", how, it.level, e.views)
		}
	}
}

// TestWhoHasSeenALaterBlock: one that was made after the lead by more than a block may be ahead.
func TestWhoHasSeenALaterBlock(t *testing.T) {
	now := time.Now()
	claimed := word{clock: now, at: now}
	for after, want := range map[time.Duration]bool{0: false, blockAhead: false, blockAhead + 1: true} {
		if knows := (word{clock: now.Add(after)}).knows(now, claimed); knows != want {
			t.Errorf("a block %s later: knows %t", after, knows)
		}
	}
	v := view{Head: ethrpc.Header{Time: 1000}, HeadAt: now.Add(-10 * time.Second)}
	if got, want := v.clockNow(now), time.Unix(1010, 0); !got.Equal(want) {
		t.Errorf("a look of 10 s: the chain's clock is %s at its end, want %s", got, want)
	}
}

// TestAHearingByAClockThatWasAhead is of now.
func TestAHearingByAClockThatWasAhead(t *testing.T) {
	p := newPlay(sink.Every)
	later := p.now.Add(time.Hour)
	e := newHearing(later)
	e.denials[1] = denial{word{at: later}, 40}
	e.leads, e.undeniedAt = []word{{at: later}}, later
	p.heard.of["f"], p.heard.loneNonce, p.heard.loneSlots["f"] = e, &intent.Alone{At: later}, word{at: later}
	p.heard.refuted["f"], p.heard.wrong[1] = refutal{word{at: later}, 0}, mistake{1, later}
	p.setClocks(p.now)
	for what, at := range map[string]time.Time{
		"since": e.since, "a denial": e.denials[1].at, "a lead": e.leads[0].at, "alone": e.undeniedAt, "a count": p.heard.loneNonce.At, "a slot": p.heard.loneSlots["f"].at,
		"a refutal": p.heard.refuted["f"].at, "a mistake": p.heard.wrong[1].since,
	} {
		if !at.Equal(p.now) {
			t.Errorf("%s: of %s, want now, %s", what, at, p.now)
		}
	}
}

// TestWhoHasLessThanIsKnown denies nothing, unless he denied before and was right, or two have. Round 10 is known.
func TestWhoHasLessThanIsKnown(t *testing.T) {
	now := time.Now()
	say := func(by int, level uint64) word { return word{by: by, level: level, clock: now.Add(time.Minute)} }
	for name, c := range map[string]struct {
		words []word
		right bool // who says it
		old   bool
		how   ruling
	}{
		"one":                    {[]word{say(1, 5)}, false, true, unclear},
		"one who was right":      {[]word{say(1, 5)}, true, false, refuted},
		"two":                    {[]word{say(1, 5), say(2, 3)}, false, false, refuted},
		"one, another has seen":  {[]word{say(1, 5), say(2, 40)}, false, true, seconded},
		"one, another denies":    {[]word{say(1, 5), say(2, 10)}, false, true, refuted},
		"one who has what is":    {[]word{say(1, 10)}, false, false, refuted},
		"one of an earlier time": {[]word{{by: 1, level: 5, clock: now.Add(-time.Minute)}}, false, false, unclear},
	} {
		e := newHearing(now)
		of := lead{word{level: 40, clock: now}, "f", 10, 10}
		if old := e.old(now, of, c.words, func(int) bool { return c.right }); old != c.old {
			t.Errorf("%s: old %t", name, old)
		}
		e.hear(now, of, c.words, true, false)
		if how, _ := e.judge(now, of); how != c.how {
			t.Errorf("%s: ruling %d, want %d", name, how, c.how)
		}
	}
}

// TestAnOldDenialIsNoStepBack: what is known was more since.
func TestAnOldDenialIsNoStepBack(t *testing.T) {
	p := newPlay(sink.Every)
	p.hosts, p.begun, p.chainNonce, p.pendingNonce, p.slots["f"] = []string{"a", "b"}, true, 8, 8, sink.Said{Round: 9}
	p.view.By = map[string]int{theNonce: 0, "f": 0}
	p.view.Nonce, p.view.Slots["f"] = 40, sink.Said{Round: 40}
	for _, place := range []string{theNonce, "f"} {
		p.heard.of[place] = newHearing(p.now)
		p.heard.of[place].denials[1] = denial{word{by: 1, level: 5, said: sink.Said{Round: 5}, at: p.now}, 40}
	}
	if p.turn(t, time.Second); p.chainNonce != 8 || p.slots["f"].Round != 9 {
		t.Errorf("%d transactions and round %d are known, want 8 and 9", p.chainNonce, p.slots["f"].Round)
	}
}

// TestWhoWasDeniedIsNotBelievedAlone, for ten minutes, unless who denied is known to be wrong. Another one is.
func TestWhoWasDeniedIsNotBelievedAlone(t *testing.T) {
	for name, c := range map[string]struct {
		of, reverts int
		since       time.Duration
		believed    bool
	}{
		"not long ago":    {0, 0, deniedFor / 2, false},
		"for long":        {0, 0, deniedFor, true},
		"another one":     {2, 0, deniedFor / 2, true},
		"by one is wrong": {0, mostTries, deniedFor / 2, true},
	} {
		p := newPlay(sink.Every)
		p.hosts, p.begun = []string{"a", "b", "c"}, true
		p.heard.refuted["f"] = refutal{word{by: 1, level: 30, at: p.now.Add(-c.since)}, c.of}
		p.heard.wrong[1] = mistake{c.reverts, p.now}
		p.view.By = map[string]int{"f": 0}
		p.view.Slots["f"] = sink.Said{Round: 40}
		for range lostViews {
			p.turn(t, lostFor/2)
		}
		if w, believed := p.heard.loneSlots["f"]; believed != c.believed || believed && !w.at.Equal(p.now) {
			t.Errorf("%s: believed %t, of %s; want %t, of now", name, believed, w.at, c.believed)
		}
	}
}

// TestWhichRevertsSpeakAgainstWhoDenies: those of rounds up to what is ahead, within an hour of it.
func TestWhichRevertsSpeakAgainstWhoDenies(t *testing.T) {
	for _, c := range []struct {
		tried dodona.Round
		since time.Duration
		times int
	}{{40, 0, 1}, {41, 0, 0}, {40, wrongFor, 0}} {
		p := newPlay(sink.Every)
		p.heard.refuted["f"] = refutal{word{by: 1, level: 40, at: p.now.Add(-c.since)}, 0}
		p.heard.learn(p.now, "f", c.tried)
		if n := p.heard.wrong[1].times; n != c.times {
			t.Errorf("round %d, after %s: %d reverts count, want %d", c.tried, c.since, n, c.times)
		}
	}
}

// TestWhatMayBeThereWaits: with a deviation or heartbeat also what is near what is ahead, as long as the slot was not read.
func TestWhatMayBeThereWaits(t *testing.T) {
	at := dodona.Round(1_000_000)
	for _, c := range []struct {
		ahead, round dodona.Round
		read, waits  bool
	}{
		{0, at, false, true},
		{0, at, true, false}, // nothing is ahead
		{at, at, true, true},
		{at + 1, at, false, true},
		{at - 1000, at, false, true},
		{at - 1000, at, true, false},
		{at - 60_000, at, false, false},
	} {
		p := newPlay(sink.Latest)
		p.policy.Heartbeat, p.known["f"] = time.Minute, c.read
		st := &step{unsure: make(map[string]sink.Said)}
		if c.ahead > 0 {
			st.unsure["f"] = sink.Said{Round: c.ahead}
		}
		if waits := p.mayHave(st, &Payload{Topic: dodona.TopicData, Feed: "f", Round: c.round}); waits != c.waits {
			t.Errorf("%+v: it waits: %t", c, waits)
		}
	}
}

// TestAHearingIsOfOneLead: what is not ahead any more, or was believed, says nothing of the next lead; and a nonce that is lost stays so
// while more is claimed.
func TestAHearingIsOfOneLead(t *testing.T) {
	p := newPlay(sink.Every)
	p.window, p.view.Nonce = 20, 2
	p.turn(t, time.Second)
	p.offer(t, 1000)
	for n, c := range []struct{ count, next uint64 }{
		{50, 0}, {2, 4}, {50, 4}, {50, 4}, {50, 53}, // those that waited get 50 to 52
		{60, 54}, {60, 57}, {60, 61}, // 50 is certain, and 60 is not before it was said for a while
	} {
		p.view.Nonce = c.count
		p.turn(t, lostFor)
		next := p.pendingNonce
		if p.heard.loneNonce != nil {
			next = p.heard.loneNonce.Next
		}
		if next != c.next {
			t.Fatalf("view %d, which counts %d: the next nonce is %d, want %d", n, c.count, next, c.next)
		}
		p.offer(t, dodona.Round(2000+n))
	}

	p = newPlay(sink.Every)
	p.offer(t, 1000)
	p.did(t, p.sent(p.now, p.turn(t, time.Second)[0], accepted, ""))
	p.view.Nonce = 1
	p.turn(t, time.Second)
	p.view.Nonce = 90
	for range lostViews - 1 {
		p.turn(t, lostFor/2)
	}
	if first := p.journal[len(p.journal)-1].Intent; p.open[0].State != Planned || first.Number != 2 {
		t.Errorf("open %+v: want that the nonce is lost and its answer planned anew", p.open[0])
	}
}
