package module

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasi"
)

// iovecs places a list of (pointer, length) in the guest's memory.
func (s *script) iovecs(ranges ...int64) (list, count int64) {
	var b []byte
	for _, v := range ranges {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	list, _ = s.put(b)
	return list, int64(len(ranges) / 2)
}

func TestWASIHasNoArgumentsAndNoEnvironment(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	s := newScript(t, "wasi")
	s.call("fd_write", 9, 0, 0, outAt) // fails, and writes nothing
	for i, name := range []string{"args_sizes_get", "environ_sizes_get"} {
		s.call(name, outAt+16*int64(i), outAt+16*int64(i)+4)
	}
	s.call("args_get", 0, 0)
	s.call("environ_get", 0, 0)
	s.call("sched_yield")
	s.call("fd_prestat_get", 3, outAt)
	s.call("fd_prestat_dir_name", 3, outAt, 10)
	s.call("fd_fdstat_get", 1, outAt+100)
	s.call("fd_filestat_get", 0, outAt+200)
	s.call("fd_fdstat_get", 3, outAt+100)
	s.call("fd_close", 2)
	s.call("fd_close", 3)
	s.call("path_open", 3, 0, 0, 1, 0, 0, 0, 0, outAt)
	s.call("proc_raise", 9)
	s.call("sock_accept", 3, 0, 0)
	s.call("path_unlink_file", 3, 0, 0)
	got, out := s.run(m, s.event())
	want := []int64{wasi.Badf, 0, 0, 0, 0, 0, wasi.Badf, wasi.Badf, 0, 0, wasi.Badf, 0, wasi.Badf, wasi.Badf, wasi.Nosys, wasi.Nosys, wasi.Nosys}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if b := seen(out, 0, 32); !bytes.Equal(b, make([]byte, 32)) {
		t.Errorf("sizes %x", b)
	}
	if kind, rights, file := seen(out, 100, 1)[0], seenInt(out, 108), seen(out, 216, 1)[0]; kind != fileCharacterDevice || rights&rightWrite == 0 || file != fileCharacterDevice {
		t.Errorf("standard output has kind %d and rights %#x, standard input is a file of kind %d", kind, rights, file)
	}
}

func TestWASIClocksStandStillButWhereTheGuestSleeps(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	s := newScript(t, "wasi")
	clock := func(id uint32, timeout uint64, flags uint16) []byte {
		b := make([]byte, subscriptionSize)
		copy(b, "userdata")
		binary.LittleEndian.PutUint32(b[subscriptionUnion:], id)
		binary.LittleEndian.PutUint64(b[subscriptionTime:], timeout)
		binary.LittleEndian.PutUint16(b[subscriptionFlags:], flags)
		return b
	}
	descriptor := func(kind byte, fd uint32) []byte {
		b := make([]byte, subscriptionSize)
		b[subscriptionTag] = kind
		binary.LittleEndian.PutUint32(b[subscriptionUnion:], fd)
		return b
	}
	sleep, _ := s.put(append(clock(clockMonotonic, 5_000_000, 0), clock(clockMonotonic, 9_000_000, 0)...))
	until, _ := s.put(clock(clockMonotonic, monotonicStart+8_000_000, clockFlagAbsolute))
	past, _ := s.put(clock(clockRealtime, 1, clockFlagAbsolute))
	odd, _ := s.put(clock(7, 1, 0))
	mixed, _ := s.put(append(append(clock(clockMonotonic, 1, 0), descriptor(pollWrite, 1)...), descriptor(1, 77)...))
	forever, _ := s.put(clock(clockMonotonic, math.MaxUint64, 0))
	for i := range int64(2) {
		s.call("clock_time_get", clockRealtime, 0, outAt+8*i)
		s.call("clock_time_get", clockMonotonic, 0, outAt+16+8*i)
	}
	s.call("clock_res_get", 0, outAt+32)
	s.call("poll_oneoff", sleep, outAt+500, 2, outAt+40)
	s.call("clock_time_get", clockMonotonic, 0, outAt+48)
	s.call("poll_oneoff", until, outAt+600, 1, outAt+44)
	s.call("clock_time_get", clockMonotonic, 0, outAt+56)
	s.call("poll_oneoff", past, outAt+600, 1, outAt+44)
	s.call("clock_time_get", clockMonotonic, 0, outAt+64)
	s.call("poll_oneoff", odd, outAt+640, 1, outAt+72)
	s.call("poll_oneoff", mixed, outAt+700, 3, outAt+76)
	s.call("clock_time_get", clockMonotonic, 0, outAt+80)
	s.call("poll_oneoff", forever, outAt+800, 1, outAt+88)
	s.call("poll_oneoff", forever, outAt+800, 1, outAt+88)
	s.call("clock_time_get", clockMonotonic, 0, outAt+96)
	s.call("clock_time_get", 2, 0, outAt)
	s.call("clock_res_get", 2, outAt)
	s.call("poll_oneoff", sleep, outAt, 0, outAt)
	s.call("poll_oneoff", sleep, outAt, maxSubscriptions+1, outAt)
	s.call("poll_oneoff", sleep, outAt, -1, outAt)
	ev := s.event()
	got, out := s.run(m, ev)
	want := append(make([]int64, len(got)-5), wasi.Inval, wasi.Inval, wasi.Inval, wasi.Inval, wasi.Inval)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	now, start := ev.Round.Time().UnixNano(), int64(monotonicStart)
	for offset, want := range map[int]int64{
		0: now, 8: now, 16: start, 24: start, 32: int64(time.Millisecond),
		48: start + 5_000_000, 56: start + 8_000_000, 64: start + 8_000_000, 80: start + 8_000_000, 96: -1,
	} {
		if got := seenInt(out, offset); got != want {
			t.Errorf("at %d: %d, want %d", offset, got, want)
		}
	}
	for offset, want := range map[int]int32{40: 1, 44: 1, 72: 1, 76: 2, 88: 1} {
		if got := seenInt32(out, offset); got != want {
			t.Errorf("the poll at %d had %d events, want %d", offset, got, want)
		}
	}
	if b := seen(out, 500, 8); string(b) != "userdata" {
		t.Errorf("user data %q", b)
	}
	if a, b, c := seen(out, 648, 1)[0], seen(out, 708, 1)[0], seen(out, 740, 1)[0]; a != wasi.Inval || b != 0 || c != wasi.Badf {
		t.Errorf("errors %d, %d and %d, want %d, 0 and %d", a, b, c, wasi.Inval, wasi.Badf)
	}
}

func TestWASIWritesLinesToTheLog(t *testing.T) {
	spec := abiGuest(t, "wasi")
	spec.Limits = manifest.Limits{LogBytes: 200}
	m := abiModule(t, spec)
	s := newScript(t, "wasi")
	a, aLen := s.text("first\nsec")
	b, bLen := s.text("ond\n\nforged\r\x1b[2Jend")
	long, longLen := s.text(strings.Repeat("y", 150) + "\n" + strings.Repeat("z", 500))
	list, count := s.iovecs(a, aLen, b, bLen)
	both, bothCount := s.iovecs(long, longLen)
	s.call("fd_write", 1, list, count, outAt)
	s.call("fd_write", 2, both, bothCount, outAt+4)
	s.call("fd_write", 0, list, count, outAt+8)
	s.call("fd_write", 3, list, count, outAt+8)
	s.call("fd_read", 0, list, count, outAt+12)
	s.call("fd_read", 1, list, count, outAt+12)
	got, out := s.run(m, s.event())
	if diff := cmp.Diff([]int64{0, 0, wasi.Badf, wasi.Badf, 0, wasi.Badf}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if n, m := seenInt32(out, 0), seenInt32(out, 4); n != int32(aLen+bLen) || m != int32(longLen) {
		t.Errorf("wrote %d and %d bytes", n, m)
	}
	want := []Line{
		{slog.LevelInfo, "first"},
		{slog.LevelInfo, "second"},
		{slog.LevelInfo, ""},
		{slog.LevelWarn, strings.Repeat("y", 200-21-22-16-16)},
	}
	if len(out.Logs) != 5 || !strings.Contains(out.Logs[4].Text, "more bytes were logged") {
		t.Fatalf("lines %q", out.Logs)
	}
	if diff := cmp.Diff(want, out.Logs[:4]); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestWASIListsOfBuffersAreChecked(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	for _, c := range [][2]int64{{0, math.MaxInt32}, {0, -1}, {-8, 1}, {memoryEnd - 4, 1}, {0, memoryEnd/8 + 1}, {-1, 0}} {
		s := newScript(t, "wasi")
		s.call("fd_write", 1, c[0], c[1], outAt)
		failing(t, m, s.event(), CausePointer)
	}
	for _, ranges := range [][]int64{{memoryEnd, 1}, {0, 1, -1, 2}, {memoryEnd - 1, 2}} {
		for _, name := range []string{"fd_write", "fd_read"} {
			s := newScript(t, "wasi")
			list, count := s.iovecs(ranges...)
			s.call(name, 1, list, count, outAt)
			failing(t, m, s.event(), CausePointer)
		}
	}
	// As many ranges as there can be, each of the whole memory, are paid for before they are read.
	s := newScript(t, "wasi")
	var ranges []int64
	for range 2000 {
		ranges = append(ranges, 0, memoryEnd)
	}
	list, count := s.iovecs(ranges...)
	s.call("fd_write", 1, list, count, outAt)
	failing(t, m, s.event(), CauseFuel)
}

func TestWASIExitIsNoAnswerWhateverTheCode(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	for _, code := range []int64{0, 1, -1, 255} {
		s := newScript(t, "wasi")
		s.call("proc_exit", code)
		if _, failed := failing(t, m, s.event(), CauseExit); failed.Code != int32(code) {
			t.Errorf("exit code %d became %d", code, failed.Code)
		}
	}
}

func TestWASIChanceIsTheRounds(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	s := newScript(t, "wasi")
	s.call("random_get", outAt, 32)
	ev := s.event()
	_, first := s.run(m, ev)
	_, again := s.run(m, ev)
	ev.Round++
	_, next := s.run(m, ev)
	a, b, c := seen(first, 0, 32), seen(again, 0, 32), seen(next, 0, 32)
	if !bytes.Equal(a, b) || bytes.Equal(a, c) || bytes.Equal(a, make([]byte, 32)) {
		t.Errorf("drew %x, then %x, and in the next round %x", a, b, c)
	}
}

// TestFloodOfEmptyLinesIsCutShort measures print against a walk through the same lines, so that the machine does not
// matter: what is not kept must be counted at once.
func TestFloodOfEmptyLinesIsCutShort(t *testing.T) {
	m := abiModule(t, abiGuest(t, "wasi"))
	in := m.plain.pop()
	defer m.plain.put(in)
	flood := bytes.Repeat([]byte("\n"), 8<<20)
	start := time.Now()
	lines := 0
	for b := flood; len(b) > 0; lines++ {
		_, b, _ = bytes.Cut(b, newline)
	}
	walk := time.Since(start)
	quickest := walk
	for range 5 {
		in.begin(t.Context(), reading(`{}`))
		start := time.Now()
		in.Print(0, flood)
		quickest = min(quickest, time.Since(start))
		kept := len(in.event.logs)
		out := in.event.outcome(true)
		want := missedText(lines - kept)
		if got := out.Logs[len(out.Logs)-1].Text; kept != manifest.DefaultLogBytes/lineCost || got != want {
			t.Fatalf("%d lines are kept, and the log ends with %q, want %d and %q", kept, got, manifest.DefaultLogBytes/lineCost, want)
		}
	}
	if quickest > walk/20 {
		t.Errorf("%d lines took %v, and a walk through them %v", lines, quickest, walk)
	}
}
