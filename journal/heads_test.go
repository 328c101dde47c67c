package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
)

// written makes a data folder with a few records in both streams, the first ten of RAW freed, and returns the file of its marks.
func written(t *testing.T) (dir, path, writer string) {
	t.Helper()
	dir = t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for i := range 20 {
		c := claim("report.btc.usd.abc", i)
		c.After, last = last, c.ID
		if err := j.Append(t.Context(), reading(i), c); err != nil {
			t.Fatal(err)
		}
	}
	raw := j.lanes[streamRaw]
	s, err := raw.measure(t.Context())
	if err == nil {
		err = raw.purge(t.Context(), s, 11)
	}
	if err = errors.Join(err, j.Append(t.Context(), reading(20)), j.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, headsPath(dir, scopeOf(dodona.Digest{})), j.writer
}

// TestDamagedMarksRaiseNoFalseAlarm flips a bit in each slot and in several, and takes the file away.
func TestDamagedMarksRaiseNoFalseAlarm(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a folder over and over")
	}
	flip := func(slots ...int) func(t *testing.T, text []byte) []byte {
		return func(t *testing.T, text []byte) []byte {
			for _, slot := range slots {
				text[slot*slotSize+2] ^= 4
			}
			return text
		}
	}
	made, path, writer := written(t)
	name := filepath.Base(path)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, text []byte) []byte
		told   string
		anew   bool // a new chain begins
	}{
		{"nothing", flip(), "", false},
		{"the writer's name", flip(0), "1 of 5", false},
		{"a mark of RAW", flip(1), "1 of 5", false},
		{"the other mark of RAW", flip(2), "1 of 5", false},
		{"a mark of PROOF", flip(3), "1 of 5", false},
		{"the other mark of PROOF", flip(4), "1 of 5", false},
		{"both marks of RAW", flip(1, 2), "2 of 5", false},
		{"all marks", flip(1, 2, 3, 4), "4 of 5", false},
		{"all but one", flip(0, 1, 2, 3), "4 of 5", false},
		{"all", flip(0, 1, 2, 3, 4), "a new chain", true},
		{"a length", func(_ *testing.T, text []byte) []byte { text[slotSize] = 0; return text }, "1 of 5", false},
		{"cut", func(_ *testing.T, text []byte) []byte { return text[:2*slotSize+7] }, "3 of 5", false},
		{"extended", func(_ *testing.T, text []byte) []byte { return append(text, 1) }, "too long", false},
		{"empty", func(*testing.T, []byte) []byte { return nil }, "a new chain", true},
		{"gone", nil, "missing", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.damage == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, c.damage(t, text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			j := open(t, Config{Dir: dir})
			losses, err := j.Audit(t.Context())
			if err != nil || len(losses) != 0 {
				t.Errorf("found %+v, %v, but nothing is lost", losses, err)
			}
			damage := j.Status(t.Context()).Damage
			switch {
			case c.told == "" && len(damage) != 0, c.told != "" && len(damage) != 1:
				t.Errorf("told %+v", damage)
			case c.told != "" && (!strings.Contains(damage[0].What, c.told) || damage[0].File != name):
				t.Errorf("told %+v, want %q of %s", damage, c.told, name)
			}
			if (j.writer != writer) != c.anew {
				t.Errorf("the writer is %s and was %s", j.writer, writer)
			}
			if err := j.Append(t.Context(), reading(21)); err != nil {
				t.Fatal(err)
			}
			last, err := j.Last(t.Context(), dodona.TopicReading, "kraken")
			if err != nil || !c.anew && last.Sequence != 22 {
				t.Errorf("the next record is %+v, %v, want sequence 22", last, err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, Config{Dir: dir})
			if again := j.Status(t.Context()).Damage; len(again) != 0 {
				t.Errorf("told again: %+v", again)
			}
			if losses, err := j.Audit(t.Context()); err != nil || len(losses) != 0 {
				t.Errorf("found later %+v, %v", losses, err)
			}
		})
	}
}

// TestMarksWithSharedSectorsAreRead: files of older versions have slots of 128 bytes that do not name the writer.
func TestMarksWithSharedSectorsAreRead(t *testing.T) {
	old := func(slots ...[]byte) (text []byte) {
		for _, data := range slots {
			h := headFile{writer: ""}
			slot := make([]byte, oldSlotSize)
			if data != nil {
				copy(slot, h.slot(1, data)[:oldSlotSize])
			}
			text = append(text, slot...)
		}
		return text
	}
	mark := make([]byte, markSize)
	mark[7] = 42
	path := filepath.Join(t.TempDir(), "heads")
	for _, cut := range []int{0, 50} { // the last slot is as long as what was written of it
		text := old([]byte{1, 2, 3, 4}, mark, nil, nil, mark)
		if err := os.WriteFile(path, text[:len(text)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := convertHeads(path); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h, err := openHeads(path, func(what string) error { t.Error(what); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if h.writer != "01020304" || h.read(streamRaw).Sequence != 42 || h.read(streamProof).Sequence != 42 {
				t.Errorf("writer %s, marks %d and %d", h.writer, h.read(streamRaw).Sequence, h.read(streamProof).Sequence)
			}
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := old([]byte{1, 2, 3, 4}, mark, mark, nil, mark)
	text[0]++
	if err := errors.Join(os.WriteFile(path, text, 0o600), convertHeads(path)); err != nil {
		t.Fatal(err)
	}
	told := ""
	h, err := openHeads(path, func(what string) error { told = what; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !h.fresh || h.read(streamRaw).Sequence != 0 || told == "" {
		t.Errorf("a name that is damaged: fresh %v, mark %d, told %q; want a new chain without marks", h.fresh, h.read(streamRaw).Sequence, told)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// TestMarksThatAreCutAreTold, wherever the cut is: a file that ends where one of an older version might have is no older one.
func TestMarksThatAreCutAreTold(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), Config{Dir: dir, Node: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 0, 300)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := headsPath(dir, j.net)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 8, 9, 10, 40, 69, 127, 128, 129, 197, 256, 640, 641, 4096, 4097, 8192, len(whole) - 1 - slotSize} {
		cut := filepath.Join(t.TempDir(), "heads")
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		told := ""
		h, err := openHeads(cut, func(what string) error { told = what; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if told == "" {
			t.Errorf("cut after %d of %d bytes, and nothing is told", size, len(whole))
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
}
