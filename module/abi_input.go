package module

import (
	"encoding/binary"
	"errors"
	"math/big"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
)

// maxPath is the longest JSON Pointer that is looked up, in bytes.
const maxPath = 1024

// coreFunctions are those that every module may import.
var coreFunctions = []function{
	{name: "input_count", signature: ":i", call: inputCount},
	{name: "input_size", signature: "i:i", call: inputSize},
	{name: "input_read", signature: "iiii:i", call: inputRead},
	{name: "input_meta", signature: "iiii:i", call: inputMeta},
	{name: "input_json", signature: "iiiii:i", call: inputJSON, missing: func(h *abi.Host) string {
		if h.Number == nil {
			return "nothing that reads numbers out of documents"
		}
		return ""
	}},
	{name: "from_count", signature: ":i", call: fromCount},
	{name: "from_id", signature: "iii:i", call: fromID},
	{name: "from_value", signature: "iiii:i", call: fromValue},
	{name: "point", signature: "iiIiiiIi:i", call: addPoint},
	{name: "point_reason", signature: "ii:i", call: pointReason},
	{name: "output_write", signature: "ii:i", call: outputWrite},
	{name: "param", signature: "iiii:i", call: param},
	{name: "fail", signature: "iii:", call: fail},
	{name: "log", signature: "iii:", call: guestLog},
}

func inputCount(in *instance, s []uint64) {
	in.Pay(0, 0)
	abi.Reply(s, int32(len(in.event.asked.Readings)))
}

// reading returns a reading by its index; nil if there is none.
func (ev *event) reading(i uint64) *dodona.Reading {
	if i := uint32(i); uint64(i) < uint64(len(ev.asked.Readings)) {
		return &ev.asked.Readings[i]
	}
	return nil
}

func inputSize(in *instance, s []uint64) {
	in.Pay(0, 0)
	r := in.event.reading(s[0])
	if r == nil {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	abi.Reply(s, int32(len(r.Body)))
}

func inputRead(in *instance, s []uint64) {
	to := in.View(s[1], s[3])
	in.Pay(0, len(to))
	r := in.event.reading(s[0])
	if r == nil {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	abi.ReplyPart(s, to, r.Body, s[2])
}

// The keys of input_meta.
const (
	metaSource = iota
	metaItem
	metaContentType
	metaReceived
	metaSourceTime
	metaQuality
)

func inputMeta(in *instance, s []uint64) {
	to := in.View(s[2], s[3])
	in.Pay(0, len(to))
	r := in.event.reading(s[0])
	if r == nil {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	switch uint32(s[1]) {
	case metaSource:
		replyText(s, to, r.Source)
	case metaItem:
		replyText(s, to, r.Item)
	case metaContentType:
		replyText(s, to, r.ContentType)
	case metaReceived:
		replyMillis(s, to, r.Received.UnixMilli())
	case metaSourceTime:
		if r.SourceTime.IsZero() {
			abi.Reply(s, -abi.ENOENT)
			return
		}
		replyMillis(s, to, r.SourceTime.UnixMilli())
	case metaQuality:
		if len(to) >= 4 {
			binary.LittleEndian.PutUint32(to, uint32(r.Quality))
		}
		abi.Reply(s, 4)
	default:
		abi.Reply(s, -abi.EINVAL)
	}
}

func replyMillis(s []uint64, to []byte, ms int64) {
	if len(to) >= 8 {
		binary.LittleEndian.PutUint64(to, uint64(ms))
	}
	abi.Reply(s, 8)
}

func inputJSON(in *instance, s []uint64) {
	path, mantissa, exponent := in.View(s[1], s[2]), in.View(s[3], 8), in.View(s[4], 4)
	ev := &in.event
	r := ev.reading(s[0])
	if r == nil {
		in.Pay(0, len(path))
		abi.Reply(s, -abi.EINVAL)
		return
	}
	in.Pay(uint64(len(r.Body)), len(path))
	if len(path) > maxPath {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	pointer, _ := ev.names.intern(&ev.names.paths, path, func(string) bool { return true })
	d, err := in.module.spec.Host.Number(*r, pointer)
	switch {
	case err == nil:
		abi.Reply(s, putDecimal(d, mantissa, exponent))
	case errors.Is(err, dodona.ErrNotFound):
		abi.Reply(s, -abi.ENOENT)
	case errors.Is(err, dodona.ErrRange):
		abi.Reply(s, -abi.ERANGE)
	default:
		abi.Reply(s, -abi.EINVAL)
	}
}

// putDecimal writes a number as the guest reads it, and returns 0 or −ERANGE.
func putDecimal(d dodona.Decimal, mantissa, exponent []byte) int32 {
	m, e, ok := split(d)
	if !ok {
		return -abi.ERANGE
	}
	binary.LittleEndian.PutUint64(mantissa, uint64(m))
	binary.LittleEndian.PutUint32(exponent, uint32(e))
	return 0
}

// split returns d as mantissa × 10^exponent, with the exponent at most 0 if the mantissa fits so, and else as small
// as can be.
func split(d dodona.Decimal) (mantissa int64, exponent int32, ok bool) {
	c, decimals := d.Parts()
	if m, fits := c.Int64(); fits {
		return m, -int32(decimals), true
	}
	if decimals > 0 {
		return 0, 0, false // it has no zero at its end that could go
	}
	ten, rest := big.NewInt(10), new(big.Int)
	for n := c.Big(); ; exponent++ {
		if n.IsInt64() {
			return n.Int64(), exponent, true
		}
		if n.QuoRem(n, ten, rest); rest.Sign() != 0 {
			return 0, 0, false
		}
	}
}

func fromCount(in *instance, s []uint64) {
	in.Pay(0, 0)
	abi.Reply(s, int32(len(in.event.asked.From)))
}

func fromID(in *instance, s []uint64) {
	to := in.View(s[1], s[2])
	in.Pay(0, len(to))
	from := in.event.asked.From
	i := uint32(s[0])
	if uint64(i) >= uint64(len(from)) {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	replyText(s, to, from[i])
}

func fromValue(in *instance, s []uint64) {
	mantissa, exponent, at := in.View(s[1], 8), in.View(s[2], 4), in.View(s[3], 8)
	ev := &in.event
	in.Pay(uint64(len(ev.asked.Points)), 0)
	i := uint32(s[0])
	if uint64(i) >= uint64(len(ev.asked.From)) {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	p := newest(ev.asked.Points, ev.asked.From[i])
	switch {
	case p == nil:
		abi.Reply(s, -abi.ENOENT)
		return
	case p.Quality == dodona.Bad:
		abi.Reply(s, int32(dodona.Bad))
		return
	}
	if code := putDecimal(p.Value, mantissa, exponent); code < 0 {
		abi.Reply(s, code)
		return
	}
	binary.LittleEndian.PutUint64(at, uint64(p.Time.UnixMilli()))
	abi.Reply(s, int32(p.Quality))
}

// newest returns the newest point of an id, the last one of equally new ones; nil if there is none.
func newest(points []dodona.Point, id string) *dodona.Point {
	var found *dodona.Point
	for i := range points {
		if p := &points[i]; p.ID == id && (found == nil || !p.Time.Before(found.Time)) {
			found = p
		}
	}
	return found
}

func param(in *instance, s []uint64) {
	name, to := in.View(s[0], s[1]), in.View(s[2], s[3])
	in.Pay(0, len(name)+len(to))
	value, found := in.module.spec.Params[string(name)]
	if !found {
		abi.Reply(s, -abi.ENOENT)
		return
	}
	replyText(s, to, value)
}
