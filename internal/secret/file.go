package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
	return fmt.Errorf("%s has mode %04o: %w; run: chmod 600 %s", f.Name(), mode.Perm(), ErrMode, f.Name())
}

// WriteFile makes a file that only its owner may read, and its folder (0700) if there is none. The file is whole and
// on the disk when WriteFile returns nil; after an error, or a crash, it is not there at all. An existing file, or a
// link, is never replaced: the error then is [os.ErrExist].
func WriteFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A hard link, unlike a rename, fails if the name is taken.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in dir durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
