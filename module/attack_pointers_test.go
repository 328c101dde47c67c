package module_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// A memoryRange is two arguments of a host function that name memory, or one and a fixed length.
type memoryRange struct {
	pointer int
	length  int // the argument; -1: fixed
	fixed   uint64
}

func between(pointer, length int) memoryRange { return memoryRange{pointer: pointer, length: length} }

func at(pointer int, size uint64) memoryRange {
	return memoryRange{pointer: pointer, length: -1, fixed: size}
}

// ranges are the arguments by which functions of the host reach the guest's memory, as spec/abi.md has them.
var ranges = map[string][]memoryRange{
	"input_read": {between(1, 3)},
	"input_meta": {between(2, 3)},
	"input_json": {between(1, 2), at(3, 8), at(4, 4)},
	"from_id":    {between(1, 2)},
	"from_value": {at(1, 8), at(2, 4), at(3, 8)},
	"point":      {between(0, 1), between(4, 5)},
	"point_reason": {
		between(0, 1),
	},
	"output_write": {between(0, 1)},
	"param":        {between(0, 1), between(2, 3)},
	"fail":         {between(1, 2)},
	"log":          {between(1, 2)},
	"random":       {between(0, 1)},
	"http_get":     {between(0, 1)},
	"read_sensor":  {between(0, 1)},
	"result_read":  {between(0, 2)},
	"verify":       {between(1, 2), between(3, 4), between(5, 6)},
	"state_get":    {between(0, 1)},
	"state_put":    {between(0, 1), between(2, 3)},
	"serial_open":  {between(0, 1)},
	"serial_read":  {between(1, 2)},
	"serial_write": {between(1, 2)},
	// WASI: what is checked before anything else. Its other pointers come after errors such as EBADF.
	"random_get": {between(0, 1)},
}

var importLine = regexp.MustCompile(`\(import "[^"]*" "([^"]*)"`)

// pointerFunctions returns the names of the functions that pointers.wat calls, in order.
func pointerFunctions(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/attacks/pointers.wat")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range importLine.FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	if len(names) < 40 {
		t.Fatalf("only %d imports in pointers.wat", len(names))
	}
	return names
}

// arguments are what pointers.wat calls a function with.
type arguments [9]uint32

func (a arguments) event(function int) module.Event {
	body := binary.LittleEndian.AppendUint32(nil, uint32(function))
	for _, v := range a {
		body = binary.LittleEndian.AppendUint32(body, v)
	}
	ev := attackEvent("")
	ev.Readings[0].Body = body
	return ev
}

const pageSize = 1 << 16

var (
	badPointers = []uint32{0, 1, pageSize - 8, pageSize - 1, pageSize, pageSize + 1, 1 << 31, 1<<32 - 1}
	badLengths  = []uint32{0, 1, pageSize, 1 << 31, 1<<32 - 1}
)

// TestNoPointerReachesOutside calls every function with every bad pointer and length: the event ends with cause pointer
// exactly if the range is not in memory, and the host outlives them all.
func TestNoPointerReachesOutside(t *testing.T) {
	e := newEngine(t, nil)
	n := honest(t, e)
	s := attackSpec("pointers", attackBytes(t, "pointers"))
	everything(&s)
	s.Capabilities.Serial = []string{"line"}
	s.Host.Serial = func(context.Context, string) (abi.Port, error) { return nil, errors.New("no port") }
	s.Limits = manifest.Limits{Fuel: manifest.MaxFuel}
	m, err := e.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i, name := range pointerFunctions(t) {
		// All arguments equal: whatever is a pointer or a length is tried, also with functions of WASI.
		for _, p := range badPointers {
			var a arguments
			for k := range a {
				a[k] = p
			}
			cause(t, m, name, a.event(i))
			tried++
		}
		for r, tested := range ranges[name] {
			for _, p := range badPointers {
				for _, l := range badLengths {
					a := inside(ranges[name], r)
					a[tested.pointer] = p
					size := tested.fixed
					if tested.length >= 0 {
						a[tested.length], size = l, uint64(l)
					}
					got := cause(t, m, name, a.event(i))
					if outside := uint64(p)+size > pageSize; outside != (got == module.CausePointer) {
						t.Errorf("%s, range %d, pointer %#x, length %#x: cause %q", name, r, p, size, got)
					}
					tried++
				}
			}
		}
	}
	n.same(t)
	t.Logf("%d calls", tried)
}

// inside returns arguments whose ranges are all in memory and empty, or of their fixed size.
func inside(all []memoryRange, tested int) (a arguments) {
	for i, r := range all {
		if i != tested {
			a[r.pointer] = uint32(2048 + 64*i)
		}
	}
	return a
}

// cause runs an event that may answer or fail, but not by a fault of the host, and returns its cause.
func cause(t *testing.T, m *module.Module, name string, ev module.Event) module.Cause {
	t.Helper()
	o, err := m.Run(context.Background(), ev)
	for _, p := range o.Points {
		if dirty(p.ID + p.Unit + p.Reason) {
			t.Errorf("%s made the point %+q", name, p)
		}
	}
	if err == nil {
		return ""
	}
	var failed *module.Error
	if !errors.As(err, &failed) {
		t.Fatalf("%s: %T: %v", name, err, err)
	}
	switch failed.Cause {
	case module.CausePointer, module.CauseFuel, module.CauseGuest:
	default:
		t.Errorf("%s with % x: %v", name, ev.Readings[0].Body, failed)
	}
	return failed.Cause
}

// TestAnEventCannotSeeAnother gives a module that remembers a different secret in every event, on one instance and on
// four, and asks a second load of it, and the honest module, too.
func TestAnEventCannotSeeAnother(t *testing.T) {
	racetest.Spare(t)
	for _, instances := range []int{1, 4} {
		for _, interpreter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d instances, interpreter %v", instances, interpreter), func(t *testing.T) {
				e := newEngine(t, func(o *module.Options) { o.Interpreter = interpreter })
				n := honest(t, e)
				load := func(name string) *module.Module {
					s := attackSpec(name, attackBytes(t, "remember"))
					everything(&s)
					s.Instances = instances
					m, err := e.Load(context.Background(), s)
					if err != nil {
						t.Fatal(err)
					}
					return m
				}
				first := load("first")
				want := remembered(t, first, "secret-0")
				for i := range 20 {
					if got := remembered(t, first, fmt.Sprintf("secret-%d", i)); got != want {
						t.Fatalf("event %d saw %s, the first one %s", i, got, want)
					}
				}
				n.same(t)
				if err := first.Close(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := remembered(t, load("second"), "secret-x"); got != want {
					t.Fatalf("another module saw %s, the first one %s", got, want)
				}
				n.same(t)
			})
		}
	}
}

// remembered runs one event and returns what the module found.
func remembered(t *testing.T, m *module.Module, secret string) (found string) {
	t.Helper()
	o, err := m.Run(context.Background(), attackEvent(secret))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range o.Points {
		found += p.ID + "=" + p.Value.String() + " "
	}
	if len(o.Points) != 4 {
		t.Fatalf("it found %q; want four points", found)
	}
	return found
}
