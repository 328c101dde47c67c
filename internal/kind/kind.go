// Package kind is what kinds of sources and kinds of sinks have in common: a name in the configuration, and settings of
// a type of their own.
package kind

import (
	"context"
	"fmt"

	"github.com/dodona-oracle/dodona"
)

// A Kind makes, checks and opens settings. Env is what an opened T may use besides them. The zero Kind is not valid.
type Kind[Env, T any] struct {
	name  string
	fresh func() any
	open  func(ctx context.Context, settings any, env Env) (T, error)
}

// New returns the kind of that name with settings of type S. What says what is opened: "source".
func New[S, Env, T any](what, name string, open func(context.Context, S, Env) (T, error)) Kind[Env, T] {
	return Kind[Env, T]{
		name:  name,
		fresh: func() any { return new(S) },
		open: func(ctx context.Context, settings any, env Env) (none T, err error) {
			switch s := settings.(type) {
			case S:
				return open(ctx, s, env)
			case *S:
				return open(ctx, *s, env)
			}
			return none, dodona.Permanent(fmt.Errorf("open %s of kind %s: settings are a %T, want %T", what, name, settings, *new(S)))
		},
	}
}

// Name returns the key of the kind in the configuration, such as "http".
func (k Kind[Env, T]) Name() string { return k.name }

// Settings returns a pointer to fresh settings with their defaults.
func (k Kind[Env, T]) Settings() any {
	settings := k.fresh()
	if d, ok := settings.(interface{ Default() }); ok {
		d.Default()
	}
	return settings
}

// Check says what is wrong with settings, which come from Settings, without dialling or reading anything.
func (k Kind[Env, T]) Check(settings any) error {
	if c, ok := settings.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// Open opens what the settings describe. It may be tried again after an error unless that is [dodona.IsPermanent].
func (k Kind[Env, T]) Open(ctx context.Context, settings any, env Env) (T, error) {
	return k.open(ctx, settings, env)
}
