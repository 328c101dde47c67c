package journal

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
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

// BenchmarkOpen opens a folder, and closes it again: an empty one, one with 1 GiB of records, and that one without the store's
// index, as the worst kill leaves it: then every block is read whole, by the check before the start and by the store.
func BenchmarkOpen(b *testing.B) {
	b.Run("empty", func(b *testing.B) { benchmarkOpen(b, func() Config { return Config{Dir: b.TempDir()} }, func() {}) })
	cfg := Config{Raw: Limits{Bytes: 4 * unit.GiB}}
	full := func() Config { // made once, when it is first wanted
		if cfg.Dir == "" {
			cfg.Dir = fillFolder(b, cfg)
		}
		return cfg
	}
	b.Run("1GiB", func(b *testing.B) { benchmarkOpen(b, full, func() {}) })
	b.Run("1GiB/noindex", func(b *testing.B) {
		benchmarkOpen(b, full, func() {
			indexes, err := filepath.Glob(filepath.Join(cfg.Dir, "jetstream", "*", "streams", "*", "msgs", "index.db"))
			if err != nil || len(indexes) == 0 {
				b.Fatalf("%d indexes, %v", len(indexes), err)
			}
			for _, path := range indexes {
				if err := os.Remove(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func benchmarkOpen(b *testing.B, folder func() Config, before func()) {
	cfg := folder()
	cfg.Node = "gw-1"
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		before()
		b.StartTimer()
		j, err := Open(b.Context(), cfg)
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

// fillFolder returns a data folder with 1 GiB of records of 1,600 bytes.
func fillFolder(b *testing.B, cfg Config) string {
	b.Helper()
	cfg.Dir, cfg.Node = b.TempDir(), "gw-1"
	j, err := Open(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat(body400, 4)
	recs := make([]dodona.Record, 256)
	for n := 0; n*len(body) < 1<<30; n += len(recs) {
		for i := range recs {
			recs[i] = dodona.Record{Topic: dodona.TopicReading, Key: "k" + strconv.Itoa(i%16), ID: strconv.Itoa(n + i), Body: body}
		}
		if err := j.Append(b.Context(), recs...); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	return cfg.Dir
}
