package disk

import (
	"encoding/binary"
	"errors"
	"hash"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
)

// A Record is one as a block holds it.
type Record struct {
	Place   uint64
	Subject string
	Headers []byte // valid until the next record is asked for, like the body
	Body    []byte
	Odd     string // why it cannot be read; empty if it is sound, and then all the rest is right
}

// Records yields the records of a stream, whose folder is given, in order. It reads them from the blocks, many times
// faster than the server hands them out, also while that writes behind them and frees before them. Behind a damaged
// length it goes on with the next block.
func Records(stream string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		blocks, err := blocksOf(filepath.Join(stream, "msgs"))
		if err != nil {
			yield(Record{}, err)
			return
		}
		var last uint64
		for _, b := range blocks {
			sum := newSum(filepath.Base(stream) + "-" + strconv.FormatUint(b.index, 10))
			more := true
			err := within(b, func(w *window) error {
				more = w.yield(&last, sum, func(r Record) bool { return yield(r, nil) })
				return nil
			})
			if errors.Is(err, fs.ErrNotExist) { // it was freed meanwhile
				continue
			}
			if err != nil {
				yield(Record{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// yield yields what the server would hand out of a block. It returns false once the other side has enough.
func (w *window) yield(last *uint64, sum hash.Hash64, yield func(Record) bool) bool {
	for at := int64(0); at < w.size; {
		h, sane, err := w.head(at)
		if err != nil {
			return yield(Record{Place: *last + 1, Odd: "it cannot be read: " + err.Error()})
		}
		if !sane {
			return yield(Record{Place: *last + 1, Odd: "its lengths are impossible"})
		}
		if h.flags == 0 && h.seq > *last {
			r := w.record(at, h, sum)
			if r.Odd == "" {
				*last = h.seq
			}
			if !yield(r) {
				return false
			}
		}
		at += h.length
	}
	return true
}

func (w *window) record(at int64, h head, sum hash.Hash64) Record {
	b, err := w.bytes(at, h.length)
	if err != nil {
		return Record{Place: h.seq, Odd: "it cannot be read: " + err.Error()}
	}
	r := Record{Place: h.seq}
	if sum != nil && !sumFits(b, h, sum) {
		r.Odd = "its sum does not fit"
		return r
	}
	rest := b[headSize : h.length-sumSize]
	r.Subject, rest = string(rest[:h.subject]), rest[h.subject:]
	if h.headers {
		size := int64(binary.LittleEndian.Uint32(rest))
		if rest = rest[4:]; size > int64(len(rest)) {
			r.Odd = "its headers are longer than it is"
			return r
		}
		r.Headers, rest = rest[:size], rest[size:]
	}
	r.Body = rest
	return r
}

func within(b block, do func(*window) error) error {
	f, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(&window{file: f, size: b.size})
}

// Last shows the last n records of a stream, in order, as [Records] does, but without a look at the sums, and it ends
// with the first record that is not whole.
func Last(stream string, n int, see func(Record)) error {
	blocks, err := blocksOf(filepath.Join(stream, "msgs"))
	if err != nil {
		return err
	}
	from := len(blocks)
	places := make([][]int64, len(blocks)) // of records, by block
	left := n
	for from > 0 && left > 0 {
		from--
		err := within(blocks[from], func(w *window) (err error) {
			places[from], err = w.places()
			return err
		})
		if err != nil {
			return err
		}
		left -= len(places[from])
	}
	for i := from; i < len(blocks); i++ {
		at := places[i]
		if i == from {
			at = at[max(0, -left):]
		}
		err := within(blocks[i], func(w *window) error {
			for _, at := range at {
				h, _, err := w.head(at)
				if err != nil {
					return err
				}
				if r := w.record(at, h, nil); r.Odd == "" {
					see(r)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// places returns where the records begin that are neither erased nor tombstones.
func (w *window) places() (list []int64, err error) {
	for at := int64(0); at < w.size; {
		h, sane, err := w.head(at)
		if err != nil || !sane {
			return list, err
		}
		if h.flags == 0 {
			list = append(list, at)
		}
		at += h.length
	}
	return list, nil
}
