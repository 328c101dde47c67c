package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// counting is a configuration whose feed is a module that counts rounds in its state and reads a sensor.
func counting(t testing.TB, data, modules, allow string) string {
	return fmt.Sprintf(`
node: {name: gw-1, data: %q}
api: {listen: "127.0.0.1:0"}
modules: %s
sources:
  a: {http: {url: %q}}
  meter: {http: {url: %q, every: 200ms}}
feeds:
  counted:
    every: 200ms
    decimals: 0
    from: [a]
    points: [counted]
    module: {name: counter, version: 1.0.0, allow: %s}
  read: {every: 200ms, from: [meter]}
`, data, modules, quote(t, "1"), quote(t, "7"), allow)
}

const allowed = "{state: true, read_sensor: [meter]}"

func counterWasm(t testing.TB) []byte {
	t.Helper()
	wasm, err := os.ReadFile("testdata/counter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func writeFile(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// counted returns what the module says it has counted, 0 if it said nothing.
func counted(o Outcome) int64 {
	if o.Answer == nil || o.Answer.Feed.Name != "counted" {
		return 0
	}
	v, _ := o.Answer.Attestation.Report.Value.Int64()
	return v
}

func missedFor(reason string) func(Outcome) bool {
	return func(o Outcome) bool {
		return o.Bundle != nil && o.Bundle.Feed.Name == "counted" && strings.Contains(o.Bundle.Missed, reason)
	}
}

func sandboxed(t testing.TB) explain.Sandbox {
	t.Helper()
	return func(ctx context.Context) (*module.Engine, error) {
		return module.New(ctx, module.Options{Interpreter: true})
	}
}

func TestAModuleAnswersRemembersAndReplays(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	dir, modules := t.TempDir(), t.TempDir()
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	text := counting(t, dir, fmt.Sprintf("{dir: %q, unsigned: true, trace: 100%%}", modules), allowed)
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	stop := run(t, n)
	// The sensor has been read by then, so the transcript holds its reading.
	out := seen.await(t, "a third count with a reading of the sensor", func(o Outcome) bool {
		return counted(o) >= 3 && o.Bundle != nil && slices.ContainsFunc(o.Bundle.Points, func(p dodona.Point) bool { return p.ID == "meter" })
	})
	bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, "counted", out.Round)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(bundle, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	status := n.state.Status().Modules
	if len(status) != 1 || !status[0].Running || status[0].Events < 3 || status[0].Failed > 0 || len(status[0].Functions) == 0 {
		t.Errorf("status %+v", status)
	}
	story, err := explain.Round(t.Context(), n.journal, "counted", out.Round, explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if text := story.String(); !strings.Contains(text, "  module       counter 1.0.0  0x") || !strings.Contains(text, "by the world") {
		t.Errorf("the story does not name the module, its fuel and what it was told:\n%s", text)
	}
	stop()

	for name, c := range map[string]struct {
		change  func(*dodona.Bundle)
		differs string
	}{
		"as it is": {func(*dodona.Bundle) {}, ""},
		"another transcript": {func(b *dodona.Bundle) {
			b.Transcript = []byte(strings.Replace(string(b.Transcript), "Nw==", "OA==", 1))
		}, explain.StepRoot},
		"no transcript":     {func(b *dodona.Bundle) { b.Transcript = nil }, explain.StepRoot},
		"another module":    {func(b *dodona.Bundle) { b.Module = b.Module[:len(b.Module)-1] }, explain.StepVersion},
		"no module":         {func(b *dodona.Bundle) { b.Module = nil }, explain.StepVersion},
		"other fuel":        {func(b *dodona.Bundle) { b.Fuel++ }, explain.StepPoints},
		"another point":     {func(b *dodona.Bundle) { b.Points[0].Value, _ = dodona.ParseDecimal("99") }, explain.StepPoints},
		"said to be missed": {func(b *dodona.Bundle) { b.Value, b.Missed = nil, "counter 1.0.0: deadline: it was late" }, explain.StepValue},
	} {
		var b dodona.Bundle
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		c.change(&b)
		r, err := explain.Replay(t.Context(), b, sandboxed(t), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		step, differs := r.Differs()
		if differs != (c.differs != "") || step.Name != c.differs {
			t.Errorf("%s: want %q to differ:\n%s", name, c.differs, r)
		}
	}

	// What this machine lacks is no difference.
	for name, c := range map[string]struct {
		open explain.Sandbox
		want error
	}{
		"no sandbox": {func(context.Context) (*module.Engine, error) { return nil, os.ErrPermission }, os.ErrPermission},
		"no memory": {func(ctx context.Context) (*module.Engine, error) {
			return module.New(ctx, module.Options{Interpreter: true, Memory: 1})
		}, module.ErrMemory},
	} {
		if r, err := explain.Replay(t.Context(), bundle, c.open, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v:\n%s", name, err, c.want, r)
		}
	}

	// The state survives the process.
	again := newOutcomes()
	run(t, openNode(t, text, Options{OnRound: again.add}))
	next := again.await(t, "a later count", func(o Outcome) bool { return counted(o) > 0 && o.Round > out.Round })
	if counted(next) <= counted(out) {
		t.Errorf("after a restart the module counts %d, before it was at %d", counted(next), counted(out))
	}
}

func TestARoundIsMissedWithTheReasonWhileAModuleDoesNotRun(t *testing.T) {
	dir, modules := t.TempDir(), t.TempDir()
	text := counting(t, dir, fmt.Sprintf("{dir: %q, unsigned: true}", modules), allowed)
	seen := newOutcomes()
	n := changing(t, &text, Options{OnRound: seen.add})
	run(t, n)
	seen.await(t, "the reason", missedFor("put counter-1.0.0.wasm"))
	seen.await(t, "an answer of the other feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "read" })
	missed := seen.await(t, "the reason", missedFor("put counter-1.0.0.wasm"))
	bundle, err := explain.Export(t.Context(), n.journal, n.id.salt, "counted", missed.Round)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := explain.Replay(t.Context(), bundle, nil, nil); err != nil || !r.Same {
		t.Errorf("a missed round replays as %v, %s", err, r)
	}
	writeFile(t, modules, "counter-1.0.0.wasm", counterWasm(t))
	if _, err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen.await(t, "an answer after the reload", func(o Outcome) bool { return counted(o) > 0 })
}

// signedCounter returns a trust file, the module of the tests, and its manifest, signed by whom the file trusts.
func signedCounter(t *testing.T) (rawTrust, wasm, envelope []byte) {
	t.Helper()
	key, err := manifest.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public("release")
	trust := manifest.Trust{
		Format: 1, Version: 1, Keys: map[string]manifest.PublicKey{public.ID(): public},
		Roles: manifest.Roles{Root: manifest.Role{Keys: []string{public.ID()}, Threshold: 1}, Module: manifest.Role{Keys: []string{public.ID()}, Threshold: 1}},
	}
	rawTrust, err = trust.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	wasm = counterWasm(t)
	envelope, err = manifest.Sign(manifest.Manifest{
		Format: 1, Name: "counter", Version: "1.0.0", Sequence: 1, ABI: manifest.ABI, Module: sha256.Sum256(wasm),
		Capabilities: manifest.Capabilities{State: true, ReadSensor: []string{"meter"}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return rawTrust, wasm, envelope
}

func TestOnlyWhatIsSignedAndAllowedRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	rawTrust, wasm, envelope := signedCounter(t)
	for name, c := range map[string]struct {
		wasm, envelope []byte
		allow, reason  string
	}{
		"signed and allowed": {wasm, envelope, allowed, ""},
		"unsigned":           {wasm, nil, allowed, "unsigned: "},
		"tampered":           {append(slices.Clone(wasm), 0), envelope, allowed, "tampered: "},
		"not allowed":        {wasm, envelope, "{state: true}", "asks for what module.allow does not grant: read_sensor"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, modules := t.TempDir(), t.TempDir()
			writeFile(t, modules, "trust.json", rawTrust)
			writeFile(t, modules, "counter-1.0.0.wasm", c.wasm)
			if c.envelope != nil {
				writeFile(t, modules, "counter-1.0.0.json", c.envelope)
			}
			seen := newOutcomes()
			text := counting(t, dir, fmt.Sprintf("{dir: %q, trust: %q}", modules, filepath.Join(modules, "trust.json")), c.allow)
			run(t, openNode(t, text, Options{OnRound: seen.add, Log: slog.New(slog.DiscardHandler)}))
			if c.reason == "" {
				seen.await(t, "a count", func(o Outcome) bool { return counted(o) > 0 })
				return
			}
			seen.await(t, c.reason, missedFor(c.reason))
			if slices.ContainsFunc(seen.all(), func(o Outcome) bool { return counted(o) > 0 }) {
				t.Error("a module that must not run has answered")
			}
		})
	}
}

func TestAModuleReadsOnlyWhatIsJournaled(t *testing.T) {
	n := openNode(t, walks(t.TempDir(), "feeds: {a: {decimals: 2, every: 200ms, from: [s]}}\n"), Options{})
	if _, err := n.observer.intake.lastReading(t.Context(), "s"); !errors.Is(err, dodona.ErrNotFound) {
		t.Errorf("before the first reading: %v", err)
	}
}

// TestHostileModulesCostTheirOwnRoundsAlone: other feeds miss nothing, and the reason names the cause.
func TestHostileModulesCostTheirOwnRoundsAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	hostile := map[string]string{ // by module: what its rounds are missed for
		"loop": "fuel: ", "recursion": "depth: ", "recursion-binary": "fuel: ", "memory-grow": "", "log-flood": "", "table-grow": "table",
	}
	dir, modules := t.TempDir(), t.TempDir()
	var feeds strings.Builder
	for name := range hostile {
		wasm, err := os.ReadFile("../module/testdata/attacks/" + name + ".wasm")
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, modules, name+"-1.0.0.wasm", wasm)
		fmt.Fprintf(&feeds, "  %s: {every: 500ms, from: [a], module: {name: %s, version: 1.0.0}}\n", name, name)
	}
	text := fmt.Sprintf(`
node: {name: gw-1, data: %q, memory: 64MiB}
api: {listen: "127.0.0.1:0"}
modules: {dir: %q, unsigned: true, memory: 24MiB}
sources:
  a: {http: {url: %q}}
  b: {http: {url: %q}}
feeds:
  honest: {every: 2s, from: [b]} # which may take half of that, on a machine that is busy with other tests too
`, dir, modules, quote(t, "1"), quote(t, "2")) + feeds.String()
	seen := newOutcomes()
	n := openNode(t, text, Options{OnRound: seen.add})
	run(t, n)
	first := seen.await(t, "an answer of the honest feed", func(o Outcome) bool { return o.Answer != nil && o.Answer.Feed.Name == "honest" })
	for name, cause := range hostile {
		if cause != "" {
			seen.await(t, name+" missed for "+cause, func(o Outcome) bool {
				return o.Bundle != nil && o.Bundle.Feed.Name == name && strings.Contains(o.Bundle.Missed, cause)
			})
		}
	}
	seen.await(t, "ten more of the honest feed", func(o Outcome) bool {
		return o.Answer != nil && o.Answer.Feed.Name == "honest" && o.Round >= first.Round+5000
	})
	for _, o := range seen.all() {
		if o.Bundle != nil && o.Bundle.Feed.Name == "honest" && o.Round > first.Round && o.Bundle.Value == nil {
			t.Errorf("the honest feed missed round %s: %s", o.Round, o.Bundle.Missed)
		}
	}
}
