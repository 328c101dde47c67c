package disk

import (
	"bytes"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const indexFile = "index.db"

// An index is what the server remembers of all blocks of a stream: it does not read them if that is of now.
type index struct {
	current bool   // it describes the blocks that are there
	last    uint64 // place of the last record when it was written, even one that is gone
}

// index reads the index of blocks. One that is damaged is set aside: the server reads the blocks instead.
func (c *check) index(msgs string, blocks []block, sum hash.Hash64) (index, error) {
	path := filepath.Join(msgs, indexFile)
	data, why, err := readSmall(path, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return index{}, nil
	}
	if err != nil {
		return index{}, err
	}
	if why == "" {
		why = tornIndex(data, sum)
	}
	if why != "" {
		if err := c.keep(path, "index of records damaged ("+why+"); all records are read instead"); err != nil {
			return index{}, err
		}
		return index{}, remove(path)
	}
	n := numbers{data: data[2:]}
	n.unsigned() // records
	n.unsigned() // bytes
	n.unsigned() // first place
	n.signed()   // its time
	x := index{last: n.unsigned()}
	if len(blocks) == 0 {
		return x, nil
	}
	end, err := lastBytes(blocks[len(blocks)-1])
	// Before its own sum, the index ends with the one of the last record.
	x.current = bytes.Equal(end, data[len(data)-2*sumSize:][:sumSize])
	return x, err
}

// tornIndex returns why an index is not whole; empty if it is.
func tornIndex(index []byte, sum hash.Hash64) string {
	if len(index) < 32 {
		return "it ends early"
	}
	sum.Reset()
	sum.Write(index[:len(index)-sumSize])
	if !bytes.Equal(sum.Sum(nil), index[len(index)-sumSize:]) {
		return "the sum does not fit"
	}
	return ""
}

// DropTornIndex removes the index of the stream in a folder if it is not whole, as the server leaves it on a full disk. Without one it reads the records.
func DropTornIndex(stream string) error {
	path := filepath.Join(stream, "msgs", indexFile)
	data, why, err := readSmall(path, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || why == "" && tornIndex(data, newSum(filepath.Base(stream))) == "" {
		return err
	}
	return remove(path)
}

// lastBytes returns the last 8 bytes of a block: the sum of its last record. What is shorter, or cannot be read, has zeros.
func lastBytes(b block) ([]byte, error) {
	end := make([]byte, sumSize)
	if b.size < sumSize {
		return end, nil
	}
	f, err := os.Open(b.path)
	if err != nil {
		return end, err
	}
	defer f.Close()
	if _, err := f.ReadAt(end, b.size-sumSize); err != nil && !unreadable(err) {
		return end, err
	}
	return end, nil
}

// otherFiles sets aside what older servers kept beside a block: this one would still believe it, and has no sum of it.
func (c *check) otherFiles(msgs string) error {
	entries, err := os.ReadDir(msgs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".idx") || e.IsDir() {
			continue
		}
		path := filepath.Join(msgs, e.Name())
		if err := c.keep(path, "index of a block, which this version does not write; the block is read instead"); err != nil {
			return err
		}
		if err := remove(path); err != nil {
			return err
		}
	}
	return nil
}
