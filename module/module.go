// Package module runs users' transforms: WebAssembly that can neither hurt the gateway nor answer differently on
// another machine.
//
// A module is checked and rewritten by package module/wasm (fuel, call depth, canonical NaN), compiled by a child
// process that may be killed, instantiated once, warmed up, and set back to its snapshot after every event. It reaches
// the world through the functions of package module/capability alone, by the guest interface of spec/abi.md.
package module

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// A Spec is what a module is loaded from.
type Spec struct {
	Name    string // for messages and metrics
	Version string
	Wasm    []byte

	Limits       manifest.Limits       // zero fields have their defaults
	Capabilities manifest.Capabilities // those granted; an import that needs another one is refused by name
	Params       map[string]string     // by name; part of the feed's rules
	Host         abi.Host              // what capabilities reach of a node; one that was granted and lacks what it needs is refused
	Dir          string                // the directory of the capability files; read-only
	Instances    int                   // that may run at once; 0 means 1
	Metering     int                   // the version of fuel's prices, for replays of old events; 0 is [wasm.Metering]
	Replay       bool                  // every event is a replay: capabilities reach nothing, so Host need not have what they reach
}

// An Event is one call of a module: everything its answer depends on but the answers of capabilities.
type Event struct {
	Feed     dodona.FeedID
	Round    dodona.Round
	Readings []dodona.Reading // sorted as in [dodona.Call]
	From     []string         // the ids of the points that the feed asks for
	Points   []dodona.Point   // those that extraction took from the readings
	Recorded []byte           // a transcript: capabilities answer from it instead of the host. Nil: from the host
	Replay   bool             // Recorded counts even if it is nil: no capability reaches the host
	Room     []dodona.Point   // where the outcome's points are put if they fit; what is in it is lost. Nil: in a new slice
}

// An Outcome is what became of one event. It is complete after a failure too, as far as the guest came.
// Its maps must not be changed.
type Outcome struct {
	Points     []dodona.Point
	Output     []byte            // what output_write left; nil if nothing
	State      map[string][]byte // after the event; that before it if the event failed
	Transcript []byte            // what capabilities answered; nil if nothing was asked
	Fuel       uint64            // used
	PeakBytes  int64             // of linear memory
	Calls      map[string]int    // host functions called, by name
	Logs       []Line
	Took       time.Duration // of the ABI call
	Spans      []Span        // of a traced event, in the order of their ends; else nil
}

// A Line is one line that a guest logged.
type Line struct {
	Level slog.Level `json:"level"`
	Text  string     `json:"text"`
}

// A Span is how long one function of a traced event took, its callees included.
type Span struct {
	Module   string `json:"module"`
	Function string `json:"function"`
	NS       int64  `json:"ns"`
}

// A Cause says in a word why an event has no answer. It is the same on every machine unless it is [Cause.Local].
type Cause string

// Local reports whether the cause is a matter of this machine alone: another one, or another attempt, may answer.
func (c Cause) Local() bool { return c == CauseDeadline || c == CauseBusy || c == CauseHost }

// Local reports whether an error of [Engine.Load] or [Module.Run] says nothing about the module: another machine, or
// another attempt, may do without. The errors of a module are refusals and its own failures.
func Local(err error) bool {
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return failed.Cause.Local()
	}
	refusal := (*wasm.Refusal)(nil)
	return err != nil && !errors.As(err, &refusal)
}

// The causes.
const (
	CauseFuel     Cause = "fuel"     // it used up its fuel
	CauseDepth    Cause = "depth"    // its calls were nested too deeply
	CauseTrap     Cause = "trap"     // it trapped: unreachable, out of bounds, division by zero
	CausePointer  Cause = "pointer"  // it gave a host function memory that it does not have
	CauseGuest    Cause = "guest"    // it said itself that it failed
	CauseExit     Cause = "exit"     // it ended itself (proc_exit), whatever the code: an answer is a return
	CauseReplay   Cause = "replay"   // it asked a capability for something else than the transcript has
	CauseDeadline Cause = "deadline" // the wall clock's watchdog; no answer, never a different one
	CauseBusy     Cause = "busy"     // every instance is in use, or it was called from within a call
	CauseHost     Cause = "host"     // the host failed: it had no memory for the guest, or has a bug
)

// An Error is a failed event.
type Error struct {
	Module string // name and version
	Cause  Cause
	Code   int32  // of dodona_run or fail; 0 if there is none
	Detail string // what happened, where (the guest's function), and what to do
}

// Error writes the module, the cause and the detail.
func (e *Error) Error() string { return e.Module + ": " + string(e.Cause) + ": " + e.Detail }

// TellsOfLocal reports whether a text has an [Error] of that module in it whose cause is [Cause.Local].
//
// A bundle says why its round was missed in words alone. The words of all bundles that are kept must be understood anyway, so a cause beside
// them would be a second truth, and like the words it would be bound by nothing that was signed.
func TellsOfLocal(text string, m dodona.Module) bool {
	for _, cause := range []Cause{CauseDeadline, CauseBusy, CauseHost} {
		if failed := (&Error{Module: label(m.Name, m.Version), Cause: cause}); strings.Contains(text, failed.Error()) {
			return true
		}
	}
	return false
}
