package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/journal/disk"
)

// The embedded store wants room on its disk. What it holds itself, and what a start gives back, it must not wait for.

// minFreeBytes must be free on the disk before a store that met a full one is started again.
const minFreeBytes = 4 << 20

// A store that has less room than leastFreeBytes, and cannot write probeBytes, is full, though it has not said so yet.
const (
	leastFreeBytes = 256 << 10
	probeBytes     = 64 << 10
)

// lookForRoomEvery is how often it is looked for that. Of each batch that the server has no room to stage, it keeps a file open, and says nothing.
const lookForRoomEvery = 250 * time.Millisecond

// tryEvery is how often a store that others write to is tried although the system tells of room: it does not count a quota, nor inodes, and of
// batches that others send this process hears nothing.
const tryEvery = 30 * time.Second

// freeBytes returns how much is free where the store of a data folder is.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(filepath.Join(dir, "jetstream"), &st)
	if errors.Is(err, fs.ErrNotExist) {
		err = syscall.Statfs(dir, &st)
	}
	if err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// lookForRoom takes the store for broken if its disk is full. Unless it is to probe, it does not look where the system tells of room.
func (j *Journal) lookForRoom(probe bool) {
	if j.local.Broken() {
		return
	}
	if free, err := freeBytes(j.cfg.Dir); !probe && (err != nil || free >= leastFreeBytes) {
		return
	}
	if err := j.outOfRoom(); err != nil { // what the system keeps for itself may be ours
		j.local.BreakDown(err.Error())
		return
	}
	if err := j.local.Takes(0); errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO) {
		j.local.BreakDown(err.Error())
	}
}

// outOfRoom returns why nothing can be written where the store is, if it is for want of room.
func (j *Journal) outOfRoom() error {
	err := j.local.Takes(probeBytes)
	if !durable.Full(err) {
		return nil
	}
	if free, unknown := freeBytes(j.cfg.Dir); unknown == nil && free >= leastFreeBytes {
		return fmt.Errorf("%w, although %d MiB are free: a quota or the inodes of the disk are used up (quota, df -i)", err, free>>20)
	}
	return err
}

// mustWait returns why a broken store is not to be started again yet; empty if it may, with the room that it gives back then.
func (j *Journal) mustWait() string {
	staged, some := bytesIn(j.stagedFolders())
	if free, err := freeBytes(j.cfg.Dir); err == nil {
		if err := j.lacksRoom(free+staged, minFreeBytes); err != nil {
			return err.Error()
		}
	}
	if !some { // else a start may give back what lacks
		if err := j.outOfRoom(); err != nil {
			return err.Error()
		}
	}
	if rests := j.local.Rests(); rests != "" {
		return "the store cannot write: " + rests
	}
	return ""
}

// stagedFolders returns where the server keeps what is staged, of each stream that has such a folder.
func (j *Journal) stagedFolders() []string {
	return under(streamsDir(j.cfg.Dir), "*/batches")
}

// bytesIn returns how much the files in folders hold, and whether there are any. What vanishes meanwhile holds nothing.
func bytesIn(folders []string) (bytes int64, some bool) {
	for _, folder := range folders {
		_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil
			}
			if info, err := entry.Info(); err == nil {
				bytes, some = bytes+info.Size(), true
			}
			return nil
		})
	}
	return bytes, some
}

// dropStaged removes, before a start, what batches have staged, if the disk has no room beside it. The server would remove it too, but only once it has
// written what lacks of a batch that broke off. That one stays broken off, and its writer, who was not answered, writes the rest.
func (j *Journal) dropStaged() error {
	for _, folder := range j.stagedFolders() {
		bytes, _ := bytesIn([]string{folder})
		stream := filepath.Dir(folder)
		if free, err := freeBytes(j.cfg.Dir); err != nil || free >= minFreeBytes+bytes && j.outOfRoom() == nil {
			continue
		}
		if brokenOff(stream) {
			j.cfg.Log.Warn("journal: a batch broke off, and there is no room to write what lacks of it", "stream", filepath.Base(stream))
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

// storeStopped is called when the embedded store has stopped. What it could not write then for want of room would be taken for damage.
func storeStopped(store *bus.Server, cfg Config) {
	if err := dropTornIndexes(store, cfg); err != nil {
		cfg.Log.Warn("journal: remove the indexes that a full disk left torn", "error", err)
	}
}

// dropTornIndexes removes what is left of the indexes of records that could not be written, if the disk is full, or was: that is no damage.
func dropTornIndexes(store *bus.Server, cfg Config) error {
	if !store.CannotWrite() && !durable.Full(store.Takes(probeBytes)) {
		return nil
	}
	streams := streamsDir(cfg.Dir)
	var errs []error
	for _, stream := range append(under(streams, "*"), under(streams, "*/batches/*")...) {
		errs = append(errs, disk.DropTornIndex(stream))
	}
	return errors.Join(errs...)
}

// brokenOff reports whether a stream ends within a batch.
func brokenOff(stream string) (off bool) {
	_ = disk.Last(stream, 1, func(r disk.Record) { // what cannot be read the check tells of
		off = headerIn(r.Headers, headerBatchID) != nil && headerIn(r.Headers, headerBatchCommit) == nil
	})
	return off
}
