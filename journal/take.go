package journal

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TakeBackup keeps an archive that comes as a stream in a file without a name in the folder dir, until it is closed: [ReadBackup] reads it twice.
//
// Whoever sends may send anything, and for ever, so it is looked at as it comes, and kept no further than it may be a backup: the first bytes must be
// a member of one, each member as small as those of a backup are, and nothing comes after the end. Half of what is free there is the most, for the
// folder that is made of it takes as much again, beside it.
func TakeBackup(dir string, r io.Reader) (*os.File, error) {
	return durable.Spool(dir, func(w io.Writer) error {
		free, err := freeBytes(dir)
		if err != nil {
			return err
		}
		return takeBackup(w, r, free/2)
	})
}

func takeBackup(w io.Writer, r io.Reader, most int64) error {
	counted := &counter{r: r, most: most}
	stream := io.TeeReader(counted, w)
	in := tar.NewReader(stream)
	for last := ""; ; {
		head, err := in.Next()
		switch {
		case errors.Is(err, io.EOF) && last == backupSum:
			return nothingMore(counted)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: it ends after %d bytes, before its sum", ErrBackup, counted.n)
		case errors.Is(err, tar.ErrHeader):
			return fmt.Errorf("%w: what stands at byte %d is no part of one", ErrBackup, counted.n)
		case err != nil:
			return err
		case !isMember(head):
			return fmt.Errorf("%w: %.100q does not belong in one", ErrBackup, head.Name)
		case head.Size > most-counted.n:
			return tooLarge(most)
		}
		last = head.Name
		if _, err := io.Copy(io.Discard, in); errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: it ends after %d bytes, within %q", ErrBackup, counted.n, head.Name)
		} else if err != nil {
			return err
		}
	}
}

// nothingMore says that something stands after the end, such as another archive.
func nothingMore(r *counter) error {
	end := r.n
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: something comes after its end, at byte %d: another one, perhaps; restore each by itself", ErrBackup, end)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// isMember reports whether a backup may have such a file.
func isMember(head *tar.Header) bool {
	if head.Typeflag != tar.TypeReg || !filepath.IsLocal(head.Name) {
		return false
	}
	switch head.Name {
	case backupList:
		return head.Size <= maxList
	case backupSum:
		return head.Size <= maxSmall
	}
	_, ours := inBackup(head.Name)
	return ours && head.Size <= maxMember
}

func tooLarge(most int64) error {
	return fmt.Errorf("it is larger than %s, half of what is free there: the folder that is made of it takes as much again; make room, or name a folder on a larger disk", unit.About(most))
}

// A counter counts what was read, up to a bound.
type counter struct {
	r       io.Reader
	n, most int64
}

func (c *counter) Read(p []byte) (n int, err error) {
	if c.n >= c.most {
		return 0, tooLarge(c.most)
	}
	n, err = c.r.Read(p[:min(int64(len(p)), c.most-c.n)])
	c.n += int64(n)
	return n, err
}
