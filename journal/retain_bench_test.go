package journal

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// BenchmarkRetention appends on ten thousand keys while retention frees what is old, and tells how long the slowest append
// took: with the store in the process, and on a server with a line of 6 ms.
func BenchmarkRetention(b *testing.B) {
	b.Run("embedded", func(b *testing.B) {
		benchmarkRetention(b, Config{})
	})
	b.Run("6ms", func(b *testing.B) {
		benchmarkRetention(b, Config{URL: "nats://" + delayed(b, serverElsewhere(b), 3*time.Millisecond)})
	})
}

func benchmarkRetention(b *testing.B, cfg Config) {
	const keys, each = 10_000, 50
	cfg.Proof = Limits{Bytes: 16 * unit.MiB}
	cfg.Durability = Strict // else an append may wait for company, which has nothing to do with retention
	j := open(b, cfg)
	n := 0
	next := func(many int) time.Duration {
		recs := answers(n/keys, n%keys, n%keys+many)
		began := time.Now()
		if err := j.Append(b.Context(), recs...); err != nil {
			b.Fatal(err)
		}
		n += many
		return time.Since(began)
	}
	for j.Status(b.Context()).Streams[1].Freed == 0 { // until retention has begun
		for range 4 {
			next(5 * each)
		}
	}
	freed := j.Status(b.Context()).Streams[1].Freed
	var took []time.Duration
	for b.Loop() {
		took = append(took, next(each))
	}
	proof := j.Status(b.Context()).Streams[1]
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/slowest")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(proof.Freed-freed), "records-freed")
}

// serverElsewhere runs a server that is not the journal's own and returns its address.
func serverElsewhere(b *testing.B) string {
	b.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: b.TempDir(), SyncAlways: true, MaxPayload: bus.MaxPayload,
	})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		b.Fatal("the server does not start")
	}
	return s.Addr().String()
}

// delayed returns the address of a line to another one, on which everything takes a while.
func delayed(b *testing.B, to string, by time.Duration) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	b.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			all.Go(func() { pass(near, far, by) })
			all.Go(func() { pass(far, near, by) })
		}
	})
	return l.Addr().String()
}

// pass hands on what it reads, each piece a while later.
func pass(from, to net.Conn, by time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	line := make(chan piece, 1<<14)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer func() { _ = to.Close() }()
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close() // and what still comes is thrown away
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			line <- piece{time.Now().Add(by), slices.Clone(buf[:n])}
		}
		if err != nil {
			break
		}
	}
	close(line)
	writer.Wait()
}
