package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
			if group = takeOff(group); len(group) == 0 {
				l.setBlocked("")
				return
			}
			f := l.chain(group)
			group, err = l.fly(f)
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
			l.relieve(err, attempt)
		}
	}
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

// admit answers appends that are there already, and learns what is needed to guard the others.
func (l *lane) admit(group []*pending) ([]*pending, error) {
	kept := group[:0]
	for i, p := range group {
		if p.state.Load() == withdrawn {
			continue
		}
		fresh, err := l.fresh(p)
		if err != nil {
			return append(kept, group[i:]...), err
		}
		if fresh {
			kept = append(kept, p)
		} else {
			p.finish(nil)
		}
	}
	return kept, nil
}

// fresh takes out of p what is in the stream already and reports whether anything is left.
func (l *lane) fresh(p *pending) (bool, error) {
	kept := p.recs[:0]
	for i, r := range p.recs {
		known := l.recent.has(recordKey(r))
		if !known && shared(r.Topic) {
			last, err := l.lastSeen(subjectOf(r.Topic, r.Key, r.Node))
			if err != nil {
				p.recs = append(kept, p.recs[i:]...)
				return true, err
			}
			known = last.id == r.ID
		}
		if known {
			l.j.cfg.Recorder.Count(telemetry.JournalDuplicates, l.spec.name, 1)
			continue
		}
		kept = append(kept, r)
	}
	p.recs = kept
	return len(kept) > 0, nil
}

// lastSeen returns the last record on a subject as this process knows it, asking once.
func (l *lane) lastSeen(subject string) (seen, error) {
	l.mu.Lock()
	known, found := l.seen[subject]
	l.mu.Unlock()
	if found {
		return known, nil
	}
	s, err := l.fetch(l.j.ctx, query{LastFor: subject, fromFirst: true})
	if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return seen{}, err
	}
	known = seen{s.stream, s.ID}
	l.firstSight(subject, known)
	return known, nil
}

// maxSeen bounds the memory of subjects; forgetting one costs a question to the store.
const maxSeen = 4096

// firstSight remembers what was found on a subject unless something is remembered already: a look by another part of
// this process must not hide from a writer that somebody wrote in between.
func (l *lane) firstSight(subject string, s seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.seen[subject]; found {
		return
	}
	if len(l.seen) >= maxSeen {
		maps.DeleteFunc(l.seen, func(subject string, _ seen) bool {
			topic, _, _, err := parseSubject(subject)
			return err != nil || !shared(topic)
		})
	}
	l.seen[subject] = s
}

// chain gives the records of a group their place in the chain and encodes them.
func (l *lane) chain(group []*pending) *flight {
	f := &flight{group: group, guard: make(map[string]uint64, 1)}
	now := l.now().UTC().Truncate(time.Millisecond)
	at := l.head
	inGroup := make(map[string]struct{}, len(group))
	for _, p := range group {
		for _, r := range p.recs {
			key := recordKey(r)
			if _, twice := inGroup[key]; twice {
				continue
			}
			inGroup[key] = struct{}{}
			r.Appended, r.Sequence, r.Previous = now, at.Sequence+1, at.Digest
			at = head{Sequence: r.Sequence, Digest: digestOf(r, l.j.writer), Appended: now}
			f.recs = append(f.recs, r)
			f.heads = append(f.heads, at)
			f.msgs = append(f.msgs, encode(r, l.j.writer))
		}
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

// guardFlight makes the store refuse the flight if another process wrote to one of its shared subjects, or if the
// flight itself landed before: an unanswered flight is sent again until it is answered.
func (l *lane) guardFlight(f *flight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var newest uint64
	spare := -1
	for i, m := range f.msgs {
		if _, guarded := f.guard[m.Subject]; guarded {
			continue
		}
		known, found := l.seen[m.Subject]
		if shared(f.recs[i].Topic) {
			f.guard[m.Subject] = known.stream
			m.Header[headerExpected] = []string{strconv.FormatUint(known.stream, 10)}
		} else if found && known.stream >= newest && spare != i {
			if spare < 0 || f.msgs[spare].Subject != m.Subject {
				spare, newest = i, known.stream
			}
		}
	}
	if len(f.guard) == 0 && spare >= 0 {
		f.guard[f.msgs[spare].Subject] = newest
		f.msgs[spare].Header[headerExpected] = []string{strconv.FormatUint(newest, 10)}
	}
}

// fly sends a flight until its outcome is known. It returns what must be tried again, and why.
func (l *lane) fly(f *flight) ([]*pending, error) {
	for attempt := 0; ; attempt++ {
		started := time.Now()
		ack, err := l.send(f)
		l.pace.flushed(time.Now())
		l.j.cfg.Recorder.Time(telemetry.JournalFlush, l.spec.name, time.Since(started))
		switch code := errCode(err); {
		case err == nil:
			l.landed(f, len(f.recs), ack.Sequence-uint64(len(f.recs))+1)
			return nil, nil
		case code == codeWrongLast || code == codeWrongLastConst:
			rest, err := l.outrun(f)
			if err == nil {
				return rest, nil
			}
		case code == codeTooLarge || code == codeHeaderTooLarge:
			finishAll(f.group, dodona.Permanent(err))
			return nil, nil
		case code != 0: // refused: certainly not written
			return ground(f.group), err
		}
		l.mu.Lock()
		l.stat.Retries++
		l.mu.Unlock()
		l.j.cfg.Recorder.Count(telemetry.JournalRetries, l.spec.name, 1)
		if l.j.ctx.Err() != nil {
			finishAll(f.group, fmt.Errorf("%w: %w", ErrUnknown, ErrClosed))
			return nil, nil
		}
		l.relieve(err, attempt)
	}
}

// flushTimeout is how long a flush may take before it is asked for again.
const flushTimeout = 5 * time.Second

// send publishes a flight: one record plainly, several as an atomic batch under a name of its own.
func (l *lane) send(f *flight) (pubAck, error) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
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
	var ack pubAck
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

// landed notes that the first n records of a flight are in the stream from place first on, and answers whom it may.
// It returns the pendings that are not complete: none, unless the store broke down in the middle of a batch.
func (l *lane) landed(f *flight, n int, first uint64) []*pending {
	if n == 0 {
		return ground(f.group)
	}
	rec := l.j.cfg.Recorder
	for _, r := range f.recs[:n] {
		l.recent.add(recordKey(r))
		rec.Count(telemetry.JournalRecords, string(r.Topic), 1)
	}
	rec.Count(telemetry.JournalFlushes, l.spec.name, 1)
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
	if n < len(f.recs) {
		l.remember(f, first, 0, n, true)
		return ground(f.group)
	}
	from := 0
	for i, p := range f.group {
		// What a caller left behind was seen by nobody: the next append to its subject must meet a conflict.
		l.remember(f, first, from, f.ends[i], p.finish(nil))
		from = f.ends[i]
	}
	return nil
}

// remember notes the places of records of a flight that landed; those of shared subjects only if somebody knows.
func (l *lane) remember(f *flight, first uint64, from, to int, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := from; i < to; i++ {
		if known || !shared(f.recs[i].Topic) {
			l.seen[f.msgs[i].Subject] = seen{first + uint64(i), f.recs[i].ID}
		}
	}
}

// outrun finds out why a guard refused a flight: because it, or a part of it, is in the stream already, or because
// somebody else was there first. It returns what is to be tried again.
func (l *lane) outrun(f *flight) ([]*pending, error) {
	conflicts := make(map[string]bool)
	for subject, expected := range f.guard {
		last, err := l.fetch(context.Background(), query{LastFor: subject, fromFirst: true})
		if err != nil && !errors.Is(err, dodona.ErrNotFound) && last.stream == 0 {
			return nil, err
		}
		firstSeq := f.recs[0].Sequence
		if last.writer == l.j.writer && last.Sequence >= firstSeq {
			first := last.stream - (last.Sequence - firstSeq)
			n, err := l.countLanded(f, first)
			if err != nil {
				return nil, err
			}
			return l.landed(f, n, first), nil
		}
		if last.stream == expected {
			continue
		}
		conflicts[subject] = true
		l.mu.Lock()
		delete(l.seen, subject)
		l.mu.Unlock()
		l.firstSight(subject, seen{last.stream, last.ID})
	}
	return l.dropConflicts(f, conflicts), nil
}

// countLanded returns how many records of f the stream holds from place first on: all, unless the store broke down
// in the middle of a batch and could not mend it.
func (l *lane) countLanded(f *flight, first uint64) (int, error) {
	for n := len(f.recs); n > 0; n-- {
		s, err := l.fetch(context.Background(), query{Seq: first + uint64(n) - 1, fromFirst: true})
		if err == nil && s.writer == l.j.writer && s.Sequence == f.recs[n-1].Sequence {
			return n, nil
		}
		if err != nil && !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
			return 0, err
		}
	}
	return 0, nil
}

// dropConflicts answers the appends that another process forestalled, and returns the others.
func (l *lane) dropConflicts(f *flight, conflicts map[string]bool) []*pending {
	kept := f.group[:0]
	for _, p := range f.group {
		var subject string
		for _, r := range p.recs {
			s := subjectOf(r.Topic, r.Key, r.Node)
			if !shared(r.Topic) || !conflicts[s] {
				continue
			}
			if known, _ := l.lastSeen(s); known.id != r.ID {
				subject = s
			}
		}
		if subject == "" {
			if p.ground() {
				kept = append(kept, p)
			}
			continue
		}
		l.j.cfg.Recorder.Count(telemetry.JournalConflicts, l.spec.name, 1)
		l.mu.Lock()
		delete(l.seen, subject) // whoever decides again must look again
		l.mu.Unlock()
		p.finish(fmt.Errorf("another process wrote to %s: %w", subject, dodona.ErrConflict))
	}
	return kept
}

// relieve does what may help after an attempt that did not succeed, and waits before the next one.
func (l *lane) relieve(err error, attempt int) {
	why := err.Error()
	switch code := errCode(err); {
	case code == codeStoreFailed || code == codeNoResources || code == codeNoStorage:
		why = fmt.Sprintf("the stream is full (%s)", l.limits.Bytes)
		holding, err := l.retain()
		if err != nil {
			why += ": " + err.Error()
		} else if holding == "" {
			return
		} else {
			why += ": " + holding
		}
	case l.j.local != nil && l.j.local.broken():
		why = "the store cannot write"
		if free, err := freeBytes(l.j.cfg.Dir); err == nil && free < minFreeBytes {
			why = fmt.Sprintf("the disk is full: %d bytes are free, %d are needed", free, minFreeBytes)
		} else if err := l.j.local.restart(); err != nil {
			why += ": " + err.Error()
		}
	}
	l.setBlocked(why)
	timer := time.NewTimer(min(10*time.Millisecond<<min(attempt, 8), 2*time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.j.ctx.Done():
	}
}
