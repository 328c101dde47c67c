package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/nats-io/nats.go/jetstream"
)

// Each writer has marks of how far it wrote. Whoever keeps a store that others write to notes how far each stream of proofs goes, so that a
// lost end is noticed whoever wrote it; and its settings, for those of another network nobody here could write anew.

// A streamEnd is what was last seen of a stream of proofs.
type streamEnd struct {
	Created  time.Time              `json:"created"`
	LastSeq  uint64                 `json:"last"`
	Settings jetstream.StreamConfig `json:"settings"`
}

// noteEndsEvery is how old a note may be: what was written and lost since is not missed.
const noteEndsEvery = time.Minute

// maxEndsFile is more bytes than the notes of a thousand streams take.
const maxEndsFile = 4 << 20

func (j *Journal) endsPath() string { return filepath.Join(j.cfg.Dir, "ends.json") }

// openEnds reads what was noted. A file that is damaged says nothing.
func (j *Journal) openEnds() error {
	if j.cfg.URL != "" {
		return nil
	}
	text, err := readUpTo(j.endsPath(), maxEndsFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read how far the streams went: %w", err)
	}
	var ends map[string]streamEnd
	if err := json.Unmarshal(text, &ends); err != nil {
		err := j.setAside(j.endsPath(), "list of how far streams of proofs went damaged; that the end of one is lost, which other nodes wrote, cannot be found until it is made anew")
		return errors.Join(err, os.Remove(j.endsPath()))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ends = ends
	return nil
}

// endOf returns what was last seen of a stream.
func (j *Journal) endOf(stream string) streamEnd {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ends[stream]
}

// noteEnds notes how far the streams of a store that others use go now, if the last note is older than age.
func (j *Journal) noteEnds(ctx context.Context, age time.Duration) {
	j.mu.Lock()
	young := time.Since(j.endsAt) < age
	if !young {
		j.endsAt = time.Now()
	}
	j.mu.Unlock()
	if young || j.local == nil || j.alone() {
		return
	}
	ends := make(map[string]streamEnd)
	list := j.js.ListStreams(ctx)
	for info := range list.Info() {
		if keepsProofs(info) {
			ends[info.Config.Name] = streamEnd{info.Created, info.State.LastSeq, info.Config}
		}
	}
	err := list.Err()
	if err == nil {
		var text []byte
		if text, err = json.Marshal(ends); err == nil {
			err = durable.Write(j.endsPath(), text, 0o600)
		}
	}
	if err != nil {
		j.cfg.Log.Warn("journal: note how far the streams go", "error", err)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ends = ends
}
