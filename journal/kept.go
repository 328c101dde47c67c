package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal/disk"
)

// Kept shows the sound records of a topic that are in the embedded store of a data folder, of every network, in the order of each stream. It
// reads the files as they are, also beside a process that writes them, and changes nothing.
func Kept(ctx context.Context, dir string, topic dodona.Topic, see func(stream string, r dodona.Record)) error {
	of, _ := streamOf(topic)
	entries, err := os.ReadDir(streamsDir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for streams: %w", err)
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(of+"-*", e.Name()); !ok || !e.IsDir() {
			continue
		}
		n := 0
		for r, err := range disk.Records(filepath.Join(streamsDir(dir), e.Name())) {
			if err != nil {
				return fmt.Errorf("read stream %s: %w", e.Name(), err)
			}
			if n++; n%pageRecords == 0 && ctx.Err() != nil {
				return fmt.Errorf("read stream %s: %w", e.Name(), context.Cause(ctx))
			}
			if on, _, _, err := parseSubject(r.Subject); err != nil || on != topic || r.Odd != "" {
				continue
			}
			if s := storedOnDisk(r); s.bad == nil {
				see(e.Name(), s.Record)
			}
		}
	}
	return nil
}
