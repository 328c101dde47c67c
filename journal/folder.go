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
const formatVersion = 1

// A folderLock is the sole right to a data folder. The kernel drops it when the process ends, however it ends.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
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
	l := &folderLock{file}
	if err := l.sign(dir); err != nil {
		_ = l.release()
		return nil, err
	}
	return l, nil
}

// sign leaves the pid for whoever finds the folder locked, and checks or writes the format version.
func (l *folderLock) sign(dir string) error {
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
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

func (l *folderLock) release() error { return l.file.Close() }
