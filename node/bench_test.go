package node

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
)

// BenchmarkAttestations drives rounds of many feeds through round → claim → observation → validate → answer with
// "batch" durability, as fast as they go. Sources and HTTP are left out: the rounds are made here.
//
//	go test ./node -run '^$' -bench Attestations -benchtime 180000x
func BenchmarkAttestations(b *testing.B) {
	const feeds = 3000 // once a second each
	var text strings.Builder
	fmt.Fprintf(&text, "node: {name: bench, data: %q, memory: 1GiB}\nroles: [observe, validate]\n", b.TempDir())
	text.WriteString("journal: {raw: {bytes: 4GiB}, proof: {bytes: 4GiB}}\n")
	text.WriteString("sources:\n  walk: {sim: {seed: 1}}\nfeeds:\n")
	for i := range feeds {
		fmt.Fprintf(&text, "  f%04d: {decimals: 8, every: 1m, from: [walk], unit: USD}\n", i)
	}
	// As node.memory: 1GiB does. The store keeps what was written in the last ten seconds in memory, about 200 MiB here.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30 * 6 / 10))
	n := openNode(b, text.String(), Options{})
	ctx, cancel := context.WithCancel(b.Context())
	var validator sync.WaitGroup
	validator.Go(func() {
		if err := n.attester.validate(ctx); err != nil {
			b.Error(err)
		}
	})
	before := n.journal.Status(ctx)
	peak := watchMemory(ctx)
	b.ResetTimer()
	begin := time.Now()
	// A feed makes a round when an earlier one is attested, so that what is measured is sustained, not a backlog.
	places := make(chan struct{}, 2*feeds)
	for range feeds {
		places <- struct{}{}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var loops sync.WaitGroup
	for _, f := range n.config().Feeds {
		loops.Go(func() {
			for left.Add(-1) >= 0 {
				<-places
				if _, err := n.observer.rounds.keep(ctx, f.Settings.Every, []dodona.Bundle{benchRound(n, f)}, 0); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	for attested := uint64(0); attested < uint64(b.N) && time.Since(begin) < 10*time.Minute && !b.Failed(); {
		time.Sleep(time.Millisecond) // the validator is a reader of its own and tells nobody
		now := n.metricsAttested()
		for range now - attested {
			places <- struct{}{}
		}
		attested = now
	}
	loops.Wait()
	took := time.Since(begin)
	b.StopTimer()
	after := n.journal.Status(ctx)
	cancel()
	validator.Wait()
	b.ReportMetric(float64(b.N)/took.Seconds(), "attestations/s")
	var flushes uint64
	for i := range after.Streams {
		flushes += after.Streams[i].Flushes - before.Streams[i].Flushes
	}
	b.ReportMetric(float64(flushes)/float64(b.N), "flushes/attestation")
	b.ReportMetric(float64(peak())/(1<<20), "MiB-peak-RSS")
}

// lastBench keeps rounds of one feed rising.
var lastBench sync.Map

// benchRound makes a round as a feed with one source would.
func benchRound(n *Node, f config.Feed) dodona.Bundle {
	round := dodona.RoundAt(time.Now())
	if last, found := lastBench.Load(f.Feed.Name); found && round <= last.(dodona.Round) {
		round = last.(dodona.Round) + 1
	}
	lastBench.Store(f.Feed.Name, round)
	value := dodona.NewInt192(4321855000000 + int64(round%1000))
	point := value.Decimal(8)
	digest := dodona.Keccak256([]byte(f.Feed.Name), []byte(round.String()))
	at := round.Time()
	return dodona.Bundle{
		Feed: f.Feed, Round: round, Node: "bench", Rules: []byte(`{"feed":"bench"}`), Value: &value,
		Inputs: []dodona.Input{{
			Source: "walk", Point: "walk", Status: dodona.InputUsed, Value: &point, Time: at,
			Readings: []dodona.ReadingRef{{Digest: digest, Received: at, Size: 51, Detail: "GET api.example.com 200, 51 B, 2 ms"}},
		}},
		Origin: dodona.Origin{Version: digest, Rules: digest, ReadingsRoot: digest},
	}
}

// watchMemory samples the resident memory until ctx ends; the returned function gives the peak.
func watchMemory(ctx context.Context) func() int64 {
	var peak atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			statm, _ := os.ReadFile("/proc/self/statm")
			if fields := strings.Fields(string(statm)); len(fields) > 1 {
				pages, _ := strconv.ParseInt(fields[1], 10, 64)
				peak.Store(max(peak.Load(), pages*int64(os.Getpagesize())))
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return func() int64 { <-done; return peak.Load() }
}
