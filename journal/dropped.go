package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
)

// A server that meets damage in the last block of a stream while it runs, when it is asked for a record of it, drops that record and all
// behind it, often without a word, and gives their places to what comes next. Where the stream ends says nothing then. What does: that it
// went further before, and that the server counts what it lost since it started.

// A reach is how far a stream went when this process last knew.
type reach struct {
	born  time.Time
	place uint64
}

// A view is what the server said of a stream, and what this process knew before it asked: an answer may be older than what is known by now.
type view struct {
	*jetstream.StreamInfo
	knew  reach
	whole bool // it says how many records were dropped
}

// short reports whether the stream goes less far than was known.
func (v view) short() bool { return v.Created.Equal(v.knew.born) && v.State.LastSeq < v.knew.place }

// dropped returns how many records the server says that it lost since it started, for whatever reason. Of those before the first one, where the
// stream begins tells: after a kill a server also misses what retention had freed.
func dropped(info *jetstream.StreamInfo) (n int) {
	if info.State.Lost == nil {
		return 0
	}
	for _, place := range info.State.Lost.Msgs {
		if place >= info.State.FirstSeq {
			n++
		}
	}
	return n
}

// droppedBefore returns how many of them are noted in a stream.
func droppedBefore(metadata map[string]string) int {
	n, _ := strconv.Atoi(metadata[droppedKey])
	return n
}

// mostPlaces is how many places without a record a stream may have, or that were dropped, before it is not asked any more for what was
// dropped: the server lists them all, each time.
const mostPlaces = 1000

// inspect asks the server about the stream.
func (l *lane) inspect(ctx context.Context) (v view, err error) {
	l.mu.Lock()
	v.knew, v.whole = l.reach, max(l.state.NumDeleted, l.dropped) <= mostPlaces
	l.mu.Unlock()
	if v.whole {
		start := l.j.counting()
		within, cancel := context.WithTimeout(ctx, answerTimeout/2)
		v.StreamInfo, err = infoOf(within, l.j.nc, l.streamName)
		cancel()
		v.whole = l.j.countsDropped(start)
		if err == nil || ctx.Err() != nil || errors.Is(err, jetstream.ErrStreamNotFound) {
			return v, err
		}
		v.whole = false // the list may have become too long for one answer
	}
	v.StreamInfo, err = l.stream.Info(ctx)
	return v, err
}

// infoOf asks the server about a stream, and what it lost of it.
func infoOf(ctx context.Context, nc *nats.Conn, stream string) (*jetstream.StreamInfo, error) {
	msg, err := nc.RequestWithContext(ctx, "$JS.API.STREAM.INFO."+stream, []byte(`{"deleted_details":true}`))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		*jetstream.StreamInfo
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return nil, jetstream.ErrStreamNotFound
	case answer.Error != nil:
		return nil, answer.Error
	case answer.StreamInfo == nil:
		return nil, jetstream.ErrInvalidJetStreamResponse
	}
	// With this list the server counts other places than without it, one too many in an empty stream.
	st := &answer.State
	st.Deleted, st.NumDeleted = nil, 0
	if st.LastSeq > st.FirstSeq {
		st.NumDeleted = int(st.LastSeq - st.FirstSeq + 1 - min(st.Msgs, st.LastSeq-st.FirstSeq+1))
	}
	return answer.StreamInfo, nil
}

// replicated reports whether another server may have the lead of a stream from now on, and know for a moment less than the one before.
func replicated(info *jetstream.StreamInfo) bool {
	return info.Cluster != nil && len(info.Cluster.Replicas) > 0
}

// reached returns how far this process knows the stream to go.
func (l *lane) reached() reach {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reach
}

// land notes that a flight came to stand from place first to last, and whether the stream went that far before it flew: then what stood there is
// gone. Its records are of now, and what they were decided on may be gone too.
func (l *lane) land(knew reach, first, last uint64) {
	l.mu.Lock()
	lost := knew.born.Equal(l.born) && first <= knew.place
	if l.reach.born.Equal(l.born) && (l.reach.place < last || lost && l.reach.place == knew.place) { // who looked since then knows better
		l.reach.place = last
	}
	l.mu.Unlock()
	if !lost {
		return
	}
	l.j.cfg.Log.Error("journal: the store has dropped the end of a stream, and gave its places anew; rounds of before are not signed any more",
		"stream", l.spec.name, "went to", knew.place, "goes on at", first)
	l.noteLoss(l.now())
	poke(l.house.wake) // which notes it for others
}

// storeDropped is called when the embedded store dropped records of a stream, maybe while it holds its locks, in the goroutine that answers this
// process: it must not be asked anything, and no lock is waited for that is held over a question. So that is remembered, and the store started
// again, which has it on the disk and in the stream before anybody is answered.
func (j *Journal) storeDropped(stream string) {
	j.markDropped(stream)
	j.local.GiveUp()
	j.storeBroke()
}

// markDropped remembers that the store may have dropped records of a stream, until it is on the disk.
func (j *Journal) markDropped(stream string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.miscounted[stream], j.dropping[stream] = true, true
}

// noteDropping puts on the disk which streams the store dropped records of.
func (j *Journal) noteDropping() error {
	j.mu.Lock()
	streams := slices.Collect(maps.Keys(j.dropping))
	j.mu.Unlock()
	for _, stream := range streams {
		if err := j.holed(stream); err != nil {
			return fmt.Errorf("note that the store dropped records of stream %s: %w", stream, err)
		}
		j.mu.Lock()
		delete(j.dropping, stream)
		j.mu.Unlock()
	}
	return nil
}

// dropIndexes removes the index of the records of each stream that lost some: a server goes on counting what it dropped, keeps that in the index,
// and then says of a key that it has records and cannot read them. Without an index it counts what is there.
func (j *Journal) dropIndexes() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for stream, h := range j.holes {
		if !h.noted {
			j.miscounted[stream] = true
		}
	}
	for stream := range j.miscounted {
		err := os.Remove(filepath.Join(streamsDir(j.cfg.Dir), stream, "msgs", "index.db"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the index of stream %s, which counts lost records: %w", stream, err)
		}
		delete(j.miscounted, stream)
	}
	return nil
}

// keepStore starts the embedded store again when it broke or dropped something, also if this process writes nothing, until the journal closes.
func (j *Journal) keepStore() {
	attempt, tried, probed := 0, time.Time{}, time.Now()
	look := time.NewTicker(lookForRoomEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			probe := j.local.Listens() && time.Since(probed) > tryEvery
			if probe {
				probed = time.Now()
			}
			j.lookForRoom(probe)
			continue
		case <-j.sick:
		case <-j.ctx.Done():
			return
		}
		if err := j.noteDropping(); err != nil { // so does the start
			j.cfg.Log.Error("journal: " + err.Error())
		}
		if time.Since(tried) > bus.LivesAfter {
			attempt = 0
		}
		for ; j.local.Broken() && j.ctx.Err() == nil; attempt++ {
			if j.mustWait() != "" {
				j.local.Pause()
			}
			if attempt > 0 && !backoff.Wait(j.ctx, backoff.Backoff{Min: 100 * time.Millisecond, Max: bus.LongestRetry}.Ceiling(attempt)) {
				return
			}
			why := j.proof.Load().revive() // a lane that waits to write may do it too
			tried = time.Now()
			j.setBroken(why)
		}
		j.setBroken("")
	}
}

// setBroken notes why the embedded store cannot be started again yet; empty: it was, or was not tried.
func (j *Journal) setBroken(why string) {
	j.mu.Lock()
	changed := j.broken != why
	j.broken = why
	j.mu.Unlock()
	if changed && why != "" {
		j.cfg.Log.Warn("journal: start the store again", "why", why)
	}
}

// brokenBy returns why the embedded store takes nothing from anybody, or does so again and again; empty if it takes all.
func (j *Journal) brokenBy() string {
	if j.local == nil || j.ctx.Err() != nil {
		return ""
	}
	if !j.local.Broken() {
		return j.local.BrokeOften()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return cmp.Or(j.broken, j.local.Ails()+"; it is started again")
}

// seekDropped asks the embedded store whether it dropped records of any stream of proofs, for it does not always say so. asked is told
// which streams it was asked about.
func (j *Journal) seekDropped(ctx context.Context, asked func(stream string)) error {
	if j.local == nil {
		return nil
	}
	of := j.counting()
	list := j.js.ListStreams(ctx)
	for info := range list.Info() {
		name := info.Config.Name
		if !keepsProofs(info) || info.State.NumDeleted > mostPlaces {
			asked(name)
			continue
		}
		info, err := infoOf(ctx, j.nc, name)
		if err != nil {
			return fmt.Errorf("ask what was dropped of stream %s: %w", name, err)
		}
		if j.dropsMore(of, name, dropped(info)) {
			j.cfg.Log.Error("journal: the store has dropped records; it is started again, and looks for damage", "stream", name, "records", dropped(info))
			j.storeDropped(name)
		}
		asked(name)
	}
	return list.Err()
}

// stopWithin bounds what the store is asked before it is stopped. One that is busy for longer may have dropped something.
const stopWithin = 5 * time.Second

// lookBeforeStop asks the embedded store, before it is stopped, what it dropped, and puts that on the disk, and how far its streams go: the stop
// writes down where they end by then, and may itself drop what is damaged, and the next start counts from there. A stream that it does not answer
// for in time may have lost something.
func (j *Journal) lookBeforeStop(within time.Duration) {
	if j.local == nil || j.proof.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	runs := j.local.Runs()
	for runs && j.nc.ConnectedServerId() != j.local.ID() && ctx.Err() == nil { // one that has just been started
		backoff.Wait(ctx, 50*time.Millisecond)
	}
	if runs && !j.local.CannotWrite() { // else its answer counts for nothing
		silent := j.proofFolders()
		err := j.seekDropped(ctx, func(stream string) { delete(silent, stream) })
		if err != nil {
			j.cfg.Log.Warn("journal: look for records that the store dropped, before it is stopped", "error", err)
		}
		if err != nil && !j.local.CannotWrite() {
			for stream := range silent {
				j.cfg.Log.Warn("journal: the store does not say whether it dropped records; it may have", "stream", stream)
				j.markDropped(stream)
			}
		}
	}
	if err := j.noteDropping(); err != nil { // so does the start, if this process lives
		j.cfg.Log.Error("journal: " + err.Error())
	}
	if runs {
		j.noteEnds(ctx, 0)
	}
}

// proofFolders returns the streams of proofs that have a folder in the embedded store.
func (j *Journal) proofFolders() map[string]bool {
	streams := make(map[string]bool)
	for _, folder := range under(streamsDir(j.cfg.Dir), streamProof+"-*") {
		streams[filepath.Base(folder)] = true
	}
	return streams
}

// countsDropped reports whether an answer to a question that was asked after a start of the server says what it dropped since: it is this one, and
// could write.
func (j *Journal) countsDropped(start int) bool {
	return j.local == nil || !j.local.CannotWrite() && start == j.counting()
}

// dropsMore reports whether more of a stream was dropped since a start of the server than when it was asked last, and remembers it.
func (j *Journal) dropsMore(start int, stream string, n int) bool {
	counts := j.countsDropped(start)
	j.mu.Lock()
	defer j.mu.Unlock()
	if !counts || start != j.starts {
		return false
	}
	more := n > j.drops[stream]
	if j.drops[stream] = n; more { // at once: who asks next finds no more
		j.miscounted[stream], j.dropping[stream] = true, true
	}
	return more
}

// counting returns which start of the server what it drops is counted from.
func (j *Journal) counting() (start int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.starts
}

// countAnew forgets what was dropped, as a server does that starts.
func (j *Journal) countAnew() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.starts++
	clear(j.drops)
}

// dropsOf returns how many records of a stream the embedded server had dropped when it was asked last, 0 of one elsewhere.
func (j *Journal) dropsOf(stream string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.drops[stream]
}
