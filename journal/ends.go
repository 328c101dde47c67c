package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
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
	Written  time.Time              `json:"written,omitzero"` // before it all was written that the stream has until the next note, by the clock of then
	Settings jetstream.StreamConfig `json:"settings"`
}

// noteEndsEvery is how old a note may be: what was written and lost since is not missed.
const noteEndsEvery = time.Minute

// nextNote is after how long a note has been followed by another one, unless the process has ended by then.
const nextNote = noteEndsEvery + retainEvery

// maxEndsFile is more bytes than the notes of a thousand streams take.
const maxEndsFile = 4 << 20

func (j *Journal) endsPath() string { return filepath.Join(j.cfg.Dir, "ends.json") }

// An endsFile is what the notes are kept in. Of two notes of which one bit differs both can be read, so it has a sum.
type endsFile struct {
	Sum     uint32          `json:"sum"` // CRC-32 (Castagnoli) of the text of the streams
	Streams json.RawMessage `json:"streams"`
}

// textOf returns notes as they are kept.
func textOf(ends map[string]streamEnd) ([]byte, error) {
	text, err := json.Marshal(ends)
	if err != nil {
		return nil, err
	}
	return json.Marshal(endsFile{crc32.Checksum(text, castagnoli), text})
}

// endsIn reads notes. Those of an older version have no sum.
func endsIn(text []byte) (ends map[string]streamEnd, err error) {
	var file endsFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Streams != nil {
		if text = file.Streams; crc32.Checksum(text, castagnoli) != file.Sum {
			return nil, errors.New("its sum does not fit")
		}
	}
	if err := json.Unmarshal(text, &ends); err != nil {
		return nil, err
	}
	return ends, nil
}

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
	ends, err := endsIn(text)
	if err != nil {
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

// endNow returns how far a stream goes; the next note comes in a while. What may be lost of it may be noted again, by a clock that is not set.
func (j *Journal) endNow(info *jetstream.StreamInfo, while time.Duration) streamEnd {
	written := latest(j.cfg.Now(), info.State.LastTime).Add(while)
	j.mu.Lock()
	defer j.mu.Unlock()
	if h := j.holes[info.Config.Name]; h != nil {
		written = latest(written, h.written)
	}
	return streamEnd{info.Created, info.State.LastSeq, written, info.Config}
}

// lostBefore returns a time before which everything was written that may be lost of a stream by now. The clock may not be set yet, and be
// behind the one of then.
func (j *Journal) lostBefore(info *jetstream.StreamInfo) time.Time {
	return latest(j.cfg.Now(), info.State.LastTime, j.endOf(info.Config.Name).Written)
}

// knowsEnds reports whether others wrote to this store before.
func (j *Journal) knowsEnds() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.ends) > 0
}

// endsOfOthers returns what was noted of streams whose folders are there, so that it stays while the server cannot load them.
func (j *Journal) endsOfOthers() map[string]streamEnd {
	j.mu.Lock()
	defer j.mu.Unlock()
	ends := make(map[string]streamEnd)
	for name, end := range j.ends {
		if _, err := os.Stat(filepath.Join(streamsDir(j.cfg.Dir), name)); err == nil {
			ends[name] = end
		}
	}
	return ends
}

// endGone reports whether a stream goes less far than it did.
func (j *Journal) endGone(info *jetstream.StreamInfo) bool {
	end := j.endOf(info.Config.Name)
	return info.Created.Equal(end.Created) && info.State.LastSeq < end.LastSeq
}

// setEnd remembers how far a stream goes, that it is missed once. That its end is gone is on the disk by then, if it is; when that was written
// its lane may still have to note.
func (j *Journal) setEnd(info *jetstream.StreamInfo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ends == nil {
		j.ends = make(map[string]streamEnd)
	}
	j.ends[info.Config.Name] = streamEnd{info.Created, info.State.LastSeq, j.ends[info.Config.Name].Written, info.Config}
}

// noteEnds notes how far the streams of a store that others use go now, if the last note is older than age. While the journal closes it is the last
// one.
func (j *Journal) noteEnds(ctx context.Context, age time.Duration) {
	select {
	case j.noting <- struct{}{}:
		defer func() { <-j.noting }()
	case <-ctx.Done():
		j.cfg.Log.Warn("journal: note how far the streams go", "error", ctx.Err())
		return
	}
	j.mu.Lock()
	young := time.Since(j.endsAt) < age
	j.mu.Unlock()
	if young || j.local == nil || j.alone() && !j.knowsEnds() {
		return
	}
	var while time.Duration
	if j.ctx.Err() == nil {
		while = nextNote
	}
	begun, ends := time.Now(), j.endsOfOthers()
	list := j.js.ListStreams(ctx)
	for info := range list.Info() {
		if keepsProofs(info) {
			ends[info.Config.Name] = j.nextEnd(ctx, info, while)
		}
	}
	err := list.Err()
	if err == nil {
		var text []byte
		if text, err = textOf(ends); err == nil {
			err = durable.Write(j.endsPath(), text, 0o600)
		}
	}
	if err != nil {
		j.cfg.Log.Warn("journal: note how far the streams go", "error", err)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ends, j.endsAt = ends, begun
}

// nextEnd returns what is to be noted of a stream: how far it goes now. If its end is gone, that is noted in the stream first, in this
// network's by its lane, and until it stands there what was seen before stays.
func (j *Journal) nextEnd(ctx context.Context, info *jetstream.StreamInfo, while time.Duration) streamEnd {
	if !j.endGone(info) {
		return j.endNow(info, while)
	}
	name, at := info.Config.Name, j.lostBefore(info)
	j.tellLost(name, at)
	err := j.holed(name)
	switch l := j.proof.Load(); {
	case err != nil:
	case name != j.net.stream(streamProof):
		err = j.noteHole(ctx, j.js, name, at)
	case l != nil:
		l.noteLostEnd(at, j.endOf(name).Written)
	}
	if err != nil {
		j.cfg.Log.Error("journal: note that the end of a stream is lost", "stream", name, "error", err)
		return j.endOf(name)
	}
	return j.endNow(info, while)
}
