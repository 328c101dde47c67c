package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Move gives a file, whose content is on the disk, another name that nothing has, maybe in another folder of its file system, and brings that to
// the disk. If something has the name the error is [fs.ErrExist], and the file keeps its own.
func Move(from, to string) error {
	if err := renameOnce(from, to); err != nil {
		return err
	}
	err := syncFolder(filepath.Dir(to), (*os.File).Sync)
	if old := filepath.Dir(from); old != filepath.Dir(to) {
		err = errors.Join(err, syncFolder(old, (*os.File).Sync))
	}
	return err
}

// Remove removes a file, and brings that to the disk.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path), (*os.File).Sync)
}

// renameChecked renames a file where no system call asks whether something has the name: two that do so at the same moment both succeed.
func renameChecked(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}
