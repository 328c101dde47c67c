//go:build integration

package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/sign"
)

// A duel is two signers with one key, each with a journal of its own on one server, that want to sign different digests for
// the same rounds.
type duel struct {
	t      *testing.T
	server *natsServer
	key    *sign.Key
	last   dodona.Round // the duel ends there
	round  atomic.Uint64
	calls  atomic.Uint64

	mu     sync.Mutex
	signed map[string]map[dodona.Round]dodona.Digest // by subject
	counts map[string]int                            // what became of calls
}

// callsEach is how many calls a round gets before the next one begins.
const callsEach = 10

// TestOneKeyInTwoProcessesSignsEachRoundOnce lets both sides call at once, gives most calls too little time, opens the
// journals again and again, and kills the server. DODONA_DUEL_ROUNDS says for how many rounds, 10,000 in make soak.
func TestOneKeyInTwoProcessesSignsEachRoundOnce(t *testing.T) {
	t.Parallel()
	rounds := 150
	if n, err := strconv.Atoi(os.Getenv("DODONA_DUEL_ROUNDS")); err == nil {
		rounds = n
	}
	key, err := sign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	d := &duel{
		t: t, server: startServer(t), key: key, last: dodona.Round(rounds),
		signed: map[string]map[dodona.Round]dodona.Digest{}, counts: map[string]int{},
	}
	d.round.Store(1)
	var sides sync.WaitGroup
	for side := range 2 {
		dir := t.TempDir()
		sides.Go(func() {
			for !d.over() {
				d.life(side, dir)
			}
		})
	}
	ended := make(chan struct{})
	go func() { sides.Wait(); close(ended) }()
	d.killNowAndThen(ended)
	distinct := 0
	for _, of := range d.signed {
		distinct += len(of)
	}
	t.Logf("%d rounds of %d subjects signed; calls: %v", distinct, len(d.signed), d.counts)
	if distinct < rounds/2 || d.counts["unknown or out of time"] == 0 || d.counts["conflict"] == 0 {
		t.Errorf("%d rounds signed, %v: the duel was none", distinct, d.counts)
	}
}

func (d *duel) over() bool { return dodona.Round(d.round.Load()) > d.last || d.t.Failed() }

// killNowAndThen kills the server every hundred rounds until ended.
func (d *duel) killNowAndThen(ended <-chan struct{}) {
	next := uint64(50)
	for {
		select {
		case <-ended:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if d.round.Load() >= next {
			next += 100
			d.server.kill(d.t)
			d.server.start(d.t)
		}
	}
}

// life is one process: it opens its journal, four callers sign for about forty rounds, and it closes.
func (d *duel) life(side int, dir string) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	limits := Limits{Bytes: 64 * unit.MiB}
	j, err := Open(ctx, Config{Dir: dir, Node: "side-" + strconv.Itoa(side), URL: d.server.url(), Raw: limits, Proof: limits})
	if err != nil {
		return // the server is being killed
	}
	defer func() { _ = j.Close() }()
	s := sign.New(sign.Options{Key: d.key, Journal: j})
	until := d.round.Load() + 20 + rand.Uint64N(40)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for d.round.Load() < until && !d.over() {
				d.call(s)
			}
		})
	}
	callers.Wait()
}

// call signs one or two claims for the current round and notes what came of it.
func (d *duel) call(s *sign.Signer) {
	patience := time.Duration(1+rand.IntN(60)) * time.Millisecond
	if rand.IntN(4) == 0 {
		patience = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	round := dodona.Round(d.round.Load())
	claims := make([]dodona.Claim, 1+rand.IntN(2))
	for i := range claims {
		claims[i] = dodona.Claim{
			Network: dodona.Keccak256([]byte("network")), Type: "report", Subject: fmt.Sprintf("feed-%d", rand.IntN(3)),
			Round: round + dodona.Round(i), Digest: dodona.Keccak256([]byte{byte(rand.IntN(3)), byte(i)}),
		}
	}
	_, err := s.Sign(ctx, claims...)
	if d.calls.Add(1)%callsEach == 0 {
		d.round.Add(1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.counts["signed"]++
		for _, c := range claims {
			d.note(c)
		}
	case errors.Is(err, dodona.ErrConflict):
		d.counts["conflict"]++
	case errors.Is(err, sign.ErrPassed):
		d.counts["passed"]++
	case errors.Is(err, sign.ErrOutrun):
		d.counts["outrun"]++
	default:
		d.counts["unknown or out of time"]++
	}
}

// note fails the test if another digest was signed for the round of c.
func (d *duel) note(c dodona.Claim) {
	of := d.signed[c.Subject]
	if of == nil {
		of = map[dodona.Round]dodona.Digest{}
		d.signed[c.Subject] = of
	}
	if first, found := of[c.Round]; found && first != c.Digest {
		d.t.Errorf("%s round %d: two digests were signed, %s and %s", c.Subject, uint64(c.Round), first.Short(), c.Digest.Short())
	}
	of[c.Round] = c.Digest
}
