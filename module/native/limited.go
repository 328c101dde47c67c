package native

import (
	"errors"
	"fmt"
	"os"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// LargestCode bounds what the child reads, and the native code that comes back. Package wasm accepts no module that becomes three quarters of it.
const LargestCode = 64 << 20

// openLimited opens a file of at most limit bytes, which must be a regular one, and tells its size.
func openLimited(path string, limit int64) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openPlain, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > limit) {
		err = wrongFile(fmt.Sprintf("%s is no regular file of at most %s", path, unit.About(limit)))
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// sizeLimited tells the size of such a file.
func sizeLimited(path string, limit int64) (int64, error) {
	f, size, err := openLimited(path, limit)
	if err != nil {
		return 0, err
	}
	return size, f.Close()
}

// A wrongFile is why a file is none that this node has written.
type wrongFile string

// Error returns the reason.
func (w wrongFile) Error() string { return string(w) }
