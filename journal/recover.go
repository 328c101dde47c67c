package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal/disk"
)

// recover finds where this writer's chain ends, and compares it with the high-water mark: the quick half of the audit.
// In the usual case that is one question.
func (l *lane) recover(ctx context.Context) (head, error) {
	mark := l.j.heads.read(l.spec.name)
	state := l.stream.CachedInfo().State
	if mark.Sequence == 0 && l.j.heads.fresh {
		return head{}, nil
	}
	found, err := l.lastOfWriter(ctx, mark, state.LastSeq)
	if err != nil {
		return head{}, err
	}
	if err := l.checkBegin(ctx, state.LastSeq); err != nil {
		return head{}, err
	}
	l.lostSome = false
	if found.Sequence >= mark.Sequence {
		if found.Sequence == mark.Sequence && found.Digest != mark.Digest && mark.Sequence > 0 {
			l.missed(Loss{
				From: mark.Sequence, To: mark.Sequence, After: found.Appended, Before: mark.Appended,
				Reason: "the last record is not the one that the high-water mark names",
			})
		}
		return found, nil
	}
	// The chain goes on behind the mark: a sequence is never given twice.
	freed, _ := l.j.heads.freed(l.spec.name)
	info, err := l.stream.Info(ctx) // others may have freed what was looked for meanwhile
	if err != nil {
		return head{}, fmt.Errorf("look at stream %s: %w", l.spec.name, err)
	}
	from, anew := max(found.Sequence+1, freed), mark.Stream < info.Config.FirstSeq // the mark is a place of another stream
	if from <= mark.Sequence && (l.owner() == l.j.writer || anew || mark.Stream >= info.State.FirstSeq) {
		l.lostSome = true
		l.lost(Loss{
			From: from, To: mark.Sequence, After: found.Appended, Before: mark.Appended,
			Reason: fmt.Sprintf("the high-water mark is %d, the stream ends at %d", mark.Sequence, found.Sequence),
		})
	}
	return mark, nil
}

// checkBegin tells of a loss if the stream begins behind what retention left. What it freed may still be on the disk.
func (l *lane) checkBegin(ctx context.Context, end uint64) error {
	freed, certain := l.j.heads.freed(l.spec.name)
	if !certain || l.owner() != l.j.writer {
		return nil
	}
	for s, err := range l.recordsOnDisk(ctx, 1, end, 0) {
		if err != nil {
			return err
		}
		if s.bad != nil || s.writer != l.j.writer {
			continue
		}
		if from := max(freed, 1); s.Sequence > from {
			l.missed(Loss{From: from, To: s.Sequence - 1, Before: s.Appended, Reason: fmt.Sprintf("the stream begins at %d", s.Sequence)})
		}
		break
	}
	return nil
}

// lastOfWriter returns the last record of this writer in the stream, zero if there is none.
func (l *lane) lastOfWriter(ctx context.Context, mark head, end uint64) (head, error) {
	var found head
	note := func(s stored) {
		if s.bad == nil && s.writer == l.j.writer && s.Sequence > found.Sequence {
			found = head{Sequence: s.Sequence, Digest: digestOf(s.Record, s.writer), Stream: s.stream, Appended: s.Appended}
		}
	}
	s, err := l.fetch(ctx, query{LastFor: l.j.net.Root() + ">", fromFirst: true})
	if err == nil {
		note(s)
	} else if !errors.Is(err, dodona.ErrNotFound) && s.stream == 0 {
		return head{}, err
	}
	if found.Sequence > 0 || end == 0 {
		return found, nil
	}
	// Others wrote after us, or the end is damaged: read on from the mark, and if that is gone, from the beginning.
	begun, records := time.Now(), l.records
	if l.j.local != nil {
		records = l.recordsOnDisk
	}
	for _, from := range slices.Compact([]uint64{max(mark.Stream, 1), 1}) {
		for s, err := range records(ctx, from, end, 0) {
			if err != nil {
				return head{}, err
			}
			if note(s); l.j.local == nil && mark.Sequence > 0 && time.Since(begun) > searchFor {
				l.doubted = true // the audit finds out
				return newer(found, mark), nil
			}
		}
		if found.Sequence > 0 {
			break
		}
	}
	return found, nil
}

// searchFor is how long a start looks for this writer's last record behind others' on a server elsewhere.
const searchFor = 10 * time.Second

func newer(a, b head) head {
	if a.Sequence > b.Sequence {
		return a
	}
	return b
}

// warmRecords is how many of the last records are recognised after a restart: a source that was not told of its last
// append sends it again. A server elsewhere hands them out slowly.
const (
	warmRecords    = recentIDs
	warmRecordsFar = 1024
)

// warm fills recent from the end of the stream.
func (l *lane) warm() {
	if l.j.local != nil {
		err := disk.Last(filepath.Join(streamsDir(l.j.cfg.Dir), l.streamName), warmRecords, func(r disk.Record) {
			if r, writer := identifying(r); writer == l.j.writer {
				l.recent.add(l.recent.identity(r))
			}
		})
		if err != nil {
			l.j.cfg.Log.Warn("journal: remember the last records; what comes twice now is kept twice", "stream", l.spec.name, "error", err)
		}
		return
	}
	end := l.head.Stream
	for s, err := range l.records(l.j.ctx, end-min(end, warmRecordsFar)+1, end, 0) {
		if err != nil {
			return
		}
		if s.bad == nil && s.writer == l.j.writer {
			l.recent.add(l.recent.identity(s.Record))
		}
	}
}

// identifying returns of a record what its identity is made of, and its writer; none if it is no record. It is what
// decode does, for thousands of records before the first append.
func identifying(r disk.Record) (rec dodona.Record, writer string) {
	topic, key, _, err := parseSubject(r.Subject)
	source := bytes.Split(headerIn(r.Headers, headerSource), []byte("/"))
	id := headerIn(r.Headers, headerID)
	if err != nil || len(source) != 5 || len(id) == 0 {
		return dodona.Record{}, ""
	}
	return dodona.Record{Topic: topic, Key: key, ID: string(id), Body: r.Body}, string(source[2])
}

// headerIn returns the value of a header as it was written, nil if there is none.
func headerIn(headers []byte, name string) []byte {
	_, rest, found := bytes.Cut(headers, []byte("\r\n"+name+":"))
	if !found {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return bytes.TrimSpace(value)
}
