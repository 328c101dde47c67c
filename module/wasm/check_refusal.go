package wasm

import (
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A Refusal says why a module is not run.
type Refusal struct {
	What  string // is wrong
	Where Where
	Do    string // what the author can do about it
}

// Error writes where, what, and what to do.
func (r *Refusal) Error() string {
	s := r.What
	if where := r.Where.String(); where != "" {
		s = where + ": " + s
	}
	if r.Do != "" {
		s += "; " + r.Do
	}
	return s
}

// in adds the name of the function, if the file gives it one.
func (r *Refusal) in(file []byte) *Refusal {
	if r.Where.Function >= 0 && r.Where.Name == "" {
		r.Where.Name = functionName(file, uint32(r.Where.Function))
	}
	return r
}

// A Where is a place in a module.
type Where struct {
	Section  byte   // 0xff: none
	Function int64  // its index; -1: none
	Name     string // of the function; empty if the file has none
	Offset   int64  // in the file; -1: none
}

// nowhere is the place of what concerns a file as a whole.
var nowhere = Where{Section: noSection, Function: -1, Offset: -1}

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data",
	"data count",
}

// String writes `code section, function 12 "parse", offset 0x1f`.
func (w Where) String() string {
	var parts []string
	switch {
	case int(w.Section) < len(sectionNames):
		parts = append(parts, sectionNames[w.Section]+" section")
	case w.Section != noSection:
		parts = append(parts, fmt.Sprintf("section %d", w.Section))
	}
	if w.Function >= 0 {
		f := fmt.Sprintf("function %d", w.Function)
		if w.Name != "" {
			f += " " + quote(w.Name)
		}
		parts = append(parts, f)
	}
	if w.Offset >= 0 {
		parts = append(parts, fmt.Sprintf("offset 0x%x", w.Offset))
	}
	return strings.Join(parts, ", ")
}

// quote writes a name that a module chose, cut so that it cannot fill a log.
func quote(name string) string { return plain.Quote(name, 80) }

// What to do about refusals that have several places.
const (
	doBinary     = "the file is damaged or built for a newer WebAssembly: build it again, for WebAssembly 2.0"
	doSIMD       = "build without SIMD (clang: -mno-simd128; rustc: -C target-feature=-simd128)"
	doThreads    = "build without threads (clang: -mno-atomics; rustc: -C target-feature=-atomics)"
	doExceptions = "build without exceptions (clang: -fno-exceptions; rustc: -C panic=abort)"
	doOneMemory  = "build with one memory"
)
