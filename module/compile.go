package module

import (
	"context"
	"encoding/json"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/native"
)

// runtimeConfig allows what module/wasm lets pass, and nothing else.
func runtimeConfig(interpreter bool) wazero.RuntimeConfig {
	c := wazero.NewRuntimeConfig()
	if interpreter {
		c = wazero.NewRuntimeConfigInterpreter()
	}
	return c.WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).WithDebugInfoEnabled(false)
}

// A kind is what code is made of a module for.
type kind string

const (
	untraced kind = "plain"
	traced   kind = "traced"
)

// with returns ctx with what makes a compilation of a rewritten module one of that kind.
func (k kind) with(ctx context.Context, rewritten []byte) context.Context {
	if k == traced {
		return experimental.WithFunctionListenerFactory(ctx, listenersOf(rewritten))
	}
	return ctx
}

// rewriting is the version of the rewriting, with fuel's prices: native code of another one is of no use.
const rewriting = "4"

// nativeOf says what code of a kind is made of: the Wasm as given, and what it was checked against and rewritten for.
func (m *Module) nativeOf(k kind) native.Guest {
	policy, err := json.Marshal(struct {
		Pages, Depth uint32
		Metering     int
		Capabilities manifest.Capabilities
	}{m.spec.Limits.Pages, m.spec.Limits.Depth, m.spec.Metering, m.spec.Capabilities})
	if err != nil {
		panic(err) // numbers, texts and lists of texts
	}
	return native.Guest{Name: m.spec.Name, Kind: string(k), Bound: []string{string(m.digest[:]), string(policy), rewriting}}
}

// CompileWorker is the main function of the child that compiles: the command line in [Options.Worker] followed by
// arguments of the engine must end up in it, with nothing printed and nothing opened before. It limits itself, reads
// rewritten Wasm from in, and leaves native code in a folder. The result is the exit code.
func CompileWorker(in io.Reader, args []string) int {
	return native.CompileWorker(in, args, runtimeConfig, func(ctx context.Context, of string, rewritten []byte) context.Context {
		return kind(of).with(ctx, rewritten)
	})
}
