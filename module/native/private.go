package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A privateFolder is a temporary folder of this process alone. It is locked for as long as the process lives, so that
// whoever comes later can tell the folders of the dead, and remove them: a process that is killed removes nothing.
//
// Native code in it is run. So it is used through what holds it, and not by its name: others may empty the temporary folder, or, if that is not their own and not
// sticky, put another one in its place.
type privateFolder struct {
	path string // through what holds it; stays when the folder is made anew

	mu   sync.Mutex
	name string // where it was made
	lock *os.File
}

// privatePrefix begins the names of private folders, among everybody's temporary ones.
const privatePrefix = "dodona-module-"

// compilePrefix begins the names of folders for the compiler, in the private one.
const compilePrefix = "compile-"

// newPrivateFolder makes one, and removes those of processes that have ended.
func newPrivateFolder() (*privateFolder, error) {
	if _, err := os.Lstat(workingFolder); err != nil {
		return nil, fmt.Errorf("make private folder for native code: %w; /proc must be mounted", err)
	}
	removeAbandoned()
	p := &privateFolder{}
	if err := p.make(); err != nil {
		return nil, err
	}
	p.path = through(p.lock)
	return p, nil
}

// make makes a folder, and holds it.
func (p *privateFolder) make() error {
	failed := func(err error) error {
		what := "set TMPDIR to a folder of this user on a disk of this machine, with room"
		if noFiles(err) {
			what = moreFiles
		}
		return fmt.Errorf("make private folder for native code: %w; %s", err, what)
	}
	for range 10 {
		name, err := os.MkdirTemp("", privatePrefix)
		if err == nil {
			name, err = filepath.Abs(name) // the process may go elsewhere
		}
		if err != nil {
			return failed(err)
		}
		switch err := p.take(name); {
		case err == nil:
			return nil
		case !errors.Is(err, errTaken): // until it is locked, another process may take it for abandoned
			_ = os.Remove(name) // if it is empty; else it is another one
			return failed(err)
		}
	}
	return failed(errors.New("another process removes it each time"))
}

// take holds a folder that was just made, if it is as one: another one of this user may have been put there meanwhile, by who may change the temporary folder.
// Nothing of that is touched.
func (p *privateFolder) take(name string) error {
	lock, err := hold(name)
	if err != nil {
		return err
	}
	list, err := os.ReadDir(through(lock))
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("somebody has put another folder at %s: others may change %s", name, filepath.Dir(name))
	}
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	p.name, p.lock = name, lock
	return nil
}

// moreFiles is what to do where a process may open no further file.
const moreFiles = "allow more open files (LimitNOFILE, ulimit -n)"

// noFiles reports whether an error is that.
func noFiles(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

// mend makes the folder anew, and one in it, if somebody has emptied the temporary folder since, or has put something else in its place.
func (p *privateFolder) mend(inner string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, err := p.lock.Stat()
	if err != nil {
		return fmt.Errorf("look at the private folder for native code: %w", err) // the engine is closed
	}
	if !isAt(p.name, held) {
		again := &privateFolder{}
		if err := again.make(); err != nil {
			return err
		}
		p.empty() // it may have been moved
		if err := errors.Join(replace(p.lock, again.lock), again.lock.Close()); err != nil {
			return fmt.Errorf("make private folder for native code again: %w", err)
		}
		p.name = again.name
	}
	if err := os.MkdirAll(filepath.Join(p.path, inner), 0o700); err != nil {
		return fmt.Errorf("make private folder for native code again: %w", err)
	}
	return nil
}

// remove removes the folder with all that is in it. It may be called again.
func (p *privateFolder) remove() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, err := p.lock.Stat()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	if err == nil {
		err = p.empty()
	}
	if held != nil && isAt(p.name, held) {
		err = errors.Join(err, there(os.Remove(p.name)))
	}
	return errors.Join(err, p.lock.Close())
}

// empty removes what was put into the folder.
func (p *privateFolder) empty() error {
	folder := through(p.lock)
	list, err := os.ReadDir(folder)
	err = there(err)
	for _, entry := range slices.DeleteFunc(list, func(entry fs.DirEntry) bool { return !isOurs(entry) }) {
		err = errors.Join(err, there(os.RemoveAll(filepath.Join(folder, entry.Name()))))
	}
	return err
}

// there returns an error unless it is that something is gone.
func there(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeAbandoned removes the private folders that nobody holds. What cannot be removed is left.
func removeAbandoned() {
	names, _ := fs.Glob(os.DirFS(os.TempDir()), privatePrefix+"*")
	for _, name := range names {
		if !numbered(name, privatePrefix) {
			continue
		}
		name = filepath.Join(os.TempDir(), name)
		lock, err := hold(name)
		if err != nil {
			continue
		}
		if p := (&privateFolder{name: name, lock: lock}); p.isOne() {
			_ = p.remove()
		}
		_ = lock.Close()
	}
}

// isOne reports whether all that is in a folder is what is in a private one: somebody may have given another folder of this user such a name.
func (p *privateFolder) isOne() bool {
	list, err := os.ReadDir(through(p.lock))
	return err == nil && !slices.ContainsFunc(list, func(entry fs.DirEntry) bool { return !isOurs(entry) })
}

// isOurs reports whether something is what is put into a private folder.
func isOurs(entry fs.DirEntry) bool {
	name := entry.Name()
	if entry.IsDir() {
		return numbered(name, compilePrefix) || strings.HasPrefix(name, "wazero-") && strings.HasSuffix(name, "-"+runtime.GOARCH+"-"+runtime.GOOS)
	}
	return numbered(strings.TrimSuffix(name, ".native"), compilePrefix) || numbered(name, "cached-")
}

// numbered reports whether a name is a prefix and a number, as os.MkdirTemp gives it.
func numbered(name, prefix string) bool {
	number, found := strings.CutPrefix(name, prefix)
	return found && number != "" && strings.Trim(number, "0123456789") == ""
}

// explain says of an error that speaks of the private folder where that is, and what to do.
func (p *privateFolder) explain(err error) error {
	if err == nil {
		return nil
	}
	p.mu.Lock()
	name := p.name
	p.mu.Unlock()
	if !strings.Contains(err.Error(), p.path+"/") {
		return err
	}
	what := ""
	switch {
	case noFiles(err):
		what = ": " + moreFiles
	case errors.Is(err, syscall.EFBIG):
		what = ": allow larger files (LimitFSIZE, ulimit -f)"
	case errors.Is(err, fs.ErrNotExist):
		what = fmt.Sprintf(": somebody may have emptied %s, and another attempt makes it anew", filepath.Dir(name))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS):
		what = fmt.Sprintf(": make room in %s, or set TMPDIR to another folder", filepath.Dir(name))
	}
	return fmt.Errorf("%w; %s is %s%s", err, p.path, name, what)
}

// errTaken is that another process holds a folder, or has removed it.
var errTaken = errors.New("another process has it")

// hold locks a private folder of this user that is there and that nobody holds.
func hold(name string) (_ *os.File, err error) {
	lock, err := os.OpenFile(name, os.O_RDONLY|openPlain|syscall.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	held, err := lock.Stat()
	if err != nil {
		return nil, err
	}
	if stat, known := held.Sys().(*syscall.Stat_t); !known || int(stat.Uid) != os.Geteuid() || held.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s can be written by others than user %d", name, os.Geteuid())
	}
	switch err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errTaken
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !isAt(name, held) {
		return nil, errTaken
	}
	return lock, nil
}

// isAt reports whether a folder has that name.
func isAt(name string, held fs.FileInfo) bool {
	there, err := os.Lstat(name)
	return err == nil && os.SameFile(there, held)
}
