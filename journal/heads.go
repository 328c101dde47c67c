package journal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A head is the last record of this writer in a stream: the high-water mark.
type head struct {
	Sequence uint64        // the writer's own; 0 before the first record
	Digest   dodona.Digest // of that record
	Stream   uint64        // where the stream keeps it
	Appended time.Time
}

// A headFile keeps the heads apart from the streams, so that a stream that lost its end is found out.
// It has a slot of 128 bytes for the writer's name and two for each stream, used in turn, each with a checksum:
// a torn write leaves the other. Losing it loses no record.
type headFile struct {
	writer string
	fresh  bool // the writer is new: it has written nothing anywhere

	mu   sync.Mutex
	file *os.File
	turn map[string]int
	mark map[string]head
	from map[string]uint64 // the first sequence that retention left
}

const slotSize = 128

// headsPath is where the marks of a network are: its streams are its own, and so are their chains.
func headsPath(dir string, net scope) string { return filepath.Join(dir, "heads-"+string(net)) }

func openHeads(path string) (*headFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open high-water marks: %w", err)
	}
	h := &headFile{file: file, turn: make(map[string]int), mark: make(map[string]head), from: make(map[string]uint64)}
	if name, ok := h.readSlot(0); ok && len(name) == 4 {
		h.writer = hex.EncodeToString(name)
		return h, nil
	}
	// A new folder, or one whose marks were destroyed: a new chain begins.
	h.fresh = true
	name := make([]byte, 4)
	_, _ = rand.Read(name)
	h.writer = hex.EncodeToString(name)
	if err := h.writeSlot(0, name); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("write high-water marks: %w", err)
	}
	if err := file.Sync(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("write high-water marks: %w", err)
	}
	return h, nil
}

func slotsOf(stream string) (a, b int) {
	for i, s := range streams {
		if s.name == stream {
			return 1 + 2*i, 2 + 2*i
		}
	}
	panic("no slot for stream " + stream + ": add it to streams")
}

// read returns the higher valid mark of a stream, zero if there is none.
func (h *headFile) read(stream string) head {
	h.mu.Lock()
	defer h.mu.Unlock()
	var best head
	a, b := slotsOf(stream)
	for i, slot := range []int{a, b} {
		data, ok := h.readSlot(slot)
		if !ok || len(data) != markSize {
			continue
		}
		mark := head{
			Sequence: binary.BigEndian.Uint64(data),
			Stream:   binary.BigEndian.Uint64(data[8:]),
			Appended: time.UnixMilli(int64(binary.BigEndian.Uint64(data[16:]))).UTC(),
			Digest:   dodona.Digest(data[32:64]),
		}
		from := binary.BigEndian.Uint64(data[24:])
		if mark.Sequence > best.Sequence || mark.Sequence == best.Sequence && from >= h.from[stream] {
			best = mark
			h.from[stream] = from
			h.turn[stream] = 1 - i
		}
	}
	h.mark[stream] = best
	return best
}

const markSize = 64

// write stores a mark without waiting for the disk: after a power cut it may be lower than the truth, never higher.
func (h *headFile) write(stream string, mark head) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark[stream] = mark
	return h.writeMark(stream)
}

// free stores the first sequence that retention will leave, and waits for the disk: it is called before freeing.
func (h *headFile) free(stream string, from uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from[stream] = from
	if err := h.writeMark(stream); err != nil {
		return err
	}
	return h.file.Sync()
}

// freed returns the first sequence that retention left; 0 or 1 if it freed none.
func (h *headFile) freed(stream string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from[stream]
}

func (h *headFile) writeMark(stream string) error {
	mark := h.mark[stream]
	data := make([]byte, 0, markSize)
	data = binary.BigEndian.AppendUint64(data, mark.Sequence)
	data = binary.BigEndian.AppendUint64(data, mark.Stream)
	data = binary.BigEndian.AppendUint64(data, uint64(mark.Appended.UnixMilli()))
	data = binary.BigEndian.AppendUint64(data, h.from[stream])
	data = append(data, mark.Digest[:]...)
	a, b := slotsOf(stream)
	slot := [2]int{a, b}[h.turn[stream]]
	h.turn[stream] = 1 - h.turn[stream]
	return h.writeSlot(slot, data)
}

func (h *headFile) sync() error { return h.file.Sync() }

func (h *headFile) close() error { return errors.Join(h.file.Sync(), h.file.Close()) }

// A slot is one byte of length, the data, and a CRC-32 (Castagnoli) of both.
func (h *headFile) writeSlot(slot int, data []byte) error {
	buf := append([]byte{byte(len(data))}, data...)
	buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf, castagnoli))
	_, err := h.file.WriteAt(buf, int64(slot)*slotSize)
	return err
}

func (h *headFile) readSlot(slot int) ([]byte, bool) {
	var buf [slotSize]byte
	n, err := h.file.ReadAt(buf[:], int64(slot)*slotSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	size := int(buf[0])
	if size == 0 || 1+size+4 > n {
		return nil, false
	}
	sum := binary.BigEndian.Uint32(buf[1+size:])
	return buf[1 : 1+size], sum == crc32.Checksum(buf[:1+size], castagnoli)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
