package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/dodona-oracle/dodona/internal/plain"

	"github.com/dodona-oracle/dodona/module/abi"
)

// The bounds of the files capability for one event.
const (
	maxFiles    = 16 // open at once
	maxOpens    = 64
	maxLooks    = 64
	maxFilePath = 1024 // bytes
	maxEntries  = 4096 // of a directory
)

// The calls of a transcript.
const (
	callOpen = "file_open"
	callStat = "file_stat"
)

// fileFunctions serve the descriptors 0 to 2, and with the capability files a directory that is read only.
//
// wazero's own file system is not used: its descriptors would outlive the event, and what it reads could not be in the
// transcript. A file is read whole when it is opened, through [os.Root], which symbolic links cannot leave.
var fileFunctions = []abi.Function{
	{Name: "fd_close", Signature: "i:i", Call: abi.With((*kept).fdClose)},
	{Name: "fd_datasync", Signature: "i:i", Call: abi.With((*kept).fdSync)},
	{Name: "fd_sync", Signature: "i:i", Call: abi.With((*kept).fdSync)},
	{Name: "fd_fdstat_get", Signature: "ii:i", Call: abi.With((*kept).fdStat)},
	{Name: "fd_fdstat_set_flags", Signature: "ii:i", Call: abi.With((*kept).fdSync)},
	{Name: "fd_filestat_get", Signature: "ii:i", Call: abi.With((*kept).fdFilestat)},
	{Name: "fd_prestat_get", Signature: "ii:i", Call: abi.With((*kept).fdPrestat)},
	{Name: "fd_prestat_dir_name", Signature: "iii:i", Call: abi.With((*kept).fdPrestatName)},
	{Name: "fd_read", Signature: "iiii:i", Call: abi.With((*kept).fdRead)},
	{Name: "fd_pread", Signature: "iiiIi:i", Call: abi.With((*kept).fdPread)},
	{Name: "fd_readdir", Signature: "iiiIi:i", Call: abi.With((*kept).fdReaddir)},
	{Name: "fd_seek", Signature: "iIii:i", Call: abi.With((*kept).fdSeek)},
	{Name: "fd_tell", Signature: "ii:i", Call: abi.With((*kept).fdTell)},
	{Name: "path_filestat_get", Signature: "iiiii:i", Call: abi.With((*kept).pathFilestat)},
	{Name: "path_open", Signature: "iiiiiIIii:i", Call: abi.With((*kept).pathOpen)},
}

// The kinds of what a descriptor is.
const (
	fileCharacterDevice = 2
	fileDirectory       = 3
	fileRegular         = 4
	fileLink            = 7
)

// lookupFollow is the flag of a path with which a symbolic link at its end is followed.
const lookupFollow = 1 << 0

// follows reports whether a link at the end of a path is to be followed: a final slash asks for what it leads to.
func follows(flags uint64, name []byte) bool {
	return flags&lookupFollow != 0 || bytes.HasSuffix(name, []byte("/"))
}

// An openFile is a file as it was when it was opened.
type openFile struct {
	kind    byte   // 0: not open
	path    string // below the directory, cleaned; "." is the directory itself
	content []byte // of a file
	entries []string
	at      uint64
}

// theDirectory is what descriptor 3 is.
var theDirectory = openFile{kind: fileDirectory, path: "."}

// file returns what a descriptor above 2 is; nil if it is not open.
func (w *kept) file(fd uint32) *openFile {
	switch {
	case !w.granted || fd < directoryFD:
		return nil
	case fd == directoryFD:
		return &theDirectory
	case fd-firstFileFD < maxFiles && w.open[fd-firstFileFD].kind != 0:
		return &w.open[fd-firstFileFD]
	}
	return nil
}

func (w *kept) fdClose(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	fd := uint32(s[0])
	f := w.file(fd)
	switch {
	case fd > stderr && f == nil:
		s[0] = Badf
		return
	case fd > directoryFD:
		*f = openFile{}
	}
	s[0] = Success
}

func (w *kept) fdSync(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	if fd := uint32(s[0]); fd > stderr && w.file(fd) == nil {
		s[0] = Badf
		return
	}
	s[0] = Success
}

// below returns the path that a guest means below the directory, cleaned, or an error.
func (f *openFile) below(name []byte) (string, uint64) {
	text := string(name)
	switch {
	case f.kind != fileDirectory:
		return "", Notdir
	case text == "":
		return "", Noent
	case len(text) > maxFilePath || !plain.Is(text):
		return "", Inval
	case text[0] == '/':
		return "", Notcapable
	}
	clean := path.Join(f.path, text)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", Notcapable
	}
	return clean, Success
}

// path_filestat_get(fd, flags, path, pathLen, filestat)
func (w *kept) pathFilestat(g abi.Guest, s []uint64) {
	name, to := g.View(s[2], s[3]), g.View(s[4], 64)
	g.Pay(abi.OutsideFuel, len(name))
	clean, errno := w.below(g, uint32(s[0]), name, &w.looks, maxLooks)
	if errno != Success {
		s[0] = errno
		return
	}
	answer, room := g.Ask(callStat, clean, -Fbig, func(context.Context) abi.Heard {
		return w.lookAt(g, clean, follows(s[1], name))
	})
	if !room {
		answer.Code = -Nobufs
	}
	if answer.Code < 0 {
		s[0] = uint64(uint32(-answer.Code))
		return
	}
	size, _ := strconv.ParseUint(string(answer.Result), 10, 63) // of a directory there is none
	putFilestat(to, kindOf(answer.Code), size)
	s[0] = Success
}

// below checks what all calls with a path have in common.
func (w *kept) below(g abi.Guest, fd uint32, name []byte, count *int, most int) (string, uint64) {
	f := w.file(fd)
	if f == nil {
		return "", Badf
	}
	clean, errno := f.below(name)
	switch {
	case errno != Success:
		return "", errno
	case g.Outside():
		return "", Again
	case *count == most:
		return "", Nobufs
	}
	*count++
	return clean, Success
}

// The codes of file_open and file_stat.
const (
	codeFile = iota
	codeDirectory
	codeLink // of file_stat alone
)

func kindOf(code int32) byte {
	switch code {
	case codeDirectory:
		return fileDirectory
	case codeLink:
		return fileLink
	}
	return fileRegular
}

func (w *kept) lookAt(g abi.Guest, name string, follow bool) abi.Heard {
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		g.Tell(err)
		return abi.Heard{Code: -IO}
	}
	defer func() { _ = root.Close() }() // only read from
	look := root.Stat
	if !follow {
		look = root.Lstat
	}
	info, err := look(name)
	switch {
	case err != nil:
		return abi.Heard{Code: -errorOf(err)}
	case info.Mode()&fs.ModeSymlink != 0:
		return abi.Heard{Code: codeLink, Result: strconv.AppendInt(nil, info.Size(), 10)}
	case info.IsDir():
		return abi.Heard{Code: codeDirectory}
	case !info.Mode().IsRegular():
		return abi.Heard{Code: -Acces}
	}
	return abi.Heard{Code: codeFile, Result: strconv.AppendInt(nil, info.Size(), 10)}
}

// The flags of path_open.
const (
	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
)

// path_open(fd, dirflags, path, pathLen, oflags, rights, inheriting, fdflags, opened)
func (w *kept) pathOpen(g abi.Guest, s []uint64) {
	name, opened := g.View(s[2], s[3]), g.View(s[8], 4)
	g.Pay(abi.OutsideFuel, len(name))
	flags := uint32(s[4])
	if w.file(uint32(s[0])) != nil && (flags&(openCreate|openExclusive|openTruncate) != 0 || s[5]&rightWrite != 0) {
		s[0] = Rofs
		return
	}
	free := -1
	for i := range w.open {
		if w.open[i].kind == 0 {
			free = i
			break
		}
	}
	clean, errno := w.below(g, uint32(s[0]), name, &w.opens, maxOpens)
	switch {
	case errno != Success:
		s[0] = errno
		return
	case free < 0:
		s[0] = Mfile
		return
	}
	room := g.Room()
	answer, found := g.Ask(callOpen, clean, -Fbig, func(context.Context) abi.Heard {
		return w.readWhole(g, clean, room, follows(s[1], name))
	})
	if !found {
		answer.Code = -Nobufs
	}
	f := openFile{path: clean}
	switch {
	case answer.Code < 0:
		s[0] = uint64(uint32(-answer.Code)) // a transcript may have any
		return
	case answer.Code == codeDirectory:
		f.kind = fileDirectory
		if err := json.Unmarshal(answer.Result, &f.entries); err != nil {
			panic(abi.Differs("the transcript has no listing of " + answer.String()))
		}
	case flags&openDirectory != 0:
		s[0] = Notdir
		return
	default:
		f.kind, f.content = fileRegular, answer.Result
	}
	w.open[free] = f
	binary.LittleEndian.PutUint32(opened, uint32(firstFileFD+free))
	s[0] = Success
}

// readWhole reads a file, or lists a directory. More than limit bytes are never read.
func (w *kept) readWhole(g abi.Guest, name string, limit int, follow bool) abi.Heard {
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		g.Tell(err)
		return abi.Heard{Code: -IO}
	}
	defer func() { _ = root.Close() }() // only read from
	if !follow {                        // os.Root follows whatever its flags say
		if info, err := root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return abi.Heard{Code: -Loop}
		}
	}
	// Not blocking, so that opening a pipe does not wait for its writer.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return abi.Heard{Code: -errorOf(err)}
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	switch {
	case err != nil:
		return abi.Heard{Code: -IO}
	case info.IsDir():
		return list(f)
	case !info.Mode().IsRegular():
		return abi.Heard{Code: -Acces}
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return abi.Heard{Code: -IO}
	}
	return abi.Heard{Code: codeFile, Result: b} // without room for it, the transcript refuses it
}

func list(f *os.File) abi.Heard {
	entries, err := f.ReadDir(maxEntries + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return abi.Heard{Code: -IO}
	case len(entries) > maxEntries:
		return abi.Heard{Code: -Fbig}
	}
	return abi.Heard{Code: codeDirectory, Result: listing(entries)}
}

// errorOf returns the error of WASI for one of the host's.
func errorOf(err error) int32 {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Noent
	case errors.Is(err, fs.ErrPermission):
		return Acces
	case !errors.As(err, &errno):
		return Notcapable // os.Root's own: the path leads out of it
	case errno == syscall.ENOTDIR:
		return Notdir
	case errno == syscall.ELOOP:
		return Loop
	}
	return IO
}
