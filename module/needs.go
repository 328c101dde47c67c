package module

import (
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// Needs says which capability a module must ask for, and be granted, to import a function: "" for none. Unknown are
// functions that no module may import.
func Needs(module, name string) (capability string, known bool) {
	f := functionOf(module, name)
	if f == nil {
		return "", false
	}
	if f.set == nil {
		return "", true
	}
	return f.set.Needs, true
}

// Check returns the core module of code if a node that grants the capabilities could load it, and else why not. Nothing
// is compiled. It is for who makes and looks at modules: [Engine.Load] checks again, and what the node has.
func Check(code []byte, l manifest.Limits, granted manifest.Capabilities) (*wasm.Module, error) {
	s := Spec{Limits: l.WithDefaults(), Capabilities: granted}
	refused := allowed(&s)
	return checked(code, s.Limits, func(module, name string, t wasm.FuncType) error {
		if f := functionOf(module, name); f != nil && f.typed().Equal(t) && f.grantedTo(granted) {
			return nil // whether the host has it is the node's matter
		}
		return refused(module, name, t)
	})
}

// checked returns the core module of code, or why it must not be run: what is demanded of every module, and which imports
// it is allowed.
func checked(code []byte, l manifest.Limits, allow func(module, name string, t wasm.FuncType) error) (*wasm.Module, error) {
	core, err := wasm.Unwrap(code)
	if err != nil {
		return nil, err
	}
	return wasm.Check(core, wasm.Policy{
		Pages: l.Pages, Memory: true, Allow: allow,
		Exports: map[string]wasm.FuncType{runExport: {Results: []wasm.ValueType{wasm.I32}}},
	})
}
