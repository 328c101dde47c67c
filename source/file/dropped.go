package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A stamp is what tells a file from another one that had or will have its name.
type stamp struct {
	name     string
	inode    uint64 // nothing where the system says when the file was made: shares give other ones after each mount
	size     int64
	modified time.Time
	born     time.Time
}

func stampOf(path string, info os.FileInfo) stamp {
	_, inode := identity(info)
	s := stamp{name: filepath.Base(path), size: info.Size(), modified: info.ModTime().UTC(), born: bornAt(path, inode)}
	if s.born.IsZero() {
		s.inode = inode
	}
	return s
}

const keySize = 2 * 8

// key is short for a stamp.
func (s stamp) key() string {
	b := binary.BigEndian.AppendUint64([]byte(s.name+"\x00"), s.inode)
	b = binary.BigEndian.AppendUint64(b, uint64(s.size))
	b = binary.BigEndian.AppendUint64(b, uint64(s.modified.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(s.born.UnixNano()))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:keySize/2])
}

// A dropped is one file that is read whole.
type dropped struct {
	stamp
	path   string
	file   *os.File
	at     int64 // up to where it was read
	safe   int64 // where the row begins that is read next
	table  *table
	lines  bool // each is a reading
	buffer []byte
	before lineCount // up to at
	long   bool      // what stands at at is the rest of a row that was too long
}

// openDropped opens a file to be read from its start. It follows no link: who may drop files must not choose what else is read.
func (d *drops) openDropped(s stamp) (*dropped, error) {
	path := filepath.Join(d.at.dir, s.name)
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return nil, dodona.Permanent(fmt.Errorf("open file %s: it is a link, want a regular file", path))
	}
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	if got := stampOf(path, info); got != s {
		_ = f.Close() // it was only read
		return nil, errChanged
	}
	n := &dropped{stamp: s, path: path, file: f, lines: d.settings.Format == formatLines}
	if d.settings.Format == formatCSV {
		n.table = newTable(d.settings.table(), sayer(d.env, s.name))
	}
	head := make([]byte, 2)
	if k, _ := f.ReadAt(head, 0); k == 2 && d.settings.Format != formatDocument && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff) {
		_ = f.Close() // it was only read
		return nil, dodona.Permanent(fmt.Errorf("%s is written in UTF-16: rows and lines are read in UTF-8 alone; let its writer write that", s.name))
	}
	return n, nil
}

// errChanged: somebody wrote to the file since it was looked at. Wait until it has settled again.
var errChanged = errors.New("the file was written to since it was looked at")

// A piece is what a part of a file came to.
type piece struct {
	readings []dodona.Reading
	size     int
	done     bool // nothing more is in the file
}

// read returns what the next part of the file has.
func (n *dropped) read(d *drops) (p piece, err error) {
	if d.settings.Format == formatDocument {
		return n.readDocument(d)
	}
	limit := n.at + maxScan
	for !p.done && n.at < limit && len(p.readings) < maxLines && p.size < maxBatchBytes {
		if err := n.readRow(d, &p); err != nil {
			return p, err
		}
	}
	n.buffer = nil
	return p, nil
}

// readRow takes the next row.
func (n *dropped) readRow(d *drops, p *piece) error {
	max := int(d.settings.MaxLine)
	delimiter := ""
	if n.table != nil {
		delimiter = n.table.cutBy()
	}
	if n.long {
		delimiter = "" // within what was too long nobody knows what is quoted
	}
	for {
		last := n.at+int64(len(n.buffer)) >= n.size
		if last && len(n.buffer) == 0 {
			p.done = true
			return nil
		}
		full := len(n.buffer) > max+1
		took, text, open, ended := cutRow(n.buffer, delimiter, last || full)
		switch {
		case took == 0:
			if err := n.fill(max); err != nil {
				return err
			}
			continue
		case n.long || len(text) > max || full && !ended && !last:
			if !n.long {
				d.env.Dropped(1, fmt.Sprintf("line %d of %s, at byte %d, is longer than max_line (%d bytes)", n.before.n+1, n.name, n.at, max))
			}
			n.long = !ended
		default:
			n.add(d, p, text, open, ended)
		}
		n.before.add(n.buffer[:took])
		n.at += int64(took)
		n.buffer = n.buffer[took:]
		if !n.long {
			n.safe = n.at
		}
		p.done = n.at >= n.size
		return nil
	}
}

// A lineCount counts the line ends of a text that comes in parts: LF, CRLF and CR.
type lineCount struct {
	n  int
	cr bool // the last byte was CR
}

func (c *lineCount) add(text []byte) {
	for _, b := range text {
		if b == '\r' || b == '\n' && !c.cr {
			c.n++
		}
		c.cr = b == '\r'
	}
}

// countBefore counts the lines before at. What cannot be read is told when the file is read on.
func (n *dropped) countBefore() {
	b := make([]byte, chunkSize)
	for at := int64(0); at < n.at; {
		k, err := n.file.ReadAt(b[:min(int64(len(b)), n.at-at)], at)
		n.before.add(b[:k])
		if at += int64(k); err != nil {
			return
		}
	}
}

// fill reads more of the file behind what is there.
func (n *dropped) fill(max int) error {
	want := min(int64(chunkSize+max), n.size-n.at-int64(len(n.buffer)))
	b := make([]byte, len(n.buffer)+int(want))
	copy(b, n.buffer)
	k, err := n.file.ReadAt(b[len(n.buffer):], n.at+int64(len(n.buffer)))
	if int64(k) < want {
		if err == nil || errors.Is(err, io.EOF) {
			return errChanged // it is shorter now
		}
		return fmt.Errorf("read %s at byte %d: %w", n.name, n.at, err)
	}
	n.buffer = b
	return nil
}

// add makes a reading of a row.
func (n *dropped) add(d *drops, p *piece, text []byte, open, ended bool) {
	row, found := tableRow{body: bytes.Clone(text)}, len(bytes.TrimSpace(text)) > 0
	media := "application/json"
	if n.table != nil {
		media = d.settings.media()
		row, found = n.table.take(text)
		if open && found {
			row.reason = "a quote in the row is never closed"
		}
	}
	if !found {
		return
	}
	r := n.reading(d, row.body, media, fmt.Sprintf("line %d of %s, at byte %d", n.before.n+1, n.name, n.at), len(p.readings))
	switch {
	case row.reason != "":
		r = bad(r, row.reason)
	case !ended && n.table != nil:
		r.Quality = dodona.Uncertain
		r.Detail = "the file ends in the row, without an end of line, so the row may be cut (" + r.Detail + ")"
	}
	p.readings = append(p.readings, r)
	p.size += len(row.body)
}

func (n *dropped) reading(d *drops, body []byte, media, detail string, i int) dodona.Reading {
	r := dodona.Reading{
		Source:      d.env.Source,
		Body:        body,
		ContentType: media,
		Received:    d.env.Now().Add(time.Duration(i)), // of rows that came together the later one is the later
		Detail:      detail,
	}
	if d.settings.Time != timeRead {
		r = timed(r, n.modified, string(byThat))
	}
	return r
}

// readDocument returns the file as one reading.
func (n *dropped) readDocument(d *drops) (p piece, err error) {
	if n.size > int64(d.settings.MaxSize) {
		return p, dodona.Permanent(fmt.Errorf("%s has %d bytes: the document is larger than max_size (%s)", n.name, n.size, d.settings.MaxSize))
	}
	body := make([]byte, n.size)
	if _, err := n.file.ReadAt(body, 0); err != nil && !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("read document %s: %w", n.name, err)
	}
	n.at, n.safe = n.size, n.size
	r := n.reading(d, body, "application/json", fmt.Sprintf("read %s, %d B", n.name, n.size), 0)
	return piece{[]dodona.Reading{r}, len(body), true}, nil
}

// unchanged reports whether the file is as it was when it was looked at.
func (n *dropped) unchanged() bool {
	info, err := n.file.Stat()
	return err == nil && info.Size() == n.size && info.ModTime().Equal(n.modified)
}

func (n *dropped) close() { _ = n.file.Close() } // it was only read
