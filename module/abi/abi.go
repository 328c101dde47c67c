// Package abi is both sides of a host function: the guest that calls it, with its memory and its fuel, and the host that
// it reaches for the guest. Those who provide functions know nothing else of the sandbox.
package abi

import (
	"context"

	"github.com/dodona-oracle/dodona"
)

// A Guest is the instance of a module that calls a host function, for as long as the call lasts. Its methods end the
// event where the guest may not go on.
type Guest interface {
	// View returns the guest's memory from pointer on. It is the guest's: it changes when the guest runs on.
	View(pointer, length uint64) []byte
	// MemoryBytes is how large the memory is now.
	MemoryBytes() uint64
	// Pay charges for a host function: 64, what it does, and one for every 8 bytes of the ranges it was given.
	Pay(work uint64, rangeBytes int)
	// Charge takes fuel for what a host function does beside that.
	Charge(fuel uint64)

	// Outside reports whether the guest is called for no event: what reaches outside then says try again.
	Outside() bool
	// Ask returns the answer to a call of the transcript: from the record on a replay, else from do. A result that has no
	// room is given up with the code full; without room for the request nothing is asked, and found is false.
	Ask(call, request string, full int32, do func(context.Context) Heard) (answer Heard, found bool)
	// Room is how many bytes the transcript has room for.
	Room() int
	// Tell logs why the outside did not answer, which the guest is only given a number for.
	Tell(err error)

	// Round is the instant that the event is of.
	Round() dodona.Round
	// Draw fills to from the event's random stream.
	Draw(to []byte)
	// Print takes what the guest writes to standard output (0) or standard error (1), and logs it line by line.
	Print(stream int, b []byte)

	// Stage puts a result into the slot that the guest reads results from; [NoTime] if it has no instant.
	Stage(result []byte, ms int64)
	// Staged returns what is in the slot.
	Staged() (result []byte, ms int64)
	// State returns what the module has kept so far. It must not be changed.
	State() map[string][]byte
	// Change returns the state to write to.
	Change() map[string][]byte
}

// NoTime is the instant of a result, in milliseconds, that has none: the year 1.
const NoTime = -62135596800000

// A Differs ends the event because the guest asks for something else than the transcript has: host functions panic with it.
type Differs string

// Error says what differs.
func (d Differs) Error() string { return string(d) }

// An Exit ends the event because the guest has ended itself with a code: host functions panic with it.
type Exit int32

// Error says so.
func (Exit) Error() string { return "it ended itself" }

// OutsideFuel is what a function that reaches outside costs beside its ranges.
const OutsideFuel = 10_000

// Reply leaves the i32 result of a host function.
func Reply(s []uint64, v int32) { s[0] = uint64(uint32(v)) }

// ReplyPart copies from data at an offset, and replies how much it was.
func ReplyPart(s []uint64, to, data []byte, offset uint64) {
	if offset = uint64(uint32(offset)); offset >= uint64(len(data)) {
		Reply(s, 0)
		return
	}
	Reply(s, int32(copy(to, data[offset:])))
}

// The errors of the ABI, as Linux numbers them. A function returns them negative.
const (
	ENOENT    = 2
	EIO       = 5
	EAGAIN    = 11
	EACCES    = 13
	EINVAL    = 22
	ENOSPC    = 28
	ERANGE    = 34
	ETIMEDOUT = 110
)
