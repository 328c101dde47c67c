package node

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// BenchmarkSealThroughTheJournal seals one window of so many attestations of 10 feeds, which lie in a journal that was
// opened anew: time and bytes for each leaf must not grow with their number.
//
//	go test ./node -run '^$' -bench SealThroughTheJournal -benchtime 1x
func BenchmarkSealThroughTheJournal(b *testing.B) {
	for _, leaves := range []int{20_000, 200_000} {
		b.Run(fmt.Sprint(leaves), func(b *testing.B) { sealThroughTheJournal(b, leaves) })
	}
}

func sealThroughTheJournal(b *testing.B, leaves int) {
	const feeds, day = 10, 24 * 3600_000
	text := benchConfig(b, feeds, "roles: [observe, validate, anchor]\nanchor: {every: 24h}\n")
	key, err := secp.ParsePrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		b.Fatal(err)
	}
	n := openNode(b, text, Options{})
	first := dodona.RoundAt(time.Now())/day*day - day
	var recs []dodona.Record
	for i := range leaves / feeds {
		for f := range feeds {
			rec := keptRound(b, n, key, f, first+dodona.Round(i*1000), false)[3]
			if i > 0 {
				rec.After = (first + dodona.Round((i-1)*1000)).ID()
			}
			recs = append(recs, rec)
		}
		if len(recs) >= 200 || i == leaves/feeds-1 {
			if err := n.journal.Append(b.Context(), recs...); err != nil {
				b.Fatal(err)
			}
			recs = recs[:0]
		}
	}
	n.close()
	for range b.N {
		b.StopTimer()
		n := openNode(b, text, Options{})
		series, err := anchor.New(anchor.Config{
			Network: n.id.network, Quorum: n.id.quorum, Scheme: n.voice.scheme, Every: n.config().Anchor.Every, Recorder: n.recorder,
		})
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b.StartTimer()
		a, sealed, err := series.Advance(b.Context(), anchor.Means{Signer: n.voice.attestations, Ledger: n.journal, Refused: refused}, first.Time().Add(24*time.Hour+time.Minute), grids(n.config()))
		b.StopTimer()
		runtime.ReadMemStats(&after)
		if err != nil || !sealed || a.Count != uint64(leaves+feeds) { // the rest of the day is one gap a feed
			b.Fatalf("sealed %v, %+v, %v", sealed, a, err)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(leaves), "ns/leaf")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(leaves), "B/leaf")
		b.ReportMetric(float64(after.HeapSys)/(1<<20), "MiB-heap")
		n.close()
	}
}
