// Package disk reads what the embedded server keeps in a data folder before the server does, and sets aside or mends
// what is damaged. The server trusts lengths and numbers on the disk: one flipped byte can make it take all memory of
// the machine, stop a stream because of one reader's position, or drop good records behind a bad one.
//
// [Check] must have the folder alone: call it while no server has it open.
package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Finding is something damaged, and what became of it.
type Finding struct {
	At    time.Time `json:"at"`
	File  string    `json:"file"`            // within the data folder
	What  string    `json:"what"`            // was damaged and what was done, a clause
	Aside string    `json:"aside,omitempty"` // where the damaged file is kept, within the data folder; empty if it is not
}

// Options say what Check cannot know.
type Options struct {
	// Meta returns the settings of a stream as the server writes them, nil if the stream is not ours.
	// They are used if those on the disk cannot be read.
	Meta func(stream string) []byte
	// Whole reports of which streams all sums are checked at every start; nil means of none.
	Whole func(stream string) bool
	// Lossy is called before anything of a stream is mended that may have lost a record: what is mended, nobody can find again. It may be nil.
	Lossy func(stream string) error
	Now   func() time.Time
}

// Check reads every file below dir that the server trusts, mends what it can and sets aside what it cannot. It returns
// what it found damaged. An error is one of the disk (full, read-only), after which nothing was lost and Check can be
// called again.
//
// It reads the chain of records' headers of every block, and all of those blocks that the server would read whole, or that
// o.Whole names.
func Check(dir string, o Options) ([]Finding, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &check{aside: aside{dir: dir, now: o.Now}, Options: o}
	accounts, err := folders(filepath.Join(dir, "jetstream"))
	if err != nil {
		return nil, fmt.Errorf("look for streams: %w", err)
	}
	for _, account := range accounts {
		streams, err := folders(filepath.Join(account, "streams"))
		if err != nil {
			return c.found, fmt.Errorf("look for streams: %w", err)
		}
		for _, path := range streams {
			if strings.HasPrefix(filepath.Base(path), ".") {
				continue // the server removes these
			}
			if err := c.stream(path); err != nil {
				return c.found, fmt.Errorf("check stream %s: %w", filepath.Base(path), err)
			}
		}
	}
	return c.found, nil
}

// folders returns the folders in dir, none if it is not there.
func folders(dir string) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, err
}

// lose keeps a file of a stream aside in which records, or what is noted of them, may be lost.
func (c *check) lose(stream, path, what string) error {
	if c.Lossy != nil {
		if err := c.Lossy(stream); err != nil {
			return fmt.Errorf("note that stream %s may have lost something: %w", stream, err)
		}
	}
	return c.keep(path, what)
}

// A check is one run over a data folder.
type check struct {
	Options
	aside
	buf []byte // for blocks that are read whole
}

// stream checks one stream: settings, records, readers, and what a batch left that was being written.
func (c *check) stream(path string) error {
	if err := c.meta(path); err != nil {
		return err
	}
	last, err := c.blocks(path)
	if err != nil {
		return err
	}
	readers, err := folders(filepath.Join(path, "obs"))
	if err != nil {
		return err
	}
	for _, reader := range readers {
		if err := c.reader(filepath.Base(path), reader, last); err != nil {
			return err
		}
	}
	batches, err := folders(filepath.Join(path, "batches"))
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if _, err := c.blocks(batch); err != nil {
			return err
		}
	}
	return nil
}

// Sizes that no sound file of its kind reaches. The server reads these files whole.
const (
	maxMeta  = 1 << 20
	maxState = 4 << 20  // of a reader's position
	maxIndex = 64 << 20 // of what the server knows about all blocks of a stream
)

// readSmall reads a file of at most limit bytes. A larger one, and what is no file, is damaged.
func readSmall(path string, limit int64) (data []byte, damaged string, err error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular():
		return nil, "it is not a file", nil
	case info.Size() > limit:
		return nil, fmt.Sprintf("it has %d bytes, more than %d", info.Size(), limit), nil
	}
	data, err = os.ReadFile(path)
	if err != nil && unreadable(err) {
		return nil, "it cannot be read: " + err.Error(), nil
	}
	return data, "", err
}

// A block is one file with records.
type block struct {
	index uint64
	path  string
	size  int64
}

// blocksOf lists the blocks in a folder as the server would find them, in order.
func blocksOf(dir string) (list []block, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b := block{path: filepath.Join(dir, e.Name())}
		if n, err := fmt.Sscanf(e.Name(), "%d.blk", &b.index); err != nil || n != 1 || !strings.HasSuffix(e.Name(), ".blk") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() { // one that is not might never end
			return nil, fmt.Errorf("%s is not a file: remove it", b.path)
		}
		b.size = info.Size()
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b block) int { return cmp.Compare(a.index, b.index) })
	return list, nil
}
