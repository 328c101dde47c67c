package module

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// wasiModule is the import module of WASI preview 1.
const wasiModule = "wasi_snapshot_preview1"

// The errors of the ABI, as Linux numbers them. A function returns them negative.
const (
	enoent    = 2
	eio       = 5
	eagain    = 11
	eacces    = 13
	einval    = 22
	enospc    = 28
	erange    = 34
	etimedout = 110
)

// A function is one host function.
type function struct {
	module    string
	name      string
	signature string                           // a letter for each parameter, a colon, a letter for each result; i is i32, I is i64
	call      func(in *instance, s []uint64)   // s has the parameters, then the results; what it returns is left there
	granted   func(manifest.Capabilities) bool // nil: needs nothing
	needs     string                           // the capability, for people
	missing   func(h *Host, dir string) string // what of the host it reaches and is not there; nil: it reaches nothing
	index     int                              // among functions
}

// functions are all host functions.
var functions = func() []*function {
	list := slices.Concat(coreFunctions, capabilityFunctions, serialFunctions, wasiFunctions, wasiFileFunctions)
	for _, name := range strings.Fields(wasiAbsent) {
		name, signature, _ := strings.Cut(name, "/")
		list = append(list, function{module: wasiModule, name: name, signature: signature + ":i", call: wasiNone})
	}
	all := make([]*function, len(list))
	for i := range list {
		all[i] = &list[i]
		all[i].index = i
		if all[i].module == "" {
			all[i].module = manifest.ABI
		}
	}
	if len(all) > maxFunctions {
		panic("there are more host functions than maxFunctions: make it larger")
	}
	return all
}()

// maxFunctions is how many host functions there can be.
const maxFunctions = 80

// functionOf returns a host function by its name; nil if there is none.
func functionOf(module, name string) *function {
	for _, f := range functions {
		if f.name == name && f.module == module {
			return f
		}
	}
	return nil
}

// allowed returns the import allow-list of a module: nil for what may be imported, or else why not, and what to do.
func allowed(s *Spec) func(module, name string, t wasm.FuncType) error {
	return func(module, name string, t wasm.FuncType) error {
		f := functionOf(module, name)
		switch {
		case f == nil && module == manifest.ABI:
			return errors.New("this build has no such function; the module may be made for a later Dodona")
		case f == nil && module == wasiModule:
			return errors.New("it is no function of WASI preview 1")
		case f == nil:
			return fmt.Errorf("only functions of %s and %s may be imported; build the module with one of Dodona's SDKs", manifest.ABI, wasiModule)
		case !f.typed().Equal(t):
			return fmt.Errorf("its type is %v, and must be %v", t, f.typed())
		}
		return f.available(s)
	}
}

// available returns why a module must not have the function: nil if it was granted and the host has what it needs.
func (f *function) available(s *Spec) error {
	if f.granted != nil && !f.granted(s.Capabilities) {
		return fmt.Errorf("it needs the capability %s, which was not granted: the manifest must ask for it and the configuration allow it", f.needs)
	}
	if f.missing != nil {
		if what := f.missing(&s.Host, s.Dir); what != "" {
			return fmt.Errorf("this node has %s", what)
		}
	}
	return nil
}

// typed returns the type of f.
func (f *function) typed() wasm.FuncType {
	types := func(letters string) []wasm.ValueType {
		var list []wasm.ValueType
		for _, c := range letters {
			t := wasm.I32
			if c == 'I' {
				t = wasm.I64
			}
			list = append(list, t)
		}
		return list
	}
	params, results, _ := strings.Cut(f.signature, ":")
	return wasm.FuncType{Params: types(params), Results: types(results)}
}

// link makes the host modules that imports need. Imports must have the types that allowed accepts; what was granted and
// what the host has is asked again, as neither is part of what a cache keeps.
func link(ctx context.Context, rt wazero.Runtime, s *Spec, imports []wasm.Import) error {
	if s.Capabilities.Files && s.Dir == "" {
		return errors.New("the capability files was granted, and no directory: say which one it may read")
	}
	for _, module := range []string{manifest.ABI, wasiModule} {
		b := rt.NewHostModuleBuilder(module)
		linked := map[string]bool{}
		for _, i := range imports {
			if i.Module != module || linked[i.Name] {
				continue
			}
			linked[i.Name] = true
			f := functionOf(module, i.Name)
			if f == nil {
				return fmt.Errorf("import %s.%s: there is no such function", module, i.Name)
			}
			if err := f.available(s); err != nil {
				return fmt.Errorf("import %s.%s: %w", module, i.Name, err)
			}
			t := f.typed()
			b.NewFunctionBuilder().WithGoModuleFunction(f.host(), wazeroTypes(t.Params), wazeroTypes(t.Results)).Export(f.name)
		}
		if len(linked) == 0 {
			continue
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("link %s: %w", module, err)
		}
	}
	return nil
}

func wazeroTypes(types []wasm.ValueType) []api.ValueType {
	list := make([]api.ValueType, len(types))
	for i, t := range types {
		list[i] = api.ValueType(t)
	}
	return list
}

// host returns f as wazero calls it.
func (f *function) host() api.GoModuleFunc {
	return func(ctx context.Context, _ api.Module, s []uint64) {
		in := instanceOf(ctx)
		in.event.current = f
		in.event.counts[f.index]++
		f.call(in, s)
	}
}

// outside reports whether the guest is called for no event: capabilities that reach outside then say try again.
func (in *instance) outside() bool { return in.warming }

// pay charges for a host function: 64, what it does, and one for every 8 bytes of the ranges it was given.
func (in *instance) pay(work uint64, rangeBytes int) { in.charge(64 + work + uint64(rangeBytes)/8) }

// view returns the guest's memory from pointer on. It is the guest's: it changes when the guest runs on.
func (in *instance) view(pointer, length uint64) []byte {
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

// reply leaves the i32 result of a host function.
func reply(s []uint64, v int32) { s[0] = uint64(uint32(v)) }

// replyText copies text into a range if all of it fits, and replies its length.
func replyText(s []uint64, to []byte, text string) {
	if len(text) <= len(to) {
		copy(to, text)
	}
	reply(s, int32(len(text)))
}

// replyPart copies from data at an offset, and replies how much it was.
func replyPart(s []uint64, to, data []byte, offset uint64) {
	if offset = uint64(uint32(offset)); offset >= uint64(len(data)) {
		reply(s, 0)
		return
	}
	reply(s, int32(copy(to, data[offset:])))
}
