package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// ErrMode: others than the owner may touch a file with a key or its password. The error says what to do.
var ErrMode = errors.New("others may read or change it")

// checkMode returns [ErrMode] unless only its owner may touch the file f, whose content was read. Known: that is a secret for certain.
func checkMode(f *os.File, content []byte, known bool) error {
	mode, cure, err := exposed(f, content, known)
	if err != nil || cure == "" {
		return err
	}
	return fmt.Errorf("%s has mode %04o: %w; %s", f.Name(), mode, ErrMode, cure)
}

// exposed returns what to do about a file f that others than its owner may touch, and its mode; no cure if they may not. A pipe or a terminal is
// nobody's to keep.
func exposed(f *os.File, content []byte, known bool) (mode fs.FileMode, cure string, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, "", err
	}
	owner, told := ownerOf(info)
	// Windows and browsers have no such bits.
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || isKept(info.Mode(), owner, told) {
		return 0, "", nil
	}
	word := plain.ShellWord(f.Name())
	cure = "run: chmod 600 " + word
	switch self := os.Geteuid(); {
	case !known && !isLine(content):
		cure = "it has more than one line, so is it the right file? A secret has a file of its own"
	case told && owner != self && self != 0:
		cure = fmt.Sprintf("it is of user %d, and this is user %d; as root, run: chown %[2]d %[3]s && chmod 600 %[3]s", owner, self, word)
	case !known:
		cure = "if nobody else is to read it, " + cure
	}
	return info.Mode().Perm(), cure, nil
}

// isKept reports whether a file is only for whom its owner lets read it. What root owns and its group may read, root has handed to them: so
// systemd passes credentials to a service, and packages a configuration.
func isKept(mode fs.FileMode, owner int, told bool) bool {
	others := fs.FileMode(0o077)
	if told && owner == 0 {
		others = 0o037
	}
	return !mode.IsRegular() || mode.Perm()&others == 0
}

// isLine reports whether content is one line, as passwords and tokens are.
func isLine(content []byte) bool { return !bytes.ContainsRune(bytes.TrimRight(content, "\r\n"), '\n') }
