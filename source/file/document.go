package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// document reads a file whole at every call.
type document struct {
	settings Settings
	env      source.Env
}

// Observe returns the file's content as the one reading, whether or not it changed since the last time.
// A file that is replaced by rename is seen whole, before or after; one that is written in place may be seen half
// written, and then no number can be taken from it. Its time is when the file was written, so that a writer that died is seen.
func (d *document) Observe(ctx context.Context) (dodona.Batch, error) {
	if err := ctx.Err(); err != nil {
		return dodona.Batch{}, err
	}
	f, info, err := openRegular(d.settings.Path)
	if err != nil {
		return dodona.Batch{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(f, int64(d.settings.MaxSize)+1))
	if err != nil {
		return dodona.Batch{}, fmt.Errorf("read document: %w", err)
	}
	if len(body) > int(d.settings.MaxSize) {
		return dodona.Batch{}, fmt.Errorf("read %s: the document is larger than max_size (%s)", d.settings.Path, d.settings.MaxSize)
	}
	r := dodona.Reading{
		Source:      d.env.Source,
		Body:        body,
		ContentType: "application/json",
		Received:    d.env.Now(),
		Detail:      fmt.Sprintf("read %s, %d B", filepath.Base(d.settings.Path), len(body)),
	}
	if d.settings.Time != timeRead {
		r = timedDocument(r, f, info)
	}
	return dodona.Batch{Readings: []dodona.Reading{r}}, nil
}

// Close does nothing: the file is open only while it is read.
func (d *document) Close() error { return nil }

// openRegular opens a file for reading and refuses what could block or never end: pipes, devices, folders.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open file: %w%s", err, permit(err, path))
	}
	if !info.Mode().IsRegular() {
		return nil, nil, notRegular(path, info)
	}
	f, err := os.OpenFile(path, openFlags, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open file: %w", err)
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = notRegular(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("open file: %w", err)
	}
	return f, info, nil
}

func notRegular(path string, info os.FileInfo) error {
	return dodona.Permanent(fmt.Errorf("open file %s: it is a %s, want a regular file", path, kindOf(info.Mode())))
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&os.ModeNamedPipe != 0:
		return "pipe"
	case m&os.ModeSocket != 0:
		return "socket"
	case m&os.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// permit says what lets a node read a file that it may not read.
func permit(err error, path string) string {
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return ""
	case strings.HasPrefix(filepath.ToSlash(path), "/var/log/"):
		return ": a group may read it, often adm, which the example files.conf gives to the service"
	}
	return ": the user that the node runs as has to be let read it, by its group say"
}
