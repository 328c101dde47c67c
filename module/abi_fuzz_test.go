package module

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// fuzzArguments are what host functions are called with, beside small numbers.
var fuzzArguments = []int64{
	outAt, outAt + 8, outAt + 100, dataAt, dataAt + 8, memoryEnd - 8, memoryEnd - 1, memoryEnd, memoryEnd + 1,
	-1, math.MinInt32, math.MaxInt32, math.MinInt64, math.MaxInt64, 1 << 32, 4096, minMillis, maxMillis, 48, 100,
}

// FuzzHostFunctions calls host functions in any order with any arguments. Nothing that a guest does may be the host's
// fault, what it says must be writable, and saying it again must give the same.
func FuzzHostFunctions(f *testing.F) {
	f.Add(false, []byte("\x08\x80\x01\x05\x00\x80\x01\x00\x00\x00"), []byte("a.b"))
	f.Add(true, []byte("\x14\x01\x83\x01\x81\x00\x00\x00\x00\x00"), []byte("\x00\xb0\x00\x00\x08\x00\x00\x00"))
	capability := capable(f, fullHost())
	stub := abiGuest(f, "wasi")
	stub.Capabilities, stub.Dir = manifest.Capabilities{Files: true}, f.TempDir()
	modules := map[bool]*Module{false: abiModule(f, capability), true: abiModule(f, stub)}
	indexes := map[bool]map[string]uint32{false: newScript(f, "capability").index, true: newScript(f, "wasi").index}
	names := map[bool][]string{}
	for wasi, index := range indexes {
		names[wasi] = slices.SortedFunc(maps.Keys(index), func(a, b string) int { return int(index[a]) - int(index[b]) })
	}
	fuzztest.Run(f, func(t *testing.T, wasi bool, calls, data []byte) {
		m := modules[wasi]
		s := &script{t: t, guest: "fuzz", index: indexes[wasi]}
		s.put(data[:min(len(data), 10_000)])
		for n := 0; len(calls) >= 10 && n < 200; n++ {
			var args []int64
			for _, a := range calls[1:10] {
				v := int64(a)
				if i := int(a) - 128; i >= 0 && i < len(fuzzArguments) {
					v = fuzzArguments[i]
				}
				args = append(args, v)
			}
			s.call(names[wasi][int(calls[0])%len(names[wasi])], args...)
			calls = calls[10:]
		}
		ev := s.event()
		out, err := m.Run(t.Context(), ev)
		if failed, _ := err.(*Error); failed != nil && (failed.Cause == CauseHost || failed.Cause == CauseReplay) {
			t.Fatalf("%v", err)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("the outcome cannot be written: %v", err)
		}
		ev.Recorded, ev.Replay = out.Transcript, true
		again, err2 := m.Run(t.Context(), ev)
		out.Took, again.Took = 0, 0
		if diff := cmp.Diff(out, again, compareDecimals); diff != "" || (err == nil) != (err2 == nil) {
			t.Errorf("again (-first +again):\n%s%v and %v", diff, err, err2)
		}
	})
}
