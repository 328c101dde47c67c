package module

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

func TestUsualEventAllocatesNothing(t *testing.T) {
	spec := abiGuest(t, "core")
	ready := number(t, "1.5")
	spec.Host.Number = func(dodona.Reading, string) (dodona.Decimal, error) { return ready, nil } // what it takes is not the ABI's
	spec.Params = map[string]string{"unit": "degC"}
	m := abiModule(t, spec)
	s := newScript(t, "core")
	id, idLen := s.text("boiler.temperature")
	unit, unitLen := s.text("unit")
	s.call("input_read", 0, outAt, 0, 100)
	s.call("input_meta", 0, metaSource, outAt, 100)
	s.call("input_json", 0, unit, unitLen, outAt, outAt+8)
	s.call("from_id", 0, outAt, 100)
	s.call("from_value", 0, outAt, outAt+8, outAt+16)
	s.call("param", unit, unitLen, outAt, 100)
	s.call("point", id, idLen, 21_500, -3, unit, unitLen, 1_700_000_000_000, 0)
	ev := s.event()
	// The script's own last call leaves an output, whose copy in the transcript is the caller's; without it:
	ev.Readings[0].Body[4]--
	ev.From, ev.Points = []string{"a"}, []dodona.Point{{ID: "a", Value: ready}}
	ev.Room = make([]dodona.Point, 0, 8)
	if got := testing.AllocsPerRun(100, func() {
		if out, err := m.Run(t.Context(), ev); err != nil || len(out.Points) != 1 || out.Calls["point"] != 1 {
			t.Fatal(out, err)
		}
	}); got != 0 {
		t.Errorf("an event takes %v allocations", got)
	}
}

func TestImportsAreAllowedByCapability(t *testing.T) {
	all := manifest.Everything()
	for _, f := range functions {
		without, with := allowed(&Spec{}), allowed(&Spec{Capabilities: all, Dir: "/", Host: fullHost()})
		if err := with(f.module, f.name, f.typed()); err != nil {
			t.Errorf("%s.%s with every capability: %v", f.module, f.name, err)
		}
		needs, missing := "", f.missing != nil
		if f.set != nil {
			needs, missing = f.set.Needs, f.set.Missing != nil
		}
		err := without(f.module, f.name, f.typed())
		if needs != "" && (err == nil || !strings.Contains(err.Error(), "needs the capability "+needs)) {
			t.Errorf("%s.%s without its capability: %v", f.module, f.name, err)
		}
		if needs == "" && !missing && err != nil {
			t.Errorf("%s.%s: %v", f.module, f.name, err)
		}
		other := f.typed()
		other.Params = append(other.Params, wasm.F64)
		if err := with(f.module, f.name, other); err == nil || !strings.Contains(err.Error(), "its type is") {
			t.Errorf("%s.%s with another type: %v", f.module, f.name, err)
		}
		if missing {
			if err := allowed(&Spec{Capabilities: all})(f.module, f.name, f.typed()); err == nil || !strings.Contains(err.Error(), "this node has no") {
				t.Errorf("%s.%s on a node without it: %v", f.module, f.name, err)
			}
		}
	}
	for _, c := range [][3]string{
		{"env", "abort", "only functions of dodona_v1"},
		{"dodona_v1", "spawn", "no such function"},
		{"wasi_snapshot_preview1", "thread_spawn", "no function of WASI"},
		{"dodona:rt", "refuel", "only functions of"},
	} {
		if err := allowed(&Spec{Capabilities: all, Host: fullHost()})(c[0], c[1], wasm.FuncType{}); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s.%s: %v, want %q", c[0], c[1], err, c[2])
		}
	}
	spec := abiGuest(t, "capability")
	if _, err := newTestEngine(t, Options{}).Load(t.Context(), spec); err == nil ||
		!strings.Contains(err.Error(), "http_get") || !strings.Contains(err.Error(), "state_put") {
		t.Errorf("all that is missing must be named at once: %v", err)
	}
}

// TestEveryFunctionIsAttackedAndInEverySDK: lists of functions that are written by hand have all of them.
func TestEveryFunctionIsAttackedAndInEverySDK(t *testing.T) {
	lists := map[string]string{}
	for list, pattern := range map[string]string{
		"the attack by pointers": "testdata/attacks/pointers.wat", "the SDK in Go": "../sdk/go/*.go", "the SDK in C": "../sdk/c/dodona.h",
		"the SDK in Rust": "../sdk/rust/src/*.rs", "the SDK in AssemblyScript": "../sdk/assemblyscript/assembly/*.ts",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no file %s: %v", list, pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lists[list] += string(text)
		}
	}
	for _, f := range functions {
		if f.module != manifest.ABI {
			continue
		}
		name := regexp.MustCompile(`\b` + f.name + `\b`)
		for list, text := range lists {
			if !name.MatchString(text) {
				t.Errorf("%s does not have the function %s", list, f.name)
			}
		}
	}
}

// TestEveryCapabilityHasFunctionsAndIsTold finds a capability that is declared in package manifest alone, or that nobody can read of.
func TestEveryCapabilityHasFunctionsAndIsTold(t *testing.T) {
	told := func(file string) string {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	spec, guide := told("spec/abi.md"), told("docs/guide/modules.md")
	for _, text := range manifest.Everything().Written() {
		var one manifest.Capabilities
		if err := one.Add(text); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(sets, func(s *abi.Set) bool {
			return s.Granted != nil && s.Granted(one) || s.Reaches != nil && s.Reaches(one)
		}) {
			t.Errorf("%s gives a module nothing", text)
		}
		if name, _, _ := strings.Cut(text, "="); !strings.Contains(guide, "`"+name+"`") && !strings.Contains(guide, "`"+name+"=") {
			t.Errorf("docs/guide/modules.md does not tell how to ask for %s", name)
		}
	}
	for _, f := range functions {
		if f.module == manifest.ABI && !strings.Contains(spec, "`"+f.name+"(") {
			t.Errorf("spec/abi.md does not have the function %s", f.name)
		}
		if f.set == nil || f.set.Needs == "" {
			continue
		}
		for need := range strings.SplitSeq(strings.ReplaceAll(f.set.Needs, " or ", ", "), ", ") {
			if !manifest.Everything().Has(need) {
				t.Errorf("%s needs %q, which no manifest can ask for", f.name, need)
			}
		}
	}
}
