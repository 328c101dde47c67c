package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/journal/disk"
)

// formatVersion is written into a new folder. A folder with a higher one is refused.
// Format 1 had names without networks.
const formatVersion = 2

// A Folder is the sole right to a data folder. The kernel drops it when the process ends, however it ends.
type Folder struct {
	file   *os.File
	damage []disk.Finding // that locking found
}

// LockFolder makes a data folder if there is none, and takes it for this process. It fails if another process has it,
// or if a newer version wrote it.
func LockFolder(dir string) (*Folder, error) {
	if err := durable.MakeFolder(dir, 0o700); err != nil {
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
	f := &Folder{file: file}
	err = f.sign()
	if err == nil {
		err = f.checkFormat(dir)
	}
	if err != nil {
		_ = f.Release()
		return nil, err
	}
	return f, nil
}

// sign leaves the pid for whoever finds the folder locked.
func (f *Folder) sign() error {
	if err := f.file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := f.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// A NewerError is of a folder that a newer program wrote.
type NewerError struct {
	Format int    // of the folder
	Path   string // of the file that says so
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("this folder has format %d, but this program knows formats up to %d: use the newer program that wrote it, or another folder; "+
		"if no newer program was ever here, the file %s is damaged: remove it", e.Format, formatVersion, e.Path)
}

// maxFormat is how many bytes a format version has at most.
const maxFormat = 16

// checkFormat refuses a folder that a newer version wrote, and writes the version into a new one. A power cut can leave
// a file with nothing in it, and flash anything: such a file is written anew.
func (f *Folder) checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	text, err := readUpTo(path, maxFormat)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return fmt.Errorf("read format version: %w", err)
	}
	anew := cmp.Or(guessFormat(dir), formatVersion)
	version, notNumber := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case missing:
	case notNumber != nil || version < 1 || len(text) > maxFormat:
		found, err := disk.Aside(dir, path, fmt.Sprintf("format version damaged; it is written anew as %d", anew), time.Now())
		if err != nil {
			return fmt.Errorf("set a damaged file aside: %w", err)
		}
		f.damage = append(f.damage, found)
	case version > formatVersion:
		return &NewerError{version, path}
	default:
		return nil
	}
	if err := durable.Write(path, []byte(strconv.Itoa(anew)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write format version: %w", err)
	}
	return nil
}

// readUpTo reads a file, but no more than one byte beyond the limit.
func readUpTo(path string, limit int64) ([]byte, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // one that is not might never end
		return nil, fmt.Errorf("%s is not a file: remove it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// readFormat returns the format of a folder that is locked, so that its file is whole.
func readFormat(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "format"))
	if err != nil {
		return 0, fmt.Errorf("read format version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read format version: %w", err)
	}
	return version, nil
}

// guessFormat returns the format of a folder by its streams: only the first one had streams whose names are without a network.
// A folder without any has none yet: 0.
func guessFormat(dir string) (version int) {
	entries, _ := os.ReadDir(streamsDir(dir)) // none in a new folder
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), streamRaw+"-"), strings.HasPrefix(e.Name(), streamProof+"-"):
			return formatVersion
		case e.Name() == streamRaw, e.Name() == streamProof:
			version = 1
		}
	}
	return version
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
