package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/dodona-oracle/dodona/verify"
	"github.com/dodona-oracle/dodona/verify/wasm/sources"
)

// shipped returns the module that the page loads.
func shipped(t *testing.T) []byte {
	t.Helper()
	packed, err := os.ReadFile("../../web/verifier.wasm.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(packed) > 1<<20 {
		t.Errorf("%d bytes packed: too large to be kept", len(packed))
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	module, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func TestTheShippedModuleIsBuiltFromTheseSources(t *testing.T) {
	raw, err := os.ReadFile("built.json")
	if err != nil {
		t.Fatal(err)
	}
	var built sources.Built
	if err := json.Unmarshal(raw, &built); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(shipped(t))); got != built.SHA256 {
		t.Errorf("web/verifier.wasm.gz holds %s, built.json says %s", got, built.SHA256)
	}
	digest, err := sources.Digest("../..")
	if err != nil {
		t.Fatal(err)
	}
	if digest != built.Sources {
		t.Errorf("web/verifier.wasm.gz was built from other sources than these; run: make verifier")
	}
}

// TestTheDigestCoversEveryPackage asks Go what the verifier is made of.
func TestTheDigestCoversEveryPackage(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .Module}}{{.ImportPath}} {{.Module.Path}}{{end}}", ".")
	list.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	const ours = "github.com/dodona-oracle/dodona"
	found := 0
	for line := range strings.Lines(string(out)) {
		found++
		pkg, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := module
		if module == ours {
			name = strings.TrimPrefix(strings.TrimPrefix(pkg, ours), "/")
			if name == "" {
				name = "."
			}
		}
		if module != "golang.org/x/sys" && !sources.Covers(name) { // x/sys only asks what the processor can do
			t.Errorf("the digest in package sources does not cover %s", pkg)
		}
	}
	if found < 5 {
		t.Errorf("go list named %d packages: %s", found, out)
	}
}

// A guest is the shipped module, run without a host of any kind.
type guest struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

func newGuest(t *testing.T, module []byte) guest {
	t.Helper()
	r := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	compiled, err := r.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	if imports := compiled.ImportedFunctions(); len(imports) > 0 {
		t.Fatalf("the module wants %d imports, such as %s; the page gives it none", len(imports), imports[0].DebugName())
	}
	return guest{r, compiled}
}

// judge does what verifier.js does.
func (g guest) judge(t *testing.T, options, document []byte) (v verify.Verdict) {
	t.Helper()
	instance, err := g.runtime.InstantiateModule(t.Context(), g.module, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close(context.Background())
	call := func(f api.Function, params ...uint64) uint32 {
		results, err := f.Call(t.Context(), params...)
		if err != nil {
			t.Fatalf("%.200s: %v", document, err)
		}
		return uint32(results[0])
	}
	at := call(instance.ExportedFunction("room"), uint64(len(options)+len(document)))
	if !instance.Memory().Write(at, slices.Concat(options, document)) {
		t.Fatal("no room")
	}
	size := call(instance.ExportedFunction("judge"), uint64(len(options)), uint64(len(document)))
	raw, fits := instance.Memory().Read(call(instance.ExportedFunction("verdict")), size)
	if !fits {
		t.Fatal("the verdict lies outside")
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// TestTheShippedModuleJudgesEveryVectorAsGoDoes runs everything of spec/vectors that has a verdict.
func TestTheShippedModuleJudgesEveryVectorAsGoDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	g := newGuest(t, shipped(t))
	files, err := filepath.Glob("../../spec/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(raw, []byte("[")) {
			continue // a list of something that has no verdict
		}
		var vectors map[string]json.RawMessage
		if err := json.Unmarshal(raw, &vectors); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for section := range sections {
			var list []struct {
				Name    string          `json:"name"`
				Raw     string          `json:"raw"`
				Network json.RawMessage `json:"expectNetworkId,omitempty"`
				Members json.RawMessage `json:"expectMembers,omitempty"`
				Root    json.RawMessage `json:"expectRoot,omitempty"`
				Slot    json.RawMessage `json:"expectSlot,omitempty"`
				Reason  verify.Reason   `json:"reason"`
			}
			if vectors[section] == nil {
				continue
			}
			if err := json.Unmarshal(vectors[section], &list); err != nil {
				t.Fatalf("%s: %s: %v", file, section, err)
			}
			for _, c := range list {
				expected := map[string]json.RawMessage{}
				for name, value := range map[string]json.RawMessage{"networkId": c.Network, "members": c.Members, "root": c.Root, "slot": c.Slot} {
					if value != nil {
						expected[name] = value
					}
				}
				options, err := json.Marshal(expected)
				if err != nil {
					t.Fatal(err)
				}
				var native verify.Verdict
				if err := json.Unmarshal(decide(options, []byte(c.Raw)), &native); err != nil {
					t.Fatal(err)
				}
				got := g.judge(t, options, []byte(c.Raw))
				// What is wrong with JSON is said by TinyGo's encoding/json in its own words.
				sameWords := got.Message == native.Message || c.Reason == verify.Malformed
				if got.Reason != c.Reason || !sameWords || got.Valid != (c.Reason == verify.Valid) {
					t.Errorf("%s, %q: the module says %s, Go %s, the vector %s", file, c.Name, got, native, c.Reason)
				}
				judged++
			}
		}
	}
	if judged < 180 {
		t.Errorf("%d vectors were judged", judged)
	}
}

// sections are the lists of spec/vectors whose entries have a raw document and a reason.
var sections = map[string]bool{"answers": true, "evidence": true, "chain": true}

// TestTheShippedModuleSurvivesNonsense gives it what no page would.
func TestTheShippedModuleSurvivesNonsense(t *testing.T) {
	g := newGuest(t, shipped(t))
	for _, c := range []struct{ options, document []byte }{
		{nil, nil},
		{[]byte("{}"), nil},
		{[]byte(`{"networkId": 7}`), []byte("{}")},
		{[]byte("{}"), bytes.Repeat([]byte("["), 1<<16)},
		{[]byte("{}"), bytes.Repeat([]byte(" "), verify.MaxBytes+1)},
		{[]byte("{}"), []byte("\xff\xfe")},
	} {
		if v := g.judge(t, c.options, c.document); v.Valid || v.Reason != verify.Malformed {
			t.Errorf("%.20s, %.20s: got %s", c.options, c.document, v)
		}
	}
}
