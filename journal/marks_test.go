package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

// marks opens a file of marks and keeps what it says is damaged.
func marks(t *testing.T, path string) (h *headFile, told string) {
	t.Helper()
	h, err := openHeads(path, func(what string) error { told += what; return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.file.Close() })
	return h, told
}

// markAt returns the mark of a record that was appended so many milliseconds after 1970.
func markAt(sequence uint64, milliseconds int64) head {
	return head{Sequence: sequence, Digest: dodona.Digest{byte(sequence), 31: 7}, Stream: 10 * sequence, Appended: time.UnixMilli(milliseconds).UTC()}
}

func TestMarksAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heads")
	h, told := marks(t, path)
	if told != "" || !h.fresh || len(h.writer) != 8 || !h.doubtful(streamRaw) || !h.appended().IsZero() && h.appended().UnixMilli() != 0 {
		t.Fatalf("a new file: told %q, fresh %t, writer %q, appended %s", told, h.fresh, h.writer, h.appended())
	}
	if again, _ := marks(t, filepath.Join(t.TempDir(), "heads")); again.writer == h.writer {
		t.Errorf("two writers have the name %s", h.writer)
	}
	none := markAt(0, 0)
	none.Digest = dodona.Digest{}
	writer, before := h.writer, [2]head{none, none}
	for n := uint64(1); n <= 5; n++ {
		for i, stream := range []string{streamRaw, streamProof} {
			mark := markAt(n, int64(1000*n)+int64(i))
			if err := h.write(stream, mark); err != nil {
				t.Fatal(err)
			}
			again, told := marks(t, path)
			if told != "" || again.fresh || again.writer != writer || again.doubtful(streamRaw) || again.doubtful(streamProof) {
				t.Fatalf("mark %d: told %q, fresh %t, writer %s", n, told, again.fresh, again.writer)
			}
			if got := again.read(stream); got != mark {
				t.Errorf("%s: %+v, want %+v", stream, got, mark)
			}
			if got, want := again.appended(), time.UnixMilli(int64(1000*n)+int64(i)); !got.Equal(want) {
				t.Errorf("last appended at %s, want %s", got, want)
			}
			text, err := os.ReadFile(path)
			if err != nil || len(text) != 5*4096 {
				t.Fatalf("the file has %d bytes, %v", len(text), err)
			}
			torn := filepath.Join(t.TempDir(), "heads")
			a, b := slotsOf(stream)
			for _, slot := range []int{a, b} { // whichever is torn, the mark or the one before it is left
				damaged := slices.Clone(text)
				damaged[slot*4096+3] ^= 1
				if err := os.WriteFile(torn, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				left, told := marks(t, torn)
				if got := left.read(stream); got != mark && got != before[i] || !strings.HasPrefix(told, "1 of 5 high-water marks damaged; ") || !left.doubtful(stream) {
					t.Errorf("%s, slot %d torn: %+v, told %q", stream, slot, got, told)
				}
				other := map[string]string{streamRaw: streamProof, streamProof: streamRaw}[stream]
				if left.doubtful(other) {
					t.Errorf("slot %d of %s makes %s doubtful", slot, stream, other)
				}
			}
			before[i] = mark
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if h.write(streamRaw, markAt(9, 0)) == nil || h.free(streamRaw, 3) == nil || h.sync() == nil || h.close() == nil {
		t.Error("a closed file takes a mark")
	}
}

// TestWhatWasFreedIsReadWithTheMark: the first sequence that is left stands, or rises, whatever marks come.
func TestWhatWasFreedIsReadWithTheMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heads")
	h, _ := marks(t, path)
	for _, c := range []struct {
		do   func() error
		want uint64
	}{
		{func() error { return h.write(streamRaw, markAt(7, 1)) }, 0},
		{func() error { return h.free(streamRaw, 3) }, 3},
		{func() error { return h.write(streamRaw, markAt(8, 1)) }, 3},
		{func() error { return h.free(streamRaw, 5) }, 5},
		{func() error { return h.write(streamProof, markAt(9, 1)) }, 5},
		{func() error { return h.free(streamRaw, 6) }, 6},
		{func() error { return h.free(streamRaw, 9) }, 9},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		again, _ := marks(t, path)
		again.read(streamRaw)
		again.read(streamProof)
		from, certain := again.freed(streamRaw)
		if other, _ := again.freed(streamProof); from != c.want || !certain || other != 0 {
			t.Errorf("freed before %d (certain %t), and %d of the other stream; want %d and 0", from, certain, other, c.want)
		}
	}
	h.unsure[streamRaw] = true
	for _, c := range []struct{ found, want uint64 }{{4, 9}, {12, 12}} {
		h.found(streamRaw, c.found)
		if from, certain := h.freed(streamRaw); from != c.want || !certain {
			t.Errorf("the first that is left is %d: freed before %d, certain %t; want %d", c.found, from, certain, c.want)
		}
	}
}

func TestMarksThatCannotBeMendedStopTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heads")
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("no room")
	if _, err := openHeads(path, func(what string) error {
		if what != "all high-water marks damaged; "+newChain {
			t.Errorf("told %q", what)
		}
		return wrong
	}); err != wrong {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "rubbish" {
		t.Errorf("what could not be set aside is written over: %q, %v", text, err)
	}
	if _, err := openHeads(t.TempDir(), nil); err == nil || !strings.HasPrefix(err.Error(), "read high-water marks: ") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := openHeads(filepath.Join(t.TempDir(), "gone", "heads"), nil); err == nil || !strings.HasPrefix(err.Error(), "write high-water marks: ") {
		t.Errorf("in no folder: %v", err)
	}
}

// TestASlotHasItsLengthItsWriterAndItsSum: files of other versions are read by these places.
func TestASlotHasItsLengthItsWriterAndItsSum(t *testing.T) {
	h := newHeads()
	h.writer = "01020304"
	for _, c := range []struct {
		slot int
		data []byte
		size int
	}{{0, []byte("ignored"), 4}, {1, make([]byte, 64), 68}, {4, []byte{9}, 5}} {
		text := h.slot(c.slot, c.data)
		content, sound := slotAt(append([]byte{0, 0}, text...), 2)
		if len(text) != 4096 || int(text[0]) != c.size || !sound || len(content) != c.size || string(content[c.size-4:]) != "\x01\x02\x03\x04" {
			t.Errorf("slot %d: %d bytes, %d in use, sound %t, content %x", c.slot, len(text), text[0], sound, content)
		}
		for i := range 1 + c.size + 4 {
			text[i] ^= 1
			if _, sound := slotAt(text, 0); sound {
				t.Errorf("slot %d is sound with a changed byte %d", c.slot, i)
			}
			text[i] ^= 1
		}
		if _, sound := slotAt(text[:1+c.size+4], 0); !sound {
			t.Errorf("slot %d is not sound without what is not in use", c.slot)
		}
		if _, sound := slotAt(text[:1+c.size+3], 0); sound {
			t.Errorf("slot %d is sound without its last byte", c.slot)
		}
	}
	for name, c := range map[string]struct {
		text []byte
		at   int
		none bool // nothing was ever written there
	}{
		"behind the end": {make([]byte, 5), 5, true}, "zeros": {make([]byte, 200), 0, true}, "a length of nothing": {[]byte{1}, 0, false},
		"something behind zeros": {append(make([]byte, 127), 1), 0, false}, "something in the next slot": {append(make([]byte, 128), 1), 0, true},
	} {
		content, sound := slotAt(c.text, c.at)
		if sound || content == nil != c.none || len(content) != 0 {
			t.Errorf("%s: %v, sound %t", name, content, sound)
		}
	}
}
