package module

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/module/native"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// A pool owns the instances of one compilation of a module. A call takes one and is its only owner until it puts it back.
type pool struct {
	module  *Module
	kind    kind
	runtime wazero.Runtime
	own     wazero.CompilationCache // if it does not share the engine's
	code    wazero.CompiledModule
	kept    *share        // what of the code is promised memory
	tokens  chan struct{} // one for each instance that may be taken, made already or not

	mu   sync.Mutex
	idle []*instance // the last one put back is taken first: its memory is in the cache
}

// newPool links and compiles a module. No instance is made yet.
func (m *Module) newPool(ctx context.Context, k kind, instances int, code *native.Code) (_ *pool, err error) {
	e := m.engine
	p := &pool{module: m, kind: k, tokens: make(chan struct{}, instances), idle: make([]*instance, 0, instances)}
	for range instances {
		p.tokens <- struct{}{}
	}
	config := e.native.Config()
	if k == traced {
		// wazero keeps what it makes to call listeners until its cache is closed, one for every module's every type.
		if config, p.own, err = e.native.Apart(); err != nil {
			return nil, err
		}
	}
	p.runtime = wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(m.spec.Limits.Pages))
	defer func() {
		if err != nil {
			_ = p.closeCode(context.WithoutCancel(ctx))
		}
	}()
	if err := linkRuntime(ctx, p.runtime); err != nil {
		return nil, fmt.Errorf("link %s: %w", wasm.HostModule, err)
	}
	if err := link(ctx, p.runtime, &m.spec, m.imports); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	if e.native.Interprets() { // it is interpreted in this process, so it asks before
		if err := p.keep(ctx, m.interpreted); err != nil {
			return nil, err
		}
	}
	if err := code.Load(ctx, native.Rewritten{Wasm: m.code, Stack: m.stack}, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Load lets wazero decode the module, and find its native code or compile it.
func (p *pool) Load(ctx context.Context) (err error) {
	p.code, err = p.runtime.CompileModule(p.kind.with(ctx, p.module.code), p.module.code)
	return err
}

// Keep asks for memory for native code, for what is made beside it of types, and for what is made of the text.
func (p *pool) Keep(ctx context.Context, native int64) error {
	return p.keep(ctx, native+p.module.entries)
}

// keep asks for memory for the code, and for what is made of the text.
func (p *pool) keep(ctx context.Context, code int64) error {
	e, m, k := p.module.engine, p.module, &kept{bytes: code}
	decoded, own := m.text.decoded, m.text.instance*int64(cap(p.tokens))
	if p.own != nil { // no other module yields to tracing
		var err error
		p.kept, _, err = e.admitted.admitCode(k, decoded+m.text.traced, own)
		return err
	}
	k.id = sha256.Sum256(m.code)
	if e.o.Sample > 0 {
		own += int64(len(m.code)) // which tracing will need
	}
	return e.room(ctx, func() (want int64, err error) {
		p.kept, want, err = e.admitted.admitCode(k, decoded, own)
		return want, err
	})
}

// take returns an instance in the state of the snapshot, making it if need be. It waits for one until ctx ends.
func (p *pool) take(ctx context.Context) (*instance, *Error) {
	select {
	case <-p.tokens:
	default:
		select {
		case <-p.tokens:
		case <-ctx.Done():
			return nil, p.module.failed(CauseBusy, "every instance is in use; raise the module's instances, or ask it less often")
		case <-p.module.done:
			return nil, p.module.failed(CauseBusy, "it is being closed")
		}
	}
	if in := p.pop(); in != nil {
		return in, nil
	}
	in, err := p.fresh(ctx)
	if err != nil {
		p.tokens <- struct{}{}
		return nil, p.module.failed(CauseHost, "make instance: "+err.Error())
	}
	return in, nil
}

func (p *pool) pop() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	in := p.idle[last]
	p.idle = p.idle[:last]
	return in
}

// fresh makes an instance in the state of the snapshot. Nothing of the guest runs.
func (p *pool) fresh(ctx context.Context) (*instance, error) {
	in, err := p.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.adopt(p.module.snapshot); err != nil {
		in.close(ctx)
		return nil, err
	}
	return in, nil
}

// put gives an instance back, for others to take. It must be in the state of the snapshot.
func (p *pool) put(in *instance) {
	p.mu.Lock()
	p.idle = append(p.idle, in)
	p.mu.Unlock()
}

// free lets the next call have the instance that was put back or dropped.
func (p *pool) free() { p.tokens <- struct{}{} }

// close waits until no call has an instance, and ends all. It may be called again after an error, which is ctx's.
func (p *pool) close(ctx context.Context) error {
	for taken := 0; taken < cap(p.tokens); taken++ {
		select {
		case <-p.tokens:
		case <-ctx.Done():
			for range taken {
				p.tokens <- struct{}{}
			}
			return ctx.Err()
		}
	}
	for in := p.pop(); in != nil; in = p.pop() {
		in.close(ctx)
	}
	return p.closeCode(ctx)
}

// closeCode closes what the pool has of wazero.
func (p *pool) closeCode(ctx context.Context) error {
	var errs []error
	if p.code != nil {
		errs = append(errs, p.code.Close(ctx))
	}
	errs = append(errs, p.runtime.Close(ctx))
	if p.own != nil {
		errs = append(errs, p.own.Close(ctx))
	}
	p.Forget()
	return errors.Join(errs...)
}

// Forget gives back what keep has asked for.
func (p *pool) Forget() {
	if p.kept != nil {
		p.module.engine.admitted.releaseCode(p.kept)
		p.kept = nil
	}
}
