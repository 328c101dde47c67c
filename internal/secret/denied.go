package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// Denied returns err with what lets this user read a file, if that is why it could not be read.
func Denied(err error, path string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	word := plain.ShellWord(path)
	info, lost := os.Stat(path)
	if lost != nil {
		return fmt.Errorf("%w: this user may not enter a folder above it", err)
	}
	owner, told := ownerOf(info)
	if told && owner == os.Geteuid() {
		return fmt.Errorf("%w: it has mode %04o; run: chmod 600 %s", err, info.Mode().Perm(), word)
	}
	return fmt.Errorf("%w: it has mode %04o and is another user's; for the service, as root, run: chgrp dodona %s && chmod 640 %[3]s; else ask as its owner, with sudo say",
		err, info.Mode().Perm(), word)
}
