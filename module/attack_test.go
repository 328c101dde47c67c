package module_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/racetest"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/abi"

	"golang.org/x/sys/unix"
)

// An attack is a module that means harm, and what must become of it.
type attack struct {
	name    string
	spec    func(*module.Spec)
	event   func(*module.Event)
	refused []string                         // fragments of the error of Load; nil: it loads
	cause   module.Cause                     // of every event; "": it is answered
	code    int32                            // of a failure with cause guest; 0: whatever
	says    []string                         // fragments of what the failed event says
	after   func(*testing.T, module.Outcome) // looks at what is left of an event
	events  int                              // 0: three
	alone   bool                             // it runs in a process of its own, which may not have more than rlimit
}

const (
	// attackBudget is how much the process may grow while one attack is loaded and run. The largest honest guest of an
	// attack has 1 MiB; the rest is what compilers and Go need.
	attackBudget = attackSlack * 48 << 20
	// attackRlimit ends a child that takes far more, so that the machine of the test survives what the sandbox does not.
	attackRlimit = 4 << 30
	attackRound  = dodona.Round(1795348800000)
)

// attackBytes returns the module of an attack: a file, or what its recipe makes.
func attackBytes(t testing.TB, name string) []byte {
	t.Helper()
	if recipe, found := generated[name]; found {
		return recipe()
	}
	wasm, err := os.ReadFile(filepath.Join("testdata", "attacks", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func attackReading(body string) dodona.Reading {
	return dodona.Reading{
		Source: "boiler", Body: []byte(body), ContentType: "application/json",
		Received: attackRound.Time(), SourceTime: attackRound.Time().Add(-time.Second),
	}
}

func attackEvent(body string) module.Event {
	return module.Event{
		Feed: dodona.FeedID{7}, Round: attackRound, Readings: []dodona.Reading{attackReading(body)}, From: []string{"boiler.temperature"},
		Points: []dodona.Point{{ID: "boiler.temperature", Value: decimal("21.5"), Unit: "Cel", Time: attackRound.Time()}},
	}
}

func decimal(text string) dodona.Decimal {
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func attackSpec(name string, wasm []byte) module.Spec {
	return module.Spec{Name: name, Version: "1.0.0", Wasm: wasm, Host: abi.Host{Number: extract.Number}}
}

// A neighbour is an honest module in the same engine. Nothing that an attack does may change its answer or its fuel.
type neighbour struct {
	module *module.Module
	want   module.Outcome
}

func honest(t testing.TB, e *module.Engine) *neighbour {
	t.Helper()
	m, err := e.Load(context.Background(), attackSpec("honest", attackBytes(t, "honest")))
	if err != nil {
		t.Fatal("the honest module does not load:", err)
	}
	n := &neighbour{module: m}
	if n.want, err = m.Run(context.Background(), attackEvent(`{"value":21.5}`)); err != nil {
		t.Fatal("the honest module does not answer:", err)
	}
	if len(n.want.Points) != 1 || n.want.Points[0].Value != decimal("43") || n.want.Fuel == 0 {
		t.Fatalf("the honest module answers %+v with %d fuel", n.want.Points, n.want.Fuel)
	}
	return n
}

// same fails the test unless the honest module answers as it did at first.
func (n *neighbour) same(t testing.TB) {
	t.Helper()
	got, err := n.module.Run(context.Background(), attackEvent(`{"value":21.5}`))
	if err != nil {
		t.Fatal("the honest module failed beside the attack:", err)
	}
	if !reflect.DeepEqual(got.Points, n.want.Points) || got.Fuel != n.want.Fuel || got.PeakBytes != n.want.PeakBytes {
		t.Fatalf("the honest module answered %+v, fuel %d, peak %d; before the attack %+v, %d, %d",
			got.Points, got.Fuel, got.PeakBytes, n.want.Points, n.want.Fuel, n.want.PeakBytes)
	}
}

func newEngine(t testing.TB, change func(*module.Options)) *module.Engine {
	t.Helper()
	o := module.Options{}
	if change != nil {
		change(&o)
	}
	e, err := module.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// run loads the attack and gives it events, and checks what becomes of it.
func (a attack) run(t *testing.T, e *module.Engine, n *neighbour) {
	t.Helper()
	wasm := attackBytes(t, a.name)
	debug.FreeOSMemory()
	before := forgetPeak(t)
	a.attempt(t, e, n, wasm)
	n.same(t)
	if grown := peakBytes(t) - before; grown > attackBudget {
		t.Errorf("the process grew by %d KiB, at most %d are allowed", grown>>10, attackBudget>>10)
	}
}

func (a attack) attempt(t *testing.T, e *module.Engine, n *neighbour, wasm []byte) {
	t.Helper()
	s := attackSpec(a.name, wasm)
	if a.spec != nil {
		a.spec(&s)
	}
	m, err := e.Load(context.Background(), s)
	if a.refused != nil {
		if err == nil {
			_ = m.Close(context.Background())
			t.Fatalf("it was loaded; want a refusal that says %q", a.refused)
		}
		contains(t, "the refusal", err.Error(), a.refused)
		return
	}
	if err != nil {
		t.Fatal("it was refused:", err)
	}
	defer func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var first module.Outcome
	var firstErr string
	for i := range max(a.events, 3) {
		ev := attackEvent(`{"value":21.5}`)
		if a.event != nil {
			a.event(&ev)
		}
		o, err := m.Run(context.Background(), ev)
		a.judge(t, o, err)
		text := fmt.Sprint(err)
		if i == 0 {
			first, firstErr = o, text
		}
		if o.Fuel != first.Fuel || text != firstErr || !reflect.DeepEqual(o.Points, first.Points) {
			t.Fatalf("event %d ended with %d fuel, %d points, %s; the first one with %d, %d, %s",
				i, o.Fuel, len(o.Points), text, first.Fuel, len(first.Points), firstErr)
		}
		n.same(t)
	}
}

func (a attack) judge(t *testing.T, o module.Outcome, err error) {
	t.Helper()
	var failed *module.Error
	switch {
	case a.cause == "" && err != nil:
		t.Fatal("it failed:", err)
	case a.cause == "":
	case err == nil:
		t.Fatalf("it answered %+v; want cause %s", o.Points, a.cause)
	case !errors.As(err, &failed):
		t.Fatalf("it failed with %T: %v; want a *module.Error", err, err)
	case failed.Cause != a.cause:
		t.Fatalf("it failed with cause %s: %s; want %s", failed.Cause, failed.Detail, a.cause)
	case a.code != 0 && failed.Code != a.code:
		t.Fatalf("it failed with code %d, want %d: %v", failed.Code, a.code, err)
	default:
		contains(t, "the error", err.Error(), append([]string{a.name + " 1.0.0"}, a.says...))
	}
	if a.after != nil {
		a.after(t, o)
	}
}

func contains(t *testing.T, what, text string, fragments []string) {
	t.Helper()
	for _, f := range fragments {
		if !strings.Contains(text, f) {
			t.Errorf("%s does not say %q: %s", what, f, text)
		}
	}
	if len(text) > 2000 {
		t.Errorf("%s has %d characters, which nobody reads", what, len(text))
	}
}

// TestAttacksFailAlone runs every attack that needs no process of its own in one engine, beside an honest module.
func TestAttacksFailAlone(t *testing.T) {
	racetest.Long(t, "it takes seconds")
	for _, interpreter := range []bool{false, true} {
		t.Run(map[bool]string{false: "compiler", true: "interpreter"}[interpreter], func(t *testing.T) {
			e := newEngine(t, func(o *module.Options) { o.Interpreter = interpreter })
			n := honest(t, e)
			for _, a := range attacks {
				if !a.alone {
					t.Run(a.name, func(t *testing.T) { a.run(t, e, n) })
				}
			}
		})
	}
}

// TestBombsLeaveTheProcessAlive runs each attack that might kill a process in one that may be killed.
func TestBombsLeaveTheProcessAlive(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	if name := os.Getenv("DODONA_ATTACK"); name != "" {
		inChild(t, name, !racetest.On) // the race detector reserves more than any limit
		return
	}
	for _, a := range attacks {
		if !a.alone {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestBombsLeaveTheProcessAlive$", "-test.v", "-test.timeout", "3m")
			cmd.Env = append(os.Environ(), "DODONA_ATTACK="+a.name)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%.4000s", err, out)
			}
			if !strings.Contains(string(out), "--- PASS: TestBombsLeaveTheProcessAlive/"+a.name) {
				t.Fatalf("the child did not run it:\n%.4000s", out)
			}
		})
	}
}

// inChild runs one attack as the parent wants it.
func inChild(t *testing.T, name string, limited bool) {
	if limited {
		limit := unix.Rlimit{Cur: attackRlimit, Max: attackRlimit}
		if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range attacks {
		if a.name == name {
			t.Run(name, func(t *testing.T) {
				e := newEngine(t, func(o *module.Options) { o.Worker = []string{os.Args[0], "compile-worker"} })
				a.run(t, e, honest(t, e))
			})
		}
	}
}

// forgetPeak sets the process's peak of resident memory to what it has now, and returns that.
func forgetPeak(t testing.TB) int64 {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return peakBytes(t)
}

// peakBytes returns the most memory that was resident.
func peakBytes(t testing.TB) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("/proc/self/status names no peak")
	return 0
}
