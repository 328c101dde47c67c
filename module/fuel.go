package module

import (
	"runtime"
	"strconv"
)

// slice is how much fuel a guest has at once. Compiled code cannot be interrupted, so a slice is also how long it may
// hold up Go's garbage collector: a millisecond or so.
const slice = 1_000_000

// fill gives the event its fuel, the first slice at once.
func (in *instance) fill(fuel uint64) {
	first := min(fuel, slice)
	in.budget, in.reserve = fuel, fuel-first
	in.fuel.Set(first)
	in.depth.Set(0)
}

// Charge takes fuel for what a host function does. It panics with the cause if the event has no more.
func (in *instance) Charge(fuel uint64) {
	left := int64(in.fuel.Get()) - int64(fuel)
	in.fuel.Set(uint64(left))
	if left < 0 {
		in.refuel()
	}
}

// refuel grants the next slice, and more if the guest is in debt for more. It lets other goroutines run, and ends
// the guest if the event has no fuel left, or if nobody waits for its answer any longer.
func (in *instance) refuel() {
	left := int64(in.fuel.Get())
	grant := min(in.reserve, slice)
	if debt := -left; debt > 0 && uint64(debt) > grant {
		grant = min(in.reserve, uint64(debt)+slice)
	}
	in.reserve -= grant
	left += int64(grant)
	in.fuel.Set(uint64(left))
	if left < 0 {
		panic(stop{cause: CauseFuel, detail: "it used up its " + strconv.FormatUint(in.budget, 10) +
			" units of fuel; raise limits.fuel if it has so much to do"})
	}
	runtime.Gosched()
	if err := in.ctx.Err(); err != nil {
		panic(stop{cause: CauseDeadline, detail: "nobody waits for its answer any longer: " + err.Error()})
	}
}

// used returns the fuel that the event has used so far, at most what it had.
func (in *instance) used() uint64 {
	left := int64(in.reserve) + int64(in.fuel.Get())
	if left < 0 {
		return in.budget
	}
	return in.budget - uint64(left)
}
