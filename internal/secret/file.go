package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// ErrMode: others than the owner may touch a file with a key or its password. The error says what to run.
var ErrMode = errors.New("others may read or change it")

// CheckMode returns [ErrMode] unless only its owner may touch the file f. A pipe or a terminal is nobody's to keep.
func CheckMode(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode := info.Mode()
	// Windows and browsers have no such bits.
	if !mode.IsRegular() || mode.Perm()&0o077 == 0 || runtime.GOOS == "windows" || runtime.GOOS == "js" {
		return nil
	}
	return fmt.Errorf("%s has mode %04o: %w; run: chmod 600 %s", f.Name(), mode.Perm(), ErrMode, plain.ShellWord(f.Name()))
}

// ReadFile returns the content of a file that only its owner may touch, or [ErrMode]. One of more bytes than most is no such thing as what says.
func ReadFile(path string, most int, what string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := CheckMode(f); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > most {
		return nil, fmt.Errorf("%s: more than %d bytes, so no %s", path, most, what)
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
