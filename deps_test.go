package dodona

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dodona-oracle/dodona"

// law says which packages of this module a package may import. Every package may import the root,
// telemetry's names and internal/; "source/*" are the folders right below source; a package below a listed one obeys the longest match.
// A stage never names another stage: what they share is a word in the root package.
var law = map[string][]string{
	".":                 {},
	"internal":          {},
	"internal/fielddoc": {"internal/fielddoc"},
	"telemetry":         {},
	"source":            {"source"}, // a leaf imports its stage
	"source/sql":        {"source", "source/sql/*"},
	"extract":           {},
	"feed":              {"module/manifest"}, // for what its module may reach
	"sign":              {},
	"bus":               {},
	"journal":           {"bus", "journal/disk"},
	"journal/disk":      {},
	"module":            {"module/abi", "module/capability", "module/manifest", "module/native", "module/wasi", "module/wasm"},
	"module/abi":        {"module/manifest"},
	"module/capability": {"module/abi", "module/egress", "module/manifest"},
	"module/wasi":       {"module/abi", "module/manifest"},
	"module/egress":     {"module/manifest"},
	"module/native":     {},
	"module/manifest":   {},
	"module/wasm":       {},
	"program":           {"extract", "module"},
	"program/trial":     {"extract", "feed", "module", "module/abi", "module/egress", "module/manifest", "module/wasm", "program"},
	"sdk":               {"sdk/go"}, // examples import their library
	"packaging":         {},
	"quorum":            {},
	"anchor":            {},
	"verify":            {},
	"verify/wasm":       {"verify", "verify/wasm/sources"},
	"config":            {"anchor", "api", "extract", "feed", "journal", "module", "sink"}, // for the settings they own
	"explain":           {"anchor", "feed", "module", "program", "verify"},
	"api":               {"web"},
	"web":               {},
	"node":              {"anchor", "api", "bus", "config", "explain", "extract", "feed", "journal", "module", "module/abi", "module/manifest", "program", "quorum", "sign", "sink", "source", "telemetry/prom"},
	"sink":              {"sink"}, // a leaf imports its stage
	"all":               {"source", "source/*", "sink", "sink/*"},
	"contracts":         {},
	"cmd":               {"all", "api", "config", "contracts", "docs/kinds", "examples", "explain", "extract", "module", "module/manifest", "module/wasm", "node", "program", "program/trial", "sdk", "sign", "verify"},
	"examples":          {},
}

// heavy says which packages alone may import a dependency, by the longest prefix of it; tests may import more.
var heavy = map[string][]string{
	"github.com/nats-io/":                    {"bus", "journal"},
	"github.com/nats-io/nats-server/":        {"bus"},
	"github.com/decred/":                     {"internal/secp"},
	"github.com/gopcua/":                     {"internal/plant", "source/opcua"},
	"github.com/tetratelabs/wazero":          {"module", "module/native"},
	"github.com/goccy/go-yaml":               {"internal/strict"},
	"github.com/alecthomas/kong":             {"cmd/dodona"},
	"github.com/KimMachineGun/automemlimit":  {"cmd/dodona"},
	"github.com/coder/websocket":             {"source/websocket"},
	"github.com/jackc/pgx/":                  {"source/sql/postgres"},
	"github.com/go-sql-driver/":              {"source/sql/mysql"},
	"modernc.org/":                           {"source/sql/sqlite"},
	"github.com/coreos/go-systemd/":          {"cmd/dodona"},
	"github.com/ethereum/":                   {"cmd/demo"},
	"go.bug.st/serial":                       {"internal/tty"},
	"github.com/gosnmp/":                     {"source/snmp"},
	"github.com/plgd-dev/":                   {"internal/plant", "source/coap"},
	"github.com/pion/":                       {"source/coap"},
	"github.com/vapourismo/":                 {"source/knx"},
	"github.com/mochi-mqtt/":                 {"internal/plant"},
	"github.com/prometheus/":                 testsOnly,
	"github.com/santhosh-tekuri/jsonschema/": testsOnly,
	"github.com/chromedp/":                   testsOnly,
	"github.com/standard-webhooks/":          testsOnly,
	"github.com/eclipse/":                    {"internal/mqttc"},
	"google.golang.org/protobuf/":            {"internal/sparkplug"},
	"pgregory.net/rapid":                     testsOnly,
	"go.uber.org/goleak":                     testsOnly,
	"github.com/samyfodil/wazy":              testsOnly,
}

var testsOnly = []string{"nothing: tests only"}

// testHelpers are packages that only tests import; they may use test libraries.
func testHelper(dir string) bool { return strings.HasSuffix(dir, "test") }

// rowOf returns the longest row of the law that covers dir.
func rowOf(dir string) (row string, found bool) {
	for row = dir; ; row = path.Dir(row) {
		if _, found = law[row]; found || row == "." {
			return row, found && (row != "." || dir == ".")
		}
	}
}

// stale returns what of the law means nothing: rows of no package, rows that are as without them, and permits that no
// import uses. Used says which were, by row and then entry; "" is a package of the row.
func stale(law map[string][]string, used map[string]map[string]bool) (told []string) {
	for row, allowed := range law {
		if !used[row][""] {
			told = append(told, row+": there is no such package")
		}
		for above := path.Dir(row); row != "." && above != "."; above = path.Dir(above) {
			if theirs, found := law[above]; found {
				if slices.Equal(theirs, allowed) {
					told = append(told, row+": as "+above)
				}
				break
			}
		}
		for _, entry := range allowed {
			switch {
			case everyone(entry):
				told = append(told, row+": everybody may import "+entry)
			case !used[row][entry]:
				told = append(told, row+": nobody imports "+entry)
			}
		}
	}
	slices.Sort(told)
	return told
}

// ownersOf returns who may import a dependency, by the longest entry of heavy that covers it; nil if everybody may.
func ownersOf(imported string) (owners []string) { return heavy[heavyOf(imported)] }

// heavyOf returns the longest entry of heavy that covers a dependency, or "".
func heavyOf(imported string) (longest string) {
	for prefix := range heavy {
		if strings.HasPrefix(imported, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	return longest
}

func everyone(target string) bool {
	return target == "." || target == "telemetry" || (strings.HasPrefix(target, "internal/") && target != "internal/fielddoc")
}

// targetOf returns the package of this module that is imported, and whether it is one.
func targetOf(imported string) (target string, ours bool) {
	target, ours = strings.CutPrefix(imported, module)
	if target = strings.TrimPrefix(target, "/"); target == "" {
		target = "."
	}
	return target, ours
}

// permits returns the entry of allowed by which target may be imported, or "".
func permits(allowed []string, target string) string {
	for _, entry := range allowed {
		if entry == target || entry == path.Dir(target)+"/*" {
			return entry
		}
	}
	return ""
}

// breach returns why dir must not import target, or "".
func breach(dir, imported string) string {
	target, ours := targetOf(imported)
	if !ours {
		if owners := ownersOf(imported); owners != nil && !slices.Contains(owners, dir) && !testHelper(dir) {
			return "only " + strings.Join(owners, " and ") + " may"
		}
		return ""
	}
	if dir == "." {
		return "the root imports nothing of ours"
	}
	row, found := rowOf(dir)
	if !found {
		return "the law in deps_test.go does not know " + dir
	}
	allowed := law[row]
	if everyone(target) || permits(allowed, target) != "" {
		return ""
	}
	return "the law in deps_test.go allows it " + strings.Join(allowed, ", ")
}

// TestImportsObeyTheLaw reads every file but tests, whatever its build tags say, and finds what of the law nobody uses.
func TestImportsObeyTheLaw(t *testing.T) {
	files, used, owned := 0, map[string]map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "testdata" || name == "node_modules" || (len(name) > 1 && name[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		row, _ := rowOf(dir)
		if used[row] == nil {
			used[row] = map[string]bool{}
		}
		used[row][""] = true
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if why := breach(dir, imported); why != "" {
				t.Errorf("%s imports %s: %s", file, imported, why)
			}
			if target, ours := targetOf(imported); ours {
				used[row][permits(law[row], target)] = true
			} else if prefix := heavyOf(imported); prefix != "" {
				owned[prefix+" by "+dir] = true
			}
		}
		return nil
	})
	if err != nil || files < 4 {
		t.Fatalf("read %d files: %v", files, err)
	}
	for _, what := range stale(law, used) {
		t.Errorf("take from the law in deps_test.go what means nothing: %s", what)
	}
	for prefix, owners := range heavy {
		for _, owner := range owners {
			if !owned[prefix+" by "+owner] && !slices.Equal(owners, testsOnly) {
				t.Errorf("take from the table of heavy dependencies what means nothing: %s does not import %s", owner, prefix)
			}
		}
	}
}

// TestTheLawBites plants violations, because a check that cannot fail is none.
func TestTheLawBites(t *testing.T) {
	for _, c := range []struct{ dir, imported string }{
		{"feed", module + "/source"},
		{"source/http", module + "/journal"},
		{"quorum", module + "/sign"},
		{"journal", module + "/all"},
		{".", module + "/telemetry"},
		{"verify", module + "/config"},
		{"node", "github.com/nats-io/nats.go"},
		{"journal", "github.com/nats-io/nats-server/v2/server"},
		{"journal/disk", "github.com/nats-io/nats-server/v2/server"},
		{"bus", module + "/journal"},
		{"bus", module + "/journal/disk"},
		{"quorum", module + "/bus"},
		{"sink", module + "/bus"},
		{"sign", "github.com/decred/dcrd/dcrec/secp256k1/v4"},
		{"sign", "github.com/ethereum/go-ethereum/crypto"},
		{"config", "github.com/goccy/go-yaml"},
		{"module/native", module + "/module"},
		{"module/native", module + "/module/wasm"},
		{"module/wasi", "github.com/tetratelabs/wazero"},
		{"node", module + "/module/native"},
		{"sourcery", module},
		{"all", module + "/sourcery/http"},
		{"all", module + "/sink/evm/deep"},
	} {
		if breach(c.dir, c.imported) == "" {
			t.Errorf("%s may import %s", c.dir, c.imported)
		}
	}
	if got, want := stale(
		map[string][]string{"a": {"b", "telemetry"}, "a/b": {"c/*"}, "a/b/c": {"c/*"}, "gone": {}, "internal": {}, "internal/d": {"b"}},
		map[string]map[string]bool{"a": {"": true}, "a/b": {"": true, "c/*": true}, "a/b/c": {"": true, "c/*": true}, "internal": {"": true}, "internal/d": {"": true, "b": true}},
	), []string{"a/b/c: as a/b", "a: everybody may import telemetry", "a: nobody imports b", "gone: there is no such package"}; !slices.Equal(got, want) {
		t.Errorf("of a law that means less than it says is told %q, want %q", got, want)
	}
	for _, c := range []struct{ dir, imported string }{
		{"feed", module},
		{"source/http", module + "/source"},
		{"source/http", module + "/internal/secret"},
		{"journal", "github.com/nats-io/nats.go"},
		{"bus", "github.com/nats-io/nats.go"},
		{"bus", "github.com/nats-io/nats-server/v2/server"},
		{"journal", module + "/bus"},
		{"node", module + "/journal"},
	} {
		if why := breach(c.dir, c.imported); why != "" {
			t.Errorf("%s must be allowed to import %s: %s", c.dir, c.imported, why)
		}
	}
}
