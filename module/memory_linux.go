package module

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A linear is the linear memory of one instance: address space for all that it may grow to, and memory for what it has
// grown to and touched. It never moves. It implements experimental.LinearMemory.
type linear struct {
	area  []byte // reserved
	size  int    // readable and writable
	image int    // bytes at the front that are mapped from a snapshot's file

	refused bool // the system had less than was reserved
}

// Allocate reserves the address space. A linear that cannot have it has no memory, and says so when it is asked for some.
func (l *linear) allocate(most uint64) error {
	if most == 0 {
		return nil
	}
	area, err := unix.MmapPtr(-1, 0, nil, uintptr(most), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("reserve %d bytes of addresses: %w", most, err)
	}
	l.area = unsafe.Slice((*byte)(area), most)
	return nil
}

// Reallocate makes the memory size bytes long, or returns nil if the system has not so much.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.area)) {
		return nil
	}
	if grown := l.area[l.size:size]; len(grown) > 0 {
		if unix.Mprotect(grown, unix.PROT_READ|unix.PROT_WRITE) != nil {
			l.refused = true
			return nil
		}
	}
	l.size = int(size)
	return l.area[:size:size]
}

// Free does nothing: wazero calls it when a guest ends itself, in the middle of a call. See release.
func (*linear) Free() {}

// release gives the memory back. Nothing may use it any more.
func (l *linear) release() {
	if l.area != nil {
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(l.area)), uintptr(len(l.area)))
		*l = linear{}
	}
}

// overlay maps an image over the front of the memory, privately: what the guest writes is its own.
func (l *linear) overlay(i *image) error {
	_, err := unix.MmapPtr(i.fd, 0, unsafe.Pointer(unsafe.SliceData(l.area)), uintptr(i.size),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return fmt.Errorf("map snapshot: %w", err)
	}
	l.image = i.size
	return nil
}

// revert forgets what was written to the part that is mapped from an image.
func (l *linear) revert() error { return unix.Madvise(l.area[:l.image], unix.MADV_DONTNEED) }

// An image is the memory of a snapshot as a file without a name, which cannot be changed any more.
type image struct {
	fd   int
	size int
}

// newImage keeps a copy of memory. It writes only pages that are not all zero, so that the others cost nothing.
func newImage(memory []byte) (*image, error) {
	fd, err := unix.MemfdCreate("dodona-module", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make snapshot: %w", err)
	}
	i := &image{fd: fd, size: len(memory)}
	if err := i.write(memory); err != nil {
		i.close()
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	return i, nil
}

func (i *image) write(memory []byte) error {
	if err := unix.Ftruncate(i.fd, int64(len(memory))); err != nil {
		return err
	}
	page := unix.Getpagesize()
	for off := 0; off < len(memory); off += page {
		part := memory[off:min(off+page, len(memory))]
		if zero(part) {
			continue
		}
		for at := off; len(part) > 0; {
			n, err := unix.Pwrite(i.fd, part, int64(at))
			if err != nil && err != unix.EINTR {
				return err
			}
			part, at = part[max(n, 0):], at+max(n, 0)
		}
	}
	_, err := unix.FcntlInt(uintptr(i.fd), unix.F_ADD_SEALS,
		unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}

func (i *image) close() { _ = unix.Close(i.fd) }
