package module

import "testing"

// TestEventAllocatesNothing counts allocations of a call with everything around it but the outcome, which is the caller's
// to keep.
func TestEventAllocatesNothing(t *testing.T) {
	for name, o := range map[string]Options{"compiled": {}, "sampling": {Sample: 1e-9}} {
		t.Run(name, func(t *testing.T) {
			m := load(t, newTestEngine(t, o), guest(t, "point"))
			ctx, ev := t.Context(), reading(`{"value":21.5}`)
			cycle := func() {
				in, _, failed := m.instance(ctx)
				if failed != nil {
					t.Fatal(failed)
				}
				in.begin(ctx, ev)
				if failed := in.call(); failed != nil || in.stack[0] != 0 {
					t.Fatal(failed, in.stack[0])
				}
				m.giveBack(ctx, in, nil)
				in.pool.free()
			}
			if got := testing.AllocsPerRun(1000, cycle); got != 0 {
				t.Errorf("an event allocates %v times, want 0", got)
			}
		})
	}
}
