package durable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/backoff"
)

// Full reports whether an error says that a disk, or somebody's share of it, has no room. Errors of libraries that pass
// on only the text count too.
func Full(err error) bool {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, full) || err != nil && strings.Contains(err.Error(), full.Error()) {
			return true
		}
	}
	return false
}

// [WhenRoom] tries again after a second, and then less and less often: each try may read much and write a log.
const (
	firstWait   = time.Second
	longestWait = 16 * time.Second
)

// WhenRoom does what writes to the disk, again and again while that is full, and returns its first other outcome.
// It calls tell once when it begins to wait. When ctx ends meanwhile, it returns the error that says what is full.
// What it does must leave nothing behind when it fails.
func WhenRoom(ctx context.Context, tell func(error), do func() error) error {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := do()
		if !Full(err) {
			return err
		}
		if wait == firstWait {
			tell(err)
		}
		if !backoff.Wait(ctx, wait) {
			return fmt.Errorf("%w; make room on the disk", err)
		}
	}
}
