//go:build !linux

package module

import "errors"

// A linear is the linear memory of one instance, on Go's heap. It implements experimental.LinearMemory.
type linear struct {
	area []byte
	most uint64

	refused bool // never: Go's heap has what it is asked for, or ends the process
}

func (l *linear) allocate(most uint64) error {
	l.most = most
	return nil
}

// Reallocate makes the memory size bytes long, or returns nil if it may not have so much.
func (l *linear) Reallocate(size uint64) []byte {
	if size > l.most {
		return nil
	}
	grown := make([]byte, size)
	copy(grown, l.area)
	l.area = grown
	return grown
}

// Free does nothing: wazero calls it when a guest ends itself, in the middle of a call. See release.
func (*linear) Free() {}

func (l *linear) release() { *l = linear{} }

func (*linear) overlay(*image) error { return errors.ErrUnsupported }

func (*linear) revert() error { return errors.ErrUnsupported }

// An image would be the memory of a snapshot to map copies of. There is none on this system: snapshots are copied.
type image struct{}

func newImage([]byte) (*image, error) { return nil, errors.ErrUnsupported }

func (*image) close() {}
