package explain

import (
	"context"
	"errors"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
)

// A failing transform fails as it is told.
type failing struct{ err error }

func (f failing) Apply(context.Context, dodona.Call) (dodona.Result, error) {
	return dodona.Result{}, f.err
}

func TestGuestThatThisMachineCouldNotRunIsNoDifference(t *testing.T) {
	for _, c := range []struct {
		err  error
		here bool
	}{
		{nil, false},
		{errors.New("extract points"), false},
		{&module.Error{Cause: module.CauseReplay}, false},
		{&module.Error{Cause: module.CauseFuel}, false},
		{&module.Error{Cause: module.CauseHost}, true},
		{&module.Error{Cause: module.CauseBusy}, true},
		{&module.Error{Cause: module.CauseDeadline}, true},
	} {
		g := guest{Transform: failing{c.err}}
		if _, err := g.Apply(t.Context(), dodona.Call{}); err != c.err {
			t.Errorf("%v became %v", c.err, err)
		}
		if here := g.here != nil; here != c.here {
			t.Errorf("%v: a failure of this machine is %v, want %v", c.err, here, c.here)
		}
	}
}
