package module

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// barren makes what an instance has not grown to yet impossible to grow to, as on a machine that has no more memory.
func barren(t *testing.T, in *instance) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixed")
	rest := in.linear.area[in.linear.size:]
	if err := os.WriteFile(path, make([]byte, len(rest)), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A shared mapping of a file that is open for reading can never be written to.
	_, err = unix.MmapPtr(int(f.Fd()), 0, unsafe.Pointer(unsafe.SliceData(rest)), uintptr(len(rest)),
		unix.PROT_NONE, unix.MAP_SHARED|unix.MAP_FIXED)
	if err != nil {
		t.Fatal(err)
	}
}

func TestMemoryThatTheSystemHasNotIsNoAnswer(t *testing.T) {
	for name, o := range map[string]Options{"compiled": {}, "interpreted": {Interpreter: true}} {
		t.Run(name, func(t *testing.T) {
			m := load(t, newTestEngine(t, o), guest(t, "grow"))
			in := m.plain.pop()
			barren(t, in)
			m.plain.put(in)
			_, err := m.Run(t.Context(), reading(`{}`))
			var failed *Error
			if !errors.As(err, &failed) || failed.Cause != CauseHost {
				t.Errorf("got %v, want cause host: the guest could grow on another machine", err)
			}
			if _, err := m.Run(t.Context(), reading(`{}`)); err != nil {
				t.Errorf("the next event, which has memory: %v", err)
			}

			cold, err := m.initialised(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer cold.close(t.Context())
			barren(t, cold)
			if failed := cold.warm(t.Context()); failed == nil || !failed.Cause.Local() {
				t.Errorf("warm-up: got %v, want a cause of this machine", failed)
			}
		})
	}
}
