package snmp

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
)

const (
	epochMinutes = 1577836800 / 60 // 2020
	mostBoots    = math.MaxInt32   // RFC 3414 §2.2.2
)

// bootsBy returns how often an engine has started that is not known to have started before: by the clock, which grows.
func bootsBy(now time.Time) uint32 {
	return uint32(min(max(1, now.Unix()/60-epochMinutes), mostBoots))
}

// bootsBehind returns boots, or more if the file says that there were as many before, and keeps it there. A sender that knows our time takes an
// engine with fewer boots for an old message sent again: where a clock was set back, or a node starts twice in a minute. With an error it
// returns what counts all the same.
func bootsBehind(path string, boots uint32) (uint32, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return boots, fmt.Errorf("read how often it has started: %w", err)
	}
	if err == nil {
		last, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 31)
		if err != nil {
			return boots, fmt.Errorf("%s has %.20q: want a number; remove it", path, b)
		}
		boots = max(boots, uint32(min(last+1, mostBoots)))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return boots, fmt.Errorf("keep how often it has started: %w", err)
	}
	if err := durable.Write(path, []byte(strconv.FormatUint(uint64(boots), 10)+"\n"), 0o600); err != nil {
		return boots, fmt.Errorf("keep how often it has started: %w", err)
	}
	return boots, nil
}
