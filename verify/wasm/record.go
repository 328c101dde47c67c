//go:build ignore

// Record notes in built.json what web/verifier.wasm.gz was built from: record COMPILER.
package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/dodona-oracle/dodona/verify/wasm/sources"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: record COMPILER")
	}
	digest, err := sources.Digest(".")
	check(err)
	packed, err := os.Open("web/verifier.wasm.gz")
	check(err)
	unpacked, err := gzip.NewReader(packed)
	check(err)
	module, err := io.ReadAll(unpacked)
	check(err)
	text, err := json.MarshalIndent(sources.Built{
		SHA256: fmt.Sprintf("%x", sha256.Sum256(module)), Compiler: os.Args[1], Sources: digest,
	}, "", "  ")
	check(err)
	check(os.WriteFile("verify/wasm/built.json", append(text, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
