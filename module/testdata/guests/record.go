//go:build ignore

// Record notes in guests.json what a guest of this folder was built from: record FILE COMPILER SOURCE…
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
)

const dir = "module/testdata/guests/"

// A guest is an entry of guests.json. Module's tests read it too.
type guest struct {
	File     string   `json:"file"`
	SHA256   string   `json:"sha256"`
	Compiler string   `json:"compiler"`
	Sources  []string `json:"sources"`
	Digest   string   `json:"sourcesSHA256"` // of lines "sha256  source", as sha256sum writes them
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: record FILE COMPILER SOURCE…")
	}
	var guests []guest
	if old, err := os.ReadFile(dir + "guests.json"); err == nil {
		check(json.Unmarshal(old, &guests))
	}
	g := guest{File: os.Args[1], SHA256: digest(dir + os.Args[1]), Compiler: os.Args[2], Sources: os.Args[3:]}
	var lines bytes.Buffer
	for _, source := range g.Sources {
		fmt.Fprintf(&lines, "%s  %s\n", digest(source), source)
	}
	g.Digest = fmt.Sprintf("%x", sha256.Sum256(lines.Bytes()))
	guests = slices.DeleteFunc(guests, func(old guest) bool { return old.File == g.File })
	guests = append(guests, g)
	slices.SortFunc(guests, func(a, b guest) int { return cmp.Compare(a.File, b.File) })
	text, err := json.MarshalIndent(guests, "", "  ")
	check(err)
	check(os.WriteFile(dir+"guests.json", append(text, '\n'), 0o644))
}

func digest(file string) string {
	content, err := os.ReadFile(file)
	check(err)
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
