package module

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"
)

// A textShape is a module that answers 0 and has much of one thing.
type textShape struct {
	types, functions      int
	typ                   func(i int) []byte // beyond the first, of dodona_run
	body                  []byte             // of each function beyond dodona_run, which takes and gives nothing
	table, globals        []byte             // whole sections
	exports               int
	exported              func(i int) []byte
	elements, data, names []byte
}

func (s textShape) module() []byte {
	if s.typ == nil {
		s.typ, s.types = func(int) []byte { return []byte{0x60, 0, 0} }, 1
	}
	run := []byte{4, 0, 0x41, 0, 0x0b}
	return bytes.Join([][]byte{
		emptyModule,
		section(1, append(uleb(1+s.types), 0x60, 0, 1, 0x7f), repeated(s.types, s.typ)),
		section(3, append(uleb(1+s.functions), 0), bytes.Repeat([]byte{1}, s.functions)),
		s.table,
		section(5, []byte{1, 1, 1, 1}),
		s.globals,
		section(7, uleb(2+s.exports), []byte{6}, []byte("memory"), []byte{2, 0, 10}, []byte("dodona_run"), []byte{0, 0}, repeated(s.exports, s.exported)),
		s.elements,
		section(10, uleb(1+s.functions), run, bytes.Repeat(slices.Concat(uleb(len(s.body)), s.body), s.functions)),
		s.data,
		s.names,
	}, nil)
}

func repeated(n int, one func(i int) []byte) (all []byte) {
	for i := range n {
		all = append(all, one(i)...)
	}
	return all
}

// segments returns a section of data: n active segments of so many bytes each.
func segments(n, size int) []byte {
	return section(11, uleb(n), bytes.Repeat(slices.Concat([]byte{0, 0x41, 0, 0x0b}, uleb(size), make([]byte, size)), n))
}

// textShapes has each thing that a text is counted by.
func textShapes() map[string]textShape {
	table := section(4, []byte{1, 0x70, 0}, uleb(14000))
	names := repeated(5001, func(i int) []byte { return append(uleb(i), fmt.Sprintf("\x28%040d", i)...) })
	names = slices.Concat([]byte("\x04name\x01"), uleb(2+len(names)), uleb(5001), names)
	return map[string]textShape{
		"nothing":            {},
		"segments":           {data: segments(20_000, 150)},
		"empty segments":     {data: segments(50_000, 0)},
		"one segment":        {data: section(11, []byte{1, 1}, uleb(5<<20), make([]byte, 5<<20))},
		"functions":          {functions: 9000, body: []byte{0, 0x0b}},
		"names":              {functions: 5000, body: []byte{0, 0x0b}, names: section(0, names)},
		"locals":             {functions: 250, body: slices.Concat([]byte{1}, uleb(4000), []byte{0x7e, 0x0b})},
		"text":               {functions: 800, body: slices.Concat([]byte{0, 0x00}, bytes.Repeat([]byte{0x01}, 3000), []byte{0x0b})},
		"globals":            {globals: section(6, uleb(2000), bytes.Repeat([]byte{0x7e, 1, 0x42, 0, 0x0b}, 2000))},
		"exports":            {exports: 1000, exported: func(i int) []byte { return append(fmt.Appendf([]byte{100}, "%0100d", i), 0, 0) }},
		"elements":           {table: table, elements: section(9, []byte{1, 0, 0x41, 0, 0x0b}, uleb(9000), make([]byte, 9000))},
		"elements by and by": {table: table, elements: section(9, []byte{1, 1, 0}, uleb(30_000), make([]byte, 30_000))},
		"types": {types: 2000, typ: func(i int) []byte {
			t := []byte{0x60, 20}
			for bit := range 20 {
				t = append(t, "\x7f\x6f"[i>>(bit%11)&1]) // i32 and externref, whose name is the longest
			}
			return append(t, 0)
		}},
	}
}

// heldBy loads a module, and two more times, and makes sure that these take no more of the heap than they are promised, and, unless most is 0, that
// they are promised at most so many times what they take.
func heldBy(t *testing.T, o Options, name string, s Spec, most float64) {
	t.Helper()
	o.Memory = 1 << 40
	for _, sample := range []float64{0, 1} {
		o.Sample = sample
		e := newTestEngine(t, o)
		run := func() *Module {
			m := load(t, e, s)
			var all []*instance
			for range s.Instances {
				in, failed := m.plain.take(t.Context())
				if failed != nil {
					t.Fatal(failed)
				}
				all = append(all, in)
			}
			for _, in := range all {
				m.plain.put(in)
				m.plain.free()
			}
			for range 2 {
				if _, err := m.Run(t.Context(), reading(`{"value": 1}`)); err != nil {
					t.Error(err)
				}
				if sample > 0 {
					ready(t, m)
				}
			}
			return m
		}
		modules := []*Module{run()}
		promised, taken := e.admitted.promised, heap()
		for range 2 {
			modules = append(modules, run())
		}
		taken, promised = heap()-taken, e.admitted.promised-promised
		for _, m := range modules[1:] {
			promised -= m.need(max(s.Instances, 1)).memory() // which is not on the heap
			if m.snapshot.image != nil {
				promised -= m.snapshot.bytes // nor is this
			}
			if sample > 0 {
				promised -= m.need(1).memory()
			}
		}
		t.Logf("%s, traced %v: %d bytes, promised %d", name, sample > 0, taken, promised)
		if taken > promised {
			t.Errorf("%s, traced %v: two more feeds take %d bytes of the heap and are promised %d", name, sample > 0, taken, promised)
		}
		if most > 0 && sample == 0 && float64(promised) > most*float64(taken) {
			t.Errorf("%s: two more feeds are promised %d bytes, more than %v times the %d that they take of the heap", name, promised, most, taken)
		}
		for _, m := range modules {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// heap returns how many bytes of the heap are in use.
func heap() (bytes int64) {
	var m runtime.MemStats
	for range 10 { // what has a finalizer outlives one
		was := bytes
		runtime.GC()
		runtime.ReadMemStats(&m)
		if bytes = int64(m.HeapAlloc); bytes == was {
			break
		}
	}
	return bytes
}
