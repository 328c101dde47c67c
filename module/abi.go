package module

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/capability"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasi"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// A function is one host function.
type function struct {
	module    string
	name      string
	signature string                         // as [abi.Function] has it
	call      func(in *instance, s []uint64) // s has the parameters, then the results; what it returns is left there
	set       *abi.Set                       // that it is of; nil: what every module may import
	missing   func(h *abi.Host) string       // what of the host it reaches and is not there, beside what its set does; nil: it reaches nothing
	index     int                            // among functions
}

// sets are all host functions but those that every module may import.
var sets = append(slices.Clone(capability.All), &wasi.Functions)

// functions are all host functions.
var functions = func() []*function {
	list := slices.Clone(coreFunctions)
	for i := range list {
		list[i].module = manifest.ABI
	}
	for i, set := range sets {
		for _, f := range set.Functions {
			list = append(list, function{
				module: set.Module, name: f.Name, signature: f.Signature, set: set,
				call: func(in *instance, s []uint64) { f.Call(in, in.event.kept[i], s) },
			})
		}
	}
	all := make([]*function, len(list))
	for i := range list {
		all[i] = &list[i]
		all[i].index = i
	}
	if len(all) > maxFunctions {
		panic("there are more host functions than maxFunctions: make it larger")
	}
	return all
}()

// maxFunctions is how many host functions there can be.
const maxFunctions = 128

// importModules are the modules that host functions are imported from.
var importModules = func() (names []string) {
	for _, f := range functions {
		if !slices.Contains(names, f.module) {
			names = append(names, f.module)
		}
	}
	return names
}()

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
		case f == nil && module == wasi.Module:
			return errors.New("it is no function of WASI preview 1")
		case f == nil:
			return fmt.Errorf("only functions of %s may be imported; build the module with one of Dodona's SDKs", strings.Join(importModules, " and "))
		case !f.typed().Equal(t):
			return fmt.Errorf("its type is %v, and must be %v", t, f.typed())
		}
		return f.available(s)
	}
}

// available returns why a module must not have the function: nil if it was granted and the host has what it needs.
func (f *function) available(s *Spec) error {
	what := ""
	switch {
	case !f.grantedTo(s.Capabilities):
		return fmt.Errorf("it needs the capability %s, which was not granted: the manifest must ask for it and the configuration allow it", f.set.Needs)
	case f.set != nil && f.set.Missing != nil && !s.Replay:
		what = f.set.Missing(s.world())
	case f.missing != nil:
		what = f.missing(&s.Host)
	}
	if what != "" {
		return fmt.Errorf("this node has %s", what)
	}
	return nil
}

// grantedTo reports whether a module with these capabilities may have the function.
func (f *function) grantedTo(c manifest.Capabilities) bool {
	return f.set == nil || f.set.Granted == nil || f.set.Granted(c)
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
	for _, module := range importModules {
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

// replyText copies text into a range if all of it fits, and replies its length.
func replyText(s []uint64, to []byte, text string) {
	if len(text) <= len(to) {
		copy(to, text)
	}
	abi.Reply(s, int32(len(text)))
}
