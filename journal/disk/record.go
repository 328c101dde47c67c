package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/minio/highwayhash"
)

// A record in a block of nats-server 2.10 to 2.15, little-endian:
//
//	length   4  of the whole record; the highest bit says that there are message headers
//	sequence 8  the highest bit: erased; the second: a tombstone, which says that the sequence was removed
//	time     8
//	subject  2  its length
//	…           subject, then with headers their length (4) and they, then the message
//	sum      8  HighwayHash-64, keyed by stream and block, of all but the lengths
const (
	headSize = 4 + 8 + 8 + 2
	sumSize  = 8
	hasHead  = 1 << 31
	erased   = 1 << 63
	tomb     = 1 << 62
)

const (
	// maxRecord is what the server believes at most.
	maxRecord = 32 << 20
	// maxJump is by how much the sequence may rise from one record of a block to the next. Blocks are rolled over at
	// 8 MiB and a record has 30 bytes at least, so that a block never held more than 279,620 sequences.
	maxJump = 1 << 19
)

// newSum returns the hash that the server uses for a file of this name: STREAM for settings and the index,
// STREAM/READER for a reader's, STREAM-N for the records of block N.
func newSum(name string) hash.Hash64 {
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	return h
}

// A head is the fixed part of a record.
type head struct {
	length  int64
	flags   uint64 // erased, tomb
	seq     uint64
	subject int64 // bytes of it
	headers bool
}

// readHead takes the first 22 bytes of a record apart. It reports whether the lengths agree and fit into so many bytes.
func readHead(b []byte, left int64) (h head, sane bool) {
	length := binary.LittleEndian.Uint32(b)
	seq := binary.LittleEndian.Uint64(b[4:])
	h = head{
		length: int64(length &^ hasHead), headers: length&hasHead != 0, subject: int64(binary.LittleEndian.Uint16(b[20:])),
		seq: seq &^ (erased | tomb), flags: seq & (erased | tomb),
	}
	least := headSize + h.subject + sumSize
	if h.headers {
		least += 4
	}
	return h, h.length >= least && h.length <= maxRecord && h.length <= left
}

// sumFits reports whether the sum at the end of a record, whose head is h, is the one of its content.
func sumFits(record []byte, h head, sum hash.Hash64) bool {
	end := h.length - sumSize
	from := headSize + h.subject
	sum.Reset()
	sum.Write(record[4:20])
	sum.Write(record[headSize:from])
	if h.headers {
		from += 4
	}
	sum.Write(record[from:end])
	// The server keeps it as the hash writes it: little-endian.
	return sum.Sum64() == binary.LittleEndian.Uint64(record[end:])
}

// follows reports whether a record can come after the one at place last, 0 for none. One whose place does not rise can:
// the server passes over it. A tombstone names any place.
func follows(h head, last uint64) bool {
	return last == 0 || h.flags&tomb != 0 || h.seq <= last+maxJump
}
