package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// ErrStarting: the node has not read yet what is asked for. Ask again in a moment; it becomes 503.
var ErrStarting = errors.New("the node is starting and has not read yet what it knew before")

// State is what the API shows of a node; package node implements it. All methods are safe for concurrent use.
// What they return is the caller's to read, not to change, and must not change afterwards.
//
// Methods without a context answer from memory at once. The others may read the journal and end with ctx.
// An error that is [dodona.ErrNotFound] becomes 404, [ErrStarting] 503; any other one 500 with its text.
type State interface {
	// Feeds returns every configured feed, sorted by name.
	Feeds() []FeedStatus
	// Sources returns every configured source, sorted by name.
	Sources() []SourceStatus
	// Status returns the health of the node as a whole. Its level, headline and readiness are judged by its caller, with [Judge].
	Status() Status
	// Ready returns what of the node itself, its journal say, keeps it from answering now: the problems of [State.Status].
	Ready() []Problem

	// Latest returns the newest attested answer of a feed, or ErrNotFound if there is none yet.
	Latest(ctx context.Context, feed string) (Outcome, error)
	// Round returns what became of one round, or ErrNotFound if the journal does not know it.
	Round(ctx context.Context, feed string, round dodona.Round) (Outcome, error)
	// Rounds returns at most limit rounds of a feed, oldest first: those at or after from, or, if from is 0,
	// the newest ones. A feed without rounds gives an empty list.
	Rounds(ctx context.Context, feed string, from dodona.Round, limit int) ([]RoundStatus, error)
	// Explain returns where a round's value came from, or ErrNotFound. It is marshalled as JSON; if it is a
	// [Texter], readers who accept text/plain get its text.
	Explain(ctx context.Context, feed string, round dodona.Round) (any, error)
	// ExplainObservation returns where an observation that a sink delivers came from, by its id, or ErrNotFound with the reason. At is when it was
	// received, roughly; zero: not known. See Explain.
	ExplainObservation(ctx context.Context, id string, at time.Time) (any, error)
	// Bundle returns everything needed to replay a round, readings included, or ErrNotFound with what is missing of it.
	Bundle(ctx context.Context, feed string, round dodona.Round) (dodona.Bundle, error)
	// Proof returns the evidence of a round, attested or missed: what dodona verify accepts as it stands. Its error is a
	// [NotAnchored] for a round that is known, and ErrNotFound for one that is not.
	Proof(ctx context.Context, feed string, round dodona.Round) (dodona.Evidence, error)

	// Resend gives a record to a sink once more, an answer (of the feed key) or an anchor, and returns its receipt. The error says why the
	// peer did not take it; it is ErrNotFound if there is no such sink, or no such record.
	Resend(ctx context.Context, sink string, topic dodona.Topic, key string, round dodona.Round) (dodona.Receipt, error)

	// Reload reads the configuration again. The error says what became of the running one; it is a [NeedsRestart] if that goes
	// on as it was because a restart is needed, and [Unchanged] if it does because what was read is wrong.
	Reload(ctx context.Context) (Reloaded, error)
}

// NotAnchored is the error of a round that has no anchor, or none yet.
type NotAnchored struct {
	Due    time.Time // when it will have one, if all goes well; zero: never
	Reason string    // why not yet, or why never
}

// Error says why there is no anchor.
func (e *NotAnchored) Error() string { return "not anchored: " + e.Reason }

// A NotKnown says why it is not known what became of a round that the journal does not hold. It is [dodona.ErrNotFound].
type NotKnown struct{ Reason string }

func (e *NotKnown) Error() string { return dodona.NotKnown + e.Reason }
func (e *NotKnown) Unwrap() error { return dodona.ErrNotFound }

// An Outcome is what became of one round: an attested answer, or the reason why there is none.
type Outcome struct {
	Answer  *dodona.Answer // nil if the round was missed or is not attested (yet)
	Quality dodona.Quality // of the answer
	Missed  string         // why there is no value; empty if there is one
	Inputs  []dodona.Input // what every source gave to the round; may be nil
}

// FeedStatus is a feed as lists, the page and the stream show it.
type FeedStatus struct {
	dodona.Feed                // name, kind, unit, decimals, labels
	ID          dodona.FeedID  `json:"id"`
	EveryMS     int64          `json:"everyMs"`           // the grid, milliseconds
	StaleMS     int64          `json:"staleMs,omitempty"` // age of the latest answer from which it counts as stale, milliseconds; 0: three times the grid
	Quality     dodona.Quality `json:"quality"`           // of the feed now: good, uncertain (the last round was missed), bad (no usable answer)
	Reason      string         `json:"reason,omitempty"`  // why the quality is not good
	Latest      *LatestAnswer  `json:"latest,omitempty"`  // the newest answer; absent before the first
	Missed      *MissedRound   `json:"missed,omitempty"`  // the newest missed round, if it is newer than the answer
	Next        dodona.Round   `json:"next,omitempty"`    // the round that is due next; 0 if unknown
	Inputs      []dodona.Input `json:"inputs"`            // one for each source, of the newest answer, or of a newer round that was missed; readings are left out
	Points      []dodona.Point `json:"points,omitempty"`  // what the sources said for those inputs, with unit and quality, sorted by id: the newest of each; absent for what a module was given
}

// LatestAnswer is the newest answer of a feed, for people. The document to verify is at …/latest.
type LatestAnswer struct {
	Round    dodona.Round   `json:"round"`
	Time     time.Time      `json:"time"`     // of the round
	Value    dodona.Int192  `json:"value"`    // scaled by the feed's decimals
	Text     string         `json:"text"`     // for machines, all decimals, without unit: "43218.50", "true", "running"
	Quality  dodona.Quality `json:"quality"`  //
	Attested bool           `json:"attested"` // as many signatures as the quorum asks for
	Signed   int            `json:"signed"`   // signatures it carries
	TookMS   int64          `json:"tookMs"`   // from the round's start on this node to the value, milliseconds
}

// MissedRound is a round without a value.
type MissedRound struct {
	Round  dodona.Round `json:"round"`
	Time   time.Time    `json:"time"`
	Reason string       `json:"reason"`
}

// RoundStatus is one round in a list.
type RoundStatus struct {
	Round    dodona.Round   `json:"round"`
	Time     time.Time      `json:"time"`
	Value    *dodona.Int192 `json:"value,omitempty"` // scaled by the feed's decimals; absent if the round was missed
	Text     string         `json:"text,omitempty"`  // the value, as that of an answer
	Quality  dodona.Quality `json:"quality"`
	Attested bool           `json:"attested"`
	Missed   string         `json:"missed,omitempty"` // why there is no value
}

// SourceStatus is the health of a source.
type SourceStatus struct {
	Name        string         `json:"name"`
	Kind        string         `json:"kind"`  // "http", "file", "sim"
	State       string         `json:"state"` // starting, ok, unusable, retrying, stale, stopped
	Quality     dodona.Quality `json:"quality"`
	InTrouble   bool           `json:"troubled"` // it does not bring what it should
	LastError   string         `json:"lastError,omitempty"`
	LastReading time.Time      `json:"lastReading,omitzero"`
	NextTry     time.Time      `json:"nextTry,omitzero"`
	Attempt     int            `json:"attempt,omitempty"`    // failed exchanges in a row
	ExpectedMS  int64          `json:"expectedMs,omitempty"` // time between readings when all is well, milliseconds
	Exchanges   uint64         `json:"exchanges"`
	Failures    uint64         `json:"failures"`
	Readings    uint64         `json:"readings"`
	Dropped     uint64         `json:"dropped"`
	LastDrop    string         `json:"lastDrop,omitempty"` // why readings were last dropped
	DropTime    time.Time      `json:"dropTime,omitzero"`  // when that was
	Feeds       []string       `json:"feeds"`              // that ask it
}

// Held is an answer that was not delivered.
type Held struct {
	Feed  string       `json:"feed"`
	Round dodona.Round `json:"round"`
	Why   string       `json:"why"`
	At    time.Time    `json:"at"`
}

// Troubled reports whether a source does not bring what it should.
func (s SourceStatus) Troubled() bool { return s.State != "ok" && s.State != "starting" }

// Status is the health of a node.
type Status struct {
	Node     string         `json:"node"`
	Address  dodona.Address `json:"address"` // of the node's key
	Version  string         `json:"version"`
	Started  time.Time      `json:"started"`
	Now      time.Time      `json:"now"` // by the node's clock
	Roles    []string       `json:"roles"`
	Network  dodona.Network `json:"network"`
	Quorum   dodona.Quorum  `json:"quorum"`
	Ready    bool           `json:"ready"`
	Level    Level          `json:"level"`    // ok, degraded, or failing: not ready
	Headline string         `json:"headline"` // one sentence for people, what matters most first
	Problems []Problem      `json:"problems"` // in the same order
	Causes   []Cause        `json:"causes"`   // why feeds and sources fail, what hits most first
	Journal  JournalStatus  `json:"journal"`
	Clock    Health         `json:"clock"`
	Memory   MemoryStatus   `json:"memory"`
	Modules  []ModuleStatus `json:"modules"`           // one for each feed that has one
	Sinks    []SinkStatus   `json:"sinks"`             // of this process, sorted by name
	Anchors  *AnchorStatus  `json:"anchors,omitempty"` // absent in a process that does not anchor
}

// AnchorStatus is how far the anchors of a network have come.
type AnchorStatus struct {
	EveryMS   int64         `json:"everyMs"`             // of windows, milliseconds
	From      dodona.Round  `json:"from,omitempty"`      // of the newest sealed window, inclusive; absent before the first
	To        dodona.Round  `json:"to,omitempty"`        // of the newest sealed window, exclusive
	Leaves    uint64        `json:"leaves,omitempty"`    // in it
	Root      dodona.Digest `json:"root,omitzero"`       // over it
	Next      time.Time     `json:"next,omitzero"`       // when the next window is due to be sealed; absent while it waits for an answer
	Checked   time.Time     `json:"checked"`             // when nothing that was due was left to seal
	Behind    bool          `json:"behind,omitempty"`    // that is more than two minutes ago
	LastError string        `json:"lastError,omitempty"` // why sealing fails; absent while it does not
}

// SinkStatus is the health of a sink. Counters count from the start of the process.
type SinkStatus struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`  // "evm", "webhook", "stdout"
	State      string         `json:"state"` // starting, ok, retrying, refused, stuck, stopped
	Quality    dodona.Quality `json:"quality"`
	InTrouble  bool           `json:"troubled"`             // it does not deliver as it should
	Policy     string         `json:"policy"`               // latest or every
	Feeds      []string       `json:"feeds"`                // that it delivers
	Queue      int            `json:"queue"`                // records, or points, taken and not delivered
	Waiting    int            `json:"waiting"`              // records of its feeds, and anchors if it has them, that it is not done with: those taken, and those not read yet
	Unread     int            `json:"unread,omitempty"`     // those of them that a sink of points has not read yet: each is all that one exchange of a source brought, which may be many points
	Oldest     time.Time      `json:"oldest,omitzero"`      // since when the oldest of the queue waits
	LastTopic  string         `json:"lastTopic,omitempty"`  // data, anchor or reading: what was delivered last
	LastFeed   string         `json:"lastFeed,omitempty"`   // of an anchor: its series; of a reading: the point
	LastRecord string         `json:"lastRecord,omitempty"` // the id of the record that was delivered last
	LastAt     time.Time      `json:"lastAt,omitzero"`
	LastError  string         `json:"lastError,omitempty"` // kept after recovery until the next one
	ErrorTime  time.Time      `json:"errorTime,omitzero"`
	Note       string         `json:"note,omitempty"`    // what its peer lacks, and it does without
	Attempt    int            `json:"attempt,omitempty"` // failures in a row
	NextTry    time.Time      `json:"nextTry,omitzero"`
	Delivered  uint64         `json:"delivered"`
	Superseded uint64         `json:"superseded"`
	Skipped    uint64         `json:"skipped"`
	Failures   uint64         `json:"failures"`
	Dead       uint64         `json:"dead"`
	// DeadLetters are the newest of what was refused for good, also before this start; at most 16.
	DeadLetters []DeadLetter `json:"deadLetters,omitempty"`
	// Held is the answer that it did not deliver last because it says nothing new by on_change, deadband or heartbeat, of the sink or of the feed; it is
	// counted as skipped.
	Held   *Held `json:"held,omitempty"`
	Detail any   `json:"detail,omitempty"` // what only this kind has: of evm sender, balance, head, troubles, endpoints
	// Overtaken is what the journal freed, by its limits, before a sink of points had delivered it; none: nothing.
	Overtaken *Overtaken `json:"overtaken,omitempty"`
}

// Overtaken counts readings that were freed before they were delivered. Those that were in hand then are among them.
type Overtaken struct {
	Readings uint64    `json:"readings"`
	From     time.Time `json:"from"` // when the first of them was appended
	Until    time.Time `json:"until"`
}

// Troubled reports whether a sink does not deliver as it should.
func (k SinkStatus) Troubled() bool { return k.State != "ok" && k.State != "starting" }

// DeadLetter is a record that a sink passed over, because its peer refused it for good.
type DeadLetter struct {
	Topic  string    `json:"topic"`
	Key    string    `json:"key"` // of an answer: the feed
	Record string    `json:"record"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"` // why
}

// ModuleStatus is how the Wasm module of a feed has fared since it was loaded.
type ModuleStatus struct {
	Feed      string           `json:"feed"`
	Name      string           `json:"name"`
	Version   string           `json:"version"`
	InTrouble bool             `json:"troubled"`          // it does not run, and is not on its way to
	Running   bool             `json:"running"`           // false while it is loaded, and after it was refused: lastError and the feed's rounds say why
	Loading   bool             `json:"loading,omitempty"` // its feed makes no rounds before it was loaded once
	Digest    dodona.Digest    `json:"digest,omitzero"`
	Events    uint64           `json:"events"`
	Failed    uint64           `json:"failed"`
	Instances int              `json:"instances"`
	MeanUS    float64          `json:"meanUs"`              // of one event, microseconds
	Functions []FunctionStatus `json:"functions,omitempty"` // of traced events, those that took longest
	LastError string           `json:"lastError,omitempty"`
}

// Troubled reports whether a module does not run, and is not on its way to.
func (m ModuleStatus) Troubled() bool { return !m.Running && (!m.Loading || m.LastError != "") }

// FunctionStatus is how long one function of a module took in all traced events, its callees included.
type FunctionStatus struct {
	Function string `json:"function"`
	Calls    uint64 `json:"calls"`
	NS       int64  `json:"ns"`
}

// Health is the state of one part of the node, in a word and a sentence.
type Health struct {
	Quality dodona.Quality `json:"quality"`
	Message string         `json:"message,omitempty"` // what is wrong and what to do, or what is well in few words
}

// JournalStatus is the health of the journal.
type JournalStatus struct {
	Health
	Until   time.Time `json:"until,omitzero"` // when it is good again by itself; zero if nobody knows
	Bytes   int64     `json:"bytes"`          // on disk
	Limit   int64     `json:"limit"`          // retention in bytes, of all streams together; 0: unknown
	Records uint64    `json:"records"`        //
	Dropped uint64    `json:"dropped"`        // given up to retention since the node's start
	Backlog int       `json:"backlog"`        // records that wait for their reader
	Detail  any       `json:"detail,omitempty"`

	Readers []ReaderStatus `json:"readers"` // what follows the records, in whatever process
}

// ReaderStatus is how one durable reader of the journal stands.
type ReaderStatus struct {
	Name       string    `json:"name"`
	Node       string    `json:"node"`              // whose it is; empty: left by a version that named none
	Stream     string    `json:"stream"`            // RAW or PROOF
	Backlog    uint64    `json:"backlog"`           // records that it has not finished
	Own        bool      `json:"own"`               // it is this node's
	Configured bool      `json:"configured"`        // this node's configuration has it; only said of its own
	Orphaned   time.Time `json:"orphaned,omitzero"` // since when nothing configures it
	Until      time.Time `json:"until,omitzero"`    // when it is removed for that, at the latest
}

// MemoryStatus is the memory of the process, in bytes.
type MemoryStatus struct {
	Used   int64 `json:"used"`   // resident, with the pages of the program, which the system takes back when it needs them
	Own    int64 `json:"own"`    // resident, without them: what the budget is for
	Budget int64 `json:"budget"` // the collector's goal for what Go holds, about 60 % of node.memory; 0: none
}

// A Problem is one thing that is wrong.
type Problem struct {
	Part    string    `json:"part"`           // "journal", "clock", "feed btc.usd", "sink main"
	Of      Whose     `json:"of"`             // whose it is
	Name    string    `json:"name,omitempty"` // of that feed, source or sink; of a module, that of its feed
	Level   Level     `json:"level"`          // failing: it keeps the node from answering; degraded: it does not
	Message string    `json:"message"`        // what it is and what to do
	Until   time.Time `json:"until,omitzero"` // when it ends by itself; zero if nobody knows
}

// Whose says which sort of part a problem is of.
type Whose string

// What problems are of.
const (
	OfNode   Whose = "node"   // its journal, its clock, its anchors: nothing else says it
	OfFeed   Whose = "feed"   //
	OfSource Whose = "source" //
	OfSink   Whose = "sink"   //
	OfModule Whose = "module" //
	OfRest   Whose = "rest"   // of more than one of those, which say it themselves
)

// Reloaded is what a reload changed. Units are named as in "source kraken", "feed btc.usd".
type Reloaded struct {
	Started  []string  `json:"started"`
	Stopped  []string  `json:"stopped"`
	Replaced []string  `json:"replaced"`
	Renewed  []Renewed `json:"renewed,omitempty"`  // feeds among the replaced ones that have another id now
	Kept     int       `json:"kept"`               // units that moved over untouched
	Settings []string  `json:"settings"`           // outside of units, such as log.level
	Warnings []string  `json:"warnings,omitempty"` // what works in the new configuration, but deserves a second look
}

// Renewed is a feed that a reload made another one: kind, unit, decimals and labels are part of its id. Whoever has the old id, such as a contract
// or a client, gets nothing of it any more.
type Renewed struct {
	Name string        `json:"name"`
	Was  dodona.FeedID `json:"was"`
	Is   dodona.FeedID `json:"is"`
	What string        `json:"what"` // changed, such as "unit Cel → K"
}

// Unchanged is the error of a reload that changed nothing, because what it read is wrong.
type Unchanged struct{ Err error }

func (e *Unchanged) Error() string { return e.Err.Error() }
func (e *Unchanged) Unwrap() error { return e.Err }

// NeedsRestart is the error of a reload whose configuration changes what only a restart changes. Nothing was changed: what is
// new in it may rest on those settings.
type NeedsRestart struct {
	Settings []string // by their dotted names, such as modules.dir
}

// Error says what to do.
func (e *NeedsRestart) Error() string {
	return "a restart is needed for " + strings.Join(e.Settings, ", ") +
		"; nothing was changed: restart the node, or take back what needs it and reload the rest"
}
