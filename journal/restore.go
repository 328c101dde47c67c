package journal

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// ErrBackup: the archive is damaged, or none of ours. Nothing of it was restored.
var ErrBackup = errors.New("not a whole backup")

// ReadBackup says what an archive holds, once all of it was read and its sum fits.
func ReadBackup(ctx context.Context, archive *os.File) (b Backup, err error) {
	info, err := archive.Stat()
	if err != nil {
		return b, err
	}
	if !info.Mode().IsRegular() {
		return b, fmt.Errorf("%s is not a file", archive.Name())
	}
	end := int64(len(backupEnd(make([]byte, sha256.Size))))
	body := info.Size() - end
	if body <= 0 {
		return b, fmt.Errorf("%w: it has %d bytes, and ends too soon", ErrBackup, info.Size())
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &interrupted{ctx, io.NewSectionReader(archive, 0, body)}); err != nil {
		return b, err
	}
	tail := make([]byte, end)
	if _, err := archive.ReadAt(tail, body); err != nil {
		return b, err
	}
	if !bytes.Equal(tail, backupEnd(sum.Sum(nil))) {
		return b, fmt.Errorf("%w: its sum does not fit, so it was cut or changed, or something else made it", ErrBackup)
	}
	found := false
	err = membersOf(archive, body, func(name string, size int64, r io.Reader) error {
		if name != backupList || size > maxList {
			return nil
		}
		found = true
		return json.NewDecoder(r).Decode(&b)
	})
	switch {
	case err != nil:
		return b, fmt.Errorf("%w: %w", ErrBackup, err)
	case !found:
		return b, fmt.Errorf("%w: there is no list in it", ErrBackup)
	case b.Format > backupFormat:
		return b, fmt.Errorf("it is a backup of format %d, and this program knows formats up to %d: use the newer program that made it (%s)", b.Format, backupFormat, b.Dodona)
	case b.Folder > formatVersion:
		return b, fmt.Errorf("the folder in it has format %d, and this program knows formats up to %d: use the newer program that made it (%s)", b.Folder, formatVersion, b.Dodona)
	}
	return b, nil
}

// maxList is more than the list of a million files takes.
const maxList = 256 << 20

// interrupted ends with its context.
type interrupted struct {
	ctx context.Context
	r   io.Reader
}

func (i *interrupted) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}

func membersOf(archive *os.File, body int64, see func(name string, size int64, r io.Reader) error) error {
	in := tar.NewReader(io.NewSectionReader(archive, 0, body))
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if head.Typeflag != tar.TypeReg || !filepath.IsLocal(head.Name) {
			return fmt.Errorf("%q is no file that belongs there", head.Name)
		}
		if err := see(head.Name, head.Size, in); err != nil {
			return err
		}
	}
}

// Restore makes a data folder of an archive that [ReadBackup] found whole. The folder must be empty or not there; it is there whole, or not at all.
// Its journal then takes what was claimed since the backup for lost: the node signs no round that began before its first start.
func Restore(ctx context.Context, archive *os.File, b Backup, dir string) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: nothing is restored over what is there; name a new folder, or move that one away", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above, err := filepath.Abs(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	if err := durable.MakeFolder(above, 0o700); err != nil {
		return err
	}
	within, err := os.MkdirTemp(above, ".restoring-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(within)
		}
	}()
	if err := extract(ctx, archive, b, within); err != nil {
		return err
	}
	for _, f := range b.Files {
		if stream := filepath.Base(filepath.Dir(f.Name)); strings.HasPrefix(stream, streamProof+"-") && filepath.Base(f.Name) == "meta.inf" {
			if err := durable.Write(filepath.Join(within, holeFile+stream), holeText(0, b.Began), 0o600); err != nil {
				return err
			}
		}
	}
	if err := durable.Write(filepath.Join(within, restoredFile), holeText(0, b.Began), 0o600); err != nil {
		return err
	}
	if err := give(within, above); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.MoveFolder(within, dir)
}

// maxMember is more than any file has that is kept: a block of records is the largest.
const maxMember = 4 * maxSmall

// inBackup returns what a member of an archive is called in the folder; false: it is none of the folder's.
func inBackup(member string) (name string, ours bool) {
	name, ours = strings.CutPrefix(member, backupData)
	return name, ours && filepath.IsLocal(name)
}

// extract writes the files of an archive into a folder, each to the disk.
func extract(ctx context.Context, archive *os.File, b Backup, to string) error {
	want := make(map[string]BackupFile, len(b.Files))
	for _, f := range b.Files {
		want[f.Name] = f
	}
	info, err := archive.Stat()
	if err != nil {
		return err
	}
	body := info.Size() - int64(len(backupEnd(make([]byte, sha256.Size))))
	err = membersOf(archive, body, func(name string, size int64, r io.Reader) error {
		name, ours := inBackup(name)
		f, listed := want[name]
		if !ours || !listed || f.Bytes != size || size > maxMember {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != f.SHA256 {
			return fmt.Errorf("%w: the sum of %s does not fit", ErrBackup, name)
		}
		delete(want, name)
		path := filepath.Join(to, name)
		if err := durable.MakeFolder(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return durable.Create(path, text, 0o600)
	})
	if err == nil && len(want) > 0 {
		err = fmt.Errorf("%w: it lacks %d files of its list", ErrBackup, len(want))
	}
	return err
}

// give gives what root restored to whom the folder around it belongs to: the user of the service, say.
func give(dir, above string) error {
	info, err := os.Stat(above)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
