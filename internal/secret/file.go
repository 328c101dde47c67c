package secret

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// ReadFile returns the content of a file that only its owner may touch, or [ErrMode]. One of more bytes than most is no such thing as what says.
// What judge, where there is one, refuses is no secret: the error is its own, whoever may touch the file.
func ReadFile(path string, most int, what string, judge func(content []byte) error) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Denied(err, path)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	switch {
	case len(raw) > most:
		return nil, fmt.Errorf("%s: more than %d bytes, so no %s", path, most, what)
	case judge != nil:
		if err := judge(raw); err != nil {
			return nil, err
		}
	}
	if err := checkMode(f, raw, judge != nil); err != nil {
		return nil, err
	}
	return raw, nil
}

// WriteFile makes a file that only its owner may read, and its folder (0700) if there is none. The file is whole and
// on the disk when WriteFile returns nil. An existing file, or a link, is never replaced: the error then is
// [os.ErrExist].
func WriteFile(path string, content []byte) error {
	if err := durable.MakeFolder(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Create(path, content, 0o600)
}
