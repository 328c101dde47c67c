package abi

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/dodona-oracle/dodona/module/manifest"
)

// A World is what functions of one module may reach: what was granted to it, and where that is.
type World struct {
	Granted manifest.Capabilities
	Host    *Host
	Dir     string // of the capability files
}

// A Set is host functions that belong together, mostly those of one capability. Nothing but its place in a list says
// that it exists.
type Set struct {
	Module    string // the import module
	Functions []Function
	// Entries are what its functions write into transcripts.
	Entries []Entry
	// Open makes ready what the functions of one module reach, and returns what makes what they keep of each of its
	// instances. It is called once for each module, and must not dial. Nil: they keep nothing.
	Open func(World) (each func() Kept)

	// Needs is the capability without which the functions must not be imported, for people. Empty: none.
	Needs string
	// Granted reports whether that was granted. Nil: always.
	Granted func(manifest.Capabilities) bool
	// Missing says what of the world the functions reach and is not there, such as "no serial ports for modules". Nil: they need nothing.
	Missing func(World) string
	// Reaches reports whether functions that were granted ask the host. Nil: they do not.
	Reaches func(manifest.Capabilities) bool
}

// A Function is one host function.
type Function struct {
	Name      string
	Signature string                              // a letter for each parameter, a colon, a letter for each result; i is i32, I is i64
	Call      func(g Guest, own Kept, s []uint64) // s has the parameters, then the results; what it returns is left there
}

// A Kept is what the functions of a set keep of an instance while an event lasts.
type Kept interface {
	// Rest lets go of everything, after each event.
	Rest()
}

// With returns a function as [Function] has it, for a method of what its set keeps.
func With[T Kept](call func(own T, g Guest, s []uint64)) func(Guest, Kept, []uint64) {
	return func(g Guest, own Kept, s []uint64) { call(own.(T), g, s) }
}

// Without returns a function as [Function] has it, for one whose set keeps nothing.
func Without(call func(g Guest, s []uint64)) func(Guest, Kept, []uint64) {
	return func(g Guest, _ Kept, s []uint64) { call(g, s) }
}

// A Heard is one answer from outside: what was asked, and what came back.
type Heard struct {
	Call    string `json:"call"`
	Request string `json:"request,omitempty"`
	Code    int32  `json:"code,omitempty"`
	Result  []byte `json:"result,omitempty"`
	MS      int64  `json:"ms,omitempty"` // when the result was received
}

// CallCost is how many bytes of a transcript's room a call takes beside its request and result.
const CallCost = 64

// Size is how many bytes of a transcript's room it takes.
func (h Heard) Size() int { return CallCost + len(h.Request) + len(h.Result) }

// String names the call for people.
func (h Heard) String() string {
	if h.Request == "" {
		return h.Call
	}
	return h.Call + " " + strconv.Quote(Clean([]byte(h.Request), 120))
}

// An Entry is one sort of answers that a transcript may have.
type Entry struct {
	Call  string
	Sized bool  // a code that is no error is the size of the result
	Most  int32 // or else the largest code
}

// Canonical returns v as JSON without escapes for HTML, as transcripts have it.
func Canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
