package module

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"strconv"
	"time"
)

// The errors of WASI preview 1 that the stub answers with.
const (
	wasiSuccess    = 0
	wasiAgain      = 6
	wasiBadf       = 8
	wasiFbig       = 22
	wasiInval      = 28
	wasiIO         = 29
	wasiIsdir      = 31
	wasiLoop       = 32
	wasiMfile      = 33
	wasiNoent      = 44
	wasiNosys      = 52
	wasiNotdir     = 54
	wasiOverflow   = 61
	wasiRofs       = 69
	wasiNotcapable = 76
	wasiAcces      = 2
	wasiNobufs     = 42
)

// monotonicStart is what the monotonic clock reads at the beginning of every event. Go's runtime refuses one that reads 0.
const monotonicStart = uint64(time.Second)

// wasiFunctions are those that language runtimes need to start. They give nothing that the event does not.
var wasiFunctions = []function{
	{module: wasiModule, name: "args_sizes_get", signature: "ii:i", call: wasiNothing},
	{module: wasiModule, name: "args_get", signature: "ii:i", call: wasiDone},
	{module: wasiModule, name: "environ_sizes_get", signature: "ii:i", call: wasiNothing},
	{module: wasiModule, name: "environ_get", signature: "ii:i", call: wasiDone},
	{module: wasiModule, name: "clock_res_get", signature: "ii:i", call: clockResolution},
	{module: wasiModule, name: "clock_time_get", signature: "iIi:i", call: clockTime},
	{module: wasiModule, name: "random_get", signature: "ii:i", call: wasiRandom},
	{module: wasiModule, name: "sched_yield", signature: ":i", call: wasiDone},
	{module: wasiModule, name: "proc_exit", signature: "i:", call: procExit},
	{module: wasiModule, name: "poll_oneoff", signature: "iiii:i", call: pollOneoff},
	{module: wasiModule, name: "fd_write", signature: "iiii:i", call: fdWrite},
}

// wasiAbsent are the functions of WASI that may be imported and do nothing: programs import more than they call.
const wasiAbsent = `proc_raise/i sock_accept/iii sock_recv/iiiiii sock_send/iiiii sock_shutdown/ii
	fd_advise/iIIi fd_allocate/iII fd_filestat_set_size/iI fd_filestat_set_times/iIIi fd_fdstat_set_rights/iII
	fd_pwrite/iiiIi fd_renumber/ii path_create_directory/iii path_filestat_set_times/iiiiIIi path_link/iiiiiii
	path_readlink/iiiiii path_remove_directory/iii path_rename/iiiiii path_symlink/iiiii path_unlink_file/iii`

func wasiNone(in *instance, s []uint64) { in.pay(0, 0); s[0] = wasiNosys }

// wasiDone answers success: a call that has nothing to do.
func wasiDone(in *instance, s []uint64) {
	in.pay(0, 0)
	if len(s) > 0 {
		s[0] = wasiSuccess
	}
}

// wasiNothing answers that there are 0 texts of 0 bytes.
func wasiNothing(in *instance, s []uint64) {
	count, size := in.view(s[0], 4), in.view(s[1], 4)
	in.pay(0, 0)
	clear(count)
	clear(size)
	s[0] = wasiSuccess
}

// The clocks of WASI.
const (
	clockRealtime = iota
	clockMonotonic
)

func clockResolution(in *instance, s []uint64) {
	to := in.view(s[1], 8)
	in.pay(0, 0)
	if uint32(s[0]) > clockMonotonic {
		s[0] = wasiInval
		return
	}
	binary.LittleEndian.PutUint64(to, uint64(time.Millisecond))
	s[0] = wasiSuccess
}

// clock_time_get(id, precision, time)
func clockTime(in *instance, s []uint64) {
	to := in.view(s[2], 8)
	in.pay(0, 0)
	now, ok := in.event.clock(uint32(s[0]))
	if !ok {
		s[0] = wasiInval
		return
	}
	binary.LittleEndian.PutUint64(to, now)
	s[0] = wasiSuccess
}

// clock reads a clock, in nanoseconds. Time passes only where the guest sleeps, and then only on the monotonic clock.
func (ev *event) clock(id uint32) (uint64, bool) {
	switch id {
	case clockRealtime:
		return min(uint64(ev.asked.Round), math.MaxUint64/uint64(time.Millisecond)) * uint64(time.Millisecond), true
	case clockMonotonic:
		return add(monotonicStart, ev.slept), true
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

func wasiRandom(in *instance, s []uint64) {
	to := in.view(s[0], s[1])
	in.pay(0, len(to))
	in.draw(to)
	s[0] = wasiSuccess
}

func procExit(in *instance, s []uint64) {
	in.pay(0, 0)
	code := int32(s[0])
	panic(stop{cause: CauseExit, code: code, detail: "it ended itself with exit code " + strconv.Itoa(int(code)) +
		"; it must return from " + runExport})
}

// vectors calls use for every buffer of a list of (pointer, length), and returns their length in all, or an error.
// All are checked and paid for before the first is used.
func (in *instance) vectors(list, count uint64, use func(b []byte) (more bool)) (total uint32, errno uint64) {
	n := uint64(uint32(count))
	if n*8 > uint64(in.memory.Size()) {
		n = math.MaxUint32 / 8 // refused below, whatever the pointer
	}
	table := in.view(list, n*8)
	in.pay(0, len(table))
	sum := uint64(0)
	for at := 0; at < len(table); at += 8 {
		sum += uint64(len(in.view(vector(table[at:]))))
	}
	if sum > math.MaxInt32 {
		return 0, wasiInval
	}
	in.charge(sum / 8)
	for at := 0; at < len(table); at += 8 {
		if !use(in.view(vector(table[at:]))) {
			break
		}
	}
	return uint32(sum), wasiSuccess
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
func fdWrite(in *instance, s []uint64) {
	written := in.view(s[3], 4)
	fd := uint32(s[0])
	total, errno := in.vectors(s[1], s[2], func(b []byte) bool {
		if fd == stdout || fd == stderr {
			in.print(int(fd-stdout), b)
		}
		return true
	})
	switch {
	case errno != wasiSuccess:
		s[0] = errno
		return
	case fd == stdin, fd > stderr && in.file(fd) == nil:
		s[0] = wasiBadf
		return
	case fd > stderr:
		s[0] = wasiRofs
		return
	}
	binary.LittleEndian.PutUint32(written, total)
	s[0] = wasiSuccess
}

// printLevels are the levels of what is written to standard output and standard error.
var printLevels = [2]slog.Level{slog.LevelInfo, slog.LevelWarn}

// print takes what the guest writes to standard output (0) or standard error (1), and logs it line by line.
func (in *instance) print(stream int, b []byte) {
	if in.outside() {
		return
	}
	ev := &in.event
	for len(b) > 0 {
		if ev.logLeft == 0 && len(ev.partial[stream]) == 0 {
			ev.logMissed += len(b) // at once: a flood of empty lines must not take longer than what it pays
			return
		}
		line, rest, ended := bytes.Cut(b, newline)
		// More than the budget has room for is not kept.
		room := max(ev.logLeft-len(ev.partial[stream]), 0)
		ev.partial[stream] = append(ev.partial[stream], line[:min(len(line), room)]...)
		ev.logMissed += max(len(line)-room, 0)
		if ended {
			ev.log(printLevels[stream], ev.partial[stream])
			ev.partial[stream] = ev.partial[stream][:0]
		}
		b = rest
	}
}

var newline = []byte{'\n'}

// flush logs what was written without the end of a line.
func (ev *event) flush() {
	for i := range ev.partial {
		if len(ev.partial[i]) > 0 {
			ev.log(printLevels[i], ev.partial[i])
			ev.partial[i] = ev.partial[i][:0]
		}
	}
}
