package module

import (
	"context"

	"github.com/tetratelabs/wazero/api"
)

// An instance is one sandbox: a memory, its globals, and what is needed to set both back. One call at a time owns it;
// only that call's goroutine, and the host functions that it is in, touch it.
type instance struct {
	module *Module
	mod    api.Module
	memory api.Memory
	fuel   api.MutableGlobal // what is left of the slice
	depth  api.MutableGlobal
	event  event
	ctx    callContext // of the call; host functions get it, and find the instance through it

	budget  uint64 // fuel of the event
	reserve uint64 // what of it is not in a slice yet
	warming bool   // the call is the warm-up: capabilities answer −EAGAIN, and logs are dropped
}

// A callContext is the context of one call, and knows the instance that it runs on. Each instance has one, set anew for
// every call, because a context made for each call would be an allocation for each call.
type callContext struct {
	context.Context
	in *instance
}

// instanceKey is the key by which a callContext knows its instance.
type instanceKey struct{}

// Value returns the instance under its key, and what the caller's context has under others.
func (c *callContext) Value(key any) any {
	if _, ok := key.(instanceKey); ok {
		return c.in
	}
	return c.Context.Value(key)
}

// instanceOf returns the instance that a host function is called from; nil outside of a call.
func instanceOf(ctx context.Context) *instance {
	if c, ok := ctx.(*callContext); ok {
		return c.in
	}
	in, _ := ctx.Value(instanceKey{}).(*instance)
	return in
}

// A stop ends the guest: host functions panic with it, and the event fails with its cause.
type stop struct {
	cause  Cause
	code   int32
	detail string
}

// Error writes the cause and the detail.
func (s stop) Error() string { return string(s.cause) + ": " + s.detail }
