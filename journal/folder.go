package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// formatVersion is written into a new folder. A folder with a higher one is refused.
// Format 1 had names without networks.
const formatVersion = 2

// A Folder is the sole right to a data folder. The kernel drops it when the process ends, however it ends.
type Folder struct{ file *os.File }

// LockFolder makes a data folder if there is none, and takes it for this process. It fails if another process has it,
// or if a newer version wrote it.
func LockFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(file, 32))
		_ = file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data folder: %w", err)
		}
		return nil, fmt.Errorf("another process has this data folder (pid %s): stop it, or give this node a folder of its own",
			bytes.TrimSpace(holder))
	}
	f := &Folder{file}
	if err := f.sign(dir); err != nil {
		_ = f.Release()
		return nil, err
	}
	return f, nil
}

// sign leaves the pid for whoever finds the folder locked, and checks or writes the format version.
func (f *Folder) sign(dir string) error {
	if err := f.file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := f.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	path := filepath.Join(dir, "format")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(path, []byte(strconv.Itoa(formatVersion)+"\n"), 0o600); err != nil {
			return fmt.Errorf("write format version: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read format version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || version < 1 {
		return fmt.Errorf("read format version: %s holds %q, want a number", path, bytes.TrimSpace(text))
	}
	if version > formatVersion {
		return fmt.Errorf("this folder has format %d, but this program knows formats up to %d: use the newer program that wrote it, or another folder",
			version, formatVersion)
	}
	return nil
}

// Release gives the folder up. It may be called twice, and on nil.
func (f *Folder) Release() error {
	if f == nil {
		return nil
	}
	if err := f.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// checkLayout refuses a folder whose records are in the first layout. Nothing in it was changed.
func checkLayout(dir string) error {
	for _, s := range streams {
		if _, err := os.Stat(filepath.Join(streamsDir(dir), s.name)); err == nil {
			return fmt.Errorf("this folder has format 1, without networks in its names: go on with the version that wrote it, or use another folder")
		}
	}
	return nil
}
