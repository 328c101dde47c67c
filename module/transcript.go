package module

import (
	"context"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/capability"
)

const (
	transcriptRoom = 256 << 10 // bytes of requests and results of one event
	maxTranscript  = 1 << 20   // bytes of a transcript as JSON; more than any event can write
)

// callState is the call of a transcript that has the state found; the others are in the sets of functions that write them.
const callState = "state"

// transcriptDocument is the form of a transcript: canonical JSON.
type transcriptDocument struct {
	Calls  []abi.Heard `json:"calls,omitempty"`
	Output []byte      `json:"output,omitempty"`
}

// parseTranscript reads what [transcriptDocument.json] wrote, and nothing else.
func parseTranscript(raw []byte) (transcriptDocument, error) {
	var doc transcriptDocument
	if len(raw) > maxTranscript {
		return doc, fmt.Errorf("read transcript: %d bytes, at most %d are written", len(raw), maxTranscript)
	}
	exact, err := form.Exact(raw, &doc, abi.Canonical)
	if err != nil {
		return transcriptDocument{}, fmt.Errorf("read transcript: %w", err)
	}
	if !exact {
		return transcriptDocument{}, errors.New("read transcript: not in the canonical form")
	}
	room := transcriptRoom
	for i, c := range doc.Calls {
		if room -= c.Size(); room < 0 {
			return transcriptDocument{}, errors.New("read transcript: larger than an event can write")
		}
		if err := check(c, i); err != nil {
			return transcriptDocument{}, fmt.Errorf("read transcript: call %d: %w", i, err)
		}
	}
	if len(doc.Output) > maxOutput {
		return transcriptDocument{}, errors.New("read transcript: more output than an event can write")
	}
	return doc, nil
}

// entries are all sorts of answers but the state, by their calls.
var entries = func() map[string]abi.Entry {
	all := map[string]abi.Entry{}
	for _, set := range sets {
		for _, e := range set.Entries {
			all[e.Call] = e
		}
	}
	return all
}()

// check returns an error if no event could have written h as its call i.
func check(h abi.Heard, i int) error {
	if h.Call == callState {
		if state, err := parseState(h.Result); i > 0 || h.Request != "" || err != nil || len(state) != int(h.Code) {
			return errors.New("not a state")
		}
		return nil
	}
	e, known := entries[h.Call]
	switch {
	case !known:
		return fmt.Errorf("%.40q is no call of this ABI", h.Call)
	case h.Code < 0 && len(h.Result) > 0:
		return errors.New("an error with a result")
	case e.Sized && h.Code >= 0 && int(h.Code) != len(h.Result):
		return errors.New("the code is not the size of the result")
	case !e.Sized && h.Code > e.Most:
		return errors.New("a code that is never returned")
	}
	return nil
}

func (t transcriptDocument) json() ([]byte, error) { return abi.Canonical(t) }

// A transcript records what an event learns from outside, or answers from a record.
type transcript struct {
	calls    []abi.Heard
	room     int
	replay   bool
	recorded []abi.Heard // on replay: what is still to be asked
	broken   error       // on replay: why there is no record
}

func (t *transcript) begin(e Event) {
	clear(t.calls)
	*t = transcript{calls: t.calls[:0], room: transcriptRoom, replay: e.Replay || e.Recorded != nil}
	if e.Recorded == nil {
		return
	}
	doc, err := parseTranscript(e.Recorded)
	t.recorded, t.broken = doc.Calls, err
}

// done returns an error if the record has more than was asked for.
func (t *transcript) done() error {
	switch {
	case t.broken != nil:
		return stop{cause: CauseReplay, detail: t.broken.Error()}
	case len(t.recorded) > 0:
		return stop{cause: CauseReplay, detail: "it did not ask for " + t.recorded[0].String() + ", which the transcript has"}
	}
	return nil
}

// bytes returns the transcript with the event's output; nil if there is nothing in it.
func (t *transcript) bytes(output []byte) []byte {
	if len(t.calls) == 0 && len(output) == 0 {
		return nil
	}
	raw, err := transcriptDocument{t.calls, output}.json()
	if err != nil {
		panic("a transcript of texts and bytes has no JSON: " + err.Error()) // cannot happen
	}
	return raw
}

// ask returns the answer to a call: from the record on a replay, else from do. A result that has no room is given up with
// the code full; without room for the request nothing is asked, and found is false.
func (t *transcript) ask(ctx context.Context, call, request string, full int32, do func(context.Context) abi.Heard) (answer abi.Heard, found bool) {
	if t.broken != nil {
		panic(stop{cause: CauseReplay, detail: t.broken.Error()})
	}
	answer = abi.Heard{Call: call, Request: request}
	if t.room < answer.Size() {
		return abi.Heard{}, false
	}
	if t.replay {
		answer = t.next(answer)
	} else {
		answer = do(ctx)
		if err := ctx.Err(); err != nil { // an answer that this machine's watchdog made is none
			panic(stop{cause: CauseDeadline, detail: "nobody waits for its answer any longer: " + err.Error()})
		}
		answer.Call, answer.Request = call, request
		if answer.Code < 0 {
			answer.Result = nil
		}
		if t.room < answer.Size() {
			answer.Result, answer.MS, answer.Code = nil, 0, full
		}
	}
	t.keep(answer)
	return answer, true
}

func (t *transcript) keep(s abi.Heard) {
	t.room -= s.Size()
	t.calls = append(t.calls, s)
}

// next takes the next answer out of the record.
func (t *transcript) next(asked abi.Heard) abi.Heard {
	if len(t.recorded) == 0 {
		panic(stop{cause: CauseReplay, detail: "it asked for " + asked.String() + ", which the transcript does not have"})
	}
	next := t.recorded[0]
	if next.Call != asked.Call || next.Request != asked.Request {
		panic(stop{cause: CauseReplay, detail: "it asked for " + asked.String() + " where the transcript has " + next.String()})
	}
	t.recorded = t.recorded[1:]
	return next
}

// state returns the state found: what the transcript says on a replay, else what host has.
func (t *transcript) state(host map[string][]byte) map[string][]byte {
	if t.replay {
		if len(t.recorded) == 0 || t.recorded[0].Call != callState {
			return nil
		}
		state, err := parseState(t.recorded[0].Result)
		if err != nil {
			panic("a state that was checked cannot be read: " + err.Error()) // cannot happen
		}
		t.keep(t.recorded[0])
		t.recorded = t.recorded[1:]
		return state
	}
	if len(host) == 0 {
		return nil
	}
	raw, err := abi.Canonical(host)
	if err != nil {
		panic("a state of texts and bytes has no JSON: " + err.Error()) // cannot happen
	}
	t.keep(abi.Heard{Call: callState, Code: int32(len(host)), Result: raw})
	return host
}

// parseState reads the canonical JSON of a state.
func parseState(raw []byte) (map[string][]byte, error) {
	var state map[string][]byte
	exact, err := form.Exact(raw, &state, abi.Canonical)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if !exact {
		return nil, errors.New("read state: not in the canonical form")
	}
	return state, capability.CheckState(state)
}
