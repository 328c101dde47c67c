package module_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestGoStackIsPromised: where guests are interpreted, their calls are calls of the interpreter too, on Go's own stack. It is promised with theirs.
func TestGoStackIsPromised(t *testing.T) {
	e := newEngine(t, func(o *module.Options) { o.Interpreter = true })
	for _, depth := range []uint32{16, manifest.DefaultDepth, manifest.MaxDepth} {
		s := attackSpec("deep", merged(3, 3, 1, 3000))
		s.Limits = manifest.Limits{Depth: depth, Fuel: 1_000_000_000}
		m, err := e.Load(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ran := make(chan error)
		go func() { // whose stack is small
			_, err := m.Run(context.Background(), attackEvent(`{}`))
			runtime.ReadMemStats(&after)
			ran <- err
		}()
		if err := <-ran; err == nil {
			t.Error("it did not go as deep as it may")
		}
		const others = 256 << 10 // and with the race detector all frames are larger
		took, most := int(after.StackInuse)-int(before.StackInuse), module.StackBound(m)
		t.Logf("depth %d: %d KiB taken, %d promised", depth, took>>10, most>>10)
		if took > 2*most+others || took < most/6 {
			t.Errorf("depth %d: it took %d bytes of Go's stack, and %d are promised", depth, took, most)
		}
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
