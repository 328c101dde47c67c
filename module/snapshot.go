package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// copyLimit is the size of the largest memory that is set back by copying it. Above it, it costs less to map the pages
// that were written to anew.
const copyLimit = 256 << 10

// A snapshot is the state in which every event begins. All instances of a module share one.
// Tables and segments need not be in it: module/wasm refuses what changes them.
type snapshot struct {
	size    int       // of the memory, in bytes
	copied  []stretch // the memory, if it is set back by copying
	image   *image    // or this
	globals []uint64
	bytes   int64 // of memory that are promised to it
}

// snapshotBytes returns how much memory the snapshot of a memory takes, beside the instances: a guest that changes all of its memory in an event
// has it twice.
func snapshotBytes(memory []byte) (bytes int64) {
	unit := stretchStep
	if len(memory) > copyLimit {
		unit = os.Getpagesize()
	} else {
		bytes = int64(len(memory) / 16) // to tell which parts there are
	}
	for from := 0; from < len(memory); from += unit {
		if part := memory[from:min(from+unit, len(memory))]; !zero(part) {
			bytes += int64(len(part))
		}
	}
	return bytes
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (s *snapshot) close() {
	if s.image != nil {
		s.image.close()
	}
}

// instantiate makes an instance in which nothing has run yet.
func (p *pool) instantiate(ctx context.Context) (_ *instance, err error) {
	in := &instance{module: p.module, pool: p}
	in.ctx.in = in
	in.event.kept = p.module.kept()
	defer func() {
		// wazero asks the allocator for the first pages and trusts that it gets them.
		if r := recover(); r != nil {
			err = fmt.Errorf("the system has no memory for an instance: %v", r)
		}
		if err != nil {
			in.close(ctx)
		}
	}()
	alloc := experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		if err := in.linear.allocate(most); err != nil {
			panic(err)
		}
		return &in.linear
	})
	in.mod, err = p.runtime.InstantiateModule(experimental.WithMemoryAllocator(context.WithoutCancel(ctx), alloc),
		p.code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	in.memory = in.mod.ExportedMemory(memoryExport)
	in.run = in.mod.ExportedFunction(runExport)
	var fuel, depth bool
	in.fuel, fuel = in.mod.ExportedGlobal(wasm.FuelGlobal).(api.MutableGlobal)
	in.depth, depth = in.mod.ExportedGlobal(wasm.DepthGlobal).(api.MutableGlobal)
	if !fuel || !depth {
		return nil, errors.New("bug in the rewriter: no fuel or no depth")
	}
	p.module.count(+1)
	in.counted = true
	return in, in.findGlobals()
}

// findGlobals remembers the guest's mutable globals, which the rewriter has exported.
func (in *instance) findGlobals() error {
	for i := range in.mod.(experimental.InternalModule).NumGlobal() {
		g, ok := in.mod.ExportedGlobal(wasm.GlobalPrefix + strconv.Itoa(i)).(api.MutableGlobal)
		if !ok {
			continue
		}
		if g.Type() == api.ValueTypeExternref || g.Type() == funcref {
			return &wasm.Refusal{
				What:  fmt.Sprintf("global %d is mutable and holds references, which cannot be set back", i),
				Where: wasm.Where{Section: wasm.SectionGlobal, Function: -1, Offset: -1}, Do: "make it immutable",
			}
		}
		in.globals = append(in.globals, g)
	}
	return nil
}

// funcref is the type of references to functions, which package api does not name.
const funcref api.ValueType = 0x70

// take copies the state of an instance between two calls, when it has been promised the memory for that.
func (in *instance) take(ctx context.Context) (*snapshot, error) {
	memory, ok := in.memory.Read(0, in.memory.Size())
	if !ok {
		return nil, errors.New("bug: memory cannot be read")
	}
	want := snapshotBytes(memory)
	e := in.module.engine
	if err := e.room(ctx, func() (int64, error) { return want, e.admitted.admitSnapshot(in.pool.kept, want) }); err != nil {
		return nil, err
	}
	s := &snapshot{size: len(memory), bytes: want, globals: make([]uint64, len(in.globals))}
	for i, g := range in.globals {
		s.globals[i] = g.Get()
	}
	if s.size > copyLimit {
		image, err := newImage(memory)
		if err == nil {
			s.image = image
			return s, nil
		}
		in.module.engine.o.Log.Warn("module memory is copied after every event, which is slow",
			"module", in.module.label, "bytes", s.size, "error", err)
	}
	s.copied = stretches(memory)
	return s, nil
}

// A stretch is a part of a memory: bytes to copy, or zeros, which most of a memory is and which cost half as much to set
// back.
type stretch struct {
	from, to int
	bytes    []byte // nil: zeros
}

// stretchStep is the size in bytes of what is zero or not.
const stretchStep = 1024

// stretches copies a memory.
func stretches(memory []byte) []stretch {
	var all []stretch
	for from := 0; from < len(memory); from += stretchStep {
		to := min(from+stretchStep, len(memory))
		empty := zero(memory[from:to])
		if last := len(all) - 1; last >= 0 && empty == (all[last].bytes == nil) {
			all[last].to = to
		} else {
			all = append(all, stretch{from: from, to: to})
		}
		if last := &all[len(all)-1]; !empty {
			last.bytes = memory[last.from:to]
		}
	}
	for i := range all {
		all[i].bytes = bytes.Clone(all[i].bytes)
	}
	return all
}

// adopt brings an instance that has run nothing, or from which the snapshot was taken, into the state of the snapshot.
func (in *instance) adopt(s *snapshot) error {
	if missing := s.size - int(in.memory.Size()); missing > 0 {
		if _, ok := in.memory.Grow(uint32(missing / pageBytes)); !ok {
			return fmt.Errorf("the system has no memory for an instance of %s", unit.About(int64(s.size)))
		}
	}
	in.snapshot = s
	if s.image != nil {
		if err := in.linear.overlay(s.image); err != nil {
			return err
		}
	}
	if !in.reset() {
		return errors.New("bug: a new instance cannot be set back")
	}
	return nil
}

// reset brings an instance back to the snapshot after a call that returned. False: it has changed in a way that cannot
// be undone, and must be dropped.
func (in *instance) reset() bool {
	s := in.snapshot
	if int(in.memory.Size()) != s.size {
		return false
	}
	if s.image != nil {
		if in.linear.revert() != nil {
			return false
		}
	} else if memory, ok := in.memory.Read(0, uint32(s.size)); ok {
		for i := range s.copied {
			part := &s.copied[i]
			if part.bytes == nil {
				clear(memory[part.from:part.to])
			} else {
				copy(memory[part.from:part.to], part.bytes)
			}
		}
	}
	for i, g := range in.globals {
		g.Set(s.globals[i])
	}
	return true
}

// close ends the instance and gives its memory back.
func (in *instance) close(ctx context.Context) {
	if in.mod != nil {
		_ = in.mod.Close(ctx) // fails only for files, and it has none
	}
	in.linear.release()
	if in.counted {
		in.counted = false
		in.module.count(-1)
	}
}
