package disk

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
)

const positionFile = "o.dat"

// reader checks a durable reader of a stream that ends at place last. What is damaged of it goes: it is only a
// position, and is made anew when the reader comes back.
func (c *check) reader(stream, path string, last uint64) error {
	name := filepath.Base(path)
	why, err := c.settings(path, newSum(stream+"/"+name), "durable_name")
	if err != nil {
		return err
	}
	if why != "" && why != missing {
		for _, file := range []string{metaFile, metaSum} {
			err := c.keep(filepath.Join(path, file),
				"settings of reader "+name+" damaged ("+why+"); it is made anew when it reads again, where it was if its position is sound")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := remove(filepath.Join(path, file)); err != nil {
				return err
			}
		}
	}
	file := filepath.Join(path, positionFile)
	data, why, err := readSmall(file, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if why == "" {
		why = oddPosition(data, last)
	}
	if why == "" {
		return nil
	}
	if err := c.keep(file, "position of reader "+name+" damaged ("+why+"); it begins again with the first record, and sees some twice"); err != nil {
		return err
	}
	return remove(file)
}

// oddPosition returns what is wrong with a reader's position, or "". It has no sum; what is wrong within bounds is not
// seen. After two bytes of version: the place up to which all is acknowledged, counted by deliveries and in the stream; the
// same of what was delivered; what waits for an acknowledgement; how often what is delivered again was delivered before.
func oddPosition(data []byte, last uint64) string {
	if len(data) == 0 {
		return "" // as it is before anything was read
	}
	if len(data) < 2 || data[0] != 22 || data[1] != 1 && data[1] != 2 {
		return "unknown version"
	}
	n := numbers{data: data[2:]}
	ackedDeliveries, acked := n.unsigned(), n.unsigned()
	deliveries, delivered := n.unsigned(), n.unsigned()
	if n.short {
		return "it ends early"
	}
	if data[1] == 1 {
		return "" // older than any of our folders; these numbers are relative
	}
	if acked > delivered || ackedDeliveries > deliveries {
		return "more is acknowledged than delivered"
	}
	if delivered > last {
		return "it is beyond the end of the stream: place " + strconv.FormatUint(delivered, 10) + " of " + strconv.FormatUint(last, 10)
	}
	waiting := n.unsigned()
	if waiting > uint64(len(n.data)) {
		return "impossible number of records that wait"
	}
	if waiting > 0 {
		n.signed() // a time
	}
	for range waiting {
		place, delivery := n.unsigned(), n.unsigned()
		n.signed()
		if place > delivered-acked || delivery > deliveries-ackedDeliveries {
			return "a record waits that was not delivered"
		}
	}
	again := n.unsigned()
	if again > uint64(len(n.data)) {
		return "impossible number of records delivered again"
	}
	for range again {
		if place := n.unsigned(); place > delivered-acked {
			return "a record was delivered again that was not delivered"
		}
		n.unsigned()
	}
	switch {
	case n.short:
		return "it ends early"
	case len(n.data) > 0:
		return strconv.Itoa(len(n.data)) + " bytes too many"
	}
	return ""
}

// numbers reads numbers of varying length one after the other; all are 0 after the data ended.
type numbers struct {
	data  []byte
	short bool
}

func (n *numbers) unsigned() uint64 {
	v, size := binary.Uvarint(n.data)
	return uint64(n.took(int64(v), size))
}

func (n *numbers) signed() int64 {
	v, size := binary.Varint(n.data)
	return n.took(v, size)
}

func (n *numbers) took(v int64, size int) int64 {
	if size <= 0 {
		n.data, n.short = nil, true
		return 0
	}
	n.data = n.data[size:]
	return v
}
