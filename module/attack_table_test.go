package module_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// attacks are all of them: what each is, and what must become of it.
var attacks = []attack{
	// Without end.
	{name: "loop", cause: module.CauseFuel},
	{name: "loop-host", cause: module.CauseFuel},
	{name: "loop-start", refused: []string{"initialised", "fuel"}},
	{name: "loop-initialize", refused: []string{"initialised", "fuel"}},
	{name: "recursion-binary", cause: module.CauseFuel},
	{name: "recursion", cause: module.CauseDepth},
	{name: "recursion-fat", cause: module.CauseDepth},
	{name: "recursion-indirect", cause: module.CauseDepth},
	{name: "recursion-initialize", refused: []string{"initialised", "depth"}},
	{name: "recursion-return"},

	// Without measure: memory.
	{name: "memory-4g", refused: []string{"memory", "65536"}},
	{name: "memory-17", refused: []string{"memory", "17", "16"}},
	{name: "memory-grow", cause: module.CauseFuel, after: peakAtMost(manifest.DefaultPages)},
	{name: "memory-grow-huge", cause: module.CauseFuel, after: peakAtMost(1)},
	{name: "memory-fill", cause: module.CauseFuel},
	{name: "memory-copy", cause: module.CauseFuel},
	{name: "memory-fill-outside", cause: module.CauseTrap, says: []string{"out of bounds"}},
	{name: "memory-fill-outside", spec: metering1, cause: module.CauseFuel},
	{name: "memory-grow-vain", after: peakAtMost(1)},
	{name: "memory-grow-vain", spec: metering1, cause: module.CauseFuel},
	{name: "table-huge", refused: []string{"table"}},
	{name: "table-grow", refused: []string{"table.grow"}},
	{name: "table-set", refused: []string{"table.set"}},
	{name: "tables-many", refused: []string{"table"}},
	{name: "globals-many", refused: []string{"global"}},
	{name: "data-drop", refused: []string{"memory.init"}},
	{name: "data-outside", refused: []string{"out of bounds"}},
	{name: "data-negative", refused: []string{"out of bounds"}},
	{name: "element-outside", refused: []string{"element section", "segment 0 is out of bounds: 1 elements from 2 on, and the table has 2"}},

	// What it wants, and what it lacks.
	{name: "import-unknown", refused: []string{"env", "system", "exec", "transfer"}},
	{name: "import-type", refused: []string{"input_count"}},
	{name: "import-ungranted", refused: []string{"http_get", "state", "serial"}},
	{name: "import-memory", refused: []string{"memory", "import"}},
	{name: "import-global", refused: []string{"global", "import"}},
	{name: "import-refuel", refused: []string{"dodona:rt"}},
	{name: "export-fuel", refused: []string{"dodona:fuel"}},
	{name: "export-global", refused: []string{"dodona:global:0"}},
	{name: "export-import", cause: module.CauseGuest, code: 1}, // input_count says 1, which is no success
	{name: "export-no-memory", refused: []string{"memory"}},
	{name: "export-memory-function", refused: []string{"memory"}},
	{name: "export-no-run", refused: []string{"dodona_run"}},
	{name: "export-run-type", refused: []string{"dodona_run"}},
	{name: "export-run-memory", refused: []string{"dodona_run"}},
	{name: "export-initialize-type", refused: []string{"_initialize"}},
	{name: "simd", refused: []string{"SIMD"}},

	// Traps name the function.
	{name: "trap-unreachable", cause: module.CauseTrap, says: []string{"unreachable", "scale_pressure"}},
	{name: "trap-division", cause: module.CauseTrap, says: []string{"divide by zero"}},
	{name: "trap-load", cause: module.CauseTrap, says: []string{"out of bounds"}},
	{name: "trap-indirect", cause: module.CauseTrap},
	{name: "name-2mb", cause: module.CauseTrap, says: []string{"in AAAA", "unreachable"}, alone: true},
	{name: "name-7.5mb", cause: module.CauseTrap, says: []string{"in AAAA", "unreachable"}, alone: true},
	{name: "names-9000", cause: module.CauseTrap, says: []string{"in AAAA", "unreachable"}, alone: true},

	// An end that looks like success.
	{name: "exit", cause: module.CauseExit, after: noPoints},
	{name: "exit-after-point", cause: module.CauseExit},
	{name: "exit-out-of-memory", cause: module.CauseExit, after: peakAtMost(manifest.DefaultPages)},
	{name: "exit-initialize", refused: []string{"initialised", "exit"}},

	// Floods.
	{name: "poll", event: body("\xff\xff\xff\xff"), cause: module.CauseGuest, code: 28},
	{name: "poll", event: body("\x00\x00\x00\x80"), cause: module.CauseGuest, code: 28},
	{name: "poll", event: body("\xff\xff\x00\x00"), cause: module.CauseGuest, code: 28},
	{name: "poll", event: body("\x41\x00\x00\x00"), cause: module.CauseGuest, code: 28},
	{name: "poll", event: body("\x00\x00\x00\x00"), cause: module.CauseGuest, code: 28},
	{name: "stdout-flood", cause: module.CauseFuel, after: logsAtMost(manifest.DefaultLogBytes)},
	{name: "stdout-vectors", cause: module.CausePointer},
	{name: "log-flood", cause: module.CauseFuel, after: logsAtMost(manifest.DefaultLogBytes)},
	{name: "log-levels", after: sixCleanLines},
	{name: "point-flood", cause: module.CauseFuel},
	{name: "point-limit", cause: module.CauseGuest, code: 1024},
	{name: "point-edges", after: pointsAreWritable},
	{name: "text-bad", cause: module.CauseGuest, code: 100, after: textsAreClean},
	{name: "fail-flood", cause: module.CauseGuest},
	{name: "output-flood", after: outputOf(4096)},
	{name: "result-flood", spec: everything, after: transcriptAtMost(256 << 10)},
	{name: "state-flood", spec: everything, cause: module.CauseGuest, after: transcriptAtMost(256 << 10)},
	{name: "zero", spec: everything},
	{name: "indexes"},

	// What the compiler chokes on, and what has no end in the file.
	{name: "locals-8.6e9", refused: []string{"locals"}},
	{name: "locals-50m", refused: []string{"locals"}, alone: true},
	{name: "locals-1m", refused: []string{"locals"}},
	{name: "locals-empty-runs", refused: []string{"bytes"}},
	{name: "blocks-nested", refused: []string{"nested"}, alone: true},
	{name: "loops-nested", refused: []string{"loops"}, alone: true},
	{name: "br_table", refused: []string{"br_table"}, alone: true},
	{name: "function-780k", refused: []string{"bytes"}, alone: true},
	{name: "functions-200k", refused: []string{"functions"}, alone: true},
	{name: "types-500k", refused: []string{"types"}, alone: true},
	{name: "type-wide", refused: []string{"parameters"}},
	{name: "imports-100k", refused: []string{"imports"}},
	{name: "exports-100k", refused: []string{"exports"}},
	{name: "data-1m", refused: []string{"data"}},
	{name: "custom-50mb", refused: []string{"bytes"}, alone: true},
	{name: "stack-20k", refused: []string{"operands"}},
	{name: "empty", refused: []string{"WebAssembly"}},
	{name: "header", refused: []string{"memory"}},
	{name: "component", refused: []string{"component"}},
	{name: "text", refused: []string{"WebAssembly"}},
	{name: "elf", refused: []string{"WebAssembly"}},
	{name: "sections-twice", refused: []string{"section"}},
	{name: "garbage", refused: []string{"section"}},
	{name: "names-bomb", refused: []string{"name section"}},
}

// metering1 runs a module at the prices of before, as replays of old rounds do.
func metering1(s *module.Spec) { s.Metering = 1 }

func body(text string) func(*module.Event) {
	return func(ev *module.Event) { ev.Readings[0].Body = []byte(text) }
}

// everything grants all capabilities but serial ports and files; what they bring is large.
func everything(s *module.Spec) {
	s.Capabilities = manifest.Capabilities{
		HTTPGet: &manifest.HTTPGet{Hosts: []string{"api.example"}, Bytes: 1 << 20}, ReadSensor: []string{"big"},
		NowMS: true, Random: true, Verify: true, State: true,
	}
	big := make([]byte, 60_000)
	s.Host.Get = func(context.Context, string, int) (int, []byte, error) { return 200, big, nil }
	s.Host.Reading = func(context.Context, string) (dodona.Reading, error) {
		return dodona.Reading{Source: "big", Body: big, Received: attackRound.Time()}, nil
	}
	s.Host.State = func(dodona.FeedID) map[string][]byte { return nil }
}

func noPoints(t *testing.T, o module.Outcome) {
	if len(o.Points) > 0 {
		t.Errorf("points %+v", o.Points)
	}
}

func peakAtMost(pages int64) func(*testing.T, module.Outcome) {
	return func(t *testing.T, o module.Outcome) {
		if o.PeakBytes > pages<<16 || o.PeakBytes == 0 {
			t.Errorf("the guest had %d bytes; at most %d pages are allowed", o.PeakBytes, pages)
		}
	}
}

func logsAtMost(limit int) func(*testing.T, module.Outcome) {
	return func(t *testing.T, o module.Outcome) {
		size := 0
		for _, l := range o.Logs {
			size += len(l.Text)
		}
		if const1 := 200; size > limit+const1 || len(o.Logs) == 0 { // the last line, which says how much is missing
			t.Errorf("%d lines of %d bytes in all; want 1 to %d bytes", len(o.Logs), size, limit)
		}
	}
}

func sixCleanLines(t *testing.T, o module.Outcome) {
	if len(o.Logs) != 6 {
		t.Errorf("%d lines, want 6: %q", len(o.Logs), o.Logs)
	}
	for _, l := range o.Logs {
		if l.Level > slog.LevelError || dirty(l.Text) {
			t.Errorf("line %q at level %v", l.Text, l.Level)
		}
	}
}

// dirty says whether a text would do something to a terminal, a log or a C string.
func dirty(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

func textsAreClean(t *testing.T, o module.Outcome) {
	for _, p := range o.Points {
		if dirty(p.ID + p.Unit + p.Reason) {
			t.Errorf("point %+q", p)
		}
	}
}

// pointsAreWritable makes sure that whatever a guest has taken for a point can be journaled and read again.
func pointsAreWritable(t *testing.T, o module.Outcome) {
	if len(o.Points) == 0 {
		t.Error("no point at all was taken")
	}
	text, err := json.Marshal(o.Points)
	if err != nil {
		t.Fatal(err)
	}
	var again []dodona.Point
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	for i, p := range again {
		if p.Value != o.Points[i].Value || !p.Time.Equal(o.Points[i].Time) {
			t.Errorf("point %d: wrote %+v, read %+v", i, o.Points[i], p)
		}
		if p.Quality == dodona.Bad && p.Value.Sign() != 0 {
			t.Errorf("bad point with the number %s", p.Value)
		}
	}
}

func outputOf(size int) func(*testing.T, module.Outcome) {
	return func(t *testing.T, o module.Outcome) {
		if len(o.Output) != size {
			t.Errorf("%d bytes of output, want %d", len(o.Output), size)
		}
	}
}

func transcriptAtMost(size int) func(*testing.T, module.Outcome) {
	return func(t *testing.T, o module.Outcome) {
		if most := size*4/3 + 16<<10; len(o.Transcript) > most { // base64, and the names around it
			t.Errorf("transcript of %d bytes, at most %d", len(o.Transcript), most)
		}
		kept := 0
		for k, v := range o.State {
			kept += len(k) + len(v)
		}
		if len(o.State) > 16 || kept > 4096 {
			t.Errorf("state of %d keys, %d bytes", len(o.State), kept)
		}
	}
}

// TestEveryAttackIsTried makes sure that no module lies in the folder, and no recipe in the file, that no test uses.
func TestEveryAttackIsTried(t *testing.T) {
	used := map[string]bool{}
	for _, a := range attacks {
		used[a.name] = true
	}
	for _, name := range []string{"honest", "pointers", "remember", "reentry", "ballast"} { // have tests of their own
		used[name] = true
	}
	for _, name := range attackNames(t) {
		if !used[name] {
			t.Errorf("nothing tries %s", name)
		}
		delete(used, name)
	}
	for name := range used {
		if generated[name] == nil {
			t.Errorf("there is no module %s", name)
		}
	}
	for name := range generated {
		if !used[name] {
			t.Errorf("nothing tries the recipe %s", name)
		}
	}
}
