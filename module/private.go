package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A privateFolder is a temporary folder of this process alone. It is locked for as long as the process lives, so that
// whoever comes later can tell the folders of the dead, and remove them: a process that is killed removes nothing.
type privateFolder struct {
	path string

	mu   sync.Mutex
	lock *os.File
}

// privatePrefix begins the names of private folders, among everybody's temporary ones.
const privatePrefix = "dodona-module-"

// newPrivateFolder makes one, and removes those of processes that have ended.
func newPrivateFolder() (*privateFolder, error) {
	removeAbandoned()
	for range 10 {
		path, err := os.MkdirTemp("", privatePrefix)
		if err == nil {
			path, err = filepath.Abs(path) // the compiler's child works elsewhere
		}
		if err != nil {
			return nil, fmt.Errorf("make private folder for native code: %w", err)
		}
		// Until it is locked, another process may take it for abandoned.
		if lock := lockAbandoned(path); lock != nil {
			return &privateFolder{path: path, lock: lock}, nil
		}
	}
	return nil, errors.New("make private folder for native code: another process removes it each time")
}

// mend makes the folder anew, and one in it, if somebody has emptied the temporary folder since: under the same path, which is known to all who use it.
// A compiler that was at work may have made that path again, for nobody: what nobody holds is removed.
func (p *privateFolder) mend(inner string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 10 {
		held, err := p.lock.Stat()
		if err != nil {
			return fmt.Errorf("look at the private folder for native code: %w", err) // the engine is closed
		}
		if there, err := os.Lstat(p.path); err == nil && os.SameFile(there, held) {
			if err := os.MkdirAll(filepath.Join(p.path, inner), 0o700); err != nil {
				return fmt.Errorf("make private folder for native code again: %w", err)
			}
			return nil
		}
		made := os.Mkdir(p.path, 0o700)
		if made != nil && !errors.Is(made, fs.ErrExist) {
			return fmt.Errorf("make private folder for native code again: %w", made)
		}
		lock := lockAbandoned(p.path)
		switch {
		case lock == nil: // another process looks whether it is abandoned, or it is something else
			time.Sleep(time.Millisecond)
		case made != nil:
			_ = (&privateFolder{path: p.path, lock: lock}).remove()
		default:
			_ = p.lock.Close()
			p.lock = lock
		}
	}
	return fmt.Errorf("make private folder for native code again: something else is at %s, or another process removes it each time; move it away", p.path)
}

// remove removes the folder with all that is in it. It may be called again.
func (p *privateFolder) remove() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := os.RemoveAll(p.path)
	if closed := p.lock.Close(); !errors.Is(closed, os.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// removeAbandoned removes the private folders that nobody holds. What cannot be removed is left.
func removeAbandoned() {
	names, _ := fs.Glob(os.DirFS(os.TempDir()), privatePrefix+"*")
	for _, name := range names {
		path := filepath.Join(os.TempDir(), name)
		if lock := lockAbandoned(path); lock != nil {
			_ = (&privateFolder{path: path, lock: lock}).remove()
		}
	}
}

// lockAbandoned returns the lock of a folder of this user that is there and that nobody holds, else nil.
func lockAbandoned(path string) *os.File {
	lock, err := os.OpenFile(path, os.O_RDONLY|openPlain|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	held, errHeld := lock.Stat()
	owner, known := ownerOf(held, errHeld)
	if !known || owner != os.Geteuid() || syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = lock.Close()
		return nil
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(there, held) {
		_ = lock.Close()
		return nil
	}
	return lock
}

func ownerOf(info os.FileInfo, err error) (int, bool) {
	if err != nil {
		return 0, false
	}
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(stat.Uid), true
}
