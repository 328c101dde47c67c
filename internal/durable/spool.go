package durable

import (
	"fmt"
	"io"
	"os"
)

// Spool keeps what r gives until its end in a file that has no name: in dir, for who wants to look at it more than once. It is gone once it is closed,
// by a crash too, and no power cut leaves it. It may block for as long as r does.
func Spool(dir string, r io.Reader) (*os.File, error) {
	f, err := os.CreateTemp(dir, abandoned+"*") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("keep it in %s meanwhile: %w", dir, err)
	}
	return f, nil
}
