package file

import (
	"fmt"
	"os"
	"time"
)

// watchLeft is how long a file that was left is looked after. It takes a file descriptor, and the room of a removed file.
const watchLeft = 10 * time.Minute

// left is a rotated file that is not read any more. What is still written to it is lost, which is told.
type left struct {
	file  *os.File // nil: there is none
	name  string
	size  int64
	until time.Time
}

// goOn leaves the file that is read, at its end, for the one at path.
func (t *tail) goOn(path string) error {
	f, info, err := openRegular(path)
	if err != nil {
		return err
	}
	t.left.forget()
	t.left = left{file: t.file, name: t.name, size: t.size, until: t.env.Now().Add(watchLeft)}
	return t.enterOpened(f, info, 0)
}

// look counts what was written to the file since it was left.
func (l *left) look(t *tail) {
	if l.file == nil {
		return
	}
	info, err := l.file.Stat()
	if err != nil || t.env.Now().After(l.until) {
		l.forget()
		return
	}
	if info.Size() > l.size {
		t.env.Dropped(1, fmt.Sprintf("somebody still writes to %s, which was rotated away: %d bytes are not read", l.name, info.Size()-l.size))
		l.size = info.Size()
	}
}

func (l *left) forget() {
	if l.file != nil {
		_ = l.file.Close() // it was only looked at
	}
	*l = left{}
}
