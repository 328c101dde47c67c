package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

const (
	streamText = `{"Created":"2026-11-27T15:02:53Z","name":"RAW","subjects":["oracle.\u003e"],"max_bytes":268435456}`
	readerText = `{"Created":"2026-11-27T15:02:54Z","Name":"gw-1_validate","durable_name":"gw-1_validate","ack_policy":"all"}`
)

// folderWithReader makes a data folder with the stream RAW of ten records and a reader that is somewhere.
func folderWithReader(t *testing.T, position []byte) (dir, stream, reader string) {
	t.Helper()
	dir, msgs := folderWith(t, "RAW", blockOf("RAW-1", upTo(1, 10)...))
	stream = filepath.Dir(msgs)
	reader = filepath.Join(stream, "obs", "gw-1_validate")
	write(t, filepath.Join(stream, metaFile), []byte(streamText))
	write(t, filepath.Join(stream, metaSum), sumOf([]byte(streamText), newSum("RAW")))
	write(t, filepath.Join(reader, metaFile), []byte(readerText))
	write(t, filepath.Join(reader, metaSum), sumOf([]byte(readerText), newSum("RAW/gw-1_validate")))
	write(t, filepath.Join(reader, positionFile), position)
	return dir, stream, reader
}

// position writes a reader's position: what is acknowledged and delivered, by deliveries and places, and what waits.
func position(acked, delivered uint64, waiting ...uint64) []byte {
	b := []byte{22, 2}
	for _, n := range []uint64{acked, acked, delivered, delivered, uint64(len(waiting))} {
		b = binary.AppendUvarint(b, n)
	}
	if len(waiting) > 0 {
		b = binary.AppendVarint(b, 1_700_000_000)
	}
	for _, place := range waiting {
		b = binary.AppendUvarint(b, place-acked)
		b = binary.AppendUvarint(b, place-acked)
		b = binary.AppendVarint(b, 1)
	}
	return append(b, 0)
}

func TestOneDamagedByteOfSettingsIsMended(t *testing.T) {
	dir, stream, reader := folderWithReader(t, position(3, 5, 4, 5))
	if found := checked(t, dir); len(found) != 0 {
		t.Fatalf("a sound folder: %+v", found)
	}
	for folder, text := range map[string]string{stream: streamText, reader: readerText} {
		path, sumPath := filepath.Join(folder, metaFile), filepath.Join(folder, metaSum)
		sum := readAll(t, sumPath)
		for i := 0; i < len(text); i += 7 {
			bad := []byte(text)
			bad[i] ^= byte(1 + i%255)
			write(t, path, bad)
			if found := checked(t, dir); len(found) != 1 || !strings.Contains(found[0].What, "mended") {
				t.Fatalf("byte %d: found %+v", i, found)
			}
			if got := readAll(t, path); string(got) != text {
				t.Errorf("byte %d: mended to %s", i, got)
			}
		}
		for i := range sum {
			bad := bytes.Clone(sum)
			bad[i] ^= 3
			write(t, sumPath, bad)
			if found := checked(t, dir); len(found) != 1 || !strings.Contains(found[0].What, "sum") {
				t.Fatalf("byte %d of the sum: found %+v", i, found)
			}
			if got := readAll(t, sumPath); !bytes.Equal(got, sum) || string(readAll(t, path)) != text {
				t.Errorf("byte %d of the sum: mended to %s", i, got)
			}
		}
		for _, bad := range []string{"", "x", strings.Repeat("0", 100)} {
			write(t, sumPath, []byte(bad))
			if checked(t, dir); !bytes.Equal(readAll(t, sumPath), sum) {
				t.Errorf("sum %q: mended to %s", bad, readAll(t, sumPath))
			}
		}
	}
}

func TestSettingsThatCannotBeMendedAreMadeAnew(t *testing.T) {
	for _, bad := range []string{"", "{}", streamText[:40], "x" + streamText[2:len(streamText)-1], strings.Repeat("x", maxMeta+1)} {
		dir, stream, reader := folderWithReader(t, position(3, 5, 4, 5))
		write(t, filepath.Join(stream, metaFile), []byte(bad))
		write(t, filepath.Join(reader, metaFile), []byte(bad))
		own := []byte(`{"name":"RAW","ours":true}`)
		found, err := Check(dir, Options{Meta: func(string) []byte { return own }})
		if err != nil || len(found) != 3 {
			t.Errorf("%.9q: found %+v, %v, want the stream's and two files of the reader", bad, found, err)
		}
		if got := readAll(t, filepath.Join(stream, metaFile)); !bytes.Equal(got, own) {
			t.Errorf("%.9q: the settings of the stream are %.50s", bad, got)
		}
		if again := checked(t, dir); len(again) != 0 {
			t.Errorf("%.9q: found again %+v", bad, again)
		}
		if _, err := os.Stat(filepath.Join(reader, metaFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%.9q: the settings of the reader are still there: %v", bad, err)
		}
		if _, err := os.Stat(filepath.Join(reader, positionFile)); err != nil {
			t.Errorf("%.9q: the position, which is sound, is gone: %v", bad, err)
		}
	}
}

// TestAStreamThatIsNotOursIsPassedOver: somebody else's stream on our server must not keep the node from starting.
func TestAStreamThatIsNotOursIsPassedOver(t *testing.T) {
	dir, stream, _ := folderWithReader(t, nil)
	write(t, filepath.Join(stream, metaFile), []byte("{"))
	if found := checked(t, dir); len(found) != 1 || !strings.Contains(found[0].What, "passed over") {
		t.Errorf("found %+v", found)
	}
	if _, err := os.Stat(filepath.Join(stream, metaFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the settings are still there: %v", err)
	}
}

func TestPositionsAreBoundedByWhatIsThere(t *testing.T) {
	huge := binary.AppendUvarint([]byte{22, 2, 0, 0, 1, 1}, 1<<40)
	for _, c := range []struct {
		name string
		data []byte
		odd  string
	}{
		{"none yet", nil, ""},
		{"at the beginning", position(0, 0), ""},
		{"in the middle", position(3, 7, 4, 5, 6, 7), ""},
		{"at the end", position(10, 10), ""},
		{"delivered again", append(position(3, 7, 5)[:len(position(3, 7, 5))-1], 1, 2, 1), ""},
		{"beyond the end", position(3, 11), "beyond the end"},
		{"acknowledged more than delivered", position(5, 3), "more is acknowledged"},
		{"a count beyond the file", huge, "impossible number"},
		{"a second count beyond the file", binary.AppendUvarint([]byte{22, 2, 0, 0, 1, 1, 0}, 1<<60), "impossible number"},
		{"waits beyond what was delivered", position(3, 7, 9), "not delivered"},
		{"cut", position(3, 7, 4, 5)[:9], "ends early"},
		{"too long", append(position(3, 7), 0), "too many"},
		{"another version", []byte{22, 9, 0, 0, 0, 0, 0, 0}, "version"},
		{"no magic", []byte{0, 0}, "version"},
		{"very short", []byte{22}, "version"},
	} {
		dir, _, reader := folderWithReader(t, c.data)
		found := checked(t, dir)
		if c.odd == "" {
			if len(found) != 0 {
				t.Errorf("%s: found %+v", c.name, found)
			}
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].What, c.odd) {
			t.Errorf("%s: found %+v, want one with %q", c.name, found, c.odd)
		}
		if _, err := os.Stat(filepath.Join(reader, positionFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the position is still there: %v", c.name, err)
		}
	}
}

// FuzzPosition gives it any bytes.
func FuzzPosition(f *testing.F) {
	f.Add(position(3, 7, 4, 5, 6), uint64(10))
	f.Add(binary.AppendUvarint([]byte{22, 2, 0, 0, 1, 1}, 1<<40), uint64(10))
	fuzztest.Run(f, func(t *testing.T, data []byte, last uint64) { oddPosition(data, last) })
}
