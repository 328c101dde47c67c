package native

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestProgramsOfTheSameBuildInfoDiffer by their file: a later one, or one of another size, takes no native code of the other.
func TestProgramsOfTheSameBuildInfoDiffer(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	path := filepath.Join(t.TempDir(), "program")
	of := func(content string, at time.Time) string {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return programOf("built", file)
	}
	first := of("one", at)
	if again := of("one", at); again != first {
		t.Errorf("the same file: %q, then %q", first, again)
	}
	if larger := of("one more", at); larger == first {
		t.Errorf("another size: %q for both", first)
	}
	if later := of("two", at.Add(time.Second)); later == first {
		t.Errorf("another time: %q for both", first)
	}
	if first, again := program(), program(); first != again {
		t.Errorf("this program differs from itself: %q, then %q", first, again)
	}
}
