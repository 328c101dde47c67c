package module

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// What wazero says when a guest's own code trapped. It exports neither types nor values for traps, so they are told by
// its sentences, which TestWazeroSaysWhatATrapWas holds to the version in go.mod.
const (
	trapPrefix = "wasm error: "
	trapTrace  = "\nwasm stack trace:\n"
	trapStack  = "stack overflow" // of the engine, on this machine; the compiler says it without prefix and trace
)

// parted returns what wazero says of a call that ended early, and its stack trace.
func parted(err error) (text, trace string) {
	text, trace, _ = strings.Cut(err.Error(), trapTrace)
	return text, trace
}

// guestFunction returns the name of the innermost guest function of wazero's stack trace, which has a line such as
// ".parse(i32,i32) i32", or ".parse(i32,i32) (i32,i64)", for each. Host functions have the name of their module before the dot.
func (m *Module) guestFunction(trace string) string {
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		if hostFrame(line) {
			continue
		}
		if results := strings.LastIndex(line, ") ("); results > 0 && results+2 == strings.LastIndex(line, "(") {
			line = line[:results]
		}
		if end := strings.LastIndex(line, "("); end > 0 {
			name := line[:end]
			if def, ok := m.exported[name]; ok {
				return functionName(def)
			}
			return nameOf(name)
		}
	}
	return ""
}

// functionName returns how a guest's function is called, or else exported.
func functionName(def api.FunctionDefinition) string {
	if def.Name() == "" && len(def.ExportNames()) > 0 {
		return plain.Line(def.ExportNames()[0], longestName)
	}
	return nameOf(def.DebugName())
}

// nameOf makes the name of a function out of wazero's: a dot, for the module without a name, and the name or "$" and
// the index. The index in the file is less by the imports that the rewriter has added.
func nameOf(debug string) string {
	name := strings.TrimPrefix(debug, ".")
	if index, ok := strings.CutPrefix(name, "$"); ok {
		if i, err := strconv.Atoi(index); err == nil && i >= addedImports {
			return fmt.Sprintf("function %d", i-addedImports)
		}
	}
	return plain.Line(name, longestName)
}

// addedImports is how many functions rewritten modules import beside their own: refuel and toodeep.
const addedImports = 2

// hostFrame reports whether a line of a stack trace is of a function that guests import.
func hostFrame(line string) bool {
	host, _, _ := strings.Cut(line, ".")
	return host == wasm.HostModule || slices.Contains(importModules, host)
}
