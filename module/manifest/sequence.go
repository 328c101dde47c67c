package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
)

// maxSequences is more bytes than a sequence file with thousands of modules has.
const maxSequences = 1 << 20

// A release is the newest one of a module that was found.
type release struct {
	Sequence uint64        `json:"sequence"`
	Version  string        `json:"version"`
	Module   dodona.Digest `json:"module"`
}

// sequences is the sequence file.
type sequences struct {
	Format  int                `json:"format"`
	Modules map[string]release `json:"modules"` // by name
}

// Remember refuses m if a newer release of its name was remembered in the file, and remembers m durably otherwise.
// Processes may do so at once. Call it with what [Open] returned, and only when everything else is verified.
func Remember(file string, m Manifest) error { return raise(file, m) }

func raise(file string, m Manifest) error {
	if err := durable.MakeFolder(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("make the folder of the sequence file: %w", err)
	}
	lock, err := lockFile(file + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	known, err := readSequences(file, lock)
	if err != nil {
		return err
	}
	last, seen := known.Modules[m.Name]
	switch {
	case m.Sequence < last.Sequence:
		return refuse(Rollback, "use "+last.Version+", or sign this one again with a higher sequence",
			"%s has the sequence %d, but %s with %d was here before", m.Version, m.Sequence, last.Version, last.Sequence)
	case seen && m.Sequence == last.Sequence && m.Module != last.Module:
		return refuse(Rollback, "sign it again with a higher sequence",
			"%s has the sequence %d, which %s with other bytes had before", m.Version, m.Sequence, last.Version)
	case seen && m.Sequence == last.Sequence:
		return nil
	}
	known.Modules[m.Name] = release{m.Sequence, m.Version, m.Module}
	return writeSequences(file, lock, known)
}

// lockPatience is how long another process may hold the lock, which takes it for two small writes.
var lockPatience = 10 * time.Second

// lockFile waits for the sole right to the sequence file. The kernel drops it when lock is closed or the process ends.
func lockFile(path string) (lock *os.File, err error) {
	lock, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the sequence file: %w", err)
	}
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return lock, nil
		}
		busy := errors.Is(err, syscall.EWOULDBLOCK)
		if busy && time.Since(begun) > lockPatience {
			err = fmt.Errorf("another process has held %s for %v; find it (fuser %s) and end it", path, lockPatience, path)
		} else if busy || errors.Is(err, syscall.EINTR) {
			continue
		}
		_ = lock.Close()
		return nil, fmt.Errorf("lock the sequence file: %w", err)
	}
}

// keptMark is written to the lock file once a sequence file is there, so that its loss is noticed.
const keptMark = "a sequence file is kept beside this\n"

func readSequences(file string, lock *os.File) (sequences, error) {
	broken := func(why string) error {
		return fmt.Errorf("the sequence file %s %s, so nobody knows which releases are old: restore it from a copy; or, if you accept that "+
			"modules older than those of yesterday are loaded, remove it and %s.lock", file, why, file)
	}
	raw, err := readSome(file)
	if errors.Is(err, fs.ErrNotExist) {
		info, err := lock.Stat()
		if err != nil {
			return sequences{}, fmt.Errorf("look at the lock of the sequence file: %w", err)
		}
		if info.Size() > 0 {
			return sequences{}, broken("is missing")
		}
		return sequences{Format: Format, Modules: map[string]release{}}, nil
	}
	if err != nil {
		return sequences{}, fmt.Errorf("read the sequence file: %w", err)
	}
	var s sequences
	if len(raw) > maxSequences {
		return sequences{}, broken("is too large")
	}
	if err := decodeStrict(raw, &s); err != nil {
		return sequences{}, broken("cannot be read (" + err.Error() + ")")
	}
	if s.Format != Format {
		return sequences{}, fmt.Errorf("the sequence file %s has format %d, this program knows %d: use the version of dodona that wrote it", file, s.Format, Format)
	}
	if s.Modules == nil {
		return sequences{}, broken("names no modules")
	}
	for name, r := range s.Modules {
		if CheckNames(name, r.Version) != nil || r.Sequence == 0 || r.Module.IsZero() {
			return sequences{}, broken("has an impossible entry for " + quote(name))
		}
	}
	return s, nil
}

func readSome(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSequences+1))
}

func writeSequences(file string, lock *os.File, s sequences) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the sequence file: %w", err)
	}
	if err := durable.Write(file, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the sequence file: %w", err)
	}
	// After the file, so that a crash in between does not claim a loss. No flush: the mark only helps to notice one.
	if _, err := lock.WriteAt([]byte(keptMark), 0); err != nil {
		return fmt.Errorf("write the lock of the sequence file: %w", err)
	}
	return nil
}
