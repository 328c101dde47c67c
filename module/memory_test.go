//go:build linux

package module

import (
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"github.com/dodona-oracle/dodona/internal/unit"
)

var _ experimental.LinearMemory = (*linear)(nil)

func TestMemoryCostsWhatIsTouched(t *testing.T) {
	var l linear
	if err := l.allocate(1 << 30); err != nil {
		t.Fatal(err)
	}
	defer l.release()
	b := l.Reallocate(256 << 20)
	for i := 0; i < 8<<20; i += 4096 {
		b[i] = 1 // of each page
	}
	if there := residentOf(t, l.area); there < 8<<20 || there > 12<<20 {
		t.Errorf("1 GiB reserved, 256 MiB asked for, 8 MiB touched: %s resident", unit.About(there))
	}
	same := l.Reallocate(512 << 20)
	if &same[0] != &b[0] || same[0] != 1 || len(same) != 512<<20 {
		t.Error("the memory has moved or lost its contents")
	}
	if l.Reallocate(1<<30+1) != nil {
		t.Error("it grew beyond its reservation")
	}
}

// residentOf returns how many bytes of a mapping are in memory, whatever the rest of the process does at the same time.
func residentOf(t *testing.T, area []byte) int64 {
	t.Helper()
	pages := make([]byte, len(area)/unix.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(area))), uintptr(len(area)), uintptr(unsafe.Pointer(unsafe.SliceData(pages))))
	if errno != 0 {
		t.Fatal("mincore:", errno)
	}
	n := 0
	for _, page := range pages {
		n += int(page & 1)
	}
	return int64(n * unix.Getpagesize())
}

func TestMemoryOfNothing(t *testing.T) {
	var l linear
	if err := l.allocate(0); err != nil {
		t.Fatal(err)
	}
	if b := l.Reallocate(0); len(b) != 0 {
		t.Errorf("got %d bytes", len(b))
	}
	l.release()
}

func TestImageIsSharedAndUnchangeable(t *testing.T) {
	template := make([]byte, 1<<20)
	template[0], template[700_000] = 7, 8
	i, err := newImage(template)
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	var a, b linear
	for _, l := range []*linear{&a, &b} {
		if err := l.allocate(2 << 20); err != nil {
			t.Fatal(err)
		}
		defer l.release()
		l.Reallocate(1 << 20)
		if err := l.overlay(i); err != nil {
			t.Fatal(err)
		}
	}
	a.area[0], a.area[700_000], a.area[900_000] = 1, 2, 3
	if b.area[0] != 7 || b.area[700_000] != 8 || b.area[900_000] != 0 {
		t.Error("one instance sees what another has written")
	}
	if err := a.revert(); err != nil {
		t.Fatal(err)
	}
	if a.area[0] != 7 || a.area[700_000] != 8 || a.area[900_000] != 0 {
		t.Error("what was written is still there")
	}
	if grown := a.Reallocate(2 << 20); grown[0] != 7 || grown[2<<20-1] != 0 {
		t.Error("growing changed what was there")
	}
}
