package wasm_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
	"github.com/dodona-oracle/dodona/module/wasm"
	"github.com/dodona-oracle/dodona/module/wasm/wasmtest"
)

// core is the version of WebAssembly that modules are written for.
const core = api.CoreFeaturesV2 &^ api.CoreFeatureSIMD

// The specification's own examples of valid, invalid and malformed modules.
func TestModulesAreJudgedAsTheSpecificationDoes(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		dir, scripts := specScripts(t, version)
		judged, checked := map[string]int{}, map[string]int{}
		for name, s := range scripts {
			for _, c := range s.Commands {
				if c.Filename == "" || c.ModuleType == "text" || version == "v1" && c.Type != "module" {
					continue // later versions accept some of what the first one refuses
				}
				b, err := os.ReadFile(filepath.Join(dir, c.Filename))
				if err != nil {
					t.Fatal(err)
				}
				m, err := wasm.Parse(b)
				if err == nil {
					err = m.Validate()
				}
				judged[c.Type]++
				if c.Type == "module" {
					checked[refusalClass(wasm.Check(b, generous))]++
				}
				invalid := c.Type == "assert_invalid" || c.Type == "assert_malformed"
				if invalid && err == nil {
					t.Errorf("%s %s:%d, %s is accepted: %s", version, name, c.Line, c.Filename, c.Text)
				}
				if !invalid && err != nil {
					t.Errorf("%s %s:%d, %s is refused: %v", version, name, c.Line, c.Filename, err)
				}
			}
		}
		counted(t, version+": modules that are judged right", judged, specJudged[version])
		counted(t, version+": valid modules as Check sees them", checked, specChecked[version])
	}
}

// A judge compares Check with wazero's validator.
type judge struct{ runtime wazero.Runtime }

func newJudge(t testing.TB) judge {
	// With debug information, wazero refuses an empty custom section at the end of a file, because it reads nothing there.
	// The rewriter leaves custom sections out.
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(core).WithDebugInfoEnabled(false)
	rt := wazero.NewRuntimeWithConfig(t.Context(), config)
	t.Cleanup(func() { rt.Close(t.Context()) })
	return judge{rt}
}

// accepts says whether Check takes b. What it takes wazero must compile, and a refusal must be a whole one.
func (j judge) accepts(t testing.TB, b []byte) bool {
	t.Helper()
	_, err := wasm.Check(b, generous)
	if err != nil {
		var r *wasm.Refusal
		if !errors.As(err, &r) || r.What == "" || r.Do == "" {
			t.Fatalf("%x is refused without all it takes: %#v", b, err)
		}
		return false
	}
	compiled, err := j.runtime.CompileModule(t.Context(), b)
	if err != nil {
		t.Fatalf("wazero does not compile what Check accepts: %v\n%x", err, b)
	}
	compiled.Close(t.Context())
	return true
}

// compiles turns what Check accepts into machine code, where wazero can, as it is and rewritten.
func (j judge) compiles(t testing.TB, b []byte) {
	t.Helper()
	config := wazero.NewRuntimeConfig().WithCoreFeatures(core).WithDebugInfoEnabled(false)
	rt := wazero.NewRuntimeWithConfig(t.Context(), config)
	defer rt.Close(t.Context())
	m, err := wasm.Check(b, generous)
	if err != nil {
		t.Fatal(err)
	}
	safe, err := m.Rewrite(wasm.Rewriting{Fuel: true, Depth: true, NaN: true, MaxDepth: 100, MaxPages: 1 << 16, Globals: true, Start: true})
	if err != nil {
		t.Fatalf("rewrite: %v\n%x", err, b)
	}
	for _, b := range [][]byte{b, safe} {
		if _, err := rt.CompileModule(t.Context(), b); err != nil {
			t.Fatalf("wazero does not compile what Check accepts: %v\n%x", err, b)
		}
	}
}

func TestWazeroCompilesWhatIsAcceptedOfMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const each = 8000
	seed := uint64(20_000)
	random := rand.New(rand.NewPCG(seed, 1))
	j := newJudge(t)
	guests := corpus(t)
	for _, name := range slices.Sorted(maps.Keys(guests)) {
		accepted := 0
		for i := range each {
			b := wasmtest.Mutant(random, guests[name], i)
			if !j.accepts(t, b) {
				continue
			}
			if accepted++; accepted%16 == 0 {
				j.compiles(t, b)
			}
		}
		t.Logf("%s: %d of %d mutants accepted", name, accepted, each)
		if accepted < each/100 || accepted > each*9/10 {
			t.Errorf("%s: %d of %d mutants were accepted (seed %d): the test does not try both sides", name, accepted, each, seed)
		}
	}
}

// allocated is how many bytes f allocates. Other goroutines must rest.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// parseCost is what Parse may allocate for each byte it is given: an empty element segment has 3 bytes and becomes 96.
const parseCost = 40

func TestParseAllocatesAtMostAMultipleOfItsInput(t *testing.T) {
	const n = 200_000
	many := func(s string) string { return strings.Repeat(s, n) }
	code := slices.Concat(section(1, 1, "\x60\x00\x00"), section(3, n, many("\x00")), section(10, n, many("\x02\x00\x0b")))
	worst := 0.0
	for name, b := range map[string][]byte{
		"types":         binaryOf(section(1, n, many("\x60\x00\x00"))),
		"imports":       binaryOf(section(2, n, many("\x00\x00\x00\x00"))),
		"globals":       binaryOf(section(6, n, many("\x7f\x00\x41\x00\x0b"))),
		"exports":       binaryOf(section(7, n, many("\x00\x00\x00"))),
		"elements":      binaryOf(section(9, n, many("\x01\x00\x00"))),
		"element":       binaryOf(section(9, 1, "\x01\x00", n, many("\x00"))),
		"expressions":   binaryOf(section(9, 1, "\x05\x70", n, many("\xd0\x70\x0b"))),
		"bodies":        binaryOf(code),
		"locals":        binaryOf(nothing, section(10, 1, sized(n, many("\x00\x7f"), "\x0b"))),
		"data":          binaryOf(section(11, n, many("\x01\x00"))),
		"tables":        binaryOf(section(4, n, many("\x70\x00\x00"))),
		"memories":      binaryOf(section(5, n, many("\x00\x00"))),
		"sections":      binaryOf([]byte(many("\x00\x01\x00"))),
		"long name":     binaryOf(section(7, 1, sized(many("a")), "\x02\x00")),
		"claimed types": binaryOf(section(1, n, many("\x00"))),
	} {
		used := allocated(func() { _, _ = wasm.Parse(b) })
		worst = max(worst, float64(used)/float64(len(b)))
		if used > parseCost*uint64(len(b)) {
			t.Errorf("%s: %d bytes for %d", name, used, len(b))
		}
	}
	t.Logf("at most %.1f bytes for each of the file", worst)
	if worst < 10 {
		t.Error("nothing was allocated: the modules are refused before they cost anything")
	}
}

func FuzzCheck(f *testing.F) {
	for _, b := range corpus(f) {
		f.Add(b)
	}
	for _, b := range [][]byte{
		bodyOf("\x02\x40\x0b"), localsOf(3, "\x20\x00\x1a"), binaryOf(), binaryOf(section(0, sized("name"))),
		append([]byte("\x00asm\x0d\x00\x01\x00"), section(1, binaryOf(nothing, section(10, 1, "\x02\x00\x0b")))...),
		binaryOf(section(4, 1, "\x70\x01\x01\x02"), section(9, 2, "\x01\x00\x00", "\x07\x70\x01\xd0\x70\x0b")),
	} {
		f.Add(b)
	}
	j := newJudge(f)
	fuzztest.Run(f, func(t *testing.T, b []byte) {
		// Other goroutines of the fuzzer allocate too, so the constant is generous.
		if used := allocated(func() { _, _ = wasm.Parse(b) }); used > parseCost*uint64(len(b))+1<<20 {
			t.Errorf("Parse of %d bytes allocates %d", len(b), used)
		}
		b, err := wasm.Unwrap(b)
		if err != nil {
			return
		}
		j.accepts(t, b)
	})
}

// The limits must hold where they are and not before.
func TestLimitsHoldAtTheirEdges(t *testing.T) {
	for _, l := range limitCases() {
		if _, err := wasm.Check(l.module(l.most), generous); err != nil {
			t.Errorf("%s: %d are refused: %v", l.name, l.most, err)
		}
		_, err := wasm.Check(l.module(l.most+1), generous)
		var r *wasm.Refusal
		if !errors.As(err, &r) || !strings.Contains(r.What, l.want) || r.Do == "" {
			t.Errorf("%s: %d: got %v, want %q", l.name, l.most+1, err, l.want)
		}
	}
}

// A limitCase is a kind of module whose size is given, and the largest that passes.
type limitCase struct {
	name   string
	most   int
	module func(n int) []byte
	want   string
}

func limitCases() []limitCase {
	many := strings.Repeat
	funcs := func(n int) []byte {
		return binaryOf(section(1, 1, "\x60\x00\x00"), section(3, n, many("\x00", n)), section(10, n, many("\x02\x00\x0b", n)))
	}
	exports := func(n int) (b []byte) {
		for i := range n {
			b = append(b, parts(sized(fmt.Sprint(i)), "\x02\x00")...)
		}
		return binaryOf(section(5, "\x01\x00\x01"), section(7, n, b))
	}
	return []limitCase{
		{"types", wasm.MaxTypes, func(n int) []byte { return binaryOf(section(1, n, many("\x60\x00\x00", n))) }, "4097 types"},
		{"values of types", wasm.MaxTypeValues, func(n int) []byte {
			return binaryOf(section(1, n/128+1, many(string(parts("\x60", 128, many("\x7f", 128), "\x00")), n/128), "\x60", n%128, many("\x7f", n%128), "\x00"))
		}, "150001 parameters and results of types"},
		{"imports", wasm.MaxImports, func(n int) []byte {
			return binaryOf(section(1, 1, "\x60\x00\x00"), section(2, n, many("\x01a\x01b\x00\x00", n)))
		}, "257 imports"},
		{"functions", wasm.MaxFunctions, funcs, "10001 functions"},
		{"table", wasm.MaxTable, func(n int) []byte { return binaryOf(section(4, 1, "\x70\x00", n)) }, "the table has 14097 elements"},
		{"globals", wasm.MaxGlobals, func(n int) []byte { return binaryOf(section(6, n, many("\x7f\x00\x41\x00\x0b", n))) }, "2049 globals"},
		{"exports", wasm.MaxExports, exports, "1025 exports"},
		{"name", wasm.MaxName, func(n int) []byte {
			return binaryOf(section(5, "\x01\x00\x01"), section(7, 1, sized(many("a", n)), "\x02\x00"))
		}, "more than 512 bytes"},
		{"import's name", wasm.MaxName, func(n int) []byte {
			return binaryOf(section(1, 1, "\x60\x00\x00"), section(2, 1, "\x01a", sized(many("a", n)), "\x00\x00"))
		}, "more than 512 bytes"},
		{"element segments", wasm.MaxElementSegments, func(n int) []byte { return binaryOf(section(9, n, many("\x01\x00\x00", n))) }, "element segments"},
		{"elements", wasm.MaxElements, func(n int) []byte { return binaryOf(section(9, 1, "\x05\x70", n, many("\xd0\x70\x0b", n))) }, "elements in its segments"},
		{"data segments", wasm.MaxDataSegments, func(n int) []byte { return binaryOf(section(11, n, many("\x01\x00", n))) }, "data segments"},
		{"parameters", wasm.MaxParams, func(n int) []byte { return binaryOf(section(1, 1, "\x60", n, many("\x7f", n), "\x00")) }, "type 0 has 129 parameters"},
		{"results", wasm.MaxResults, func(n int) []byte { return binaryOf(section(1, 1, "\x60\x00", n, many("\x7f", n))) }, "17 results"},
		{"body", wasm.MaxBody, func(n int) []byte { return bodyOf(many("\x01", n-2)) }, "the function has 131073 bytes"},
		{"locals", wasm.MaxLocals, func(n int) []byte { return localsOf(n) }, "the function has 4097 locals"},
		{"nesting", wasm.MaxNesting - 1, func(n int) []byte { return bodyOf(many("\x02\x40", n), many("\x0b", n)) }, "blocks are nested more than 2048 deep"},
		{"loops", wasm.MaxLoops, func(n int) []byte { return bodyOf(many("\x03\x40\x0b", n)) }, "more than 512 loops"},
		{"nested loops", wasm.MaxLoopNesting, func(n int) []byte { return bodyOf(many("\x03\x40", n), many("\x0b", n)) }, "loops are nested more than 64 deep"},
		{"branches", wasm.MaxBranches - 1, func(n int) []byte { return bodyOf("\x00", many("\x02\x40\x0b", n)) }, "more than 8192 blocks and branches"},
		{"branches by locals", wasm.MaxBranchLocals/4096 - 1, func(n int) []byte {
			return localsOf(4096, many("\x41\x00\x0d\x00", n))
		}, "4096 locals and more than 64 blocks and branches"},
		{"targets of a function", wasm.MaxBodyTargets - 1, func(n int) []byte {
			return bodyOf("\x41\x00\x0e", n, many("\x00", n+1))
		}, "more than 8192 targets"},
		{"operands", wasm.MaxOperands, func(n int) []byte { return bodyOf(many("\x41\x00", n), many("\x1a", n)) }, "more than 4096 operands"},
	}
}

func TestModulesAsAWholeAreLimited(t *testing.T) {
	many := func(n int, body []byte) []byte {
		return binaryOf(section(1, 1, "\x60\x00\x00"), section(3, n, strings.Repeat("\x00", n)), section(10, n, strings.Repeat(string(body), n)))
	}
	nops := func(n int) []byte { return sized("\x00", strings.Repeat("\x01", n), "\x0b") }
	locals := func(n int) []byte { return sized(1, n, "\x7f\x0b") }
	table := func(n int) []byte { return sized("\x00\x41\x00\x0e", n, strings.Repeat("\x00", n+1), "\x0b") }
	for _, test := range []struct {
		b    []byte
		want string
	}{
		{many(wasm.MaxCode/100_000, nops(100_000-10)), ""},
		{many(wasm.MaxCode/100_000+1, nops(100_000)), "bytes of code, at most"},
		{many(wasm.MaxTargets/1024, table(1023)), ""},
		{many(wasm.MaxTargets/1024+1, table(1023)), "the br_tables of the module have more than"},
		{many(wasm.MaxAllLocals/4096, locals(4096)), ""},
		{many(wasm.MaxAllLocals/4096+1, locals(4096)), "the functions of the module have more than 1048576 locals"},
		{append(binaryOf(), section(0, sized("x"), make([]byte, wasm.MaxBytes-16))...), ""},
		{append(binaryOf(), section(0, sized("x"), make([]byte, wasm.MaxBytes))...), "bytes, at most 16777216"},
	} {
		_, err := wasm.Check(test.b, generous)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}
