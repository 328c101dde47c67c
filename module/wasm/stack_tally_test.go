package wasm

import (
	"math/rand/v2"
	"testing"
)

// TestTalliesAreRight goes back through what might be code, and counts all sets after each step.
func TestTalliesAreRight(t *testing.T) {
	const n = 150
	random := rand.New(rand.NewPCG(1, 2))
	f := framer{words: n/64 + 1}
	for _, set := range []*locals{&f.live, &f.over, &f.out, &f.kept, &f.hot, &f.keptOut} {
		*set = f.none()
	}
	for step := range 20_000 {
		switch i := uint32(random.IntN(n)); random.IntN(12) {
		case 0, 1, 2:
			f.use(i)
		case 3, 4:
			f.unuse(i)
		case 5, 6, 7:
			f.hold(i)
		case 8, 9:
			f.lose(i)
		case 10:
			f.alive.join(f.over, f.live)
			f.held.joinSome(f.hot, f.kept, f.keptOut)
		default:
			f.alive.joinSome(f.over, f.live, f.out)
			f.held.join(f.hot, f.kept)
		}
		if step%100 == 0 {
			f.moved()
			copy(f.out, f.live)
			copy(f.keptOut, f.kept)
		}
		f.alive.count(f.live, f.out)
		f.held.count(f.kept, f.keptOut)
		for _, one := range []struct {
			name           string
			tally          tally
			set, out, over locals
		}{{"alive", f.alive, f.live, f.out, f.over}, {"kept", f.held, f.kept, f.keptOut, f.hot}} {
			if got, want := [2]int{one.tally.n, one.tally.out}, [2]int{one.set.count(), one.set.both(one.out)}; got != want {
				t.Fatalf("step %d: %s: got %v members and in out, want %v", step, one.name, got, want)
			}
			if joined := one.set.both(one.over) == one.set.count(); one.tally.joined && !joined {
				t.Fatalf("step %d: %s: it is taken for joined and is not", step, one.name)
			}
			for i := range one.set {
				if rest := one.set[i] & one.out[i] &^ one.over[i]; one.tally.some && rest != 0 {
					t.Fatalf("step %d: %s: what is in out is taken for joined and is not", step, one.name)
				}
			}
		}
	}
	if f.alive.anew > 201 || f.held.anew > 201 {
		t.Errorf("the sets were gone through %d and %d times, want at most 201", f.alive.anew, f.held.anew)
	}
}
