package sql

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source/sql/session"
)

// A follower reads each row once, in the order of its watermark.
type follower struct {
	*reader
	back    lookBack
	at      place
	begun   bool // at is known: a cursor said it, or the first look did
	unsaid  bool // that all is well: at first, and after anything failed
	sought  bool // whether the mark is behind the rows that there are
	drained atomic.Bool
}

func openFollower(r *reader) (*follower, error) {
	back, err := parseLookBack(r.settings.LookBack)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	f := &follower{reader: r, back: back, unsaid: true, at: place{seen: map[print]bool{}}}
	if len(r.env.Cursor) > 0 {
		at, err := parsePlace(r.env.Cursor, r.settings.Watermark)
		if err != nil {
			r.tell(fmt.Sprintf("begins anew, from the %s: %v", r.settings.From, err))
		} else {
			f.at, f.begun = at, true
		}
	}
	return f, nil
}

// Observe waits for rows and returns them. The batch's cursor is the position behind them. A batch without anything says that the database answers.
func (f *follower) Observe(ctx context.Context) (dodona.Batch, error) {
	for {
		l := look{follower: f, began: f.env.Now()}
		err := f.exchange(ctx, func(ctx context.Context) error {
			l.reset()
			return l.all(ctx)
		})
		f.drained.Store(err == nil && len(l.readings) == 0)
		if err != nil {
			f.unsaid = true
			return dodona.Batch{}, err
		}
		b, news := l.batch()
		if news || f.unsaid {
			f.unsaid = false
			return b, nil
		}
		if err := f.wait(ctx); err != nil {
			return dodona.Batch{}, err
		}
	}
}

// Drained reports whether the last look found nothing after what was returned before it.
func (f *follower) Drained() bool { return f.drained.Load() }

func (f *follower) wait(ctx context.Context) error {
	timer := time.NewTimer(max(f.settings.Every, 10*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.closing:
		return errClosed
	}
}

// A look is one look for rows that were not read.
type look struct {
	*follower
	began    time.Time
	readings []dodona.Reading
	bytes    int
	covered  []key // rows that were read, now or before, of what look_back covers
	at       place
	moved    bool
	drops    []func() // what to tell if the look succeeds
}

func (l *look) reset() {
	l.readings, l.bytes, l.covered, l.moved, l.drops = nil, 0, nil, false, nil
	l.at = place{mark: slices.Clone(l.follower.at.mark), floor: slices.Clone(l.follower.at.floor), seen: l.follower.at.seen}
}

// batch moves the follower on and returns what the look brought.
func (l *look) batch() (b dodona.Batch, news bool) {
	for _, told := range l.drops {
		told()
	}
	if !l.moved {
		return b, false
	}
	l.follower.at, l.follower.begun = l.at, true
	l.tellAhead()
	l.detail(l.readings, l.began)
	return dodona.Batch{Readings: l.readings, Cursor: l.at.cursor(l.settings.Watermark)}, true
}

// all looks for rows that came late, then for new ones.
func (l *look) all(ctx context.Context) error {
	if !l.begun && l.settings.From == fromEnd {
		return l.begin(ctx)
	}
	if !l.sought && l.at.mark != nil {
		if err := l.seek(ctx); err != nil {
			return err
		}
	}
	if l.back != (lookBack{}) && l.at.mark != nil {
		if err := l.late(ctx, true); err != nil {
			return err
		}
	}
	if !l.full() {
		if err := l.next(ctx); err != nil {
			return err
		}
	}
	return l.remember()
}

func (l *look) full() bool {
	return len(l.readings) >= l.settings.Limit || l.bytes >= maxBatchBytes
}

// seek tells of rows that are all before the mark: what comes next may be before it too.
func (l *look) seek(ctx context.Context) error {
	further, err := l.keys(ctx, l.statement().from(l.at.mark), "", 1)
	if err != nil || len(further) > 0 {
		l.follower.sought = err == nil
		return err
	}
	newest, err := l.keys(ctx, l.statement().known(), " DESC", 1)
	if err != nil {
		return err
	}
	if l.follower.sought = true; len(newest) == 1 {
		// Fault (log): rows are gone, or numbered anew.
		l.tell(fmt.Sprintf("the newest row that is there is %s, and %s was read already; if the table was restored or numbered anew, rows up to the latter are not read: give the source another name to begin anew",
			plain.Quote(newest[0].String(), 80), plain.Quote(l.at.mark.String(), 80)))
	}
	return nil
}

// farAhead is how much later than this clock a row may be before it is told: clocks differ.
const farAhead = 5 * time.Minute

// tellAhead tells of a mark that rows will reach much later only.
func (l *look) tellAhead() {
	if len(l.at.mark) == 0 || l.at.mark[0].Kind == session.Integer {
		return
	}
	at, err := instantOf(l.at.mark[0], l.zone)
	never := strings.HasPrefix(l.at.mark[0].Text, "infinity")
	if never || err == nil && at.Sub(l.env.Now()) > farAhead {
		// Fault (log): a row says a time that is to come.
		l.tell(fmt.Sprintf("the newest row says %s, which is ahead of this clock: rows with earlier times that come until then are not read; correct that row and begin anew, leave such rows out in the query (WHERE), or read on by a number (watermark: [id])",
			plain.Quote(l.at.mark[0].Text, 60)))
	}
}

// begin takes the newest row that is there as read, and those that look_back covers.
func (l *look) begin(ctx context.Context) error {
	newest, err := l.keys(ctx, l.statement().known(), " DESC", 1)
	if err != nil {
		return err
	}
	if l.moved = true; len(newest) == 0 {
		return nil // whatever comes is new
	}
	if l.at.mark = newest[0]; l.back != (lookBack{}) {
		if err := l.late(ctx, false); err != nil {
			return err
		}
	}
	return l.remember()
}

// keys returns the watermarks of rows.
func (l *look) keys(ctx context.Context, s *statement, order string, limit int) (keys []key, err error) {
	err = l.run(ctx, s.text(s.keys(), order, limit), s.args, func(_ []session.Column, row []session.Value) bool {
		keys = append(keys, slices.Clone(row))
		return true
	})
	return keys, err
}

// late reads the rows of what look_back covers that were not read, or takes all of them as read.
func (l *look) late(ctx context.Context, read bool) error {
	low, err := l.back.behind(l.settings.Watermark[0], l.at.mark[0])
	if err != nil {
		return fmt.Errorf("%w: %w", session.ErrHopeless, err)
	}
	s := l.statement().least(low).upTo(l.at.mark)
	if l.at.floor != nil {
		s = s.from(l.at.floor)
	}
	keys, err := l.keys(ctx, s, " DESC", maxSeen+1)
	if err != nil {
		return err
	}
	if len(keys) > maxSeen {
		keys = keys[:maxSeen]
		l.at.floor = keys[maxSeen-1]
		// Fault (log): look_back holds more rows than are remembered.
		l.tell(fmt.Sprintf("look_back holds more than %d rows; among the newest of them alone those that come late are found", maxSeen))
	}
	slices.Reverse(keys)
	for _, k := range keys {
		switch {
		case !read || l.at.seen[k.print()]:
			l.covered = append(l.covered, k)
		case !l.full():
			if err := l.one(ctx, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// one reads the row of a key that came late.
func (l *look) one(ctx context.Context, k key) error {
	s := l.statement().is(k)
	_, err := l.take(ctx, s.text("*", "", 2), s.args, false)
	if !errors.Is(err, session.ErrTooLarge) {
		return err
	}
	l.stepOver(k)
	l.drop()
	return l.connect(ctx)
}

// next reads the rows behind the mark.
func (l *look) next(ctx context.Context) error {
	s := l.statement().behind(l.at.mark)
	n, err := l.take(ctx, s.text("*", "", l.settings.Limit), s.args, true)
	if !errors.Is(err, session.ErrTooLarge) {
		return err
	}
	l.drop()
	if err := l.connect(ctx); err != nil || n > 0 {
		return err // what came before it is read first
	}
	s = l.statement().behind(l.at.mark)
	over, err := l.keys(ctx, s, "", 1)
	if err == nil && len(over) == 1 {
		l.at.mark = over[0]
		l.stepOver(over[0])
	}
	return err
}

// stepOver gives up a row that is far too large.
func (l *look) stepOver(k key) {
	l.covered, l.moved = append(l.covered, k), true
	l.drops = append(l.drops, func() { l.tooLarge(largestMessage) })
}

// take reads rows, which are behind the mark or came late, and returns how many there were.
func (l *look) take(ctx context.Context, text string, args []session.Value, forward bool) (n int, err error) {
	var made *shape
	var fault error
	var last key
	cut := false
	err = l.run(ctx, text, args, func(columns []session.Column, row []session.Value) bool {
		if made == nil {
			if made, fault = l.shapeOf(columns); fault != nil {
				return false
			}
		}
		if cut = l.full(); cut {
			return false
		}
		k := key(made.key(row))
		if fault = l.plausible(k, last); fault != nil {
			return false
		}
		n, last, l.moved = n+1, k, true
		if l.covered = append(l.covered, k); forward {
			l.at.mark = k
		}
		reading, size, fits := made.reading(row)
		if !fits {
			l.drops = append(l.drops, func() { l.tooLarge(size) })
			return true
		}
		l.readings, l.bytes = append(l.readings, reading), l.bytes+size
		return true
	})
	if fault != nil {
		l.drop() // rows may still be on their way
		return n, fault
	}
	return n, err
}

// plausible says what is wrong with the watermark of a row, where the one before it is known.
func (l *look) plausible(k, last key) error {
	switch {
	case k.null():
		// Fault (exchange): a row has no watermark.
		return fmt.Errorf("%w: a row has NULL in its watermark", errQuery)
	case slices.ContainsFunc(k, func(v session.Value) bool { return v.Kind == session.Unread || v.Kind == session.JSON }):
		return fmt.Errorf("%w: a column of the watermark is of a type that has no order here", session.ErrHopeless)
	case last != nil && k.equal(last):
		// Fault (exchange): two rows have the same watermark.
		return fmt.Errorf("%w: two rows have the same watermark, %s, so one of them could be lost: name another column that tells them apart, such as watermark: [ts, id]",
			session.ErrHopeless, plain.Quote(k.String(), 80))
	}
	return nil
}

// remember keeps of the rows that were read those that look_back still covers.
func (l *look) remember() error {
	if l.back == (lookBack{}) || l.at.mark == nil {
		return nil
	}
	low, err := l.back.behind(l.settings.Watermark[0], l.at.mark[0])
	if err != nil {
		return fmt.Errorf("%w: %w", session.ErrHopeless, err)
	}
	l.at.seen = map[print]bool{}
	if n := len(l.covered); n > maxSeen {
		l.covered = l.covered[n-maxSeen:]
		l.at.floor = l.covered[0]
	}
	for _, k := range l.covered {
		if !below(k[0], low) {
			l.at.seen[k.print()] = true
		}
	}
	return nil
}

// below reports whether a value is certainly less than another one.
func below(v, than session.Value) bool {
	a, isNumber := new(big.Int).SetString(v.Text, 10)
	b, bothAre := new(big.Int).SetString(than.Text, 10)
	if isNumber && bothAre {
		return a.Cmp(b) < 0
	}
	x, isTime := parseMoment(v.Text)
	y, bothTimes := parseMoment(than.Text)
	return isTime && bothTimes && x.wall.Before(y.wall)
}
