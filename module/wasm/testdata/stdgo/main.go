// Command stdgo is the guest of json.c in standard Go, to measure what a large module costs.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

var buffer [1024]byte

//go:wasmexport input
func input() unsafe.Pointer { return unsafe.Pointer(&buffer[0]) }

//go:wasmexport transform
func transform() int32 {
	n := 0
	for buffer[n] != 0 {
		n++
	}
	var d struct {
		Price float64
		TS    int64
	}
	if json.Unmarshal(buffer[:n], &d) != nil {
		return -1
	}
	return int32(copy(buffer[:], fmt.Appendf(nil, `{"price":%.0f,"ts":%d}`, d.Price*1000, d.TS)))
}

func main() {}
