package manifest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestALockThatIsNeverGivenBackIsToldAbout: a process that hangs with the lock must not hang others.
func TestALockThatIsNeverGivenBackIsToldAbout(t *testing.T) {
	defer func(patience time.Duration) { lockPatience = patience }(lockPatience)
	lockPatience = 50 * time.Millisecond
	path := filepath.Join(t.TempDir(), "sequences.lock")
	held, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); err == nil || !strings.Contains(err.Error(), "another process has held "+path) {
		t.Errorf("a second lock: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := lockFile(path)
	if err != nil {
		t.Fatalf("the lock was given back: %v", err)
	}
	_ = next.Close()
}
