package module

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
)

// The bounds of what one event may say. spec/abi.md has them too.
const (
	maxPoints   = 1024
	maxOutput   = 4096 // bytes
	maxReason   = 256  // bytes
	maxFailText = 512  // bytes
	maxUnit     = 64   // bytes
	lineCost    = 16   // bytes of the log budget beside the line's own, so that empty lines end too
)

// An event is the state of one event on an instance. It is used again for the next one, with the room it has grown,
// so that a usual event allocates nothing.
type event struct {
	module *Module
	asked  Event

	current *function // the host function that the guest is in, or was in last
	counts  [maxFunctions]uint32
	points  []dodona.Point
	output  []byte
	failure struct {
		said bool
		code int32
		text []byte // as the guest gave it
	}
	logs      []Line
	logLeft   int // bytes
	logMissed int // bytes
	partial   [2][]byte

	stream rand.ChaCha8
	seeded bool

	staged   []byte
	stagedMs int64
	before   map[string][]byte // the state found
	after    map[string][]byte // the state after the first change; nil before it
	record   transcript
	kept     []abi.Kept // of the sets that the module imports from, by their places

	names names
	calls lastCalls
}

// begin makes the event ready.
func (ev *event) begin(m *Module, e Event) {
	ev.module, ev.asked = m, e
	ev.current = nil
	ev.counts = [maxFunctions]uint32{}
	ev.points, ev.output = ev.points[:0], ev.output[:0]
	ev.failure.said = false
	ev.logs, ev.logLeft, ev.logMissed = nil, int(m.spec.Limits.WithDefaults().LogBytes), 0
	ev.partial[0], ev.partial[1] = ev.partial[0][:0], ev.partial[1][:0]
	ev.seeded = false
	ev.stage(nil, abi.NoTime)
	ev.before, ev.after = nil, nil
	e.Replay = e.Replay || m.spec.Replay
	ev.record.begin(e)
	if m.spec.Capabilities.State {
		var found map[string][]byte
		if state := m.spec.Host.State; state != nil && !ev.record.replay {
			found = state(e.Feed)
		}
		ev.before = ev.record.state(found)
	}
}

// ended returns how an event ended whose dodona_run has returned code: nil if it is answered.
func (in *instance) ended(code int32) *Error { return in.module.ended(&in.event, code) }

func (m *Module) ended(ev *event, code int32) *Error {
	err := ev.record.done()
	if code != 0 {
		err = ev.failed(code)
	}
	if err == nil {
		return nil
	}
	var s stop
	errors.As(err, &s) // both say so with a stop
	return &Error{Module: m.label, Cause: s.cause, Code: s.code, Detail: s.detail}
}

func (ev *event) failed(code int32) error {
	if ev.failure.said {
		text := abi.Clean(ev.failure.text, maxFailText)
		return stop{cause: CauseGuest, code: ev.failure.code, detail: cmp.Or(text, "it did not say why")}
	}
	return stop{cause: CauseGuest, code: code, detail: "it failed with code " + strconv.Itoa(int(code)) +
		" and did not say why"}
}

// outcome returns what the event said so far and closes what it opened. It must be called once for every event.
// The outcome shares nothing with ev but maps that nobody changes.
func (ev *event) outcome(answered bool) Outcome {
	ev.flush()
	if ev.logMissed > 0 {
		ev.line(slog.LevelWarn, missedText(ev.logMissed))
	}
	o := Outcome{
		Points:     points(ev.asked.Room, ev.points),
		State:      ev.before,
		Transcript: ev.record.bytes(ev.output),
		Logs:       ev.logs,
		Calls:      ev.calls.of(&ev.counts),
	}
	if ev.after != nil && answered {
		o.State = ev.after
	}
	if len(ev.output) > 0 {
		o.Output = slices.Clone(ev.output)
	}
	for _, kept := range ev.kept {
		if kept != nil {
			kept.Rest()
		}
	}
	ev.stage(nil, abi.NoTime)
	ev.asked, ev.logs, ev.before, ev.after = Event{}, nil, nil, nil // nothing of the caller's is kept
	ev.rest()
	return o
}

// What an instance keeps from one event to the next, so that most events allocate nothing; instanceBytes has it.
const (
	keptPoints = 32
	keptCalls  = 16
	keptBytes  = 1 << 10 // of its output, and of each unfinished line
)

// rest lets go of what the event has made, and of the room for it if that is more than most need.
func (ev *event) rest() {
	ev.record.recorded, ev.record.broken = nil, nil
	ev.points, ev.record.calls = emptied(ev.points, keptPoints), emptied(ev.record.calls, keptCalls)
	ev.output = emptied(ev.output, keptBytes)
	for i := range ev.partial {
		ev.partial[i] = emptied(ev.partial[i], keptBytes)
	}
}

// emptied returns the list without anything in it, and without its room if it has more than most.
func emptied[T any](list []T, most int) []T {
	if cap(list) > most {
		return nil
	}
	clear(list)
	return list[:0]
}

// points copies what the guest made into the caller's room.
func points(room, made []dodona.Point) []dodona.Point {
	if len(made) == 0 {
		return room[:0:0]
	}
	return append(room[:0], made...)
}

// names remembers texts of the guest, so that one that it says every time is allocated once.
type names struct {
	ids   map[string]string // valid ids of points
	units map[string]string // valid units
	paths map[string]string // JSON Pointers
	room  int               // bytes that are taken
}

const (
	maxNames  = 256      // of each sort are remembered
	keptNames = 16 << 10 // bytes of all; instanceBytes has them
	nameBytes = 64       // what one takes beside its text
)

// intern returns b as a text if check accepts it.
func (n *names) intern(known *map[string]string, b []byte, check func(string) bool) (string, bool) {
	if s, found := (*known)[string(b)]; found {
		return s, true
	}
	s := string(b)
	if !check(s) {
		return "", false
	}
	if *known == nil {
		*known = map[string]string{}
	}
	if takes := len(s) + nameBytes; len(*known) < maxNames && n.room+takes <= keptNames {
		(*known)[s] = s
		n.room += takes
	}
	return s, true
}

// lastCalls makes the map of the functions called, anew only if it is another than that of the event before.
type lastCalls struct {
	counts [maxFunctions]uint32
	calls  map[string]int
}

func (l *lastCalls) of(counts *[maxFunctions]uint32) map[string]int {
	if l.counts == *counts {
		return l.calls
	}
	l.counts, l.calls = *counts, map[string]int{}
	for i, n := range counts {
		if n > 0 {
			l.calls[functions[i].name] = int(n)
		}
	}
	return l.calls
}

// log takes one line of the guest, without control characters and within the budget.
func (ev *event) log(level slog.Level, text []byte) {
	left := ev.logLeft - lineCost
	if left < 0 || (left == 0 && len(text) > 0) {
		ev.logLeft = 0
		ev.logMissed += len(text) + 1 // its end counts, so that empty lines do
		return
	}
	said := abi.Clean(text, left)
	ev.logLeft = left - min(len(text), left)
	if len(text) > left {
		ev.logMissed += len(text) - left
	}
	ev.line(level, said)
}

func (ev *event) line(level slog.Level, text string) {
	ev.logs = append(ev.logs, Line{level, text})
	if host := ev.module.spec.Host.Log; host != nil {
		host(ev.module.label, level, text)
	}
}

// oldest returns when the oldest reading of the event was measured, or else received; the round if there is none.
func (ev *event) oldest() time.Time {
	at := ev.asked.Round.Time()
	for i, r := range ev.asked.Readings {
		t := r.SourceTime
		if t.IsZero() {
			t = r.Received
		}
		if i == 0 || t.Before(at) {
			at = t
		}
	}
	return at
}

// change returns the state to write to.
func (ev *event) change() map[string][]byte {
	if ev.after == nil {
		if ev.after = maps.Clone(ev.before); ev.after == nil {
			ev.after = map[string][]byte{}
		}
	}
	return ev.after
}

func missedText(bytes int) string {
	return strconv.Itoa(bytes) + " more bytes were logged than the budget allows"
}
