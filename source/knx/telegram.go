package knx

import (
	"encoding/binary"
	"errors"
)

// What a telegram to a group does (APCI).
const (
	groupRead     = 0
	groupResponse = 1
	groupWrite    = 2
)

// The message codes of cEMI that are of use here.
const (
	codeRequest      = 0x11 // L_Data.req
	codeIndication   = 0x29 // L_Data.ind
	codeConfirmation = 0x2e // L_Data.con
)

// A telegram is a cEMI frame of the link layer to a group.
type telegram struct {
	code    byte
	failed  bool // of a confirmation: nobody on the bus took it
	source  uint16
	group   uint16
	command byte
	small   bool   // the value has six bits at most, and stands beside the command
	value   []byte // one byte if it is small
}

var (
	errTelegram = errors.New("it is no telegram")
	errNotGroup = errors.New("it is no telegram to a group")
)

// parseTelegram reads a cEMI frame: the body of a reading.
func parseTelegram(b []byte) (t telegram, err error) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return t, errTelegram
	}
	t.code, b = b[0], b[2+int(b[1]):] // what is in between tells of the medium
	if t.code != codeRequest && t.code != codeIndication && t.code != codeConfirmation {
		return t, errNotGroup
	}
	if len(b) < 9 {
		return t, errTelegram
	}
	control, length := [2]byte{b[0], b[1]}, int(b[6])
	t.failed = control[0]&1 != 0
	t.source, t.group = binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])
	unit := b[7:]
	if length < 1 || len(unit) != length+1 {
		return t, errTelegram
	}
	if control[1]&0x80 == 0 || unit[0]&0xfc != 0 { // to a device, or of a connection between two
		return t, errNotGroup
	}
	if t.command = unit[0]<<2&0xc | unit[1]>>6; t.command > groupWrite {
		return t, errNotGroup
	}
	if t.small = length == 1; t.small {
		t.value = []byte{unit[1] & 0x3f}
		return t, nil
	}
	if unit[1]&0x3f != 0 {
		return t, errNotGroup // another service with a long command
	}
	t.value = unit[2:]
	return t, nil
}
