package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestABackupHasWhomANodeIsAndTrusts, but not what nobody accepted.
func TestABackupHasWhomANodeIsAndTrusts(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"opcua/own/key.pem", "opcua/own/certificate.der", "opcua/trusted/a.der", "opcua/rejected/b.der"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := takeSnapshot(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var names []string
	for _, f := range s.small {
		names = append(names, filepath.ToSlash(f.name))
	}
	slices.Sort(names)
	if want := []string{"opcua/own/certificate.der", "opcua/own/key.pem", "opcua/trusted/a.der"}; !slices.Equal(names, want) {
		t.Errorf("the backup has %q, want %q", names, want)
	}
}
