package journal

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/journal/disk"
)

// A backup is a data folder as a kill might have left it at one moment, although the node that has it runs: what may not know more than
// the records is read first, the records of proofs before those that they rest on.

// A Backup says what an archive of a data folder holds. It is the archive's last file but one.
type Backup struct {
	Format   int          `json:"format"` // of the archive
	Began    time.Time    `json:"began"`  // all that was acknowledged before it is in it
	Dodona   string       `json:"dodona"` // the version that made it
	Source   string       `json:"source"` // the folder, as it was called
	Folder   int          `json:"folder"` // the format of the folder
	Networks []string     `json:"networks"`
	Odd      []string     `json:"odd,omitempty"` // what of the folder was damaged
	Files    []BackupFile `json:"files"`
}

// A BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes returns how much the files of a backup take.
func (b Backup) Bytes() (n int64) {
	for _, f := range b.Files {
		n += f.Bytes
	}
	return n
}

const (
	backupFormat = 1
	backupList   = "BACKUP.json"
	backupSum    = "SHA256" // of all that stands before it
	backupData   = "data/"
)

// notKept are what a backup leaves out: what is made anew, belongs to a process, or nobody reads.
var notKept = []string{"lock", "damaged", "native", "index.db", "batches", "__new_msgs__"}

// WriteBackup writes an archive of a data folder. It needs nothing of the node that has the folder, which goes on; retention that frees records meanwhile
// makes it begin again.
func WriteBackup(ctx context.Context, dir, version string, w io.Writer) (Backup, error) {
	b := Backup{Format: backupFormat, Dodona: version, Networks: NetworksIn(dir)}
	var err error
	if b.Source, err = filepath.Abs(dir); err != nil {
		return b, err
	}
	if _, err := os.Stat(filepath.Join(dir, "format")); err != nil {
		return b, fmt.Errorf("%s is no data folder of a node: %w", dir, err)
	}
	if b.Folder, err = readFormat(dir); err != nil {
		return b, err
	}
	s, err := takeSnapshot(ctx, dir)
	if err != nil {
		return b, err
	}
	defer s.close()
	b.Began = s.began
	sum := sha256.New()
	out := tar.NewWriter(io.MultiWriter(w, sum))
	put := func(name string, text []byte) error {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: b.Began, Format: tar.FormatPAX}
		if err := out.WriteHeader(head); err != nil {
			return err
		}
		_, err := out.Write(text)
		return err
	}
	keep := func(name string, text []byte) error {
		digest := sha256.Sum256(text)
		b.Files = append(b.Files, BackupFile{name, int64(len(text)), hex.EncodeToString(digest[:])})
		return put(backupData+name, text)
	}
	for _, f := range s.small {
		if err := keep(f.name, f.text); err != nil {
			return b, err
		}
	}
	for i, block := range s.blocks {
		if ctx.Err() != nil {
			return b, context.Cause(ctx)
		}
		text, odd, err := block.Sound()
		if err != nil {
			return b, err
		}
		last := i+1 == len(s.blocks) || s.folders[i+1] != s.folders[i]
		if odd != "" && !last {
			b.Odd = append(b.Odd, s.folders[i]+"/"+block.Name+": "+odd)
		}
		if err := keep(s.folders[i]+"/"+block.Name, text); err != nil {
			return b, err
		}
	}
	list, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return b, err
	}
	if err := errors.Join(put(backupList, append(list, '\n')), out.Flush()); err != nil {
		return b, err
	}
	_, err = w.Write(backupEnd(sum.Sum(nil)))
	return b, err
}

// backupEnd returns what an archive ends with: the sum of all before, as the file that it is.
func backupEnd(sum []byte) []byte {
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	text := hex.EncodeToString(sum) + "\n"
	_ = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: backupSum, Mode: 0o600, Size: int64(len(text)), Format: tar.FormatUSTAR}) // into memory
	_, _ = io.WriteString(out, text)
	_ = out.Close()
	return b.Bytes()
}

// A snapshot is a data folder as it can be read from one moment on.
type snapshot struct {
	began   time.Time
	small   []smallFile
	blocks  []disk.Opened
	folders []string // of the blocks, within the data folder
}

type smallFile struct {
	name string
	text []byte
}

func (s *snapshot) close() {
	for _, b := range s.blocks {
		b.Close()
	}
}

// snapshotTries bounds how often a snapshot is begun again. Retention frees now and then, and seldom twice within a second.
const snapshotTries = 20

// takeSnapshot reads what is small and opens the rest.
func takeSnapshot(ctx context.Context, dir string) (*snapshot, error) {
	for try := 1; ; try++ {
		s, freed, err := trySnapshot(dir)
		if err == nil && slices.Equal(freed, freedIn(dir)) {
			return s, nil
		}
		s.close()
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case try == snapshotTries:
			return nil, fmt.Errorf("read %s: what it keeps changed each time it was looked at, %d times", dir, try)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// freedIn returns how far retention went by the marks of all networks, in an order that stays.
func freedIn(dir string) (list []uint64) {
	for _, path := range under(dir, "heads-*") {
		text, _ := readUpTo(path, int64(slots()*slotSize))
		for i := 1; i < slots(); i += 2 {
			var from uint64
			for j := range 2 {
				if data, sound := slotAt(text, (i+j)*slotSize); sound && len(data) >= markSize {
					from = max(from, binary.BigEndian.Uint64(data[24:]))
				}
			}
			list = append(list, from)
		}
	}
	return list
}

// trySnapshot looks at a folder once, and returns how far retention went before.
func trySnapshot(dir string) (s *snapshot, freed []uint64, err error) {
	s = &snapshot{began: time.Now().UTC().Truncate(time.Millisecond)}
	freed = freedIn(dir)
	// Marks first: one that is lower than the truth is as after a power cut, a higher one would be a loss.
	if err := s.take(dir, "."); err != nil {
		return s, freed, err
	}
	if err := s.take(dir, "keys"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, freed, err
	}
	for _, kept := range identities(dir) {
		if err := s.take(dir, kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s, freed, err
		}
	}
	accounts, err := os.ReadDir(filepath.Join(dir, "jetstream"))
	if errors.Is(err, fs.ErrNotExist) { // the journal is on a server elsewhere
		return s, freed, nil
	}
	for _, account := range accounts {
		above := filepath.Join("jetstream", account.Name(), "streams")
		streams, err := os.ReadDir(filepath.Join(dir, above))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s, freed, err
		}
		// Proofs before what they rest on, which is written first.
		slices.SortStableFunc(streams, func(a, b fs.DirEntry) int { return rank(a.Name()) - rank(b.Name()) })
		for _, stream := range streams {
			if strings.HasPrefix(stream.Name(), ".") || !stream.IsDir() {
				continue
			}
			if err := s.stream(dir, filepath.Join(above, stream.Name())); err != nil {
				return s, freed, err
			}
		}
	}
	return s, freed, err
}

// identities returns the folders, below those of kinds of sources, with the certificates that a node shows and those that people had it trust.
func identities(dir string) (list []string) {
	for _, name := range []string{"own", "trusted"} {
		for _, path := range under(dir, filepath.Join("*", name)) {
			if below, err := filepath.Rel(dir, path); err == nil {
				list = append(list, below)
			}
		}
	}
	return list
}

func rank(stream string) int {
	if strings.HasPrefix(stream, streamProof) {
		return 0
	}
	return 1
}

// stream takes the settings of a stream and the positions of its readers, which must not be behind its records, and then opens those.
func (s *snapshot) stream(dir, name string) error {
	if err := s.take(dir, name); err != nil {
		return err
	}
	readers, err := os.ReadDir(filepath.Join(dir, name, "obs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, reader := range readers {
		if reader.IsDir() {
			if err := s.take(dir, filepath.Join(name, "obs", reader.Name())); err != nil {
				return err
			}
		}
	}
	blocks, err := disk.Open(filepath.Join(dir, name))
	s.blocks = append(s.blocks, blocks...)
	for range blocks {
		s.folders = append(s.folders, filepath.Join(name, "msgs"))
	}
	return err
}

// take reads the files of a folder, without those of folders in it.
func (s *snapshot) take(dir, name string) error {
	entries, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || slices.Contains(notKept, e.Name()) || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		text, err := readUpTo(filepath.Join(dir, name, e.Name()), maxSmall)
		if err != nil {
			return err
		}
		if len(text) > maxSmall {
			return fmt.Errorf("%s is larger than any file that a node keeps there", filepath.Join(name, e.Name()))
		}
		s.small = append(s.small, smallFile{filepath.Join(name, e.Name()), text})
	}
	return nil
}

// maxSmall is more than any file has that is not a block of records.
const maxSmall = 8 << 20
