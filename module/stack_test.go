package module

import (
	"context"
	"reflect"
)

// StackOf returns the bytes of stack that a new compiled instance of m has after an event, whatever came of it.
func StackOf(ctx context.Context, m *Module, ev Event) (bytes int, err error) {
	in, err := m.plain.fresh(ctx)
	if err != nil {
		return 0, err
	}
	defer in.close(ctx)
	_, _ = in.answer(ctx, ev)
	return in.stackBytes(), nil
}

// StackHeld returns the bytes of stack that the compiled instances of m hold while none of them runs.
func StackHeld(m *Module) (bytes int) {
	p := m.plain
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.idle {
		bytes += in.stackBytes()
	}
	return bytes
}

// stackBytes reads what the engine keeps to itself.
func (in *instance) stackBytes() int {
	return reflect.ValueOf(in.run).Elem().FieldByName("stack").Len()
}

// StackBound returns the bytes of stack that are promised to an instance of m.
func StackBound(m *Module) int { return int(m.stack) }

// CodeOf returns the bytes that are promised to the code of m.
func CodeOf(m *Module) int64 { return m.plain.kept.bytes + m.plain.kept.own }

// Promised returns how much memory is promised to instances, their stacks and their code.
func Promised(e *Engine) int64 { return e.admitted.promised }
