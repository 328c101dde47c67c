// Package wasi is WASI preview 1 as guests see it: what language runtimes need to start, clocks that stand still, and, with
// the capability files, one directory that is read only. It gives nothing that the event does not, or its transcript.
package wasi

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// Module is the import module.
const Module = "wasi_snapshot_preview1"

// The errors of WASI preview 1 that functions answer with.
const (
	Success    = 0
	Again      = 6
	Badf       = 8
	Fbig       = 22
	Inval      = 28
	IO         = 29
	Isdir      = 31
	Loop       = 32
	Mfile      = 33
	Noent      = 44
	Nosys      = 52
	Notdir     = 54
	Overflow   = 61
	Rofs       = 69
	Notcapable = 76
	Acces      = 2
	Nobufs     = 42
)

// monotonicStart is what the monotonic clock reads at the beginning of every event. Go's runtime refuses one that reads 0.
const monotonicStart = uint64(time.Second)

// functions are those that language runtimes need to start. They give nothing that the event does not.
var functions = []abi.Function{
	{Name: "args_sizes_get", Signature: "ii:i", Call: abi.Without(nothing)},
	{Name: "args_get", Signature: "ii:i", Call: abi.Without(done)},
	{Name: "environ_sizes_get", Signature: "ii:i", Call: abi.Without(nothing)},
	{Name: "environ_get", Signature: "ii:i", Call: abi.Without(done)},
	{Name: "clock_res_get", Signature: "ii:i", Call: abi.Without(clockResolution)},
	{Name: "clock_time_get", Signature: "iIi:i", Call: abi.With((*kept).clockTime)},
	{Name: "random_get", Signature: "ii:i", Call: abi.Without(random)},
	{Name: "sched_yield", Signature: ":i", Call: abi.Without(done)},
	{Name: "proc_exit", Signature: "i:", Call: abi.Without(procExit)},
	{Name: "poll_oneoff", Signature: "iiii:i", Call: abi.With((*kept).pollOneoff)},
	{Name: "fd_write", Signature: "iiii:i", Call: abi.With((*kept).fdWrite)},
}

// absent are the functions of WASI that may be imported and do nothing: programs import more than they call.
const absent = `proc_raise/i sock_accept/iii sock_recv/iiiiii sock_send/iiiii sock_shutdown/ii
	fd_advise/iIIi fd_allocate/iII fd_filestat_set_size/iI fd_filestat_set_times/iIIi fd_fdstat_set_rights/iII
	fd_pwrite/iiiIi fd_renumber/ii path_create_directory/iii path_filestat_set_times/iiiiIIi path_link/iiiiiii
	path_readlink/iiiiii path_remove_directory/iii path_rename/iiiiii path_symlink/iiiii path_unlink_file/iii`

// Functions are all functions of WASI.
var Functions = abi.Set{
	Module: Module, Functions: all(),
	Entries: []abi.Entry{{Call: callOpen, Most: codeDirectory}, {Call: callStat, Most: codeLink}},
	Open: func(w abi.World) func() abi.Kept {
		return func() abi.Kept { return &kept{granted: w.Granted.Files, dir: w.Dir} }
	},
	Reaches: func(c manifest.Capabilities) bool { return c.Files },
}

func all() []abi.Function {
	list := slices.Concat(functions, fileFunctions)
	for _, name := range strings.Fields(absent) {
		name, signature, _ := strings.Cut(name, "/")
		list = append(list, abi.Function{Name: name, Signature: signature + ":i", Call: abi.Without(none)})
	}
	return list
}

// What is kept of an event.
type kept struct {
	granted bool   // a directory
	dir     string // which

	slept uint64 // nanoseconds that poll_oneoff let pass
	open  [maxFiles]openFile
	opens int
	looks int
}

// Rest closes all files, and sets the clock back.
func (w *kept) Rest() { *w = kept{granted: w.granted, dir: w.dir} }

func none(g abi.Guest, s []uint64) { g.Pay(0, 0); s[0] = Nosys }

// done answers success: a call that has nothing to do.
func done(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	if len(s) > 0 {
		s[0] = Success
	}
}

// nothing answers that there are 0 texts of 0 bytes.
func nothing(g abi.Guest, s []uint64) {
	count, size := g.View(s[0], 4), g.View(s[1], 4)
	g.Pay(0, 0)
	clear(count)
	clear(size)
	s[0] = Success
}

// The clocks of WASI.
const (
	clockRealtime = iota
	clockMonotonic
)

func clockResolution(g abi.Guest, s []uint64) {
	to := g.View(s[1], 8)
	g.Pay(0, 0)
	if uint32(s[0]) > clockMonotonic {
		s[0] = Inval
		return
	}
	binary.LittleEndian.PutUint64(to, uint64(time.Millisecond))
	s[0] = Success
}

// clock_time_get(id, precision, time)
func (w *kept) clockTime(g abi.Guest, s []uint64) {
	to := g.View(s[2], 8)
	g.Pay(0, 0)
	now, ok := w.clock(g, uint32(s[0]))
	if !ok {
		s[0] = Inval
		return
	}
	binary.LittleEndian.PutUint64(to, now)
	s[0] = Success
}

// clock reads a clock, in nanoseconds. Time passes only where the guest sleeps, and then only on the monotonic clock.
func (w *kept) clock(g abi.Guest, id uint32) (uint64, bool) {
	switch id {
	case clockRealtime:
		return min(uint64(g.Round()), math.MaxUint64/uint64(time.Millisecond)) * uint64(time.Millisecond), true
	case clockMonotonic:
		return add(monotonicStart, w.slept), true
	}
	return 0, false
}

// add is a + b, or the largest number.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

func random(g abi.Guest, s []uint64) {
	to := g.View(s[0], s[1])
	g.Pay(0, len(to))
	g.Draw(to)
	s[0] = Success
}

func procExit(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	panic(abi.Exit(int32(s[0])))
}

// vectors calls use for every buffer of a list of (pointer, length), and returns their length in all, or an error.
// All are checked and paid for before the first is used.
func vectors(g abi.Guest, list, count uint64, use func(b []byte) (more bool)) (total uint32, errno uint64) {
	n := uint64(uint32(count))
	if n*8 > g.MemoryBytes() {
		n = math.MaxUint32 / 8 // refused below, whatever the pointer
	}
	table := g.View(list, n*8)
	g.Pay(0, len(table))
	sum := uint64(0)
	for at := 0; at < len(table); at += 8 {
		sum += uint64(len(g.View(vector(table[at:]))))
	}
	if sum > math.MaxInt32 {
		return 0, Inval
	}
	g.Charge(sum / 8)
	for at := 0; at < len(table); at += 8 {
		if !use(g.View(vector(table[at:]))) {
			break
		}
	}
	return uint32(sum), Success
}

func vector(b []byte) (pointer, length uint64) {
	return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
}

// The descriptors that are always open.
const (
	stdin = iota
	stdout
	stderr
	directoryFD // only with the capability files
	firstFileFD
)

// fd_write(fd, list, count, written)
func (w *kept) fdWrite(g abi.Guest, s []uint64) {
	written := g.View(s[3], 4)
	fd := uint32(s[0])
	total, errno := vectors(g, s[1], s[2], func(b []byte) bool {
		if fd == stdout || fd == stderr {
			g.Print(int(fd-stdout), b)
		}
		return true
	})
	switch {
	case errno != Success:
		s[0] = errno
		return
	case fd == stdin, fd > stderr && w.file(fd) == nil:
		s[0] = Badf
		return
	case fd > stderr:
		s[0] = Rofs
		return
	}
	binary.LittleEndian.PutUint32(written, total)
	s[0] = Success
}
