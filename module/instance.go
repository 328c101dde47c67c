package module

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/module/abi"
)

// An instance is one sandbox: a memory, its globals, and what is needed to set both back. One call at a time owns it;
// only that call's goroutine, and the host functions that it is in, touch it.
type instance struct {
	module *Module
	pool   *pool
	mod    api.Module
	memory api.Memory
	run    api.Function
	fuel   api.MutableGlobal // what is left of the slice
	depth  api.MutableGlobal
	event  event
	ctx    callContext // of the call; host functions get it, and find the instance through it
	busy   atomic.Bool // a call owns it: a second owner is a bug, and refused
	stack  [1]uint64   // the result of dodona_run

	budget  uint64 // fuel of the event
	reserve uint64 // what of it is not in a slice yet
	warming bool   // the call is the warm-up: capabilities answer −EAGAIN, and logs are dropped
	worn    uint64 // fuel since its stack was new, see wear
	spans   spans  // of a traced event

	linear   linear
	globals  []api.MutableGlobal // the guest's own
	snapshot *snapshot
	counted  bool // among the live ones
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

// call runs the guest's function for the event that has begun. It allocates nothing unless the guest fails.
func (in *instance) call() *Error { return in.invoke(in.run, in.stack[:]) }

// invoke runs a function of the guest. A guest to which the system gave less memory than it may have was told so by
// memory.grow, and went another way than on other machines: whatever came of it is no answer.
func (in *instance) invoke(f api.Function, stack []uint64) *Error {
	err := f.CallWithStack(&in.ctx, stack)
	switch {
	case in.linear.refused:
		return in.module.failed(CauseHost, "the system has not the memory that it may grow to; lower limits.pages, or free memory")
	case err != nil:
		return in.failure(err)
	}
	return nil
}

// wear notes that an event used so much fuel, and now and then gives back the stack that the engine has grown for the guest. The engine
// keeps one with each function that was looked up, as large as it ever had to be, and does not say how large. So the function is looked
// up again after so much work, or so many events, that the price of a new stack, some microseconds, is nothing beside them.
func (in *instance) wear(fuel uint64) {
	const enough = 1 << 20 // a millisecond's, or 1,024 events that use none
	if in.worn += fuel + enough/1024; in.worn >= enough {
		in.run, in.worn = in.mod.ExportedFunction(runExport), 0
	}
}

// failure says why a call ended early.
func (in *instance) failure(err error) *Error {
	text, trace := parted(err)
	where := ""
	if name := in.module.guestFunction(trace); name != "" {
		where = "in " + name + ": "
	}
	var s stop
	var differs abi.Differs
	var exit abi.Exit
	switch {
	case errors.As(err, &s):
		return &Error{Module: in.module.label, Cause: s.cause, Code: s.code, Detail: where + s.detail}
	case errors.As(err, &differs):
		return in.module.failed(CauseReplay, where+string(differs))
	case errors.As(err, &exit):
		return &Error{
			Module: in.module.label, Cause: CauseExit, Code: int32(exit),
			Detail: fmt.Sprintf("%sit ended itself with exit code %d; it must return from %s", where, exit, runExport),
		}
	case strings.TrimPrefix(text, trapPrefix) == trapStack: // of this engine on this machine: the module's own depth is counted, and far below
		return in.module.failed(CauseHost, where+"the engine's stack is used up, which says nothing of the module; this machine has no answer")
	case strings.HasPrefix(text, trapPrefix):
		return in.module.failed(CauseTrap, where+strings.TrimPrefix(text, trapPrefix))
	}
	return in.module.failed(CauseHost, where+abi.Clean([]byte(text), longestFailure)+"; this is a bug in Dodona, please report it")
}

// longestFailure is the length in bytes up to which the text of an error that nobody foresaw is shown.
const longestFailure = 500

// longestName is the length in bytes up to which names of functions are shown.
const longestName = 100
