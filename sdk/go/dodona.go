//go:build wasm || tinygo.wasm

// Package dodona is what a Dodona module written in Go talks to its host with: the whole of the guest interface
// dodona_v1 (spec/abi.md), in the words of Go. It builds with Go and with TinyGo.
//
// A module exports its one function so, and returns 0 for an answered event:
//
//	//go:wasmexport dodona_run
//	func run() int32 { … }
//
// Only the functions that a module calls become imports of it.
package dodona

import (
	"encoding/binary"
	"strconv"
	"unsafe"
)

// Errno is a refusal of the host: a Linux error number, or 1000 + the status of an HTTP answer.
type Errno int32

// The refusals of the guest interface.
const (
	ENOENT    Errno = 2
	EIO       Errno = 5
	EAGAIN    Errno = 11
	EACCES    Errno = 13
	EINVAL    Errno = 22
	ENOSPC    Errno = 28
	ERANGE    Errno = 34
	ETIMEDOUT Errno = 110
)

// Error writes "error 2".
func (e Errno) Error() string { return "error " + strconv.Itoa(int(e)) }

// Quality says how far a value can be trusted.
type Quality int32

// The qualities. The number of a bad point does not count.
const (
	Good      Quality = 0
	Uncertain Quality = 1
	Bad       Quality = 2
)

const (
	// UnknownTime is what the host says where it knows no time.
	UnknownTime int64 = -62135596800000
	// EventTime is the time of the event's oldest reading.
	EventTime int64 = -1 << 63
)

// Inputs returns how many readings the event has.
func Inputs() int { return int(inputCount()) }

// Input returns the body of reading i.
func Input(i int) ([]byte, error) {
	size := inputSize(int32(i))
	if size < 0 {
		return nil, Errno(-size)
	}
	body := make([]byte, size)
	if size > 0 {
		if n := inputRead(int32(i), unsafe.Pointer(&body[0]), 0, size); n < 0 {
			return nil, Errno(-n)
		}
	}
	return body, nil
}

// Source returns the name of the source of reading i.
func Source(i int) (string, error) { return metaText(i, 0) }

// Item returns what the source calls the thing that reading i is of.
func Item(i int) (string, error) { return metaText(i, 1) }

// ContentType returns the media type of reading i, "" if the peer named none.
func ContentType(i int) (string, error) { return metaText(i, 2) }

// Received returns when reading i arrived, in Unix milliseconds.
func Received(i int) (int64, error) { return metaTime(i, 3) }

// SourceTime returns when the peer says that it measured reading i, in Unix milliseconds. ENOENT if it does not say.
func SourceTime(i int) (int64, error) { return metaTime(i, 4) }

// InputQuality returns the quality of reading i.
func InputQuality(i int) (Quality, error) {
	var b [4]byte
	if n := inputMeta(int32(i), 5, unsafe.Pointer(&b), 4); n < 0 {
		return Bad, Errno(-n)
	}
	return Quality(binary.LittleEndian.Uint32(b[:])), nil
}

func metaText(i int, key int32) (string, error) {
	return text(func(dst unsafe.Pointer, size int32) int32 { return inputMeta(int32(i), key, dst, size) })
}

func metaTime(i int, key int32) (int64, error) {
	var b [8]byte
	if n := inputMeta(int32(i), key, unsafe.Pointer(&b), 8); n < 0 {
		return 0, Errno(-n)
	}
	return int64(binary.LittleEndian.Uint64(b[:])), nil
}

// Number returns the number at a JSON Pointer (RFC 6901) of reading i, exactly. ENOENT: nothing is there;
// EINVAL: it is no number, or the reading no document; ERANGE: it does not fit.
func Number(i int, pointer string) (Decimal, error) {
	var d Decimal
	if n := inputJSON(int32(i), start(pointer), int32(len(pointer)), unsafe.Pointer(&d.Mantissa), unsafe.Pointer(&d.Exponent)); n < 0 {
		return Decimal{}, Errno(-n)
	}
	return d, nil
}

// Asked returns how many points the feed asks for.
func Asked() int { return int(fromCount()) }

// AskedID returns the id of point i that the feed asks for.
func AskedID(i int) (string, error) {
	return text(func(dst unsafe.Pointer, size int32) int32 { return fromID(int32(i), dst, size) })
}

// A Value is what was extracted for a point.
type Value struct {
	Decimal
	Time    int64 // Unix milliseconds
	Quality Quality
}

// AskedValue returns the newest value of point i that the feed asks for. Of a bad one only the quality is known.
// ENOENT: there is none; ERANGE: it does not fit in 64 bits.
func AskedValue(i int) (Value, error) {
	v := Value{Time: EventTime}
	q := fromValue(int32(i), unsafe.Pointer(&v.Mantissa), unsafe.Pointer(&v.Exponent), unsafe.Pointer(&v.Time))
	if q < 0 {
		return Value{}, Errno(-q)
	}
	v.Quality = Quality(q)
	return v, nil
}

// Emit adds a point to the answer.
func Emit(id string, v Value, unit string) error {
	return errno(point(start(id), int32(len(id)), v.Mantissa, v.Exponent, start(unit), int32(len(unit)), v.Time, int32(v.Quality)))
}

// Reason says why the quality of the last point is not good, in 1 to 256 bytes.
func Reason(text string) error { return errno(pointReason(start(text), int32(len(text)))) }

// Output replaces the bytes that are kept with the round for auditors, at most 4,096.
func Output(b []byte) error { return errno(outputWrite(startBytes(b), int32(len(b)))) }

// Param returns a parameter out of the feed's rules, or ENOENT.
func Param(name string) (string, error) {
	return text(func(dst unsafe.Pointer, size int32) int32 { return param(start(name), int32(len(name)), dst, size) })
}

// Fail says why the event has no answer, in at most 512 bytes, and returns code: `return dodona.Fail(1, "…")`.
func Fail(code int32, why string) int32 {
	fail(code, start(why), int32(len(why)))
	return code
}

// Level is the weight of a line of the log.
type Level int32

// The levels.
const (
	Debug Level = 0
	Info  Level = 1
	Warn  Level = 2
	Error Level = 3
)

// Log writes a line.
func Log(level Level, line string) { log(int32(level), start(line), int32(len(line))) }

// firstTry is room for most texts; a longer one costs a second call.
const firstTry = 64

// text reads a text by a function that copies it to a buffer if it fits, and returns its length.
func text(read func(dst unsafe.Pointer, size int32) int32) (string, error) {
	b := make([]byte, firstTry)
	n := read(unsafe.Pointer(&b[0]), firstTry)
	if n > firstTry {
		b = make([]byte, n)
		n = read(unsafe.Pointer(&b[0]), n)
	}
	if n < 0 {
		return "", Errno(-n)
	}
	return string(b[:n]), nil
}

func start(s string) unsafe.Pointer      { return unsafe.Pointer(unsafe.StringData(s)) }
func startBytes(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func errno(n int32) error {
	if n < 0 {
		return Errno(-n)
	}
	return nil
}
