package journal

import (
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/racetest"
)

// TestMemoryIsGivenBack appends 100,000 records and reads them. The embedded store keeps what was read while it was
// written for ten seconds; after that the heap must be small again.
func TestMemoryIsGivenBack(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	j := open(t, Config{})
	var wg sync.WaitGroup
	wg.Go(func() { read(t, j, "me", 100_000, dodona.TopicReading) })
	for c := range 10 {
		wg.Go(func() {
			for i := range 100 {
				recs := make([]dodona.Record, 100)
				for k := range recs {
					id := strconv.Itoa(i*100 + k)
					recs[k] = dodona.Record{Topic: dodona.TopicReading, Key: "c" + strconv.Itoa(c), ID: id, Body: body400}
				}
				if err := j.Append(t.Context(), recs...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var m runtime.MemStats
	deadline := time.After(10 * time.Minute) // ten seconds are usual
	for tick := time.NewTicker(time.Second); ; {
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc < 32<<20 {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the heap still holds %d MiB", m.HeapAlloc>>20)
		}
	}
	t.Logf("heap %d KiB in %d goroutines", m.HeapAlloc>>10, runtime.NumGoroutine())
}
