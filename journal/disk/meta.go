package disk

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// Settings of a stream or a reader are a text and its sum, each in a file.
const (
	metaFile = "meta.inf"
	metaSum  = "meta.sum"
)

// meta checks the settings of the stream in a folder. Those that are damaged are mended from their sum, or written anew.
func (c *check) meta(path string) error {
	name := filepath.Base(path)
	why, err := c.settings(path, newSum(name), "name")
	if why == "" || err != nil {
		return err
	}
	var text []byte
	if c.Meta != nil {
		text = c.Meta(name)
	}
	file, what := filepath.Join(path, metaFile), "settings of stream "+name+" damaged ("+why+"); "
	if later := torn(path, name); text == nil && later != nil {
		if err := c.lose(name, file, what+"they are newer than their sum, and believed"); err != nil {
			return err
		}
		return writeSettings(path, later, newSum(name))
	}
	switch {
	case text == nil && why == missing:
		return nil // the server passes over it
	case text == nil:
		what += "the stream is passed over until whoever made it makes it again, and then it has its records"
	default:
		what += "they are written anew"
	}
	if why != missing {
		if err := c.lose(name, file, what); err != nil {
			return err
		}
	}
	if text != nil {
		return writeSettings(path, text, newSum(name))
	}
	return errors.Join(remove(file), remove(filepath.Join(path, metaSum)))
}

// missing is what settings says of a folder without any.
const missing = "they are missing"

// settings returns what is wrong with the settings in a folder and could not be mended, or "".
func (c *check) settings(path string, sum hash.Hash64, nameField string) (string, error) {
	file := filepath.Join(path, metaFile)
	text, damaged, err := readSmall(file, maxMeta)
	if errors.Is(err, fs.ErrNotExist) {
		return missing, nil
	}
	if err != nil || damaged != "" {
		return damaged, err
	}
	want, damaged, err := readSmall(filepath.Join(path, metaSum), 64)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	have := sumOf(text, sum)
	if bytes.Equal(have, want) {
		return "", nil
	}
	whole := damaged == "" && err == nil && isHex(want, len(have))
	if mended := withOneByte(text, want, sum); whole && mended != nil {
		if err := c.keep(file, "one byte of settings damaged; it is mended"); err != nil {
			return "", err
		}
		return "", writeSettings(path, mended, sum)
	}
	var fields map[string]any
	if (!whole || differing(have, want) <= 2) && json.Unmarshal(text, &fields) == nil && fields[nameField] == filepath.Base(path) {
		if err := c.keep(file, "the sum of settings damaged; it is made again"); err != nil {
			return "", err
		}
		return "", writeSettings(path, text, sum)
	}
	return "the sum does not fit", nil
}

// torn returns the settings of a stream if they are newer than their sum: the server writes them first, and was ended before it wrote that.
func torn(path, stream string) []byte {
	file := filepath.Join(path, metaFile)
	written, err := os.Stat(file)
	if err != nil {
		return nil
	}
	summed, err := os.Stat(filepath.Join(path, metaSum))
	if err != nil || !written.ModTime().After(summed.ModTime()) {
		return nil
	}
	text, damaged, err := readSmall(file, maxMeta)
	var fields map[string]any
	if err != nil || damaged != "" || json.Unmarshal(text, &fields) != nil || fields["name"] != stream {
		return nil
	}
	return text
}

// writeSettings writes the text last: with it alone, or with another sum, the next Check finds out.
func writeSettings(path string, text []byte, sum hash.Hash64) error {
	if err := durable.Write(filepath.Join(path, metaSum), sumOf(text, sum), 0o640); err != nil {
		return err
	}
	return durable.Write(filepath.Join(path, metaFile), text, 0o640)
}

func sumOf(text []byte, sum hash.Hash64) []byte {
	sum.Reset()
	sum.Write(text)
	return hex.AppendEncode(nil, sum.Sum(nil))
}

func isHex(text []byte, size int) bool {
	_, err := hex.DecodeString(string(text))
	return err == nil && len(text) == size
}

// differing counts the places where two texts of one length differ.
func differing(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// longestMended bounds the search for one byte: texts of settings have less than 1,000.
const longestMended = 4 << 10

// withOneByte returns the text with the one byte changed that gives it the wanted sum, nil if there is none.
func withOneByte(text, want []byte, sum hash.Hash64) []byte {
	if len(text) > longestMended {
		return nil
	}
	var wanted [sumSize]byte
	if n, err := hex.Decode(wanted[:], want); err != nil || n != len(wanted) {
		return nil
	}
	text = bytes.Clone(text)
	var got [sumSize]byte
	for i, was := range text {
		for b := 1; b < 256; b++ {
			text[i] = was ^ byte(b)
			sum.Reset()
			sum.Write(text)
			if [sumSize]byte(sum.Sum(got[:0])) == wanted {
				return text
			}
		}
		text[i] = was
	}
	return nil
}
