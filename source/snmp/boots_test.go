package snmp

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAnEngineNeverHasFewerBoots whatever its clock says: senders would take it for an old one.
func TestAnEngineNeverHasFewerBoots(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "snmp", "boots")
	right := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	last := uint32(0)
	for _, at := range []time.Time{right, right, right.Add(time.Hour), time.Unix(30, 0), time.Unix(90, 0), right.Add(2 * time.Hour)} {
		boots, err := bootsBehind(path, bootsBy(at))
		if err != nil || boots <= last {
			t.Errorf("at %s it has %d boots behind %d, %v", at, boots, last, err)
		}
		last = boots
	}
	if last != bootsBy(right.Add(2*time.Hour)) {
		t.Errorf("with the right time it has %d boots, which are not by it", last)
	}
	if err := os.WriteFile(path, []byte("many"), 0o600); err != nil {
		t.Fatal(err)
	}
	if boots, err := bootsBehind(path, 7); boots != 7 || err == nil {
		t.Errorf("with a file that is no number: %d, %v", boots, err)
	}
	if err := os.WriteFile(path, []byte("2147483647"), 0o600); err != nil {
		t.Fatal(err)
	}
	if boots, err := bootsBehind(path, 7); boots != mostBoots || err != nil {
		t.Errorf("behind the last there can be: %d, %v", boots, err)
	}
}
