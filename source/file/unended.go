package file

import (
	"path/filepath"
)

// Waits says why a log that is there brings nothing yet: its last line, which counts once its end is there, has none. It is empty if that is not why.
func (s *Settings) Waits() string {
	if !s.Pushed() || isPattern(s.Path) {
		return ""
	}
	f, info, err := openRegular(s.Path)
	if err != nil || info.Size() == 0 {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' || last[0] == '\r' {
		return ""
	}
	return "the last line of " + filepath.Base(s.Path) + " has no end yet, and a line counts once it has"
}
