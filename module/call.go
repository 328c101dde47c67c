package module

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// An instance is the [abi.Guest] of the host functions that it calls.
var _ abi.Guest = (*instance)(nil)

// world returns what the module may reach.
func (s *Spec) world() abi.World {
	return abi.World{Granted: s.Capabilities, Host: &s.Host, Dir: s.Dir}
}

// reaches reports whether the module may ask the host.
func (s *Spec) reaches() bool {
	return slices.ContainsFunc(sets, func(set *abi.Set) bool { return set.Reaches != nil && set.Reaches(s.Capabilities) })
}

// kept returns what the sets that a module imports from keep of one instance, by their places; nil of those that keep nothing.
func (m *Module) kept() []abi.Kept {
	m.opening.Do(m.openSets)
	if m.sets == nil {
		return nil
	}
	list := make([]abi.Kept, len(sets))
	for i, each := range m.sets {
		if each != nil {
			list[i] = each()
		}
	}
	return list
}

// openSets opens the sets that a module imports from.
func (m *Module) openSets() {
	for i, set := range sets {
		if !slices.ContainsFunc(m.imports, func(i wasm.Import) bool { f := functionOf(i.Module, i.Name); return f != nil && f.set == set }) {
			continue
		}
		if m.sets == nil {
			m.sets = make([]func() abi.Kept, len(sets))
		}
		if set.Open != nil {
			m.sets[i] = set.Open(m.spec.world())
		}
	}
}

// Outside reports whether the guest is called for no event: capabilities that reach outside then say try again.
func (in *instance) Outside() bool { return in.warming }

// Pay charges for a host function: 64, what it does, and one for every 8 bytes of the ranges it was given.
func (in *instance) Pay(work uint64, rangeBytes int) { in.Charge(64 + work + uint64(rangeBytes)/8) }

// View returns the guest's memory from pointer on. It is the guest's: it changes when the guest runs on.
func (in *instance) View(pointer, length uint64) []byte {
	pointer, length = uint64(uint32(pointer)), uint64(uint32(length))
	if size := uint64(in.memory.Size()); pointer+length > size {
		panic(stop{cause: CausePointer, detail: fmt.Sprintf("%s was given %d bytes at %d, and the memory ends at %d",
			in.event.current.name, length, pointer, size)})
	}
	b, ok := in.memory.Read(uint32(pointer), uint32(length))
	if !ok {
		panic(stop{cause: CausePointer, detail: in.event.current.name + " was given a range outside of the memory"})
	}
	return b
}

// MemoryBytes is how large the memory is now.
func (in *instance) MemoryBytes() uint64 { return uint64(in.memory.Size()) }

// Ask returns the answer to a call of the transcript.
func (in *instance) Ask(call, request string, full int32, do func(context.Context) abi.Heard) (abi.Heard, bool) {
	return in.event.record.ask(in.ctx.Context, call, request, full, do)
}

// Room is how many bytes the transcript has room for.
func (in *instance) Room() int { return in.event.record.room }

// Round is the instant that the event is of.
func (in *instance) Round() dodona.Round { return in.event.asked.Round }

// Stage puts a result into the slot.
func (in *instance) Stage(result []byte, ms int64) { in.event.stage(result, ms) }

func (ev *event) stage(result []byte, ms int64) { ev.staged, ev.stagedMs = result, ms }

// Staged returns what is in the slot.
func (in *instance) Staged() ([]byte, int64) { return in.event.staged, in.event.stagedMs }

// State returns what the module has kept so far.
func (in *instance) State() map[string][]byte {
	if in.event.after != nil {
		return in.event.after
	}
	return in.event.before
}

// Change returns the state to write to.
func (in *instance) Change() map[string][]byte { return in.event.change() }

// Draw fills to from the event's random stream.
func (in *instance) Draw(to []byte) {
	ev := &in.event
	if !ev.seeded {
		var seed [13 + 32 + 8 + 32]byte
		at := copy(seed[:], "dodona random")
		at += copy(seed[at:], ev.asked.Feed[:])
		binary.BigEndian.PutUint64(seed[at:], uint64(ev.asked.Round))
		copy(seed[at+8:], in.module.digest[:])
		ev.stream.Seed(sha256.Sum256(seed[:]))
		ev.seeded = true
	}
	_, _ = ev.stream.Read(to) // never fails
}

// Tell logs why the outside did not answer, which the guest is only given a number for.
func (in *instance) Tell(err error) {
	if log := in.module.engine.o.Log; log != nil {
		log.Debug("module capability failed", "module", in.module.label, "call", in.event.current.name, "error", err)
	}
}
