package wasm_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/wasm"
)

// What the core specification's test suite counts, of the scripts that wazero's module carries: all but those of SIMD.
// A new version of wazero may bring other scripts; then these numbers are read anew, each difference with its reason.
var (
	// specJudged: modules that Parse and Validate judge as the scripts demand, by the command that demands it.
	specJudged = map[string]map[string]int{
		"v1": {"module": 780},
		"v2": {
			"module": 1126, "assert_invalid": 1477, "assert_malformed": 719, "assert_uninstantiable": 34, "assert_unlinkable": 83,
		},
	}
	// specChecked: what Check says of the valid ones. It refuses for what Dodona does not run and for its limits alone.
	specChecked = map[string]map[string]int{
		"v1": {"accepted": 715, "must define its": 64, "targets": 1},
		"v2": {
			"accepted": 902, "is not run": 61, "must define its": 82, "tables, at most 1": 80, "targets": 1,
		},
	}
	// specAsserted: commands whose outcome is right, on each engine, with every module rewritten.
	specAsserted = map[string]map[string]int{
		"v1": {
			"assert_return": 15788, "assert_trap": 458, "assert_exhaustion": 15, "assert_invalid": 989, "assert_malformed": 661,
			"assert_uninstantiable": 2, "assert_unlinkable": 95,
		},
		"v2": {
			"assert_return": 21453, "assert_trap": 2354, "assert_exhaustion": 15, "assert_invalid": 1477, "assert_malformed": 719,
			"assert_uninstantiable": 34, "assert_unlinkable": 83,
		},
	}
	// specDifferent: commands with other outcomes than those of untouched modules.
	specDifferent = map[string]map[string]int{
		"v1": {
			"the depth counter ends recursion before the engine's stack does":                           15,
			"the specification leaves the payload open, and the rewritten module has the canonical one": 1440,
		},
		"v2": {
			"the depth counter ends recursion before the engine's stack does":                           15,
			"the specification leaves the payload open, and the rewritten module has the canonical one": 1440,
			"a data segment out of bounds is refused before it is instantiated":                         11,
			"an element segment out of bounds is refused":                                               9,
			"an element segment out of bounds is refused for its imports":                               6,
		},
	}
)

// counted fails the test unless the numbers are those wanted.
func counted(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}

// refusalClass returns why Check refuses a module, in the words that the reasons have in common.
func refusalClass(_ *wasm.Module, err error) string {
	if err == nil {
		return "accepted"
	}
	var r *wasm.Refusal
	if !errors.As(err, &r) {
		return err.Error()
	}
	for _, class := range []string{
		"must define its", "name of its module is empty", "tables, at most 1", "is not run", "targets", "is out of bounds",
	} {
		if strings.Contains(r.What, class) {
			return class
		}
	}
	return r.Error()
}
