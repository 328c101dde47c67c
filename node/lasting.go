package node

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/journal"
)

// A LastingError is of a start that fails in the same way however often it is tried, until somebody mends what it names. Nothing was
// started; do not start it again by yourself.
type LastingError struct{ err error }

func (e *LastingError) Error() string { return e.err.Error() }
func (e *LastingError) Unwrap() error { return e.err }

// lastingErrnos are answers of the system that stay, beside those of package fs. An address that this machine does not have is none of them: it
// may come with the network, nor is a port that another program has.
var lastingErrnos = []syscall.Errno{syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP, syscall.EAFNOSUPPORT}

// lasting marks an error of a file, a folder or an address if the system will answer so again, or the folder is a newer program's.
func lasting(err error) error {
	var (
		no    syscall.Errno
		newer *journal.NewerError
	)
	if errors.As(err, &newer) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.As(err, &no) && slices.Contains(lastingErrnos, no) {
		return &LastingError{err}
	}
	return err
}

// lastingSecret marks an error of a secret that is named: it is not there, or is not what it should be. What ails the disk or the process may pass.
func lastingSecret(err error) error {
	var no syscall.Errno
	if err == nil || errors.As(err, &no) || errors.Is(err, api.ErrListen) {
		return lasting(err)
	}
	return &LastingError{err}
}
