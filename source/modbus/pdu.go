package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A table is one of the four that a unit has.
type table string

const (
	coil     table = "coil"
	discrete table = "discrete"
	holding  table = "holding"
	input    table = "input"
)

var tables = []table{coil, discrete, holding, input}

// function returns the code that reads the table. The codes that write are not in this package.
func (t table) function() byte {
	switch t {
	case coil:
		return 1
	case discrete:
		return 2
	case holding:
		return 3
	}
	return 4
}

// bits reports whether an entry of the table is one bit; else it is a register of 16.
func (t table) bits() bool { return t == coil || t == discrete }

func (t table) known() bool { return t == coil || t == discrete || t == holding || t == input }

// size returns how many bytes n entries take in an answer.
func (t table) size(n int) int {
	if t.bits() {
		return (n + 7) / 8
	}
	return 2 * n
}

// A request asks for n entries of a table.
type request struct {
	table table
	at    uint16
	n     int
}

// pdu returns the request as it is sent to a unit.
func (r request) pdu() []byte {
	b := []byte{r.table.function()}
	b = binary.BigEndian.AppendUint16(b, r.at)
	return binary.BigEndian.AppendUint16(b, uint16(r.n))
}

// data returns what an answer brings, or the exception that it is. An answer of another shape is [errForeign].
func (r request) data(pdu []byte) ([]byte, error) {
	function := r.table.function()
	switch {
	case len(pdu) == 2 && pdu[0] == function|failure:
		return nil, &exception{function: function, code: pdu[1]}
	case len(pdu) < 2 || pdu[0] != function || int(pdu[1]) != r.table.size(r.n) || len(pdu) != 2+int(pdu[1]):
		return nil, errForeign
	}
	return pdu[2:], nil
}

// differs says in what an answer that is foreign is none to the request.
func (r request) differs(pdu []byte) string {
	function, what := r.table.function(), "registers"
	if r.table.bits() {
		what = "bits"
	}
	switch {
	case pdu[0]&^failure != function:
		return fmt.Sprintf("it is of function %d, and %d was asked for", pdu[0]&^failure, function)
	case pdu[0] != function:
		return fmt.Sprintf("an exception has one byte, and it has %d", len(pdu)-1)
	case len(pdu) < 2:
		return "it is empty"
	case len(pdu) != 2+int(pdu[1]):
		return fmt.Sprintf("it announces %d bytes, and %d came", pdu[1], len(pdu)-2)
	}
	return fmt.Sprintf("it has %d bytes, and %d %s are %d", pdu[1], r.n, what, r.table.size(r.n))
}

const failure = 0x80

var (
	errForeign = errors.New("an answer came that is of no request of ours")
	// Fault (point): a unit does not answer in time; without any that does, the exchange fails.
	errSilent  = errors.New("no answer within the timeout")
	errGone    = errors.New("the connection was closed")
	errFraming = errors.New("what came is no Modbus")
	// Fault (point): another master speaks on the serial line, or its server gives the line to several clients.
	errShared = errors.New("another master speaks on this line: two answers fit; a serial server must give its line to one client alone")
)

// An exception is an answer that says why there is none.
type exception struct{ function, code byte }

var exceptions = map[byte]string{
	1: "illegal function: the unit does not have this table", 2: "illegal data address: the unit has no such register; if its manual counts from one set base: 1, if it says 40001 write at: 40001", 3: "illegal data value",
	4: "the device failed", 5: "busy: it acknowledged, and takes long", 6: "busy", 7: "negative acknowledge", 8: "its memory has a parity error",
	10: "the gateway has no path to the unit", 11: "the gateway had no answer of the unit",
}

// Error writes the exception.
func (e *exception) Error() string {
	text, known := exceptions[e.code]
	if !known {
		text = "unknown to the protocol"
	}
	// Fault (point): a unit answers with an exception, such as 2 for an address that it does not have.
	return fmt.Sprintf("exception %d: %s", e.code, text)
}

// body is the answer as it came; nil of no exception.
func (e *exception) body() []byte {
	if e == nil {
		return nil
	}
	return []byte{e.function | failure, e.code}
}

// busy reports whether the unit may answer soon.
func (e *exception) busy() bool { return e.code == 5 || e.code == 6 }

// isOfUnit reports whether the unit answered itself, and not a gateway for it.
func (e *exception) isOfUnit() bool { return e.code != 10 && e.code != 11 }

// splits reports whether a part of what was asked for may well be there.
func (e *exception) splits() bool { return e.code == 2 || e.code == 3 }

// maySplit reports whether that may be so: some units say it of requests that are too long for them or touch what they lack, others when they
// cannot measure at all.
func (e *exception) maySplit() bool { return e.code == 1 || e.code == 4 }
