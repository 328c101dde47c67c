//go:build wasm || tinygo.wasm

package dodona

import "unsafe"

// The functions of spec/abi.md §3 and §4 as they are.

//go:wasmimport dodona_v1 input_count
func inputCount() int32

//go:wasmimport dodona_v1 input_size
func inputSize(i int32) int32

//go:wasmimport dodona_v1 input_read
func inputRead(i int32, dst unsafe.Pointer, off, size int32) int32

//go:wasmimport dodona_v1 input_meta
func inputMeta(i, key int32, dst unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 input_json
func inputJSON(i int32, path unsafe.Pointer, pathLen int32, mantissa, exponent unsafe.Pointer) int32

//go:wasmimport dodona_v1 from_count
func fromCount() int32

//go:wasmimport dodona_v1 from_id
func fromID(i int32, dst unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 from_value
func fromValue(i int32, mantissa, exponent, time unsafe.Pointer) int32

//go:wasmimport dodona_v1 point
func point(id unsafe.Pointer, idLen int32, mantissa int64, exponent int32, unit unsafe.Pointer, unitLen int32, time int64, quality int32) int32

//go:wasmimport dodona_v1 point_reason
func pointReason(reason unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 output_write
func outputWrite(out unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 param
func param(name unsafe.Pointer, nameLen int32, dst unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 fail
func fail(code int32, why unsafe.Pointer, size int32)

//go:wasmimport dodona_v1 log
func log(level int32, line unsafe.Pointer, size int32)

//go:wasmimport dodona_v1 now_ms
func nowMS() int64

//go:wasmimport dodona_v1 random
func random(dst unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 http_get
func httpGet(url unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 read_sensor
func readSensor(id unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 result_read
func resultRead(dst unsafe.Pointer, off, size int32) int32

//go:wasmimport dodona_v1 result_ms
func resultMS() int64

//go:wasmimport dodona_v1 verify
func verify(alg int32, key unsafe.Pointer, keyLen int32, sig unsafe.Pointer, sigLen int32, message unsafe.Pointer, messageLen int32) int32

//go:wasmimport dodona_v1 state_get
func stateGet(key unsafe.Pointer, keyLen int32) int32

//go:wasmimport dodona_v1 state_put
func statePut(key unsafe.Pointer, keyLen int32, value unsafe.Pointer, valueLen int32) int32

//go:wasmimport dodona_v1 serial_open
func serialOpen(name unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 serial_read
func serialRead(h int32, dst unsafe.Pointer, size, timeoutMS int32) int32

//go:wasmimport dodona_v1 serial_write
func serialWrite(h int32, src unsafe.Pointer, size int32) int32

//go:wasmimport dodona_v1 serial_close
func serialClose(h int32) int32
