//go:build wasm || tinygo.wasm

package dodona

import "unsafe"

// What follows is linked only into modules that call it, and only runs where the module's manifest asks for it
// and the operator grants it.

// NowMS returns the instant of the round in Unix milliseconds. Needs now_ms.
func NowMS() int64 { return nowMS() }

// Random fills b with bytes that are the same on every machine, drawn from the round. Needs random.
func Random(b []byte) error { return errno(random(startBytes(b), int32(len(b)))) }

// HTTPGet fetches a URL and returns the body of a 2xx answer; of another one, an Errno of 1000 + its status.
// Needs http_get.
func HTTPGet(url string) ([]byte, error) { return staged(httpGet(start(url), int32(len(url)))) }

// ReadSensor returns the body of the source's last journaled reading. Needs read_sensor.
func ReadSensor(source string) ([]byte, error) {
	return staged(readSensor(start(source), int32(len(source))))
}

// ResultMS returns when the result of the last HTTPGet or ReadSensor was received, in Unix milliseconds.
func ResultMS() int64 { return resultMS() }

func staged(size int32) ([]byte, error) {
	if size < 0 {
		return nil, Errno(-size)
	}
	b := make([]byte, size)
	if size > 0 {
		if n := resultRead(unsafe.Pointer(&b[0]), 0, size); n < 0 {
			return nil, Errno(-n)
		}
	}
	return b, nil
}

// Algorithm is a kind of signature.
type Algorithm int32

// The kinds of signatures.
const (
	Ed25519   Algorithm = 0 // key of 32 bytes, signature of 64
	Secp256k1 Algorithm = 1 // ECDSA over SHA-256: key of 33 or 65 bytes, signature r ‖ s of 64, low s
)

// Verify reports whether sig is a signature of message by key. Needs verify.
func Verify(a Algorithm, key, sig, message []byte) (bool, error) {
	n := verify(int32(a), startBytes(key), int32(len(key)), startBytes(sig), int32(len(sig)), startBytes(message), int32(len(message)))
	if n < 0 {
		return false, Errno(-n)
	}
	return n == 1, nil
}

// State returns what the module kept under key in an earlier round, or ENOENT. Needs state.
func State(key string) ([]byte, error) { return staged(stateGet(start(key), int32(len(key)))) }

// Keep keeps a value under key for later rounds; an empty one deletes. Needs state.
func Keep(key string, value []byte) error {
	return errno(statePut(start(key), int32(len(key)), startBytes(value), int32(len(value))))
}

// A Port is an open serial line.
type Port int32

// OpenSerial opens a serial line of the configuration by name. Needs serial.
func OpenSerial(name string) (Port, error) {
	h := serialOpen(start(name), int32(len(name)))
	if h < 0 {
		return 0, Errno(-h)
	}
	return Port(h), nil
}

// Read reads what has arrived, waiting at most timeoutMS for the first byte: ETIMEDOUT. 0 bytes are the end.
func (p Port) Read(b []byte, timeoutMS int32) (int, error) {
	n := serialRead(int32(p), startBytes(b), int32(len(b)), timeoutMS)
	if n < 0 {
		return 0, Errno(-n)
	}
	return int(n), nil
}

// Write writes b, at most 4,096 bytes a call, and returns how many bytes were written.
func (p Port) Write(b []byte) (int, error) {
	n := serialWrite(int32(p), startBytes(b), int32(len(b)))
	if n < 0 {
		return 0, Errno(-n)
	}
	return int(n), nil
}

// Close closes the line.
func (p Port) Close() error { return errno(serialClose(int32(p))) }
