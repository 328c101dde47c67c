package native

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/dodona-oracle/dodona/internal/durable"
)

// cacheMagic begins every file of the cache.
const cacheMagic = "dodona native code 2\n"

// take takes a file apart: magic, HMAC, and then, each with its length, name, stack, rewritten module and native code. The last two,
// nearly all of it, go to the private folder in pieces, where nothing looks for them before the HMAC of all is right: a file that this
// node has not written takes no more memory than one piece, whatever lengths it has. The sum has been begun with what the code is bound to.
func take(f io.Reader, size int64, sum hash.Hash, dir string) (n made, err error) {
	head := make([]byte, len(cacheMagic)+sha256.Size)
	if err := fullOr(io.ReadFull(f, head)); err != nil {
		return made{}, err
	}
	if string(head[:len(cacheMagic)]) != cacheMagic {
		return made{}, wrongFile("it is no file of this cache")
	}
	b := body{from: f, left: size - int64(len(head)), sum: sum}
	name, err := b.part(b.length(), longestNative)
	if err != nil {
		return made{}, err
	}
	n.name = string(name)
	stack, err := b.part(b.length(), 8)
	if err != nil {
		return made{}, err
	}
	if len(stack) != 8 {
		return made{}, errEnds
	}
	n.Stack = int64(binary.BigEndian.Uint64(stack))
	moved, err := b.move(b.length(), dir)
	defer os.Remove(moved)
	if err != nil {
		return made{}, err
	}
	if size := b.length(); b.err != nil {
		return made{}, b.err
	} else if size != b.left {
		return made{}, errEnds
	}
	defer func() {
		if err != nil {
			n.discard()
		}
	}()
	n.size = b.left
	if n.file, err = b.move(b.left, dir); err != nil {
		return n, err
	}
	if !hmac.Equal(head[len(cacheMagic):], b.sum.Sum(nil)) {
		return n, wrongFile("this node has not written it: its authentication code is wrong")
	}
	n.Wasm, err = os.ReadFile(moved)
	return n, err
}

// longestNative is the length in bytes up to which a name of native code is read; wazero's have about a hundred.
const longestNative = 256

// A body is what follows the HMAC in a file: as much of it as has been read is in the sum.
type body struct {
	from io.Reader
	left int64
	sum  hash.Hash
	err  error // of reading a length
}

// errEnds is of files whose lengths do not fit; nobody has authenticated those yet.
const errEnds = wrongFile("its parts have not the lengths that they should have")

// fullOr says of a file that ends too early that it is wrong, and leaves other errors of reading.
func fullOr(_ int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errEnds
	}
	return err
}

// length reads the length of a part; -1 if there is none, or it cannot be read.
func (b *body) length() int64 {
	p, err := b.part(4, 4)
	if err != nil {
		b.err = err
		return -1
	}
	return int64(binary.BigEndian.Uint32(p))
}

// part reads the next bytes, of which there must be so many, and not more than most.
func (b *body) part(size, most int64) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if size < 0 || size > min(b.left, most) {
		return nil, errEnds
	}
	p := make([]byte, size)
	if err := fullOr(io.ReadFull(b.from, p)); err != nil {
		return nil, err
	}
	b.left -= size
	b.sum.Write(p)
	return p, nil
}

// move moves the next bytes, of which there must be so many, into a new file of a folder. An error leaves none.
func (b *body) move(size int64, dir string) (string, error) {
	if b.err != nil {
		return "", b.err
	}
	if size < 0 || size > b.left {
		return "", errEnds
	}
	f, err := os.CreateTemp(dir, "cached-*") // 0600
	if err != nil {
		return "", err
	}
	moved, err := io.CopyBuffer(io.MultiWriter(b.sum, f), io.LimitReader(b.from, size), make([]byte, copied))
	if err = errors.Join(err, f.Close()); err == nil && moved != size {
		err = errEnds
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	b.left -= size
	return f.Name(), nil
}

// copied is how much is moved at once: what fits into a processor's cache.
const copied = 64 << 10

// put writes the file that take reads, in pieces: native code may be large, and is not in memory.
func put(path string, n made, sum hash.Hash) error {
	if err := n.writeTo(sum); err != nil {
		return err
	}
	head := sum.Sum([]byte(cacheMagic))
	return durable.WriteBy(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		return n.writeTo(w)
	}, 0o600)
}

// writeTo writes all that the HMAC is over, each part after its length.
func (n made) writeTo(w io.Writer) error {
	f, size, err := openLimited(n.file, LargestCode)
	if err != nil {
		return err
	}
	defer f.Close()
	if size != n.size {
		return fmt.Errorf("%s has %d bytes and had %d", n.file, size, n.size)
	}
	for _, part := range [][]byte{[]byte(n.name), binary.BigEndian.AppendUint64(nil, uint64(n.Stack)), n.Wasm} {
		length := binary.BigEndian.AppendUint32(nil, uint32(len(part)))
		if _, err := w.Write(length); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(size))); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, size)
	return err
}
