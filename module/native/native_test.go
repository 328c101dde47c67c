package native

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/dodona-oracle/dodona/telemetry"
)

// TestMain makes the test binary the child that compiles, if a store has started it as that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workerCommand {
		plain := func(ctx context.Context, _ string, _ []byte) context.Context { return ctx }
		syscall.Exit(CompileWorker(os.Stdin, os.Args[2:], plainConfig, plain)) // not os.Exit, which waits for a second with -race
	}
	os.Exit(m.Run())
}

// workerCommand is the first argument of the test binary as the child that compiles.
const workerCommand = "compile-worker"

// newStore returns a store that is closed with the test and leaves nothing behind.
func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	return newStoreHere(t, o)
}

// newStoreHere is newStore in the temporary folder that there is.
func newStoreHere(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Recorder == nil {
		o.Recorder = telemetry.Nop
	}
	o.Config, o.Log = plainConfig, slog.New(slog.DiscardHandler)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close store: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(os.TempDir(), "dodona-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("after Close there is still %q (%v)", left, err)
		}
	})
	return s
}

func plainConfig(interpreter bool) wazero.RuntimeConfig {
	if interpreter {
		return wazero.NewRuntimeConfigInterpreter()
	}
	return wazero.NewRuntimeConfig()
}

// inChild are the options with which this test's binary compiles as a child.
func inChild(t testing.TB, o Options) Options {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Worker = []string{program, workerCommand}
	return o
}

// A seat loads code, in a runtime of its own.
type seat struct {
	runtime wazero.Runtime
	wasm    []byte
	code    wazero.CompiledModule
	asked   int64
}

func (s *seat) Load(ctx context.Context) (err error) {
	s.code, err = s.runtime.CompileModule(ctx, s.wasm)
	return err
}

func (s *seat) Keep(_ context.Context, native int64) error {
	s.asked = native
	return nil
}

func (s *seat) Forget() { s.asked = 0 }

// guestOne says what code of a module is made of.
func guestOne(wasm []byte) Guest {
	return Guest{Name: "guest", Kind: "plain", Bound: []string{string(wasm)}}
}

// seated lets a store find or make code of a module, and loads it until the test ends.
func seated(ctx context.Context, t testing.TB, s *Store, wasm []byte) (*seat, error) {
	t.Helper()
	code, err := s.Find(guestOne(wasm))
	if err != nil {
		return nil, err
	}
	defer code.Discard()
	by := newSeat(t, s, wasm)
	return by, code.Load(ctx, Rewritten{Wasm: wasm, Stack: 7}, by)
}

func newSeat(t testing.TB, s *Store, wasm []byte) *seat {
	by := &seat{runtime: wazero.NewRuntimeWithConfig(context.Background(), s.Config()), wasm: wasm}
	t.Cleanup(func() {
		if err := by.runtime.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return by
}

// runs lets a store find or make code of a module that [answering] made, and makes sure that it answers.
func runs(t testing.TB, s *Store, wasm []byte) {
	t.Helper()
	by, err := seated(t.Context(), t, s, wasm)
	if err != nil {
		t.Fatal(err)
	}
	if by.asked == 0 && !s.Interprets() {
		t.Error("nobody has asked for memory")
	}
	by.answers(t)
}

func (s *seat) answers(t testing.TB) {
	t.Helper()
	m, err := s.runtime.InstantiateModule(t.Context(), s.code, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.ExportedFunction("answer").Call(t.Context())
	if want := uint64(s.wasm[len(s.wasm)-2]); err != nil || !slices.Equal(got, []uint64{want}) {
		t.Errorf("it answers %v (%v), want %d", got, err, want)
	}
}

// answering is a module that answers a number below 64.
func answering(n byte) []byte {
	return slices.Concat(emptyModule,
		section(1, []byte{1, 0x60, 0, 1, 0x7f}), section(3, []byte{1, 0}),
		section(7, []byte{1, 6}, []byte("answer"), []byte{0, 0}),
		section(10, []byte{1, 4, 0, 0x41, n, 0x0b}))
}

// fates are the counters of what became of native code: compiled, found in the cache, and of the cache rejected.
var fates = []telemetry.Counters{telemetry.ModuleCompiled, telemetry.ModuleCached, telemetry.ModuleRejected}
