package disk

import (
	"encoding/binary"
	"os"
	"path/filepath"
)

// Last shows the last n records of a stream, whose folder is given, in order. It reads them from the blocks, many times
// faster than the server hands them out, also while that writes behind them. Sums are not checked, and it ends with
// the first record that is not whole. What is shown is valid only during the call of see.
func Last(stream string, n int, see func(subject string, headers, body []byte)) error {
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
			places[from], err = w.records()
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
		if err := within(blocks[i], func(w *window) error { return w.see(at, see) }); err != nil {
			return err
		}
	}
	return nil
}

func within(b block, do func(*window) error) error {
	f, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(&window{file: f, size: b.size})
}

// records returns where the records begin that are neither erased nor tombstones.
func (w *window) records() (list []int64, err error) {
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

func (w *window) see(places []int64, see func(subject string, headers, body []byte)) error {
	for _, at := range places {
		h, _, err := w.head(at)
		if err != nil {
			return err
		}
		record, err := w.bytes(at, h.length)
		if err != nil {
			return err
		}
		rest := record[headSize : h.length-sumSize]
		subject, rest := string(rest[:h.subject]), rest[h.subject:]
		var headers []byte
		if h.headers {
			size := int64(binary.LittleEndian.Uint32(rest))
			if rest = rest[4:]; size > int64(len(rest)) {
				continue
			}
			headers, rest = rest[:size], rest[size:]
		}
		see(subject, headers, rest)
	}
	return nil
}
