package file

import (
	"fmt"
	"os"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A glance is what a file was when it was looked at. What it had then is older than what it has beyond.
type glance struct {
	at       time.Time
	size     int64
	modified time.Time
}

// later returns a time that what was not there at a glance is not older than: by the clock of the file's system, if that is ahead.
func (g glance) later() time.Time {
	if g.modified.After(g.at) {
		return g.modified
	}
	return g.at
}

// glance looks at the file again, once all of what the last glance saw was read. Nothing is read beyond a glance, for nobody
// knows what was written there when.
func (o *opened) glance(now time.Time) error {
	if !o.done() {
		return nil
	}
	info, err := o.file.Stat()
	if err != nil {
		return fmt.Errorf("look at file: %w", err)
	}
	o.since = o.notBefore()
	o.seen = glance{now, info.Size(), info.ModTime()}
	return nil
}

// done reports whether all of what the last glance saw was read.
func (o *opened) done() bool { return max(o.split.next, o.end) >= o.seen.size }

// notBefore returns a time that the lines after the last one that was read are not older than; none if nobody knows.
func (o *opened) notBefore() time.Time {
	if o.seen.at.IsZero() || !o.done() {
		return o.since
	}
	return o.seen.later()
}

// date says when lines were written, as far as that is known: the last one of a file when the file was, and one that others stand
// behind not before what was read before it, which is too old, but not too new. Where nobody looked before, what stands
// at the end of the file is as new as the file at most, and what stands before that is of any age, though it is read in the same
// moment: it is many lines old.
func (o *opened) date(lines []line, last bool) {
	for i := range lines {
		l := &lines[i]
		switch {
		case last && i == len(lines)-1 && !o.copied:
			l.written, l.bound = o.seen.modified, atThat
		case o.since.IsZero() && o.done() && !o.copied:
			l.written, l.bound = o.seen.modified, byThat
		case o.since.After(o.seen.modified):
			l.written, l.bound = o.seen.modified, byThat
		default:
			l.written, l.bound = o.since, fromThat
		}
	}
}

// never is the time of what may be of any age, and the first that a point may have.
var never = time.UnixMilli(0).UTC()

// latest is the last time that a point may have: the end of the year 9999.
var latest = time.UnixMilli(253_402_300_799_999).UTC()

// timed gives a reading the time when it was written, in whole milliseconds, and says so.
func timed(r dodona.Reading, written time.Time, how string) dodona.Reading {
	r.SourceTime = written.UTC().Truncate(time.Millisecond)
	switch {
	case r.SourceTime.Before(never):
		r.SourceTime = never
	case r.SourceTime.After(latest):
		r.SourceTime = latest
	}
	r.Detail += fmt.Sprintf(", %s %s", how, r.SourceTime.Format(time.RFC3339))
	return r
}

// timedLine gives the reading of a line its time.
func timedLine(r dodona.Reading, l line) dodona.Reading {
	if l.written.IsZero() {
		r.SourceTime = never
		r.Detail += ", was there long before anybody looked, and when it was written is not known"
		return r
	}
	return timed(r, l.written, string(l.bound))
}

// timedDocument gives the reading of a document its time, unless the file is made as it is read.
func timedDocument(r dodona.Reading, f *os.File, info os.FileInfo) dodona.Reading {
	if isMade(f) {
		r.Detail += ", made as it is read"
		return r
	}
	return timed(r, info.ModTime(), "modified")
}
