package durable

import (
	"io"
	"os"
)

// Spool keeps what content writes in a file that has no name: in dir, for who wants to look at it more than once. It is gone once it is closed,
// by a crash too, and no power cut leaves it. It may block for as long as content does.
func Spool(dir string, content func(io.Writer) error) (*os.File, error) {
	f, err := os.CreateTemp(dir, abandoned+"*") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := content(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
