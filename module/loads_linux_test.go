package module

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/dodona-oracle/dodona/internal/memtest"
	"github.com/dodona-oracle/dodona/internal/racetest"
)

// TestThousandLoadsLeaveNothing loads and closes modules a thousand times, and compares what the process holds after the
// first hundred with what it holds at the end.
func TestThousandLoadsLeaveNothing(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for name, o := range map[string]Options{
		"compiled":    {Dir: t.TempDir(), Key: make([]byte, 32), Sample: 1},
		"interpreted": {Interpreter: true, Sample: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newTestEngine(t, o)
			specs := []Spec{guest(t, "count"), guest(t, "count-large"), guest(t, "trap"), sdkGuest(t, "json-assemblyscript")}
			cycle := func(i int) {
				m := load(t, e, specs[i%len(specs)])
				for range 3 {
					_, _ = m.Run(t.Context(), reading(`{"sensor":"a","value":1,"ts":1}`)) // trap fails, and is to
				}
				if i%len(specs) == 0 {
					ready(t, m)
				}
				if err := m.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var before holding
			for i := range 1000 {
				if i == 100 {
					before = held(t)
				}
				cycle(i)
			}
			after := held(t)
			t.Logf("after 100 loads %v, after 1,000 %v", before, after)
			if after.memory > before.memory+4<<20 || after.routines > before.routines || after.files > before.files ||
				after.maps > before.maps+16 {
				t.Errorf("after 100 loads the process held %v, after 1,000 it holds %v", before, after)
			}
		})
	}
}

// A holding is what a process has of what can leak.
type holding struct {
	memory                int64
	routines, files, maps int
}

func (h holding) String() string {
	return fmt.Sprintf("%d KiB, %d goroutines, %d files, %d maps", h.memory>>10, h.routines, h.files, h.maps)
}

func held(t *testing.T) holding {
	t.Helper()
	for range 3 {
		runtime.GC() // native code is freed by finalizers
	}
	memory := memtest.Reset(t)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return holding{memory, runtime.NumGoroutine(), len(files), bytes.Count(maps, []byte("\n"))}
}
