// Command stdregexp is about as large as guests of standard Go become, to hold what Check must let pass.
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import (
	"encoding/json"
	"fmt"
	"regexp"
)

//go:wasmexport dodona_run
func run() int32 {
	var v map[string]any
	if json.Unmarshal([]byte(`{"price":12}`), &v) != nil {
		return -1
	}
	fmt.Println(v, regexp.MustCompile("a+").FindString("aa"))
	return 0
}

func main() {}
