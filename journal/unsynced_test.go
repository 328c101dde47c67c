package journal

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestAMarkThatDoesNotComeToTheDiskIsToldOnce, and not at each look at a disk that takes nothing for hours.
func TestAMarkThatDoesNotComeToTheDiskIsToldOnce(t *testing.T) {
	said := new(logtest.Text)
	file, err := os.Create(filepath.Join(t.TempDir(), "heads"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	l := &lane{j: &Journal{cfg: Config{Log: slog.New(slog.NewTextHandler(said, nil))}, heads: &headFile{file: file}}}
	for range 100 {
		l.syncMark()
	}
	if got := said.Times("sync high-water mark"); got != 1 {
		t.Errorf("told %d times, want once:\n%s", got, said)
	}
}
