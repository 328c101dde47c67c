package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/nats-io/nats.go/jetstream"
)

// A hole is a stream of proofs in the embedded store that may have lost a record, as the check of the files, or the marks, told. What was
// mended nobody finds again, so that it was is on the disk first, until it is noted in the stream by a clock that can be believed.
type hole struct {
	found   time.Time // when this process met it
	written time.Time // before it that was written which may be lost, as far as the end of the stream was noted
	backup  time.Time // the files are as they were then, restored from a backup: nothing was lost but what came since; zero if damage was found
	starts  int       // processes that noted it before
	noted   bool      // it stands in the stream
	at      time.Time // as the time before which something may be lost
}

const holeFile = "lost-" // and the stream's name on the bus

// holed notes on the disk that a stream may have lost something, before anything of it is mended.
func (j *Journal) holed(stream string) error {
	if !strings.HasPrefix(stream, streamProof+"-") || j.cfg.URL != "" {
		return nil
	}
	if l := j.proof.Load(); l != nil && l.streamName == stream {
		l.noteLoss(l.now())
	}
	if err := j.writeHole(stream, 0, time.Time{}); err != nil {
		return err // the disk may be full: whoever calls tries again
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.holes[stream] = &hole{found: time.Now(), written: j.ends[stream].Written}
	return nil
}

func (j *Journal) writeHole(stream string, starts int, backup time.Time) error {
	return durable.Write(filepath.Join(j.cfg.Dir, holeFile+stream), holeText(starts, backup), 0o600)
}

// holeText returns what stands in the file of a hole: how many processes noted it, and of when the backup is, if one made it.
func holeText(starts int, backup time.Time) []byte {
	text := strconv.Itoa(starts)
	if !backup.IsZero() {
		text += " " + strconv.FormatInt(backup.Unix(), 10)
	}
	return []byte(text)
}

// readHole reads what holeText wrote. What is damaged has been noted by nobody.
func readHole(text []byte) (starts int, backup time.Time) {
	count, at, _ := strings.Cut(string(text), " ")
	starts, _ = strconv.Atoi(count)
	if seconds, err := strconv.ParseInt(at, 10, 64); err == nil && seconds > 0 {
		backup = time.Unix(seconds, 0).UTC()
	}
	return max(starts, 0), backup
}

// restoredFile says of when the backup is that a folder was made of. It stays.
const restoredFile = "restored"

// openRestored takes it for a hole that this network has no proofs in a folder that was restored: they may have begun after the backup.
func (j *Journal) openRestored() error {
	backup, is, err := j.restoredFrom()
	if err != nil || !is || j.cfg.URL != "" {
		return err
	}
	stream := j.net.stream(streamProof)
	if err := j.writeHole(stream, 0, backup); err != nil {
		return err
	}
	j.used = true
	return nil
}

// Missing is up to when records of this network may have been made that are not here, and why.
type Missing struct {
	Until  time.Time // zero: nothing is known to be missing
	Backup time.Time // what may be missing came after it, for the folder was restored from it; zero: anything may be
}

// Missing returns what may be missing of what was attested. Unlike [Journal.Forgot] it does not doubt what was before the stream of a store that others reach.
func (j *Journal) Missing(ctx context.Context) (Missing, error) {
	until, err := j.Forgot(ctx)
	if err != nil {
		return Missing{}, err
	}
	if l := j.lanes[streamProof]; !j.alone() {
		l.mu.Lock()
		until = l.lostUntil()
		l.mu.Unlock()
	}
	if until.IsZero() || j.cfg.URL != "" {
		return Missing{Until: until}, nil
	}
	if stream := j.net.stream(streamProof); j.hasHole(stream) {
		return Missing{until, j.backupOf(stream)}, nil
	}
	backup, _, err := j.restoredFrom()
	return Missing{until, backup}, err
}

// restoredFrom returns of when the backup is that the folder was restored from, if it was.
func (j *Journal) restoredFrom() (backup time.Time, is bool, err error) {
	text, err := readUpTo(filepath.Join(j.cfg.Dir, restoredFile), 32)
	if errors.Is(err, os.ErrNotExist) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read of when the backup is: %w", err)
	}
	_, backup = readHole(text)
	return backup, true, nil
}

// Restored returns of when the backup is that this network's proofs were restored from, while that is why some may be missing; else zero.
func (j *Journal) Restored() time.Time { return j.backupOf(j.net.stream(streamProof)) }

func (j *Journal) backupOf(stream string) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if h := j.holes[stream]; h != nil {
		return h.backup
	}
	return time.Time{}
}

// openHoles reads which streams may have lost something that an earlier start found. One whose file is damaged has been noted by nobody.
func (j *Journal) openHoles() error {
	list, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look for streams that may have lost something: %w", err)
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), holeFile+streamProof+"-") {
			continue
		}
		path := filepath.Join(j.cfg.Dir, e.Name())
		text, err := readUpTo(path, 16)
		if err != nil {
			return fmt.Errorf("read which stream may have lost something: %w", err)
		}
		stream := strings.TrimPrefix(e.Name(), holeFile)
		starts, backup := readHole(text)
		if starts >= startsToSettle {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("a loss has been noted: %w", err)
			}
			continue
		}
		j.mu.Lock()
		if j.holes[stream] == nil {
			j.holes[stream] = &hole{found: time.Now(), written: j.ends[stream].Written, backup: backup, starts: starts}
		}
		j.mu.Unlock()
	}
	return nil
}

// hasHole returns whether any record of a stream may be missing, by what was found in the files.
func (j *Journal) hasHole(stream string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.holes[stream] != nil
}

// hasNews returns whether a stream has a hole that does not stand in it yet.
func (j *Journal) hasNews(stream string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := j.holes[stream]
	return h != nil && !h.noted
}

// holeNoted counts that what may be lost stands in the stream.
func (j *Journal) holeNoted(stream string, at time.Time) {
	j.mu.Lock()
	h := j.holes[stream]
	if h == nil {
		j.mu.Unlock()
		return
	}
	first := !h.noted
	h.noted, h.at = true, at
	starts, backup := h.starts+1, h.backup
	j.mu.Unlock()
	if !first {
		return
	}
	if err := j.writeHole(stream, starts, backup); err != nil {
		j.cfg.Log.Warn("journal: note that a loss has been noted", "stream", stream, "error", err)
	}
}

// keepHoles notes anew what other networks may have lost, when the clock was set, or when somebody who had read before it was noted undid it;
// and forgets what has been noted for long enough. This network's is noted by its lane (keepMark).
func (j *Journal) keepHoles(ctx context.Context) {
	j.mu.Lock()
	holes := maps.Clone(j.holes)
	j.mu.Unlock()
	for stream, h := range holes {
		j.mu.Lock()
		found, at, noted := h.found, h.at, h.noted
		j.mu.Unlock()
		if !noted {
			continue
		}
		if stream != j.net.stream(streamProof) {
			if err := j.keepHole(ctx, stream, found, at); err != nil {
				j.cfg.Log.Warn("journal: note in the stream that something may have been lost", "stream", stream, "error", err)
				continue
			}
		}
		if time.Since(found) <= settleAfter {
			continue
		}
		if err := os.Remove(filepath.Join(j.cfg.Dir, holeFile+stream)); err != nil && !errors.Is(err, os.ErrNotExist) {
			j.cfg.Log.Warn("journal: a loss has been noted", "stream", stream, "error", err)
			continue
		}
		j.mu.Lock()
		delete(j.holes, stream)
		j.mu.Unlock()
	}
}

// keepHole looks whether the note of what another network may have lost stands, and whether it is still what the clock says.
func (j *Journal) keepHole(ctx context.Context, name string, found, at time.Time) error {
	stream, err := j.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // whoever makes the next one knows nothing of this one, and the next one's birth says so
	}
	if err != nil {
		return err
	}
	now, noted := j.cfg.Now().Add(-time.Since(found)), timeIn(stream.CachedInfo(), lostKey)
	if !noted.Before(at) && now.Sub(at) < time.Second {
		return nil
	}
	return j.noteHole(ctx, j.js, name, latest(at, now))
}

// noteHole notes in a stream of the embedded store that what was written before a time may be lost. What is noted never falls.
func (j *Journal) noteHole(ctx context.Context, js jetstream.JetStream, name string, at time.Time) error {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return err
	}
	_, err = j.change(ctx, js, stream, func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		if lacks(info) { // more than was known when it was found, maybe
			at = latest(at, j.cfg.Now())
		}
		at = latest(at, timeIn(info, lostKey))
		setMark(cfg.Metadata, at, starts(info), info.State)
		setDropped(cfg.Metadata, j.dropsOf(name))
		return nil
	})
	if err != nil {
		return err
	}
	j.holeNoted(name, at)
	return nil
}
