package evm

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/sink"
)

// What a sink goes through in front of several faces of a ledger.

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
	if err := b.reach(urls, &http.Client{Transport: hosts}); err != nil {
		t.Fatal(err)
	}
	return b
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
		if n := l.holds(r); n != 1 {
			b.t.Errorf("round %d is mined %d times", r, n)
		}
	}
	return states
}

// offerAll offers an answer of every feed, and gives up after a minute where too much is under way.
func (b *bench) offerAll(round dodona.Round) {
	<-b.ready
	for feed, to := range b.targets {
		data := append(binary.BigEndian.AppendUint64([]byte(roundMark), uint64(round)), to[:]...)
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		_ = b.take(ctx, Payload{Topic: dodona.TopicData, Feed: feed, Record: round.ID(), Round: round, Value: dodona.NewInt192(int64(round)), Data: data, Attested: time.Now()})
		cancel()
	}
}

// deliversEach offers a round a minute, and wants each in blocks once.
func (b *bench) deliversEach(l *ledger, from, to dodona.Round, world string) {
	b.t.Helper()
	for r := from; r <= to; r++ {
		b.offerAll(r)
		time.Sleep(time.Minute)
	}
	time.Sleep(5 * time.Minute)
	for r := from; r <= to; r++ {
		if n := l.holds(r); n != 1 {
			b.t.Errorf("%s: round %d is in blocks %d times", world, r, n)
		}
	}
}

// told returns the events so far.
func (b *bench) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.events, "\n")
}
