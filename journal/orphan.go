package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
)

// An orphan is a durable reader of this node that nothing configures any more: of a sink that was removed, a role that
// moved, a name that the node had before. Retention waits for it as for any other, so it has an end: it is told of, kept
// for a grace, and then removed; at once if its stream has no room without it. What it had finished stands in the event of
// its removal, where a reader of its name begins if it is ever configured again. The readers of other nodes are never touched.

// What the metadata of a reader says.
const (
	folderKey = "dodona-folder" // the writer of the data folder whose process read last
	orphanKey = "dodona-orphan" // since when nothing configures it
	anewKey   = "dodona-anew"   // where it goes on that reads other subjects than before, if it has not gone there
)

// A ReaderEvent is the body of an event with the key [dodona.EventReader].
type ReaderEvent struct {
	Reader   string    `json:"reader"`
	Node     string    `json:"node"` // whose it was; empty if a version without networks left it
	Stream   string    `json:"stream"`
	What     string    `json:"what"` // "orphaned", "removed" or "overtaken": see Overtaken
	Why      string    `json:"why"`
	Finished uint64    `json:"finished"` // the place in the stream up to which it had finished
	Backlog  uint64    `json:"backlog"`  // records that it had not
	At       time.Time `json:"at"`
	Until    time.Time `json:"until,omitzero"` // when an orphan is removed
}

const (
	readerOrphaned  = "orphaned"
	readerRemoved   = "removed"
	readerOvertaken = "overtaken"
)

// Expect says which readers of this node are configured now; it may be called again whenever that changes. Before the
// first call no reader is taken for an orphan. It does not wait for the store.
func (j *Journal) Expect(readers ...string) {
	expected := make(map[string]bool, len(readers))
	for _, name := range readers {
		expected[name] = true
	}
	j.mu.Lock()
	j.expected = expected
	j.mu.Unlock()
	j.lookAtReaders()
}

// lookAtReaders wakes the housekeeping of readers.
func (j *Journal) lookAtReaders() {
	select {
	case j.readersChanged <- struct{}{}:
	default: // it is awake
	}
}

// keepReaders sees to the readers of this node until the journal closes.
func (j *Journal) keepReaders() {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	var untold []ReaderEvent
	for {
		select {
		case <-j.readersChanged:
		case <-tick.C:
		case <-j.ctx.Done():
			return
		}
		for _, s := range streams {
			events, err := j.lanes[s.name].keepReaders(j.ctx)
			if err != nil && j.ctx.Err() == nil {
				j.cfg.Log.Warn("journal: look after readers", "stream", s.name, "error", err)
			}
			untold = append(untold, events...)
		}
		untold = j.tellReaders(untold)
		ctx, cancel := context.WithTimeout(j.ctx, answerTimeout) // a full stream must not keep it from its orphans
		if err := j.recordLosses(ctx); err != nil && j.ctx.Err() == nil {
			j.cfg.Log.Error("journal: record loss", "error", err)
		}
		cancel()
	}
}

// tellReaders journals events and returns those that could not be.
func (j *Journal) tellReaders(events []ReaderEvent) []ReaderEvent {
	for i, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			continue // a bug: nothing in it cannot be written
		}
		ctx, cancel := context.WithTimeout(j.ctx, answerTimeout)
		id := e.What + "." + reader(e.Node, e.Reader) + "." + e.Stream + "." + strconv.FormatInt(e.At.UnixMilli(), 10)
		if e.What == readerRemoved { // told again until it is gone
			id = e.What + "." + reader(e.Node, e.Reader) + "." + e.Stream + "." + strconv.FormatUint(e.Finished, 10)
		}
		if e.What == readerOvertaken { // one an hour
			id = e.What + "." + reader(e.Node, e.Reader) + "." + e.Stream + "." + e.At.Format("2006010215")
		}
		err = j.Append(ctx, dodona.Record{Topic: dodona.TopicEvent, Key: dodona.EventReader, ID: id, Body: body})
		cancel()
		if err != nil {
			j.cfg.Log.Warn("journal: an event of a reader waits", "reader", e.Reader, "error", err)
			return events[i:]
		}
	}
	return nil
}

// ownReader returns whether a reader is this node's, and whether something configures it.
func (l *lane) ownReader(info *jetstream.ConsumerInfo) (name string, own, configured bool) {
	node, name := readerOf(info.Name)
	j := l.j
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case info.Config.Durable == "":
		return name, false, false
	case node == j.cfg.Node:
		return name, true, j.expected == nil || j.expected[name] || j.reading[name] != nil
	case node == "": // left by a version without networks, in the folder of whoever keeps the stream
		return name, j.local != nil, j.expected == nil
	default: // a name that this folder's node had before
		return name, info.Config.Metadata[folderKey] == j.writer, j.expected == nil
	}
}

// orphanedSince returns since when a reader is an orphan, zero if it is not marked as one, or by a clock that was not set yet: a gateway
// without a battery begins at 1970, and its years until it knows the time are no grace.
func orphanedSince(info *jetstream.ConsumerInfo) time.Time {
	since, _ := time.Parse(time.RFC3339, info.Config.Metadata[orphanKey])
	if since.Before(clockSet) {
		return time.Time{}
	}
	return since
}

// clockSet is before any time at which a node of this version can run.
var clockSet = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// keepReaders marks the lane's orphans, takes the mark from those that are configured again, and removes those whose
// time is over.
func (l *lane) keepReaders(ctx context.Context) (events []ReaderEvent, err error) {
	ctx, cancel := context.WithTimeout(ctx, retainWithin)
	defer cancel()
	l.mu.Lock()
	pressed := l.pressed
	l.pressed = 0
	l.mu.Unlock()
	list := l.stream.ListConsumers(ctx)
	var errs []error
	for info := range list.Info() {
		_, own, configured := l.ownReader(info)
		since := orphanedSince(info)
		if !own || configured && since.IsZero() {
			continue
		}
		event, err := l.judgeReader(ctx, info, configured, since, pressed)
		if event.What != "" {
			events = append(events, event)
		}
		errs = append(errs, err)
	}
	return events, errors.Join(append(errs, list.Err())...)
}

// judgeReader does what is due with one reader, and returns what is to be told.
func (l *lane) judgeReader(ctx context.Context, info *jetstream.ConsumerInfo, configured bool, since time.Time, pressed uint64) (e ReaderEvent, err error) {
	now := l.now().UTC().Truncate(time.Second)
	if configured {
		l.j.cfg.Log.Info("journal: a reader is configured again", "reader", l.j.called(info.Name), "stream", l.spec.name)
		return e, l.mark(ctx, info, "")
	}
	node, name := readerOf(info.Name)
	e = ReaderEvent{
		Reader: name, Node: node, Stream: l.spec.name, At: l.now().UTC(), Finished: info.AckFloor.Stream, Backlog: backlogOf(info),
	}
	if e.Backlog > 0 {
		l.mu.Lock()
		last := l.state.LastSeq
		l.mu.Unlock()
		e.Finished = l.finishedBy(ctx, info, last)
	}
	fresh := since.IsZero()
	if fresh {
		since = now
	}
	until := since.Add(l.j.cfg.ReaderGrace)
	holds := e.Backlog > 0 && !yields(info.Config) && e.Finished+1 < pressed
	switch {
	case holds:
		e.Why = "nothing configures it, and its stream has no room without it"
	case !now.Before(until):
		e.Why = fmt.Sprintf("nothing configured it for %s", l.j.cfg.ReaderGrace)
	case fresh:
		e.What, e.Why, e.Until = readerOrphaned, "nothing configures it", until
		l.j.cfg.Log.Warn("journal: nothing configures a reader; it is removed later", "reader", l.j.called(info.Name), "stream", l.spec.name,
			"unfinished", e.Backlog, "removed at", until)
		return e, l.mark(ctx, info, since.Format(time.RFC3339))
	default:
		return ReaderEvent{}, nil
	}
	// Where it stood is told first: whoever reads under its name again begins there. Only a stream without room for the event loses
	// its reader before that.
	e.What = readerRemoved
	untold := l.j.tellReaders([]ReaderEvent{e})
	if len(untold) > 0 && !holds {
		return ReaderEvent{}, nil
	}
	if err := l.stream.DeleteConsumer(ctx, info.Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return ReaderEvent{}, fmt.Errorf("remove reader %s: %w", info.Name, err)
	}
	if len(untold) == 0 {
		e = ReaderEvent{}
	}
	l.j.cfg.Log.Warn("journal: a reader is removed", "reader", l.j.called(info.Name), "stream", l.spec.name, "why", e.Why, "unfinished", e.Backlog)
	return e, nil
}

// mark notes on the server since when a reader is an orphan, so that a restart does not begin its grace anew.
func (l *lane) mark(ctx context.Context, info *jetstream.ConsumerInfo, since string) error {
	cfg := info.Config
	cfg.Metadata = maps.Clone(cfg.Metadata)
	if cfg.Metadata == nil {
		cfg.Metadata = make(map[string]string)
	}
	delete(cfg.Metadata, orphanKey)
	if since != "" {
		cfg.Metadata[orphanKey] = since
	}
	if _, err := l.stream.UpdateConsumer(ctx, cfg); err != nil {
		return fmt.Errorf("mark reader %s: %w", info.Name, err)
	}
	return nil
}

// press says that the stream has no room unless every reader finishes what is before a place. The orphans among those
// that do not are removed.
func (l *lane) press(place uint64) {
	l.mu.Lock()
	l.pressed = place
	l.mu.Unlock()
	l.j.lookAtReaders()
}

// removedAt returns what a reader of this node had finished when it was removed, 0 if none of its name ever was. What is found counts beside an error.
func (l *lane) removedAt(ctx context.Context, name string) (finished uint64, err error) {
	for rec, err := range l.j.Scan(ctx, dodona.TopicEvent, dodona.EventReader, nil) {
		if err != nil {
			return 0, fmt.Errorf("look for what removed readers had finished: %w", err)
		}
		var e ReaderEvent
		if json.Unmarshal(rec.Body, &e) == nil && e.What == readerRemoved && e.Stream == l.spec.name && e.Reader == name && e.Node == l.j.cfg.Node {
			finished = e.Finished
		}
	}
	if finished == 0 {
		return 0, nil
	}
	if info, err := l.stream.Info(ctx); err != nil || finished > info.State.LastSeq {
		return 0, err // of a stream that is gone
	}
	return finished, nil
}

// Stands reports whether a reader of this node has a position: it is there, or it was removed and goes on behind what it had finished. It asks the store.
func (j *Journal) Stands(ctx context.Context, name string) (bool, error) {
	for _, s := range streams {
		l := j.lanes[s.name]
		for _, durable := range []string{reader(j.cfg.Node, name), name} { // the latter of a version without networks
			_, err := l.stream.Consumer(ctx, durable)
			if err == nil {
				return true, nil
			}
			if !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return false, fmt.Errorf("look for reader %s: %w", name, err)
			}
		}
		if finished, err := l.removedAt(ctx, name); err != nil || finished > 0 {
			return finished > 0, err
		}
	}
	return false, nil
}
