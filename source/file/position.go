package file

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/form"
)

// window is how much of the file, at its head and before the position, a fingerprint covers.
const window = 1024

// A position says up to where a file was read, and how to know that file again: by its inode, and by what
// stands at its head and before the position, because inodes are used again and files are truncated in place.
type position struct {
	Path     string    `json:"path"` // as configured; another path is another log
	Device   uint64    `json:"device"`
	Inode    uint64    `json:"inode"`
	Offset   int64     `json:"offset"`
	Head     string    `json:"head"`     // fingerprint of the first bytes
	Tail     string    `json:"tail"`     // fingerprint of the bytes before Offset
	Modified time.Time `json:"modified"` // of the file, when it was read

	At    string    `json:"at,omitempty"`   // where the file was, if not at Path
	Left  []mark    `json:"left,omitempty"` // files that were left, and are still looked at
	Since time.Time `json:"since,omitzero"` // what follows Offset is not older; [never]: nobody knows; zero: a release wrote it that did not say

	Born   time.Time `json:"born,omitzero"`    // when the file was made; zero: nobody knows
	Header string    `json:"header,omitempty"` // of the rows of CSV from Offset on, if the file does not begin with it
	Older  *mark     `json:"older,omitempty"`  // a file that was put away before; empty: there was none; nil: nobody knows
}

// A mark is the position in a file that was left.
type mark struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"`
	Head   string `json:"head"`
	Tail   string `json:"tail"`

	Since time.Time `json:"since,omitzero"`
	Born  time.Time `json:"born,omitzero"`

	Header string `json:"header,omitempty"`
}

// notBefore returns a time that what follows the position is not older than; zero: nobody knows.
func (p position) notBefore() time.Time {
	switch {
	case p.Since.Equal(never):
		return time.Time{}
	case p.Since.IsZero():
		return p.Modified
	}
	return p.Since
}

func (p position) mark() mark {
	return mark{p.Device, p.Inode, p.Offset, p.Head, p.Tail, p.Since, p.Born, p.Header}
}

func (m mark) position(path string) position {
	return position{Path: path, Device: m.Device, Inode: m.Inode, Offset: m.Offset, Head: m.Head, Tail: m.Tail, Since: m.Since, Born: m.Born, Header: m.Header}
}

func (m mark) valid() bool {
	return m.Offset >= 0 && len(m.Header) <= maxNewHeader && len(m.Head) == 2*fingerprintSize && len(m.Tail) == 2*fingerprintSize
}

var errCursor = errors.New("the cursor is not one of this file")

// maxCursor is more than any cursor of ours needs, even with the longest path in it.
const maxCursor = 32 << 10

// parsePosition reads a cursor that [position.cursor] wrote.
func parsePosition(cursor []byte) (position, error) {
	if len(cursor) > maxCursor {
		return position{}, errCursor
	}
	var p position
	if err := form.Of[position]().Read(cursor, "the cursor", &p); err != nil {
		return position{}, errCursor
	}
	if !p.valid() {
		return position{}, errCursor
	}
	return p, nil
}

func (p position) valid() bool {
	return p.mark().valid() && (p.Older == nil || *p.Older == mark{} || p.Older.valid()) && len(p.Left) <= maxLeft && !slices.ContainsFunc(p.Left, func(m mark) bool { return !m.valid() })
}

func (p position) cursor() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		panic("a position does not marshal: " + err.Error()) // it has no value that could not
	}
	return text
}

const fingerprintSize = 16

// fingerprints returns those of the file's head and of what stands before offset.
func fingerprints(f io.ReaderAt, offset int64) (head, tail string, err error) {
	n := min(offset, window)
	if head, err = fingerprint(f, 0, n); err != nil {
		return "", "", err
	}
	if offset <= window {
		return head, head, nil
	}
	tail, err = fingerprint(f, offset-n, n)
	return head, tail, err
}

func fingerprint(f io.ReaderAt, from, n int64) (string, error) {
	b := make([]byte, n)
	if got, err := f.ReadAt(b, from); int64(got) < n {
		return "", fmt.Errorf("read file at %d: %w", from, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:fingerprintSize]), nil
}

// matches reports whether f is the file of p as far as its content says.
func (p position) matches(f io.ReaderAt, size int64) bool {
	if size < p.Offset {
		return false
	}
	head, tail, err := fingerprints(f, p.Offset)
	return err == nil && head == p.Head && tail == p.Tail
}
