package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/nats-io/nats.go/jetstream"
)

// What a store may have forgotten, by mishap of a disk, a server or a person, is not signed again. This file says up to when.
// Times come from clocks that may be wrong; what this process found itself it also knows by the clock that only runs forward.

// Forgot returns up to when a key of this network may have made claims that the store does not have, zero if it has all as far as is
// known. Of a store that others can reach, nobody knows what was claimed before its stream was made: it may have been lost with one of
// the same name, and whoever makes the next one need not know. So the server is asked, each time: a stream that a lane opened, or wrote
// to a moment ago, may be another one by now.
func (j *Journal) Forgot(ctx context.Context) (time.Time, error) {
	l := j.lanes[streamProof]
	if j.alone() {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.lostUntil(), nil
	}
	v, err := lasting(ctx, j, bus.AbsentFor, func(ctx context.Context) (view, error) {
		ctx, cancel := j.question(ctx)
		defer cancel()
		v, err := l.ground(ctx)
		return v, bus.Unanswered(ctx, err)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("ask since when the store keeps claims: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.miss(v)
	l.sight(v.Created)
	l.heed(v.StreamInfo)
	return latest(l.lostUntil(), madeBy(v.Created, timeIn(v.StreamInfo, madeKey), l.watch.read(l.now()), l.until(&l.sighted.since))), nil
}

// heed takes up what others, or an earlier process, noted in the stream. A note that appears while this process runs, and says more than it
// knows, is of now, and one that is ahead of the clock is of when it is first seen, whatever clock wrote it. l.mu is held.
func (l *lane) heed(info *jetstream.StreamInfo) {
	noted := timeIn(info, lostKey)
	if noted.Equal(l.noted) {
		return
	}
	l.noted = noted
	ahead := l.ahead(noted) && noted.After(info.TimeStamp.Add(clocksApart)) && !l.j.alone() // else it is this clock that is behind
	news := !l.opened.IsZero() && noted.After(l.lostUntil()) || ahead
	if !ahead {
		l.forgot.add(noted)
	}
	if news {
		l.noteChange()
	}
}

// startsToSettle is how many starts take what was found before for found now, if none of them lives for long: a device may wake, sign and
// sleep again.
const startsToSettle = 3

// starts returns how many processes in a row noted a loss by a clock that may not have been set yet; 0: it is settled.
func starts(info *jetstream.StreamInfo) int {
	n, _ := strconv.Atoi(info.Config.Metadata[unsettledKey])
	return n
}

// look looks for what is missing. The embedded server may find damage when it is asked for a record, and drop it with all that is behind.
func (l *lane) look(ctx context.Context) error {
	ctx, cancel := l.j.question(ctx)
	defer cancel()
	v, err := l.inspect(ctx)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", l.spec.name, bus.Unanswered(ctx, err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.miss(v)
	return nil
}

// A sighting is when this process first heard of a stream, and of the server process that keeps it.
type sighting struct {
	born   time.Time
	server string
	since  lapse // what was claimed before may be lost, if the clocks do not say when the stream was made
}

// sight notes which stream is there and who keeps it. If it is not what it was, a server was started with other files, or
// lost the end of these, or files that had been away are back. l.mu is held.
func (l *lane) sight(born time.Time) {
	now, before := sighting{born, l.j.nc.ConnectedServerId(), lapse{found: time.Now()}}, l.sighted
	if !before.since.found.IsZero() {
		if before.born.Equal(now.born) && before.server == now.server {
			return
		}
		l.noteChange()
	}
	l.sighted = now
	l.dropped, l.asked = l.j.dropsOf(l.streamName), false // counted since the server started; what it dropped then is noted
}

// lostBy returns a time before which everything was written that is lost by now. The clock may be behind the one of then.
func (l *lane) lostBy() time.Time {
	l.mu.Lock()
	l.watch.read(l.now())
	at := l.watch.most
	l.mu.Unlock()
	at = latest(at, l.j.heads.appended(), l.j.endOf(l.streamName).Written)
	if l.stream != nil && l.j.alone() {
		at = latest(at, l.stream.CachedInfo().State.LastTime)
	}
	return at
}

// settleAfter is how long a process lives with a loss before its time is believed: a gateway may have no clock until it is told the
// time. A process that starts before that takes what was found then for found now.
const settleAfter = 10 * time.Minute

// keepMark notes in the stream until when something may have been lost that this process found, for others and for its next start, and
// makes it later when the clock was set.
func (l *lane) keepMark(ctx context.Context) {
	l.mu.Lock()
	found, at, told, noted, unsettled := l.forgot.found, l.foundUntil().UTC(), l.told, l.noted, l.started+1
	l.mu.Unlock()
	if found.IsZero() {
		return
	}
	if !l.j.alone() || time.Since(found) > settleAfter || unsettled > startsToSettle {
		unsettled = 0
	}
	last := l.stream.CachedInfo() // somebody who read before this was noted, and wrote after it, may have undone it
	if told.Equal(found) && at.Sub(noted) < time.Second && unsettled == starts(last) && !timeIn(last, lostKey).Before(noted) {
		return
	}
	_, err := l.announce(ctx, func(bool) {
		found, at = l.forgot.found, l.foundUntil().UTC()
	}, func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		if there := timeIn(info, lostKey); !l.wasAhead(there) || !l.j.alone() && !there.After(info.TimeStamp.Add(clocksApart)) { // else it is this clock that is behind
			at = latest(at, there)
		}
		setMark(cfg.Metadata, at, unsettled, info.State)
		setDropped(cfg.Metadata, l.droppedNow())
		return nil
	})
	if err != nil {
		l.mu.Lock()
		l.told = time.Time{} // the server may say that it has what it could not write
		l.mu.Unlock()
		if l.j.ctx.Err() == nil {
			l.j.cfg.Log.Warn("journal: note in the stream that something may have been lost", "stream", l.spec.name, "error", err)
		}
		return
	}
	l.mu.Lock()
	l.told, l.noted = latest(l.told, found), at // another turn may have told of a later one meanwhile
	l.forgot.add(at)
	l.mu.Unlock()
	l.j.holeNoted(l.streamName, at)
	l.lossesNoted(found)
}

// announce changes the settings of the stream in a way that hides what is gone of it by then. What is gone and was not announced is lost: look is told
// whether there is any, once, with l.mu held, before note changes the settings. Where another process has just overwritten such an announcement, it has
// the time to write it again.
func (l *lane) announce(ctx context.Context, look func(lost bool), note func(*jetstream.StreamConfig, *jetstream.StreamInfo) error) (before *jetstream.StreamInfo, err error) {
	lost, looked, knew := false, false, l.reached()
	errOverwritten := errors.New("others overwrite again and again what they noted")
	for range mostChanges {
		before, err = l.change(ctx, func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
			l.mu.Lock()
			overwritten := !looked && !l.j.alone() && info.State.FirstSeq > l.begins(info)
			if !looked && !overwritten {
				look(l.miss(view{StreamInfo: info, knew: knew}) || lost)
				looked = true
			}
			l.mu.Unlock()
			if overwritten {
				return errOverwritten
			}
			return note(cfg, info)
		})
		if !errors.Is(err, errOverwritten) {
			return before, err
		}
		v, err := l.ground(ctx)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		lost = l.miss(v) || lost
		l.mu.Unlock()
	}
	return nil, errOverwritten
}

// setMark notes until when something may have been lost, and what the stream lacks by now, so that it is found once.
func setMark(metadata map[string]string, at time.Time, unsettled int, state jetstream.StreamState) {
	metadata[lostKey] = at.UTC().Format(time.RFC3339Nano)
	metadata[missingKey] = strconv.Itoa(state.NumDeleted)
	setFreed(metadata, state.FirstSeq)
	delete(metadata, unsettledKey)
	if unsettled > 0 {
		metadata[unsettledKey] = strconv.Itoa(unsettled)
	}
}

// setDropped notes how many records the server had dropped when it was last asked.
func setDropped(metadata map[string]string, n int) {
	if n != droppedBefore(metadata) {
		metadata[droppedKey] = strconv.Itoa(n)
	}
}

// droppedNow returns how many records the server had dropped when this lane last asked.
func (l *lane) droppedNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// freed returns the place before which retention gave records up, as is noted in the stream before it does; the largest place if
// nothing is noted.
func freed(metadata map[string]string) uint64 {
	if place, err := strconv.ParseUint(metadata[freedKey], 10, 64); err == nil {
		return place
	}
	return math.MaxUint64
}

// setFreed notes that retention may have given up all before a place. It never falls.
func setFreed(metadata map[string]string, place uint64) {
	if known := freed(metadata); known != math.MaxUint64 {
		place = max(place, known)
	}
	metadata[freedKey] = strconv.FormatUint(place, 10)
}

// missing returns how many places in the middle of a stream are noted to have no record.
func missing(metadata map[string]string) int {
	known, _ := strconv.Atoi(metadata[missingKey])
	return known
}

// lowerMissing forgets of the places without a record those that retention has freed, and of what was dropped what a server that was started
// again does not count: else as many may be lost unnoticed.
func (l *lane) lowerMissing(ctx context.Context) {
	info := l.stream.CachedInfo()
	l.mu.Lock()
	fewer := l.asked && droppedBefore(info.Config.Metadata) > l.dropped
	l.mu.Unlock()
	if missing(info.Config.Metadata) <= info.State.NumDeleted && !fewer {
		return
	}
	if _, err := l.change(ctx, func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
		if fewer {
			setDropped(cfg.Metadata, l.droppedNow())
		}
		return nil
	}); err != nil {
		l.j.cfg.Log.Warn("journal: note how many records are missing", "stream", l.spec.name, "error", err)
	}
}

// undone is how long somebody may take to see that he overwrote the note of what was freed, and to write it again.
const undone = 2 * time.Second

// ground looks at the stream. What is gone at its beginning may be what somebody freed whose note another one has just overwritten, and what
// is gone at the end of a replicated one is maybe not there yet, so it looks until that has been mended, or would have been.
func (l *lane) ground(ctx context.Context) (view, error) {
	knew := l.reached()
	for begun := time.Now(); ; {
		v, err := l.inspect(ctx)
		if err != nil {
			return v, err
		}
		v.knew = knew
		l.mu.Lock()
		settled := v.State.FirstSeq <= l.begins(v.StreamInfo) && !(v.short() && replicated(v.StreamInfo))
		l.mu.Unlock()
		if settled || l.j.alone() || time.Since(begun) > undone || !backoff.Wait(ctx, undone/20) {
			return v, nil
		}
	}
}

// begins returns where a stream may begin at most, if nothing is lost of it. l.mu is held.
func (l *lane) begins(info *jetstream.StreamInfo) uint64 {
	return max(l.state.FirstSeq, freed(info.Config.Metadata))
}

// lacks reports whether a stream lacks more than is noted in it: places in its middle, or before its first record.
func lacks(info *jetstream.StreamInfo) bool {
	return info.State.NumDeleted > missing(info.Config.Metadata) || info.State.FirstSeq > freed(info.Config.Metadata)
}

// miss notes a loss, and reports it, if more of the stream is missing than when this process last looked. l.mu is held.
func (l *lane) miss(v view) bool {
	if !v.Created.Equal(l.sighted.born) {
		return false
	}
	if l.reach.born.Equal(v.knew.born) { // a loss that was told since the question lowered it
		v.knew.place = min(v.knew.place, l.reach.place)
	}
	st, before := v.State, l.state
	if st.FirstSeq < before.FirstSeq && !v.TimeStamp.After(l.stateAt) && !v.short() {
		return false // an answer from before the last one: it lacks what was freed since. In a later one it has come undone
	}
	l.state, l.stateAt = st, v.TimeStamp
	more := v.whole && dropped(v.StreamInfo) > max(l.dropped, droppedBefore(v.Config.Metadata))
	if v.whole {
		l.dropped, l.asked = dropped(v.StreamInfo), true
	}
	if v.short() || !l.reach.born.Equal(v.Created) || l.reach.place < st.LastSeq {
		l.reach = reach{v.Created, st.LastSeq}
	}
	if !more && !v.short() && st.NumDeleted <= before.NumDeleted && st.FirstSeq <= max(before.FirstSeq, freed(v.Config.Metadata)) {
		return false
	}
	l.noteFound(l.now())
	l.missedAt = l.forgot.found
	l.tellLack(v.StreamInfo)
	poke(l.house.wake) // which notes it for others
	return true
}

// tellLack says that a stream lacks records, of whatever writer.
func (l *lane) tellLack(info *jetstream.StreamInfo) {
	l.j.cfg.Log.Error("journal: records are lost, of this node or of others; rounds of before are not signed any more", "stream", l.spec.name,
		"begins at", info.State.FirstSeq, "freed up to", freed(info.Config.Metadata), "missing within", info.State.NumDeleted, "known", missing(info.Config.Metadata),
		"ends at", info.State.LastSeq, "dropped since its server started", dropped(info))
}

// timeIn returns a time that a node wrote into the metadata of a stream, by its clock; zero if there is none.
func timeIn(info *jetstream.StreamInfo, key string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, info.Config.Metadata[key])
	return at
}

// clocksApart is how far clocks may be apart before one of them is called wrong.
const clocksApart = time.Minute

// madeBy returns a time before which a stream was made. Three clocks tell: the server's, that of the node that made it, and this one's,
// which says when it saw the stream first. The latest is believed, but for one that is ahead of the other two: they say that it is wrong,
// and waiting for its time could take for ever.
func madeBy(created, marked, now, seen time.Time) time.Time {
	ahead := func(t time.Time) bool { return t.After(now.Add(clocksApart)) }
	switch {
	case latest(created, marked).Before(clockSet): // both were not set yet
		return seen
	case marked.IsZero():
		return created
	case ahead(created) && !ahead(marked):
		return latest(marked, seen)
	case ahead(marked) && !ahead(created):
		return latest(created, seen)
	}
	return latest(created, marked)
}

func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}
