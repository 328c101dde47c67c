package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// A head is the last record of this writer in a stream: the high-water mark.
type head struct {
	Sequence uint64        // the writer's own; 0 before the first record
	Digest   dodona.Digest // of that record
	Stream   uint64        // where the stream keeps it
	Appended time.Time
}

// A headFile keeps the heads apart from the streams, so that a stream that lost its end is found out.
// It has a slot for the writer's name and two for each stream, used in turn, each with a checksum and in a sector of its
// own: a torn write leaves the other. Every slot names the writer. Losing it loses no record.
type headFile struct {
	writer string
	fresh  bool // the writer is new: it has written nothing anywhere

	mu     sync.Mutex
	file   *os.File
	turn   map[string]int
	mark   map[string]head
	from   map[string]uint64 // the first sequence that retention left
	unsure map[string]bool   // from may be too low: a slot was damaged
}

const (
	slotSize    = 4096
	oldSlotSize = 128 // of files that versions without networks made; their slots share a sector
)

// slots is how many a file has.
func slots() int { return 1 + 2*len(streams) }

// headsPath is where the marks of a network are: its streams are its own, and so are their chains.
func headsPath(dir string, net scope) string { return filepath.Join(dir, "heads-"+string(net.Scope)) }

// Used reports whether a journal was ever opened with a data folder, of whatever network.
func Used(dir string) bool {
	return len(under(dir, "heads-*")) > 0
}

// UsedFor reports whether a journal was ever opened with a data folder for that network.
func UsedFor(dir string, network dodona.Digest) bool {
	_, err := os.Stat(headsPath(dir, scopeOf(network)))
	return err == nil
}

// NetworksIn returns of every network for which a journal was ever opened with a data folder as much of its id as names have, in hex without 0x.
func NetworksIn(dir string) (ids []string) {
	for _, path := range under(dir, "heads-*") {
		ids = append(ids, strings.TrimPrefix(filepath.Base(path), "heads-"))
	}
	return ids
}

// openHeads opens the marks, or makes them. Whatever the file holds, it is sound afterwards; what was not is given to
// damaged before it is mended.
func openHeads(path string, damaged func(what string) error) (*headFile, error) {
	text, err := readUpTo(path, int64(slots()*slotSize))
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return nil, fmt.Errorf("read high-water marks: %w", err)
	}
	h := newHeads()
	sound, odd := h.mend(text, false)
	if !missing && odd != "" {
		if err := damaged(odd); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(sound, text) {
		if err := durable.Write(path, sound, 0o600); err != nil {
			return nil, fmt.Errorf("write high-water marks: %w", err)
		}
	}
	if h.file, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open high-water marks: %w", err)
	}
	return h, nil
}

func newHeads() *headFile {
	return &headFile{turn: make(map[string]int), mark: make(map[string]head), from: make(map[string]uint64), unsure: make(map[string]bool)}
}

// convertHeads gives the file of an older version slots of today's size. One that is damaged stays as it is: openHeads tells.
func convertHeads(path string) error {
	text, err := readUpTo(path, int64(slots()*slotSize))
	if err != nil || len(text) > slots()*oldSlotSize {
		return err
	}
	sound, odd := newHeads().mend(text, true)
	if odd != "" {
		return nil
	}
	return durable.Write(path, sound, 0o600)
}

// mend returns what the file should hold: its sound slots, and empty ones instead of damaged ones, which it tells. It finds
// the writer's name, in any slot; if none has it, a new chain begins. In a file of an older version, slots may never have been written;
// elsewhere a file that ends too soon was cut.
func (h *headFile) mend(text []byte, older bool) (sound []byte, odd string) {
	size := slotSize
	if len(text) <= slots()*oldSlotSize {
		size = oldSlotSize
	}
	data := make([][]byte, slots())
	var damaged []int
	for i := range data {
		content, ok := slotAt(text, i*size)
		switch {
		case ok && i == 0 && len(content) == nameSize, ok && i > 0 && len(content) == markSize && size == oldSlotSize:
			data[i] = content
		case ok && i > 0 && len(content) == markSize+nameSize:
			data[i] = content[:markSize]
			h.writer = hex.EncodeToString(content[markSize:])
		case older && i > 0 && content == nil: // was never written
		default:
			damaged = append(damaged, i)
		}
	}
	if data[0] != nil {
		h.writer = hex.EncodeToString(data[0])
	}
	if h.writer == "" {
		h.fresh = true
		name := make([]byte, nameSize)
		_, _ = rand.Read(name)
		h.writer = hex.EncodeToString(name)
		clear(data) // whose they were nobody knows
	}
	switch {
	case h.fresh:
		odd = "all high-water marks damaged; " + newChain
	case len(text) > slots()*slotSize:
		odd = "file of high-water marks too long; the rest is dropped"
	case len(damaged) > 0:
		odd = fmt.Sprintf("%d of %d high-water marks damaged; that the end of a stream is lost cannot be found for certain until more is written", len(damaged), slots())
	}
	for _, i := range damaged {
		if i > 0 && !h.fresh {
			h.unsure[streams[(i-1)/2].name] = true
		}
	}
	sound = make([]byte, 0, slots()*slotSize)
	for i := range data {
		if i > 0 && data[i] == nil {
			data[i] = make([]byte, markSize)
		}
		sound = append(sound, h.slot(i, data[i])...)
	}
	return sound, odd
}

// newChain says what it means that nobody knows how far the chain went.
const newChain = "a new chain begins, and what the streams may have lost of the old one cannot be found"

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
		if !ok || len(data) < markSize {
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

// appended returns when this writer last appended to any stream, as far as a sound mark says so.
func (h *headFile) appended() (last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 1; i < slots(); i++ {
		if data, ok := h.readSlot(i); ok && len(data) >= markSize {
			last = latest(last, time.UnixMilli(int64(binary.BigEndian.Uint64(data[16:]))))
		}
	}
	return last
}

const nameSize = 4

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

// freed returns the first sequence that retention left, 0 or 1 if it freed none, and whether that is certain.
func (h *headFile) freed(stream string) (from uint64, certain bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from[stream], !h.unsure[stream]
}

// doubtful returns whether the end of a stream that is there may be lost and nobody can say so.
func (h *headFile) doubtful(stream string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fresh || h.unsure[stream]
}

// found notes that a sequence is the first that is left, where what retention left is not known.
func (h *headFile) found(stream string, from uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from[stream], h.unsure[stream] = max(from, h.from[stream]), false
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

// slot returns a slot of the file. It is one byte of length, the data, behind which a mark names the writer, and a
// CRC-32 (Castagnoli) of both.
func (h *headFile) slot(i int, data []byte) []byte {
	name, _ := hex.DecodeString(h.writer)
	if i == 0 {
		data = nil
	}
	buf := make([]byte, 1, slotSize)
	buf = append(append(buf, data...), name...)
	buf[0] = byte(len(buf) - 1)
	return binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf, castagnoli))[:slotSize]
}

// writeSlot writes what is in use of a slot: the rest of its sector is never anything else than zero.
func (h *headFile) writeSlot(i int, data []byte) error {
	const used = 1 + markSize + nameSize + 4
	_, err := h.file.WriteAt(h.slot(i, data)[:used], int64(i)*slotSize)
	return err
}

func (h *headFile) readSlot(i int) ([]byte, bool) {
	buf := make([]byte, oldSlotSize)
	if _, err := h.file.ReadAt(buf, int64(i)*slotSize); err != nil {
		return nil, false
	}
	return slotAt(buf, 0)
}

// slotAt returns the data of the slot that begins at a place, and whether it is sound. It returns none where nothing was
// ever written.
func slotAt(text []byte, at int) ([]byte, bool) {
	if at >= len(text) {
		return nil, false
	}
	text = text[at:]
	size := int(text[0])
	if size == 0 || 1+size+4 > len(text) {
		if len(bytes.Trim(text[:min(oldSlotSize, len(text))], "\x00")) == 0 {
			return nil, false
		}
		return []byte{}, false
	}
	return text[1 : 1+size], binary.BigEndian.Uint32(text[1+size:]) == crc32.Checksum(text[:1+size], castagnoli)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
