package main

import (
	"testing"
	"time"
)

// BenchmarkFirstAnswer starts the program on the two-line file against a local server, each time in an empty folder,
// and measures from exec to the first attested answer over the API.
func BenchmarkFirstAnswer(b *testing.B) {
	endpoint := price(b, `{"price":"43218.55"}`)
	if _, err := binary(); err != nil {
		b.Fatal(err)
	}
	var slowest time.Duration
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		file := twoLines(b, dir, endpoint)
		b.StartTimer()
		begin := time.Now()
		p := launch(b, dir, "run", file, "--listen", "127.0.0.1:0")
		url := p.awaitURL()
		eventually(b, 10*time.Second, func() error { _, err := get(url + "/v1/feeds/answer/latest"); return err })
		took := time.Since(begin)
		b.StopTimer()
		slowest = max(slowest, took)
		p.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/first-answer")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/slowest")
}

// BenchmarkIdle runs the two-line file for half a minute, with a round every ten seconds, and reports resident memory.
func BenchmarkIdle(b *testing.B) {
	endpoint := price(b, `{"price":"43218.55"}`)
	for b.Loop() {
		dir := b.TempDir()
		p := launch(b, dir, "run", twoLines(b, dir, endpoint), "--listen", "127.0.0.1:0")
		p.awaitURL()
		time.Sleep(30 * time.Second)
		b.ReportMetric(float64(p.rss())/(1<<20), "MiB-RSS")
		p.stop()
	}
}
