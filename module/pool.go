package module

import (
	"context"
	"sync"

	"github.com/tetratelabs/wazero"
)

// A pool owns the instances of one compiled module. A call takes one and is its only owner until it puts it back.
type pool struct {
	module *Module
	code   wazero.CompiledModule
	tokens chan struct{} // one for each instance that may be taken, made already or not

	mu   sync.Mutex
	idle []*instance // the last one put back is taken first: its memory is in the cache
}

func newPool(m *Module, code wazero.CompiledModule, instances int) *pool {
	p := &pool{module: m, code: code, tokens: make(chan struct{}, instances), idle: make([]*instance, 0, instances)}
	for range instances {
		p.tokens <- struct{}{}
	}
	return p
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
	return p.code.Close(ctx)
}
