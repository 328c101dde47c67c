package journal

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var body400 = []byte(`{"value":"` + strings.Repeat("4321855", 55) + `"}`)

// benchmarkAppend appends n records, per at a time, from many goroutines, while a reader follows.
func benchmarkAppend(b *testing.B, callers, per int, durability Durability) {
	j := open(b, Config{Durability: durability, Raw: Limits{Bytes: 4 * unit.GiB}})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan int)
	var target atomic.Int64
	go func() {
		n := 0
		for recs, err := range j.From(ctx, "bench", dodona.TopicReading) {
			if err != nil {
				b.Error(err)
				break
			}
			if n += len(recs); int64(n) >= target.Load() && target.Load() > 0 {
				break
			}
		}
		done <- n
	}()
	var id atomic.Int64
	b.SetParallelism((callers + 1) / 2)
	b.SetBytes(int64(per * len(body400)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			recs := make([]dodona.Record, per)
			for i := range recs {
				n := id.Add(1)
				recs[i] = dodona.Record{Topic: dodona.TopicReading, Key: "k" + strconv.Itoa(int(n%16)), ID: strconv.Itoa(int(n)), Body: body400}
			}
			if err := j.Append(ctx, recs...); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	flushes := j.Status(ctx).Streams[0].Flushes
	total := id.Load()
	target.Store(total)
	b.StartTimer()
	if err := j.Append(ctx, dodona.Record{Topic: dodona.TopicReading, Key: "end", ID: "end"}); err != nil {
		b.Error(err)
	}
	<-done
	b.StopTimer()
	cancel()
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(flushes)/float64(total), "flushes/record")
}

func BenchmarkAppend(b *testing.B) {
	b.Run("callers=512", func(b *testing.B) { benchmarkAppend(b, 512, 1, Batch) })
	b.Run("callers=1024", func(b *testing.B) { benchmarkAppend(b, 1024, 1, Batch) })
	b.Run("callers=16/records=64", func(b *testing.B) { benchmarkAppend(b, 16, 64, Batch) })
	b.Run("callers=1/records=256", func(b *testing.B) { benchmarkAppend(b, 1, 256, Batch) })
	b.Run("strict/callers=4", func(b *testing.B) { benchmarkAppend(b, 4, 1, Strict) })
}

// BenchmarkOpen opens an empty folder, and closes it again.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		j, err := Open(b.Context(), Config{Dir: b.TempDir(), Node: "gw-1"})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
