package sink

import (
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
)

// State is how a sink is doing, in one word.
type State string

// The states of a sink.
const (
	Starting State = "starting" // nothing has been delivered yet and nothing has failed
	OK       State = "ok"       // the last delivery went well
	Retrying State = "retrying" // the last one failed; it is tried again
	Refused  State = "refused"  // the last one was refused for good and passed over; the next one is tried when it comes
	Stuck    State = "stuck"    // trying again will not help before somebody does something: LastError says what
	Stopped  State = "stopped"  // the loop has ended
)

// A Status is what is known about a sink at one moment. Counters count from the start of the process.
type Status struct {
	Name       string     `json:"name"`
	Kind       string     `json:"kind"`
	State      State      `json:"state"`
	Policy     Choice     `json:"policy"`
	Feeds      []string   `json:"feeds,omitempty"`     // that it is given; none means all
	Queue      int        `json:"queue"`               // records taken and not delivered
	Unfinished int        `json:"-"`                   // records that it was given last and its reader has not finished: those taken, and those that it is done with
	Oldest     time.Time  `json:"oldest,omitzero"`     // since when the oldest of the queue waits
	Last       *Delivered `json:"last,omitempty"`      // what was delivered last
	LastError  string     `json:"lastError,omitempty"` // kept after recovery until the next one
	ErrorTime  time.Time  `json:"errorTime,omitzero"`
	Note       string     `json:"note,omitempty"`   // what its peer lacks, and is done without
	Attempt    int        `json:"attempt"`          // failures in a row
	NextTry    time.Time  `json:"nextTry,omitzero"` // zero unless waiting to try again
	Delivered  uint64     `json:"delivered"`
	Superseded uint64     `json:"superseded"`        // a newer answer went instead
	Skipped    uint64     `json:"skipped"`           // not due by the policy, older than the sink, or of a source that it delivers no longer
	Foreign    uint64     `json:"foreign,omitempty"` // of another network than the node's
	Failures   uint64     `json:"failures"`          // tries that failed
	Dead       uint64     `json:"dead"`              // refused for good
	// Unsaid is what a sink of points has delivered last, of which there may be no receipt yet.
	Unsaid observed.Tally `json:"-"`
	// Overtaken is what retention freed before a sink of points had delivered it, at most: what was in hand then and went all the same is
	// taken off for this process alone. Nil: nothing.
	Overtaken *Overtaken `json:"overtaken,omitempty"`
	// DeadLetters are the newest of what was refused for good, also by former processes unless the kind writes its own receipts; all have a receipt
	// in the journal.
	DeadLetters []DeadLetter `json:"deadLetters,omitempty"`
	Detail      any          `json:"detail,omitempty"`
	Held        *Held        `json:"held,omitempty"` // the answer that was not delivered last because it says nothing new
}

// Held is an answer that its policy, or its feed, holds back.
type Held struct {
	Feed  string       `json:"feed"`
	Round dodona.Round `json:"round"`
	Why   string       `json:"why"`
	At    time.Time    `json:"at"`
}

// Delivered names what was delivered.
type Delivered struct {
	Topic  dodona.Topic `json:"topic"`
	Feed   string       `json:"feed"` // or the series of an anchor
	Record string       `json:"record"`
	At     time.Time    `json:"at"`
	Late   bool         `json:"late,omitempty"`
}
