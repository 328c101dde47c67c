package disk

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// An Opened block can be read as it was when it was opened, whatever becomes of its name, for a server only appends to it.
type Opened struct {
	Name   string // of the file
	Size   int64
	file   *os.File
	stream string
	index  uint64
}

// Open opens the blocks of a stream, whose folder is given, in order. One that is freed meanwhile is not among them.
func Open(stream string) (list []Opened, err error) {
	blocks, err := blocksOf(filepath.Join(stream, "msgs"))
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		f, err := os.Open(b.path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return list, err
		}
		o := Opened{filepath.Base(b.path), 0, f, filepath.Base(stream), b.index}
		info, err := f.Stat()
		list = append(list, o)
		if err != nil {
			return list, err
		}
		list[len(list)-1].Size = info.Size()
	}
	return list, nil
}

// Close gives the block up.
func (o Opened) Close() { _ = o.file.Close() }

// Sound returns of a block as much as sound records are, all sums checked, and what is odd behind them: the server may have been writing there.
func (o Opened) Sound() (text []byte, odd string, err error) {
	size := min(o.Size, maxBlock)
	buf := make([]byte, size)
	n, err := io.ReadFull(io.NewSectionReader(o.file, 0, size), buf)
	if err != nil && n == 0 && size > 0 {
		return nil, "", fmt.Errorf("read block %s of stream %s: %w", o.Name, o.stream, err)
	}
	buf = buf[:n]
	sum := newSum(o.stream + "-" + strconv.FormatUint(o.index, 10))
	var last uint64
	for at := int64(0); at < int64(len(buf)); {
		h, ok := soundAt(buf, at, last, sum)
		if !ok {
			return buf[:at], fmt.Sprintf("%d bytes behind place %d are no sound record", int64(len(buf))-at, last), nil
		}
		if h.flags&tomb == 0 {
			last = max(last, h.seq)
		}
		at += h.length
	}
	return buf, "", nil
}
