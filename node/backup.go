package node

import (
	"context"
	"io"
	"os"

	"github.com/dodona-oracle/dodona/journal"
)

// A Backup says what a backup of a data folder holds.
type Backup = journal.Backup

// WriteBackup writes an archive of a data folder, with the node's keys. The node may run meanwhile: all that it acknowledged before is in it.
func WriteBackup(ctx context.Context, dir, version string, w io.Writer) (Backup, error) {
	return journal.WriteBackup(ctx, dir, version, w)
}

// TakeBackup keeps an archive that comes as a stream in a file without a name in dir, for Restore, until it is closed. What cannot be one, or is
// larger than half of what is free there, is refused as soon as that shows.
func TakeBackup(dir string, r io.Reader) (*os.File, error) { return journal.TakeBackup(dir, r) }

// Restore makes a data folder of an archive, if all of that is as it was written; else there is none. The folder must be empty or not there.
// A node that starts in it signs no round that began before.
func Restore(ctx context.Context, archive *os.File, dir string) (Backup, error) {
	b, err := journal.ReadBackup(ctx, archive)
	if err == nil {
		err = journal.Restore(ctx, archive, b, dir)
	}
	return b, err
}
