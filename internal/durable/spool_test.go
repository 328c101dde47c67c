package durable

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// TestWhatIsSpooledIsWholeAndLeavesNothing, not even while it is read.
func TestWhatIsSpooledIsWholeAndLeavesNothing(t *testing.T) {
	dir, broken := t.TempDir(), errors.New("broken")
	f, err := Spool(dir, copying(iotest.OneByteReader(strings.NewReader("an archive"))))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if got, err := io.ReadAll(io.NewSectionReader(f, 0, 100)); err != nil || string(got) != "an archive" {
			t.Errorf("it holds %q, %v", got, err)
		}
	}
	if _, err := Spool(dir, copying(iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("of a reader that breaks: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func copying(r io.Reader) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	}
}
