//go:build integration

package contracts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/dodona-oracle/dodona/contracts"
)

// TestArtifactsAreWhatTheSourcesCompileTo compiles with the pinned compiler and compares bytes.
func TestArtifactsAreWhatTheSourcesCompileTo(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("../scripts/contracts.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(built) != len(contracts.Names()) {
		t.Errorf("compiled %d contracts, committed are %d; %v", len(built), len(contracts.Names()), err)
	}
	for _, name := range append(contracts.Names(), "testdata/Consumer") {
		want, err := os.ReadFile(filepath.Join(folder, name+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := os.ReadFile("artifacts/" + name + ".json"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("artifacts/%s.json is not what the sources compile to, %v; run: make contracts", name, err)
		}
	}
}
