package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/telemetry"
)

// A Loss is a stretch of this writer's chain that is not in its stream although it was written and not freed.
// It is found once, kept in the data folder, and recorded as an event record with the key [dodona.EventLoss].
type Loss struct {
	Stream string    `json:"stream"`
	Writer string    `json:"writer"` // of the chain, see the records' headers
	From   uint64    `json:"from"`   // the first missing sequence
	To     uint64    `json:"to"`     // the last one
	After  time.Time `json:"after,omitzero"`
	Before time.Time `json:"before,omitzero"` // they were written between After and Before, as far as is known
	Reason string    `json:"reason"`          // what was noticed
	Found  time.Time `json:"found"`
}

func (l Loss) same(o Loss) bool {
	return l.Stream == o.Stream && l.Writer == o.Writer && l.From == o.From && l.To == o.To
}

func (l Loss) id() string {
	return l.Stream + "-" + l.Writer + "-" + strconv.FormatUint(l.From, 10) + "-" + strconv.FormatUint(l.To, 10)
}

// AuditStatus says when a stream's chain was last walked.
type AuditStatus struct {
	At      time.Time `json:"at,omitzero"` // the end of the walk; zero before the first one
	Records uint64    `json:"records"`     // of this writer that were checked
	Lost    uint64    `json:"lost"`        // records found missing since open
}

const (
	auditAfter = time.Second // of opening: the first answer comes first
	auditRest  = 1           // the walk in the background works half of the time
	maxLosses  = 256         // remembered; more are counted
)

// Audit walks the chains of all streams now and returns every loss known, new or not. It reads everything this
// writer wrote that is still kept. New losses are recorded.
func (j *Journal) Audit(ctx context.Context) ([]Loss, error) {
	for _, s := range streams {
		if err := j.lanes[s.name].audit(ctx, 0); err != nil {
			return j.losses.all(), fmt.Errorf("audit stream %s: %w", s.name, err)
		}
	}
	return j.losses.all(), j.recordLosses(ctx)
}

// auditLater tells what opening found and then walks the chains once, giving way to others.
func (j *Journal) auditLater() {
	if err := j.recordLosses(j.ctx); err != nil && j.ctx.Err() == nil {
		j.cfg.Log.Error("journal: record loss", "error", err)
	}
	if !backoff.Wait(j.ctx, auditAfter) {
		return
	}
	for _, s := range streams {
		if err := j.lanes[s.name].audit(j.ctx, auditRest); err != nil && j.ctx.Err() == nil {
			j.cfg.Log.Error("journal: audit", "stream", s.name, "error", err)
		}
	}
	if err := j.recordLosses(j.ctx); err != nil && j.ctx.Err() == nil {
		j.cfg.Log.Error("journal: record loss", "error", err)
	}
}

// recordLosses appends an event for each loss that has none yet.
func (j *Journal) recordLosses(ctx context.Context) error {
	for _, loss := range j.losses.all() {
		if j.losses.isTold(loss) {
			continue
		}
		body, err := json.Marshal(loss)
		if err != nil {
			return fmt.Errorf("write loss: %w", err)
		}
		if err := j.Append(ctx, dodona.Record{Topic: dodona.TopicEvent, Key: dodona.EventLoss, ID: loss.id(), Body: body}); err != nil {
			return err
		}
		if err := j.losses.told(loss); err != nil {
			return fmt.Errorf("note loss: %w", err)
		}
	}
	return nil
}

// A walk checks one writer's chain record by record.
type walk struct {
	l        *lane
	last     head // the last record that was checked
	begun    bool
	checked  uint64
	doubtful string // why the record before the next one may be missing
}

// audit reads the stream up to where it ends now and reports holes in this writer's chain.
func (l *lane) audit(ctx context.Context, rest int) error {
	l.mu.Lock()
	end := l.stat.head
	l.mu.Unlock()
	w, records := walk{l: l}, l.records
	if l.j.local != nil {
		records = l.recordsOnDisk
	}
	for s, err := range records(ctx, 1, end.Stream, rest) {
		if err != nil {
			return err
		}
		w.step(s, end)
	}
	w.finish(end)
	l.mu.Lock()
	l.stat.audit.At, l.stat.audit.Records = l.now(), w.checked
	l.mu.Unlock()
	return nil
}

func (w *walk) step(s stored, end head) {
	if s.bad != nil {
		w.doubtful = s.bad.Error()
		return
	}
	if s.writer != w.l.j.writer || s.Sequence > end.Sequence {
		return
	}
	w.checked++
	expected := w.last.Sequence + 1
	if !w.begun && w.l.owner() != w.l.j.writer {
		expected = s.Sequence // others may free our records from a shared stream
	}
	if _, certain := w.l.j.heads.freed(w.l.spec.name); !w.begun && !certain {
		expected = s.Sequence
		w.l.j.heads.found(w.l.spec.name, expected)
	}
	w.begun = true
	switch {
	case s.Sequence > expected:
		w.missing(expected, s.Sequence-1, s.Appended, "the record after names another sequence")
	case s.Sequence == expected && w.last.Sequence > 0 && s.Previous != w.last.Digest:
		w.l.missed(Loss{
			From: w.last.Sequence, To: w.last.Sequence, After: w.last.Appended, Before: s.Appended,
			Reason: "the record is not the one that was written: its successor names another digest",
		})
	}
	w.doubtful = ""
	w.last = head{Sequence: s.Sequence, Digest: digestOf(s.Record, s.writer), Appended: s.Appended}
}

// missing reports the sequences from, …, to, except what retention freed.
func (w *walk) missing(from, to uint64, before time.Time, reason string) {
	freed, _ := w.l.j.heads.freed(w.l.spec.name)
	if from = max(from, freed); from > to {
		return
	}
	if w.doubtful != "" {
		reason = w.doubtful
	}
	w.l.missed(Loss{From: from, To: to, After: w.last.Appended, Before: before, Reason: reason})
}

func (w *walk) finish(end head) {
	if w.begun || w.l.owner() == w.l.j.writer {
		w.missing(w.last.Sequence+1, end.Sequence, end.Appended, "the high-water mark is beyond the end of the stream")
	}
}

// missed notes a loss that nothing else tells of.
func (l *lane) missed(loss Loss) {
	if l.lost(loss) {
		l.noteLoss(latest(l.now(), loss.Before))
		poke(l.house.wake) // which notes it for others
	}
}

// lost notes a loss and counts it if it is new.
func (l *lane) lost(loss Loss) (isNew bool) {
	loss.Stream, loss.Writer, loss.Found = l.spec.name, l.j.writer, l.now().UTC().Truncate(time.Millisecond)
	isNew, err := l.j.losses.add(loss)
	if err != nil {
		l.j.cfg.Log.Error("journal: note loss", "error", err)
	}
	if isNew {
		l.mu.Lock()
		l.stat.audit.Lost += loss.To - loss.From + 1
		l.mu.Unlock()
		l.j.cfg.Recorder.Count(telemetry.JournalLost.Of(l.spec.name), loss.To-loss.From+1)
		told := []any{"stream", l.spec.name, "from", loss.From, "to", loss.To}
		if !loss.After.IsZero() {
			told = append(told, "after", loss.After)
		}
		if !loss.Before.IsZero() {
			told = append(told, "before", loss.Before)
		}
		l.j.cfg.Log.Error("journal: records are lost", append(told, "reason", loss.Reason)...)
	}
	return isNew
}

// lossesNoted notes that the losses of the stream that were found up to a moment need not be noted in it any more.
func (l *lane) lossesNoted(found time.Time) {
	if err := l.j.losses.noted(l.spec.name, found); err != nil {
		l.j.cfg.Log.Warn("journal: note that a loss has been noted", "stream", l.spec.name, "error", err)
	}
}

// A lossFile remembers losses in the data folder, so that each is told once.
type lossFile struct {
	path string

	mu   sync.Mutex
	list []knownLoss
	more uint64 // losses beyond maxLosses
}

type knownLoss struct {
	Loss
	Told    bool `json:"told"`              // there is an event record
	Unnoted bool `json:"unnoted,omitempty"` // it was not noted in the stream yet, for others

	at time.Time // when this process found it, by the clock that only runs forward; zero: an earlier one did
}

// maxLossFile is more bytes than a file with the most losses has.
const maxLossFile = 1 << 20

// openLosses reads what is known to be lost. A file that is damaged is set aside: what it knew is found again, as far as
// the streams still show it, and told again.
func (j *Journal) openLosses() (*lossFile, error) {
	f := &lossFile{path: filepath.Join(j.cfg.Dir, "losses.json")}
	text, err := readUpTo(f.path, maxLossFile)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read known losses: %w", err)
	}
	if err := json.Unmarshal(text, &f.list); err != nil || len(f.list) > maxLosses {
		f.list = nil
		if err := j.setAside(f.path, "list of known losses damaged; what the streams still show is found and told again"); err != nil {
			return nil, err
		}
		return f, f.save()
	}
	return f, nil
}

func (f *lossFile) add(loss Loss) (isNew bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.list, func(k knownLoss) bool { return k.same(loss) }) {
		return false, nil
	}
	if len(f.list) >= maxLosses {
		f.more++
		return true, nil
	}
	f.list = append(f.list, knownLoss{Loss: loss, Unnoted: true, at: time.Now()})
	return true, f.save()
}

func (f *lossFile) told(loss Loss) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		if f.list[i].same(loss) {
			f.list[i].Told = true
		}
	}
	return f.save()
}

// unnoted reports whether a loss of a stream was not noted in it yet.
func (f *lossFile) unnoted(stream string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(k knownLoss) bool { return k.Stream == stream && k.Unnoted })
}

// noted notes that those of a stream are, but for those that were found after a moment.
func (f *lossFile) noted(stream string, found time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := false
	for i := range f.list {
		if k := &f.list[i]; k.Stream == stream && k.Unnoted && !k.at.After(found) {
			k.Unnoted, changed = false, true
		}
	}
	if !changed {
		return nil
	}
	return f.save()
}

func (f *lossFile) isTold(loss Loss) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(k knownLoss) bool { return k.same(loss) && k.Told })
}

func (f *lossFile) all() []Loss {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Loss, len(f.list))
	for i, k := range f.list {
		list[i] = k.Loss
	}
	return list
}

func (f *lossFile) save() error {
	text, err := json.MarshalIndent(f.list, "", "  ")
	if err != nil {
		return err
	}
	return durable.Write(f.path, text, 0o600)
}
