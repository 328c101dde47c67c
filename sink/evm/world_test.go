package evm

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// What a sink goes through in front of several faces of a ledger.

// bubble runs a test of a name in fake time.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// oldLedger is one whose chain has gone on for an hour.
func oldLedger() *ledger {
	l := newLedger()
	l.begun = l.begun.Add(-time.Hour)
	return l
}

// newPair returns a sink in front of several faces of a ledger.
func newPair(t *testing.T, l *ledger, faces ...*face) *bench {
	t.Helper()
	b := newBench(t, 1, l)
	hosts := make(facesByHost)
	var urls []string
	for n, f := range faces {
		host := fmt.Sprintf("rpc%d.example", n+1)
		hosts[host] = f
		urls = append(urls, "http://"+host)
	}
	if err := b.reach(urls, hosts); err != nil {
		t.Fatal(err)
	}
	return b
}

// besideALiar starts a sink in front of two faces and delivers two rounds, before the first face tells what it says.
func besideALiar(t *testing.T, method, says string, policy sink.Choice) (l *ledger, b *bench, second *face, said *untruth) {
	t.Helper()
	l = newLedger()
	first, second := newFace(l), newFace(l)
	said = first.lies(method, says)
	b = newPair(t, l, first, second)
	b.starts(policy)
	b.rounds(l, 1, 2, time.Minute, 30*time.Second)
	return l, b, second, said
}

// reorg takes the transactions from a nonce on away.
func (l *ledger) reorg(from uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forks, l.fork = l.forks+1, l.head()
	for nonce, tx := range l.txs {
		if nonce >= from {
			l.fork = min(l.fork, tx.block)
			delete(l.txs, nonce)
		}
	}
}

// empties counts the transactions that deliver nothing.
func (l *ledger) empties() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tx := range l.mined(l.head()) {
		if tx.round > 1000 {
			n++
		}
	}
	return n
}

// rounds delivers one round after the other, and returns for how many seconds the sink stood how.
func (b *bench) rounds(l *ledger, from, to dodona.Round, most, every time.Duration) map[sink.State]int {
	b.t.Helper()
	states := make(map[sink.State]int)
	for r := from; r <= to; r++ {
		b.attest(r)
		for begun := time.Now(); time.Since(begun) < every || l.holds(r) == 0; time.Sleep(time.Second) {
			states[b.status().State]++
			if time.Since(begun) > most && l.holds(r) == 0 {
				b.t.Fatalf("round %d is not delivered in %s: %+v", r, most, b.status())
			}
		}
		b.holdsEach(l, r, r)
	}
	return states
}

// offerAll offers an answer of every feed, and gives up after a minute where too much is under way.
func (b *bench) offerAll(round dodona.Round) {
	<-b.ready
	for feed := range b.targets {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		_ = b.take(ctx, b.answer(feed, round))
		cancel()
	}
}

// attestsEach attests one round after the other.
func (b *bench) attestsEach(from, to dodona.Round, pause time.Duration) {
	b.t.Helper()
	for r := from; r <= to; r++ {
		b.attest(r)
		time.Sleep(pause)
	}
}

// offersEach offers one round after the other.
func (b *bench) offersEach(from, to dodona.Round, pause time.Duration) {
	for r := from; r <= to; r++ {
		b.offerAll(r)
		time.Sleep(pause)
	}
}

// holdsEach wants each round in blocks once.
func (b *bench) holdsEach(l *ledger, from, to dodona.Round) {
	b.t.Helper()
	for r := from; r <= to; r++ {
		if n := l.holds(r); n != 1 {
			b.t.Errorf("round %d is in blocks %d times", r, n)
		}
	}
}

// deliversEach offers a round a minute, and wants each in blocks once.
func (b *bench) deliversEach(l *ledger, from, to dodona.Round) {
	b.t.Helper()
	b.offersEach(from, to, time.Minute)
	time.Sleep(5 * time.Minute)
	b.holdsEach(l, from, to)
}

// deliversInTime offers a round a minute, and wants each in blocks once before the next.
func (b *bench) deliversInTime(l *ledger, from, to dodona.Round) {
	b.t.Helper()
	for r := from; r <= to; r++ {
		b.offersEach(r, r, time.Minute)
		b.holdsEach(l, r, r)
	}
}

// afterAnother offers each round at its time that another sender is the first for, and returns how many.
func (b *bench) afterAnother(begun time.Time, each time.Duration, to dodona.Round, offer func(dodona.Round)) (n int) {
	for r := dodona.Round(time.Since(begun)/each) + 1; r <= to; r++ {
		time.Sleep(time.Until(begun.Add(time.Duration(r) * each)))
		if b.turnOf("feed-0", r) > 0 {
			n++
			offer(r)
		}
	}
	return n
}

// besideAnother is half an hour in which another sender delivers each round in time, and two endpoints are behind by so much. Nothing is to be sent.
func besideAnother(t *testing.T, first, second, stagger time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const last = 30
		l, begun := oldLedger(), time.Now()
		behind := func(lag time.Duration) *face {
			f := newFace(l)
			f.lag = uint64(lag / ledgerBlock)
			f.says = func(method string) string {
				return shows(uint64(min(last, max(0, time.Since(begun)-2*time.Second-lag)/time.Minute)))(method)
			}
			return f
		}
		b := newPair(t, l, behind(first), behind(second))
		b.settings.Senders = []dodona.Address{{1}, b.wallet.Address()}
		b.settings.Stagger = cmp.Or(stagger, b.settings.Stagger)
		b.starts(sink.Latest)
		if b.afterAnother(begun, time.Minute, last, b.attest) == 0 {
			t.Error("this sender is always the first")
		}
		time.Sleep(5 * time.Minute)
		for r := dodona.Round(1); r <= last; r++ {
			if l.holds(r) > 0 {
				t.Errorf("round %d is sent again", r)
			}
		}
	})
}

// buysNothing wants no transaction that delivers nothing.
func (b *bench) buysNothing(l *ledger) {
	b.t.Helper()
	if n := l.empties(); n > 0 {
		b.t.Errorf("%d empty transfers; events %q", n, b.told())
	}
}

// told returns the events so far.
func (b *bench) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.events, "\n")
}
