package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/telemetry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// A flight is a group that has been chained and encoded: what one flush writes.
type flight struct {
	group []*pending
	ends  []int // of each pending's records in recs
	recs  []dodona.Record
	msgs  []*nats.Msg
	heads []head            // after each record; Stream is filled on landing
	guard map[string]uint64 // by subject: the place its last record must have
}

var errUnknownOutcome = errors.New("no answer from the store")

// flush writes a group, whatever it takes, until every pending in it is answered or withdrawn.
// It must not give up a flight whose outcome is unknown: the chain goes on behind it.
func (l *lane) flush(group []*pending) {
	for attempt := 0; ; attempt++ {
		var err error
		if group, err = l.admit(group); err == nil {
			err = l.roomOnDisk(takenBy(sizeOfGroup(group), recordsOf(group)))
		}
		if n := len(group) / 2; errors.Is(err, errNoRoom) && n > 0 { // a part may fit
			l.flush(group[:n:n])
			l.flush(group[n:])
			return
		}
		if err == nil {
			if group = takeOff(group); len(group) == 0 {
				l.setBlocked("")
				return
			}
			group, err = l.fly(l.chain(group))
			if err == nil && len(group) == 0 {
				l.setBlocked("")
				return
			}
		}
		if l.j.ctx.Err() != nil {
			finishAll(group, ErrClosed)
			return
		}
		if err != nil {
			l.relieve(err, attempt, sizeOfGroup(group))
		}
	}
}

func sizeOfGroup(group []*pending) (bytes int) {
	for _, p := range group {
		bytes += p.bytes
	}
	return bytes
}

func recordsOf(group []*pending) (n int) {
	for _, p := range group {
		n += len(p.recs)
	}
	return n
}

func finishAll(group []*pending, err error) {
	for _, p := range group {
		p.finish(err)
	}
}

// takeOff drops what was withdrawn; what is left can no longer be.
func takeOff(group []*pending) []*pending {
	kept := group[:0]
	for _, p := range group {
		if p.state.CompareAndSwap(waiting, flying) {
			kept = append(kept, p)
		}
	}
	return kept
}

// ground makes a group wait again and drops those whose callers left.
func ground(group []*pending) []*pending {
	kept := group[:0]
	for _, p := range group {
		if p.ground() {
			kept = append(kept, p)
		}
	}
	return kept
}

// chain gives the records of a group their place in the chain and encodes them. Appends whose writers decided on what is no
// longer the newest record are answered with a conflict and left out.
func (l *lane) chain(group []*pending) *flight {
	f := &flight{group: group[:0], guard: make(map[string]uint64, 1)}
	now := l.now().UTC().Truncate(time.Millisecond)
	at := l.head
	judge := ballot{l, make(map[string]seen)}
	inGroup := make(map[identity]struct{}, len(group))
	for _, p := range group {
		if subject := judge.conflict(p); subject != "" {
			l.j.cfg.Recorder.Count(telemetry.JournalConflicts.Of(l.spec.name), 1)
			p.finish(fmt.Errorf("another record came in between on %s: %w", subject, dodona.ErrConflict))
			continue
		}
		for _, r := range p.recs {
			same := l.recent.identity(r)
			if _, twice := inGroup[same]; twice {
				continue
			}
			inGroup[same] = struct{}{}
			r.Appended, r.Sequence, r.Previous = now, at.Sequence+1, at.Digest
			at = head{Sequence: r.Sequence, Digest: digestOf(r, l.j.writer), Appended: now}
			f.recs = append(f.recs, r)
			f.heads = append(f.heads, at)
			m := encode(r, l.j.writer, l.j.net)
			if p.again {
				m.Header[headerAgain] = []string{"1"}
			}
			f.msgs = append(f.msgs, m)
		}
		f.group = append(f.group, p)
		f.ends = append(f.ends, len(f.recs))
	}
	l.guardFlight(f)
	if len(f.msgs) > 1 {
		for i, m := range f.msgs {
			m.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		}
		f.msgs[len(f.msgs)-1].Header[headerBatchCommit] = []string{"1"}
	}
	return f
}

// guardFlight makes the store refuse the flight if somebody wrote to one of its shared subjects since they were judged, or
// if the flight itself landed before: an unanswered flight is sent again until it is answered.
func (l *lane) guardFlight(f *flight) {
	for i, m := range f.msgs {
		if _, guarded := f.guard[m.Subject]; !guarded && (i == 0 || shared(f.recs[i].Topic)) {
			place := l.seen[m.Subject].place
			f.guard[m.Subject] = place
			m.Header[headerExpected] = []string{strconv.FormatUint(place, 10)}
		}
	}
}

// fly sends a flight until its outcome is known. It returns what must be tried again, and why.
func (l *lane) fly(f *flight) ([]*pending, error) {
	if len(f.recs) == 0 {
		return nil, nil
	}
	knew := l.reached()
	doubt := false // an attempt was not answered: it may be in the stream, or still come there
	for attempt := 0; ; attempt++ {
		started := time.Now()
		ack, err := l.send(f)
		l.pace.flushed(time.Now())
		l.j.cfg.Recorder.Time(telemetry.JournalFlush.Of(l.spec.name), time.Since(started))
		code := errCode(err)
		switch {
		case errors.Is(err, errNoRoom):
			if !doubt {
				return ground(f.group), err
			}
		case err == nil:
			if ack.Duplicate {
				knew = reach{} // it stands where it stood
			}
			l.landed(f, knew, len(f.recs), ack.Sequence-uint64(len(f.recs))+1)
			return nil, nil
		case code == codeWrongLast || code == codeWrongLastConst:
			var rest []*pending
			if rest, err = l.outrun(f, knew, doubt); err == nil {
				return rest, nil
			}
		case code == codeTooLarge || code == codeHeaderTooLarge:
			finishAll(f.group, dodona.Permanent(err))
			return nil, nil
		case code == codeStoreFailed, code != 0 && !doubt:
			// Certainly not written: the guard, which an earlier attempt would have tripped, is checked before the room.
			return ground(f.group), err
		}
		doubt = doubt || code == 0 && !errors.Is(err, errNoRoom)
		l.mu.Lock()
		l.stat.Retries++
		l.mu.Unlock()
		l.j.cfg.Recorder.Count(telemetry.JournalRetries.Of(l.spec.name), 1)
		l.relieve(err, attempt, 0) // never full: that is returned
		if l.j.ctx.Err() != nil {
			finishAll(f.group, fmt.Errorf("%w: %w", ErrUnknown, ErrClosed))
			return nil, nil
		}
	}
}

// flushTimeout is how long a flush may take before it is asked for again.
const flushTimeout = 5 * time.Second

// send publishes a flight: one record plainly, several as an atomic batch under a name of its own.
func (l *lane) send(f *flight) (ack pubAck, err error) {
	if l.j.local != nil && l.j.local.Broken() {
		return pubAck{}, fmt.Errorf("%w: %s", errUnknownOutcome, l.j.local.Ails())
	}
	switch bytes := f.takes(); {
	case bytes < largeFlight:
	case l.j.local == nil:
		l.spare()
		given := l.j.nc.IsConnected()
		defer func() { l.countLarge(given, err) }()
	default:
		release, err := l.j.holdRoom(bytes)
		if err != nil {
			return pubAck{}, err
		}
		defer release()
	}
	ctx, cancel := context.WithTimeout(l.j.bus.Epoch(), flushTimeout)
	defer cancel()
	last := len(f.msgs) - 1
	if last > 0 {
		batch := []string{nuid.Next()}
		for i, m := range f.msgs {
			m.Header[headerBatchID] = batch
			if i == last {
				break
			}
			if err := l.j.nc.PublishMsg(m); err != nil {
				return pubAck{}, fmt.Errorf("publish: %w", err)
			}
		}
	}
	reply, err := l.j.nc.RequestMsgWithContext(ctx, f.msgs[last])
	if err != nil {
		return pubAck{}, fmt.Errorf("%w: %w", errUnknownOutcome, err)
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return pubAck{}, fmt.Errorf("%w: %w", errUnknownOutcome, err)
	}
	if ack.Error != nil {
		return pubAck{}, ack.Error
	}
	if len(f.msgs) > 1 && ack.Count != len(f.msgs) {
		return pubAck{}, fmt.Errorf("%w: %d of %d records", errUnknownOutcome, ack.Count, len(f.msgs))
	}
	return ack, nil
}

// landed notes that the first n records of a flight, before which the stream was known to go so far, are in it from place first on, and answers
// whom it may.
// It returns the pendings that are not complete: none, unless the store broke down in the middle of a batch.
func (l *lane) landed(f *flight, knew reach, n int, first uint64) []*pending {
	if n == 0 {
		return ground(f.group)
	}
	rec := l.j.cfg.Recorder
	for _, r := range f.recs[:n] {
		l.recent.add(l.recent.identity(r))
		rec.Count(telemetry.JournalRecords.Of(string(r.Topic)), 1)
	}
	rec.Count(telemetry.JournalFlushes.Of(l.spec.name), 1)
	for _, m := range f.msgs[:n] {
		l.sinceRetain += len(m.Data) + headersOnBusAllowance/2
	}
	l.head = f.heads[n-1]
	l.head.Stream = first + uint64(n) - 1
	if err := l.j.heads.write(l.spec.name, l.head); err != nil {
		l.j.cfg.Log.Error("journal: write high-water mark", "stream", l.spec.name, "error", err)
	}
	l.mu.Lock()
	l.stat.Flushes++
	l.stat.Records += uint64(n)
	l.stat.head = l.head
	l.mu.Unlock()
	for i, r := range f.recs[:n] {
		l.seen[f.msgs[i].Subject] = l.seenAt(r, first+uint64(i))
	}
	if n < len(f.recs) {
		return ground(f.group)
	}
	l.land(knew, first, l.head.Stream) // before anybody is answered, and asks what may be lost
	others := l.notFirst(f)
	for _, p := range f.group {
		var err error
		for _, r := range p.recs {
			if subject := l.subjectOf(r); others[subject] {
				err = fmt.Errorf("there was a record on %s that the store did not read: %w", subject, dodona.ErrConflict)
			}
		}
		p.finish(err)
	}
	return nil
}

// notFirst returns the shared subjects of a flight that has landed which it took to have no record, and which had one: a store that cannot
// read a record for a moment takes what comes behind it for the first. Nothing of now is signed then, by anybody.
func (l *lane) notFirst(f *flight) map[string]bool {
	written := make(map[string]uint64)
	for i, m := range f.msgs {
		if place, guarded := f.guard[m.Subject]; guarded && place == 0 && shared(f.recs[i].Topic) {
			written[m.Subject]++
		}
	}
	if len(written) == 0 {
		return nil
	}
	var counts map[string]uint64
	var err error
	for range askedAgain {
		if counts, err = l.counts(l.j.ctx, slices.Collect(maps.Keys(written))); err == nil {
			break
		}
	}
	var others map[string]bool
	for subject, n := range written {
		there, err := counts[subject], err
		if err == nil && there > n {
			there, err = l.countBefore(subject, there, l.head.Stream)
		}
		if err == nil && there <= n {
			continue
		}
		if others == nil {
			others = make(map[string]bool)
		}
		others[subject] = true
		l.j.cfg.Log.Error("journal: the store took a record for the first of its subject, which it was not, or cannot say so", "subject", subject, "records", there, "error", err)
	}
	if others != nil {
		l.noteLoss(l.now())
		l.keepMark(l.j.ctx)
	}
	return others
}

// countBefore takes from a count of records on a subject those that are behind a place.
func (l *lane) countBefore(subject string, n, place uint64) (uint64, error) {
	behind, err := l.page(l.j.ctx, query{NextFor: subject, Seq: place + 1, Batch: pageRecords})
	return n - min(n, uint64(len(behind))), err
}
