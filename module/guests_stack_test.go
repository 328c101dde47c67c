package module

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestGuestsArePromisedLittleStack: what is promised to the guests of the SDKs at the default depth is what docs/decisions/050 says, and
// more than they take.
func TestGuestsArePromisedLittleStack(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(*guestFolder, "*.wasm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no guests: %v", err)
	}
	most := map[string]int64{"c": 32 << 10, "rust": 32 << 10, "assemblyscript": 512 << 10, "tinygo": 4 << 20, "go": 8 << 20}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := Spec{Name: name, Version: "1.0.0", Wasm: code}
		if isStdGo(file) {
			s.Limits = manifest.Limits{Pages: 64, Fuel: 100_000_000}
		}
		m := load(t, newTestEngine(t, Options{}), s)
		taken := 0
		for _, ev := range eventsFor(filepath.Base(file)) {
			size, err := StackOf(t.Context(), m, ev.event)
			if err != nil {
				t.Fatal(err)
			}
			taken = max(taken, size)
		}
		t.Logf("%-24s %4d KiB taken, %4d KiB promised", name, taken>>10, m.stack>>10)
		_, language, _ := strings.Cut(name, "-")
		if int64(taken) > m.stack || m.stack > most[language] {
			t.Errorf("%s takes %d bytes of stack and is promised %d; want it to take no more, and at most %d", name, taken, m.stack, most[language])
		}
	}
}
