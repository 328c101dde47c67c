package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
)

// state is what the API sees of a node.
type state struct {
	basics
	id        identity
	version   string
	started   time.Time
	journal   *journal.Journal
	shown     dodona.Ledger
	board     *board
	observer  *observer
	deliverer *deliverer
	anchorer  *anchorer
	modules   *modules
	starts    *beginning
	reload    func(context.Context) (api.Reloaded, error)
}

var _ api.State = state{}

// Feeds returns how every feed stands, sorted by name.
func (s state) Feeds() []api.FeedStatus {
	c := s.config()
	list := make([]api.FeedStatus, 0, len(c.Feeds))
	for _, f := range c.Feeds {
		list = append(list, s.board.status(f))
	}
	slices.SortFunc(list, func(a, b api.FeedStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Sources returns how every source stands, sorted by name. A process that does not observe knows none of them.
func (s state) Sources() []api.SourceStatus {
	list, askers := make([]api.SourceStatus, 0), s.askers()
	for _, p := range s.observer.sources() {
		if p.Attempt == 0 && p.State != source.Unusable && p.State != source.Stale && (p.State != source.Starting || p.Dropped == 0) {
			p.LastError = "" // it is over, and in the log
		}
		list = append(list, api.SourceStatus{
			Name: p.Name, Kind: p.Kind, State: string(p.State), Quality: sourceQuality(p.State),
			LastError: p.LastError, LastReading: p.LastReading, NextTry: p.NextTry, Attempt: p.Attempt,
			ExpectedMS: p.Expected.Milliseconds(), Exchanges: p.Exchanges, Failures: p.Failures,
			Readings: p.Readings, Dropped: p.Dropped, LastDrop: p.LastDrop, DropTime: p.DropTime, Feeds: append(make([]string, 0), askers[p.Name]...),
		})
	}
	return list
}

func sourceQuality(state source.State) dodona.Quality {
	switch state {
	case source.OK:
		return dodona.Good
	case source.Starting, source.Retrying:
		return dodona.Uncertain
	}
	return dodona.Bad
}

// askers returns the names of the feeds that ask each source, sorted.
func (s state) askers() map[string][]string {
	askers := make(map[string][]string)
	for _, f := range s.config().Feeds {
		for _, name := range f.Settings.Sources() {
			askers[name] = append(askers[name], f.Feed.Name)
		}
	}
	for _, feeds := range askers {
		slices.Sort(feeds)
	}
	return askers
}

// Status returns the health of the node.
func (s state) Status() api.Status {
	c := s.config()
	roles := make([]string, len(c.Roles))
	for i, r := range c.Roles {
		roles[i] = string(r)
	}
	now, waiting := s.now(), s.observer.waiting()
	kept := s.journalStatus(now) // once: it takes up to a second, and problems are told of what is shown
	wrong := slices.Concat(problems(kept, waiting), s.starts.problems())
	return api.Status{
		Node: c.Node.Name, Address: s.id.key.Address(), Version: s.version, Started: s.started, Now: now,
		Roles: roles, Network: s.id.network, Quorum: s.id.quorum,
		Ready: len(wrong) == 0, Problems: wrong,
		Journal: kept, Clock: clock(waiting), Memory: memory(), Sinks: s.sinks(kept.Readers), Modules: s.modules.statuses(), Anchors: s.anchorer.status(now, s.answered()),
	}
}

// answered returns the earliest of the newest answers of the feeds; 0 if there is none.
func (s state) answered() (earliest dodona.Round) {
	for _, f := range s.Feeds() {
		if f.Latest != nil && f.Latest.Attested && (earliest == 0 || f.Latest.Round < earliest) {
			earliest = f.Latest.Round
		}
	}
	return earliest
}

// sinks returns how every sink stands, sorted by name. A process that does not deliver has none.
func (s state) sinks(readers []api.ReaderStatus) []api.SinkStatus {
	list := make([]api.SinkStatus, 0)
	c := s.config()
	for _, k := range s.deliverer.status() {
		status := api.SinkStatus{
			Name: k.Name, Kind: k.Kind, State: string(k.State), Quality: sinkQuality(k.State), Policy: string(k.Policy),
			Queue: k.Queue, Waiting: k.Queue + max(toRead(k.Name, readers)-k.Unfinished, 0), Oldest: k.Oldest, LastError: k.LastError, ErrorTime: k.ErrorTime, Attempt: k.Attempt, NextTry: k.NextTry,
			Delivered: k.Delivered, Superseded: k.Superseded, Skipped: k.Skipped, Failures: k.Failures, Dead: k.Dead,
			Detail: k.Detail, Note: k.Note,
		}
		for _, d := range k.DeadLetters {
			status.DeadLetters = append(status.DeadLetters, api.DeadLetter{Topic: string(d.Topic), Key: d.Key, Record: d.Record, At: d.At, Detail: d.Detail})
		}
		if configured, found := c.Sink(k.Name); found {
			status.Feeds = c.SinkFeeds(configured)
			if configured.OfPoints {
				status.Unread = status.Waiting - status.Queue
			}
		}
		if o := k.Overtaken; o != nil {
			status.Overtaken = &api.Overtaken{Readings: o.Records, From: o.From, Until: o.Until}
		}
		if h := k.Held; h != nil {
			status.Held = &api.Held{Feed: h.Feed, Round: h.Round, Why: h.Why, At: h.At}
		}
		if k.Last != nil {
			status.LastTopic, status.LastFeed, status.LastRecord, status.LastAt = string(k.Last.Topic), k.Last.Feed, k.Last.Record, k.Last.At
		}
		list = append(list, status)
	}
	return list
}

// toRead returns how many records a sink of this node has not read.
func toRead(sink string, readers []api.ReaderStatus) int {
	for _, r := range readers {
		if r.Own && r.Configured && (r.Name == sinkReader(sink) || r.Name == pointsReader(sink)) { // the other is of a policy before
			return int(min(r.Backlog, math.MaxInt32))
		}
	}
	return 0
}

func sinkQuality(state sink.State) dodona.Quality {
	switch state {
	case sink.OK, sink.Starting:
		return dodona.Good
	case sink.Retrying, sink.Refused:
		return dodona.Uncertain
	}
	return dodona.Bad
}

func (s state) journalStatus(now time.Time) api.JournalStatus {
	j := s.journal.Status(context.Background()) // bounded to a second by the journal itself
	status := api.JournalStatus{Health: api.Health{Message: j.Where}, Detail: j}
	for _, stream := range j.Streams {
		status.Bytes += int64(stream.Bytes)
		status.Limit += int64(stream.Limit)
		status.Records += stream.Records
		status.Dropped += stream.Freed
		if stream.Blocked != "" {
			status.Health = api.Health{Quality: dodona.Bad, Message: stream.Name + ": " + stream.Blocked}
		}
		if stream.Unlike != "" && status.Quality == dodona.Good {
			status.Message += fmt.Sprintf(", the largest limits of %s count: %s", stream.Name, stream.Unlike)
		}
	}
	status.Readers = make([]api.ReaderStatus, len(j.Readers))
	for i, r := range j.Readers {
		status.Backlog += int(min(r.Backlog, math.MaxInt32))
		status.Readers[i] = api.ReaderStatus{
			Name: r.Name, Node: r.Node, Stream: r.Stream, Backlog: r.Backlog,
			Own: r.Own, Configured: r.Configured, Orphaned: r.Orphaned, Until: r.Until,
		}
	}
	if c := s.config().Journal; status.Quality == dodona.Good {
		if reach := reachOf(j.Streams, map[string]time.Duration{"RAW": c.Raw.Age, "PROOF": c.Proof.Age}, now); reach != "" {
			status.Message += "; " + reach
		}
	}
	if lost, until := lossesAt(j.Losses, now); lost > 0 && status.Quality == dodona.Good {
		status.Message += fmt.Sprintf(", lost records: %d (journal.detail.losses says which)", lost)
		if !until.IsZero() {
			status.Quality, status.Until = dodona.Uncertain, until
		}
	}
	if j.Rival != "" {
		status.Health = api.Health{Quality: dodona.Bad, Message: j.Rival}
	}
	if !j.Connected {
		status.Health = api.Health{Quality: dodona.Bad, Message: "not connected: " + j.LastError}
	}
	if status.Quality == dodona.Bad {
		status.Until = time.Time{}
	}
	return status
}

// lossCounts is how long a loss keeps a node from being ready: long enough for somebody to see it, and what is signed by then does not rest on it.
const lossCounts = 24 * time.Hour

// lossesAt returns how many records are lost, and until when that keeps the node from being ready: zero if it does not. A loss that a wrong clock
// dated more than a day ahead does not.
func lossesAt(losses []journal.Loss, now time.Time) (lost uint64, until time.Time) {
	for _, l := range losses {
		lost += l.To - l.From + 1
		for _, at := range []time.Time{l.Found, l.Before} { // a clock that was not set yet said when it was found
			if end := at.Add(lossCounts); now.Sub(at).Abs() < lossCounts && end.After(until) {
				until = end
			}
		}
	}
	return lost, until
}

// clock tells whether a feed waits for a clock that is behind its last round.
func clock(waiting []behind) api.Health {
	if len(waiting) == 0 {
		return api.Health{Message: "in step: no signed round lies ahead of it"}
	}
	first := waiting[0]
	return api.Health{Quality: dodona.Bad, Message: fmt.Sprintf("the clock is behind the last round of %s, %s", first.feed, first.until)}
}

// memory returns the resident memory and the limit that the garbage collector works towards.
func memory() api.MemoryStatus {
	var m api.MemoryStatus
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		m.Budget = limit
	}
	statm, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(statm)); err == nil && len(fields) > 2 {
		resident, _ := strconv.ParseInt(fields[1], 10, 64) // 0 if the kernel speaks in tongues
		ofFiles, _ := strconv.ParseInt(fields[2], 10, 64)
		m.Used, m.Own = resident*int64(os.Getpagesize()), (resident-ofFiles)*int64(os.Getpagesize())
	}
	return m
}

// Ready returns what keeps the node from answering.
func (s state) Ready() []api.Problem {
	return slices.Concat(problems(s.journalStatus(s.now()), s.observer.waiting()), s.starts.problems())
}

// problems returns what is wrong with a journal, and then every feed that waits for the clock.
func problems(j api.JournalStatus, waiting []behind) []api.Problem {
	list := make([]api.Problem, 0)
	if j.Quality != dodona.Good {
		list = append(list, api.Problem{Part: "journal", Message: j.Message, Until: j.Until})
	}
	for _, f := range waiting {
		list = append(list, api.Problem{
			Part: "clock", Until: f.until.Time(),
			Message: fmt.Sprintf("the clock is behind the last round of feed %s; set the clock, or wait until it is past %s", f.feed, f.until),
		})
	}
	return list
}

// Resend gives an answer, or an anchor, to a sink once more.
func (s state) Resend(ctx context.Context, sink string, topic dodona.Topic, key string, round dodona.Round) (dodona.Receipt, error) {
	return s.deliverer.resend(ctx, sink, topic, key, round)
}

// Latest returns the newest answer of a feed.
func (s state) Latest(_ context.Context, name string) (api.Outcome, error) {
	f, found := s.config().Feed(name)
	b := s.board
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := b.feeds[name]
	if b.unread[name] {
		return api.Outcome{}, api.ErrStarting
	}
	if !found || t == nil || t.answer == nil || t.answer.Feed.ID() != f.Feed.ID() {
		return api.Outcome{}, dodona.ErrNotFound
	}
	o := api.Outcome{Answer: t.answer}
	if t.used != nil {
		o.Quality, o.Inputs = t.used.Quality, t.used.Inputs
	}
	return o, nil
}

// Round returns what became of a round, from the journal.
func (s state) Round(ctx context.Context, name string, round dodona.Round) (api.Outcome, error) {
	var o api.Outcome
	bundle, err := find[dodona.Bundle](ctx, s.shown, dodona.TopicRound, name, round)
	switch {
	case err == nil:
		o.Quality, o.Missed, o.Inputs = bundle.Quality, bundle.Missed, bundle.Inputs
	case !errors.Is(err, dodona.ErrNotFound):
		return o, err
	}
	answer, answerErr := find[dodona.Answer](ctx, s.shown, dodona.TopicData, name, round)
	switch {
	case answerErr == nil:
		o.Answer = answer
	case !errors.Is(answerErr, dodona.ErrNotFound):
		return o, answerErr
	case err != nil:
		return o, s.orNotKnown(ctx, round, dodona.ErrNotFound) // neither is there
	}
	return o, nil
}

// find reads the record of one round of a feed.
func find[T any](ctx context.Context, l dodona.Ledger, topic dodona.Topic, name string, round dodona.Round) (*T, error) {
	rec, err := dodona.Find(ctx, l, topic, name, round)
	if err != nil {
		return nil, err
	}
	return decodeRecord[T](rec)
}

// decodeRecord reads the JSON of a record's body.
func decodeRecord[T any](rec dodona.Record) (*T, error) {
	value := new(T)
	if err := json.Unmarshal(rec.Body, value); err != nil {
		return nil, fmt.Errorf("read %s %s of %s: %w", rec.Topic, rec.ID, rec.Key, err)
	}
	return value, nil
}

// Rounds lists rounds of a feed, oldest first.
func (s state) Rounds(ctx context.Context, name string, from dodona.Round, limit int) ([]api.RoundStatus, error) {
	f, found := s.config().Feed(name)
	if !found {
		return nil, dodona.ErrNotFound
	}
	newest := from == 0
	if newest {
		last, err := lastRound(ctx, s.shown, dodona.TopicRound, name)
		if err != nil {
			return nil, err
		}
		from = last - min(last, dodona.Round(uint64(limit-1)*uint64(f.Settings.Every.Milliseconds())))
	}
	list := make([]api.RoundStatus, 0, limit)
	for rec, err := range s.shown.Scan(ctx, dodona.TopicRound, name, from.Before()) {
		if err != nil {
			return nil, err
		}
		if len(list) == limit {
			if !newest {
				break
			}
			list = slices.Delete(list, 0, 1) // rounds off the grid lie closer than the grid
		}
		var b dodona.Bundle
		if err := json.Unmarshal(rec.Body, &b); err != nil {
			return nil, fmt.Errorf("read round %s of %s: %w", rec.ID, name, err)
		}
		r := api.RoundStatus{Round: b.Round, Time: b.Round.Time(), Value: b.Value, Quality: b.Quality, Missed: b.Missed}
		if b.Value != nil {
			r.Text = b.Feed.Text(*b.Value) // not f: its decimals may have been others
		}
		list = append(list, r)
	}
	return list, s.attested(ctx, name, list)
}

// attested marks the rounds of the list that have an answer.
func (s state) attested(ctx context.Context, name string, list []api.RoundStatus) error {
	if len(list) == 0 {
		return nil
	}
	answered := make(map[string]bool)
	for rec, err := range s.journal.Scan(ctx, dodona.TopicData, name, list[0].Round.Before()) {
		if err != nil {
			return err
		}
		answered[rec.ID] = true
		if round, _ := rec.Round(); round >= list[len(list)-1].Round {
			break // a look at the next one may cost a block
		}
	}
	for i := range list {
		list[i].Attested = answered[list[i].Round.ID()]
	}
	return nil
}

// Explain returns the story of a round.
func (s state) Explain(ctx context.Context, name string, round dodona.Round) (any, error) {
	var sinks []string
	c := s.config()
	for _, k := range c.Sinks {
		sinks = append(sinks, k.Name)
	}
	held := func(name string, last, next dodona.Answer) string {
		if k, found := c.Sink(name); found && !k.OfPoints {
			return k.Policy.HeldAnswer(last, next)
		}
		return ""
	}
	story, err := explain.Round(ctx, s.journal, name, round, explain.Options{Sinks: sinks, Held: held, Points: s.deliverer.pointSinks(), Decoders: s.modules.decoders})
	return story, s.orNotKnown(ctx, round, err)
}

// ExplainObservation returns the story of an observation.
func (s state) ExplainObservation(ctx context.Context, id string, at time.Time) (any, error) {
	story, err := explain.Observed(ctx, s.journal, id, at, s.now(), explain.Options{Points: s.deliverer.pointSinks()})
	return story, err
}

// Bundle returns everything needed to replay a round.
func (s state) Bundle(ctx context.Context, name string, round dodona.Round) (dodona.Bundle, error) {
	b, err := explain.Export(ctx, s.journal, s.id.salt, name, round)
	return b, s.orNotKnown(ctx, round, err)
}

// Reload reads the configuration again.
func (s state) Reload(ctx context.Context) (api.Reloaded, error) { return s.reload(ctx) }
