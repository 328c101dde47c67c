package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A framing is how requests and answers are put on a line.
type framing interface {
	// frame returns a request as it is sent.
	frame(unit byte, pdu []byte) []byte
	// next takes from what came whatever cannot be the answer, and returns the answer if it is there: none while more must come. Quiet says
	// that nothing came for a while. An error is one that the line does not recover from.
	next(came *bytes.Buffer, unit byte, r request, quiet bool) (pdu []byte, err error)
}

const (
	headerSize = 7   // of MBAP, the unit included
	mostMBAP   = 254 // of the length in its header: unit and PDU
)

// mbap is the framing of TCP: each answer carries the transaction of its request.
type mbap struct {
	transaction uint16 // of the last request
	anyUnit     bool
	any         bool // takes answers of any transaction
	heartbeats  [][]byte
	late        uint64  // how many answers of no request came; whoever counts them sets it back
	other       []byte  // the units that answered the last request instead
	stray       *uint16 // the transaction of the newest answer to no request, since the last
}

func (m *mbap) frame(unit byte, pdu []byte) []byte {
	m.transaction++
	m.other, m.stray = nil, nil
	b := binary.BigEndian.AppendUint16(nil, m.transaction)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(1+len(pdu)))
	return append(append(b, unit), pdu...)
}

func (m *mbap) next(came *bytes.Buffer, unit byte, r request, _ bool) ([]byte, error) {
	for {
		waits := stripped(came, m.heartbeats)
		head := came.Bytes()
		if waits || len(head) < headerSize {
			return nil, nil
		}
		protocol, length := binary.BigEndian.Uint16(head[2:]), int(binary.BigEndian.Uint16(head[4:]))
		if protocol != 0 || length < 2 || length > mostMBAP {
			// Fault (exchange): what comes over TCP has a header that is none of Modbus.
			return nil, fmt.Errorf("%w: its header is % x", errFraming, head[:headerSize])
		}
		if len(head) < headerSize-1+length {
			return nil, nil
		}
		frame := came.Next(headerSize - 1 + length)
		of := binary.BigEndian.Uint16(frame)
		ours := of == m.transaction || m.any
		if !ours || frame[6] != unit && !m.anyUnit {
			if m.late++; ours {
				m.other = append(m.other, frame[6])
			} else {
				m.stray = &of
			}
			continue // late, or of nobody: its own answer may still come
		}
		pdu := bytes.Clone(frame[headerSize:])
		if !isAnswer(r, pdu) {
			return nil, fmt.Errorf("%w: %s", errForeign, r.differs(pdu))
		}
		return pdu, nil
	}
}

// stripped drops heartbeats from the beginning of what came. It reports whether the beginning of one stands there that may go on.
func stripped(came *bytes.Buffer, heartbeats [][]byte) (waits bool) {
	for again := true; again; {
		again = false
		for _, beat := range heartbeats {
			switch {
			case bytes.HasPrefix(came.Bytes(), beat):
				came.Next(len(beat))
				again = true
			case came.Len() > 0 && bytes.HasPrefix(beat, came.Bytes()):
				waits = true
			}
		}
		if again {
			waits = false
		}
	}
	return waits
}

// rtu is the framing of serial lines: an answer carries its unit and a checksum.
type rtu struct {
	heartbeats [][]byte
	echo       []byte   // the last request, which some adapters hear themselves
	sent       [][]byte // the newest requests, whose echoes may be late
	foreign    bool     // since the last request another master asked the same unit, or two answers fit
}

// mostSent is how many requests are known again: more than can be without an answer on one line.
const mostSent = 8

func (f *rtu) frame(unit byte, pdu []byte) []byte {
	b := append([]byte{unit}, pdu...)
	f.echo = binary.LittleEndian.AppendUint16(b, checksum(b))
	f.foreign = false
	if f.sent = append(f.sent, f.echo); len(f.sent) > mostSent {
		f.sent = f.sent[1:]
	}
	return f.echo
}

func (f *rtu) next(came *bytes.Buffer, unit byte, r request, quiet bool) ([]byte, error) {
	stripped(came, f.heartbeats)
	if bytes.HasPrefix(came.Bytes(), f.echo) {
		came.Next(len(f.echo))
		f.echo = []byte{0} // once: no frame begins so, for the unit 0 does not answer
	}
	for skip := 0; skip < came.Len(); {
		b := came.Bytes()[skip:]
		size, open := sizeOf(b)
		if open && !quiet { // what is in a frame is none, so it is awaited
			break
		}
		if open || size == 0 || !isSummed(b[:size]) {
			if skip++; f.isForeign(b, unit) {
				f.foreign = true
				skip += requestSize - 1
			}
			continue
		}
		if b[0] != unit {
			skip += size // of another unit: what is in it is no frame
			continue
		}
		if pdu := bytes.Clone(b[1 : size-2]); isAnswer(r, pdu) {
			came.Next(skip + size)
			f.foreign = f.foreign || f.differs(came.Bytes(), unit, r, pdu)
			return pdu, nil
		}
		skip += size // late
	}
	return nil, nil
}

const requestSize = 8 // that reads: unit, function, address, number and checksum

// isForeign reports whether b begins with a request to read from the unit that is none of ours.
func (f *rtu) isForeign(b []byte, unit byte) bool {
	if len(b) < requestSize || b[0] != unit || b[1] < 1 || b[1] > 4 || !isSummed(b[:requestSize]) {
		return false
	}
	for _, own := range f.sent {
		if bytes.Equal(own, b[:requestSize]) {
			return false
		}
	}
	return true
}

// differs reports whether there is something in b, behind an answer, that speaks against it: another one that fits and says something else, or
// the request of another master. An answer given twice is the same answer.
func (f *rtu) differs(b []byte, unit byte, r request, answer []byte) bool {
	for len(b) > 0 {
		size, open := sizeOf(b)
		switch {
		case open || size == 0 || !isSummed(b[:size]):
			if f.isForeign(b, unit) {
				return true
			}
			b = b[1:]
		case b[0] == unit && isAnswer(r, b[1:size-2]) && !bytes.Equal(b[1:size-2], answer):
			return true
		default:
			b = b[size:]
		}
	}
	return false
}

// isSummed reports whether a frame ends with its checksum.
func isSummed(b []byte) bool {
	return checksum(b[:len(b)-2]) == binary.LittleEndian.Uint16(b[len(b)-2:])
}

func isAnswer(r request, pdu []byte) bool {
	_, err := r.data(pdu)
	return !errors.Is(err, errForeign)
}

// sizeOf returns how long the answer is that b begins with, 0 if it is none; open: more of it must come to tell, or to be whole.
func sizeOf(b []byte) (size int, open bool) {
	if len(b) < 2 {
		return 0, true
	}
	switch function := b[1]; {
	case function >= 1 && function <= 4:
		if len(b) < 3 {
			return 0, true
		}
		size = 5 + int(b[2])
	case function > failure && function <= failure|0x2b:
		size = 5
	case function == 5 || function == 6 || function == 15 || function == 16: // of another master
		size = 8
	default:
		return 0, false
	}
	if size > mostRTU {
		return 0, false
	}
	return size, len(b) < size
}

const mostRTU = 256

// checksum is CRC-16/MODBUS: polynomial 0x8005 reflected, from 0xFFFF.
func checksum(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>8 ^ crcTable[byte(crc)^c]
	}
	return crc
}

var crcTable = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i)
		for range 8 {
			odd := crc&1 == 1
			if crc >>= 1; odd {
				crc ^= 0xA001
			}
		}
		t[i] = crc
	}
	return t
}()
