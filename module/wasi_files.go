package module

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
)

// The bounds of the files capability for one event.
const (
	maxFiles    = 16 // open at once
	maxOpens    = 64
	maxLooks    = 64
	maxFilePath = 1024 // bytes
	maxEntries  = 4096 // of a directory
)

// wasiFileFunctions serve the descriptors 0 to 2, and with the capability files a directory that is read only.
//
// wazero's own file system is not used: its descriptors would outlive the event, and what it reads could not be in the
// transcript. A file is read whole when it is opened, through [os.Root], which symbolic links cannot leave.
var wasiFileFunctions = []function{
	{module: wasiModule, name: "fd_close", signature: "i:i", call: fdClose},
	{module: wasiModule, name: "fd_datasync", signature: "i:i", call: fdSync},
	{module: wasiModule, name: "fd_sync", signature: "i:i", call: fdSync},
	{module: wasiModule, name: "fd_fdstat_get", signature: "ii:i", call: fdStat},
	{module: wasiModule, name: "fd_fdstat_set_flags", signature: "ii:i", call: fdSync},
	{module: wasiModule, name: "fd_filestat_get", signature: "ii:i", call: fdFilestat},
	{module: wasiModule, name: "fd_prestat_get", signature: "ii:i", call: fdPrestat},
	{module: wasiModule, name: "fd_prestat_dir_name", signature: "iii:i", call: fdPrestatName},
	{module: wasiModule, name: "fd_read", signature: "iiii:i", call: fdRead},
	{module: wasiModule, name: "fd_pread", signature: "iiiIi:i", call: fdPread},
	{module: wasiModule, name: "fd_readdir", signature: "iiiIi:i", call: fdReaddir},
	{module: wasiModule, name: "fd_seek", signature: "iIii:i", call: fdSeek},
	{module: wasiModule, name: "fd_tell", signature: "ii:i", call: fdTell},
	{module: wasiModule, name: "path_filestat_get", signature: "iiiii:i", call: pathFilestat},
	{module: wasiModule, name: "path_open", signature: "iiiiiIIii:i", call: pathOpen},
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
func (in *instance) file(fd uint32) *openFile {
	switch {
	case !in.module.spec.Capabilities.Files || fd < directoryFD:
		return nil
	case fd == directoryFD:
		return &theDirectory
	case fd-firstFileFD < maxFiles && in.event.files[fd-firstFileFD].kind != 0:
		return &in.event.files[fd-firstFileFD]
	}
	return nil
}

func fdClose(in *instance, s []uint64) {
	in.pay(0, 0)
	fd := uint32(s[0])
	f := in.file(fd)
	switch {
	case fd > stderr && f == nil:
		s[0] = wasiBadf
		return
	case fd > directoryFD:
		*f = openFile{}
	}
	s[0] = wasiSuccess
}

func fdSync(in *instance, s []uint64) {
	in.pay(0, 0)
	if fd := uint32(s[0]); fd > stderr && in.file(fd) == nil {
		s[0] = wasiBadf
		return
	}
	s[0] = wasiSuccess
}

// below returns the path that a guest means below the directory, cleaned, or an error.
func (f *openFile) below(name []byte) (string, uint64) {
	text := string(name)
	switch {
	case f.kind != fileDirectory:
		return "", wasiNotdir
	case text == "":
		return "", wasiNoent
	case len(text) > maxFilePath || !plain.Is(text):
		return "", wasiInval
	case text[0] == '/':
		return "", wasiNotcapable
	}
	clean := path.Join(f.path, text)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", wasiNotcapable
	}
	return clean, wasiSuccess
}

// path_filestat_get(fd, flags, path, pathLen, filestat)
func pathFilestat(in *instance, s []uint64) {
	name, to := in.view(s[2], s[3]), in.view(s[4], 64)
	in.pay(outsideFuel, len(name))
	clean, errno := in.below(uint32(s[0]), name, &in.event.looks, maxLooks)
	if errno != wasiSuccess {
		s[0] = errno
		return
	}
	answer, room := in.event.record.ask(in.ctx.Context, callFileStat, clean, -wasiFbig, func(context.Context) heard {
		return in.lookAt(clean, follows(s[1], name))
	})
	if !room {
		answer.Code = -wasiNobufs
	}
	if answer.Code < 0 {
		s[0] = uint64(uint32(-answer.Code))
		return
	}
	size, _ := strconv.ParseUint(string(answer.Result), 10, 63) // of a directory there is none
	putFilestat(to, kindOf(answer.Code), size)
	s[0] = wasiSuccess
}

// below checks what all calls with a path have in common.
func (in *instance) below(fd uint32, name []byte, count *int, most int) (string, uint64) {
	f := in.file(fd)
	if f == nil {
		return "", wasiBadf
	}
	clean, errno := f.below(name)
	switch {
	case errno != wasiSuccess:
		return "", errno
	case in.outside():
		return "", wasiAgain
	case *count == most:
		return "", wasiNobufs
	}
	*count++
	return clean, wasiSuccess
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

func (in *instance) lookAt(name string, follow bool) heard {
	root, err := os.OpenRoot(in.module.spec.Dir)
	if err != nil {
		in.tell(err)
		return heard{Code: -wasiIO}
	}
	defer func() { _ = root.Close() }() // only read from
	look := root.Stat
	if !follow {
		look = root.Lstat
	}
	info, err := look(name)
	switch {
	case err != nil:
		return heard{Code: -wasiError(err)}
	case info.Mode()&fs.ModeSymlink != 0:
		return heard{Code: codeLink, Result: strconv.AppendInt(nil, info.Size(), 10)}
	case info.IsDir():
		return heard{Code: codeDirectory}
	case !info.Mode().IsRegular():
		return heard{Code: -wasiAcces}
	}
	return heard{Code: codeFile, Result: strconv.AppendInt(nil, info.Size(), 10)}
}

// The flags of path_open.
const (
	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
)

// path_open(fd, dirflags, path, pathLen, oflags, rights, inheriting, fdflags, opened)
func pathOpen(in *instance, s []uint64) {
	name, opened := in.view(s[2], s[3]), in.view(s[8], 4)
	in.pay(outsideFuel, len(name))
	ev := &in.event
	flags := uint32(s[4])
	if in.file(uint32(s[0])) != nil && (flags&(openCreate|openExclusive|openTruncate) != 0 || s[5]&rightWrite != 0) {
		s[0] = wasiRofs
		return
	}
	free := -1
	for i := range ev.files {
		if ev.files[i].kind == 0 {
			free = i
			break
		}
	}
	clean, errno := in.below(uint32(s[0]), name, &ev.opens, maxOpens)
	switch {
	case errno != wasiSuccess:
		s[0] = errno
		return
	case free < 0:
		s[0] = wasiMfile
		return
	}
	room := ev.record.room
	answer, found := ev.record.ask(in.ctx.Context, callFileOpen, clean, -wasiFbig, func(context.Context) heard {
		return in.readWhole(clean, room, follows(s[1], name))
	})
	if !found {
		answer.Code = -wasiNobufs
	}
	f := openFile{path: clean}
	switch {
	case answer.Code < 0:
		s[0] = uint64(uint32(-answer.Code)) // a transcript may have any
		return
	case answer.Code == codeDirectory:
		f.kind = fileDirectory
		if err := json.Unmarshal(answer.Result, &f.entries); err != nil {
			panic(stop{cause: CauseReplay, detail: "the transcript has no listing of " + answer.String()})
		}
	case flags&openDirectory != 0:
		s[0] = wasiNotdir
		return
	default:
		f.kind, f.content = fileRegular, answer.Result
	}
	ev.files[free] = f
	binary.LittleEndian.PutUint32(opened, uint32(firstFileFD+free))
	s[0] = wasiSuccess
}

// readWhole reads a file, or lists a directory. More than limit bytes are never read.
func (in *instance) readWhole(name string, limit int, follow bool) heard {
	root, err := os.OpenRoot(in.module.spec.Dir)
	if err != nil {
		in.tell(err)
		return heard{Code: -wasiIO}
	}
	defer func() { _ = root.Close() }() // only read from
	if !follow {                        // os.Root follows whatever its flags say
		if info, err := root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return heard{Code: -wasiLoop}
		}
	}
	// Not blocking, so that opening a pipe does not wait for its writer.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return heard{Code: -wasiError(err)}
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	switch {
	case err != nil:
		return heard{Code: -wasiIO}
	case info.IsDir():
		return list(f)
	case !info.Mode().IsRegular():
		return heard{Code: -wasiAcces}
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return heard{Code: -wasiIO}
	}
	return heard{Code: codeFile, Result: b} // without room for it, the transcript refuses it
}

func list(f *os.File) heard {
	entries, err := f.ReadDir(maxEntries + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return heard{Code: -wasiIO}
	case len(entries) > maxEntries:
		return heard{Code: -wasiFbig}
	}
	return heard{Code: codeDirectory, Result: listing(entries)}
}

// wasiError returns the error of WASI for one of the host's.
func wasiError(err error) int32 {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wasiNoent
	case errors.Is(err, fs.ErrPermission):
		return wasiAcces
	case !errors.As(err, &errno):
		return wasiNotcapable // os.Root's own: the path leads out of it
	case errno == syscall.ENOTDIR:
		return wasiNotdir
	case errno == syscall.ELOOP:
		return wasiLoop
	}
	return wasiIO
}
