package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/source"
)

// An observing makes the observations of the readings of one source.
type observing struct {
	source config.Source
	pushed bool
	made   *program.Program
	wanted map[string]bool // ids of points
}

// observing returns what makes the observations that a sink of points delivers, by source. It is of the configuration alone.
func (d *deliverer) observing(c *config.Config, s config.Sink) (map[string]observing, error) {
	all := make(map[string]observing)
	for _, of := range c.SinkSources(s) {
		made, err := program.New(program.Rules{
			From: of.Points(), Extract: extract.Rules{of.Name: of.Rules},
			Decoded: map[string]program.Decoded{of.Name: {Kind: of.Kind, Rules: of.Decoded}},
		}, d.decoders)
		if err != nil {
			return nil, fmt.Errorf("points of source %s: %w", of.Name, err)
		}
		o := observing{source: of, pushed: d.sources[of.Kind].Pushed(of.Settings), made: made, wanted: make(map[string]bool)}
		for _, id := range s.SinkPoints(of) {
			o.wanted[id] = true
		}
		all[of.Name] = o
	}
	return all, nil
}

// observationsBy returns a function of a reading record: its observations. A record of a source that is not delivered has none.
func observationsBy(all map[string]observing) func(context.Context, dodona.Record) ([]sink.ObservationEvent, error) {
	return func(ctx context.Context, rec dodona.Record) ([]sink.ObservationEvent, error) {
		o, found := all[rec.Key]
		if !found {
			return nil, nil
		}
		var exchange dodona.Exchange
		if err := json.Unmarshal(rec.Body, &exchange); err != nil {
			return nil, fmt.Errorf("read exchange: %w", err)
		}
		if len(exchange.Readings) == 0 {
			return nil, nil // where its source stopped, alone
		}
		made, err := o.made.Each(ctx, exchange.Readings, o.pushed)
		if err != nil {
			return nil, err
		}
		seen := make(map[string]int, len(o.wanted))
		events := make([]sink.ObservationEvent, 0, len(made))
		for _, m := range made {
			n := seen[m.ID]
			seen[m.ID]++
			if !o.wanted[m.ID] {
				continue
			}
			_, point := dodona.SplitPointID(m.ID)
			e := sink.NewObservation(rec, m.Point, n, m.Received)
			e.Device, e.Protocol, e.Via = o.source.DeviceOf(point), o.source.Kind, observed.Via(m.Body)
			events = append(events, e)
		}
		return events, nil
	}
}

// feedPoints has a sink of points read the journal's readings: those of this node if it observes, else those of all nodes that share the journal.
// Gone are the points of each source that it delivered before.
func (d *deliverer) feedPoints(c *config.Config, s config.Sink, gone map[string][]string, to *sink.Config) error {
	all, err := d.observing(c, s)
	if err != nil {
		return err
	}
	var names []string
	for _, of := range c.SinkSources(s) {
		names = append(names, of.Name)
	}
	to.Env.Described = c.Described(s)
	to.Env.Points = observationsBy(all)
	to.Reader = pointsReader(s.Name)
	to.Journal = d.journal.Yielding(c.Has(config.Observe), dodona.TopicReading, names...)
	to.Backlog = func(ctx context.Context) (uint64, error) { return d.journal.Backlog(ctx, to.Reader) }
	to.Overtaken = func(ctx context.Context) (sink.Overtaken, error) {
		o, err := d.journal.Overtaken(ctx, to.Reader)
		return sink.Overtaken{Records: o.Records, From: o.From, Until: o.Until}, err
	}
	to.Newest = func(ctx context.Context) (time.Time, error) {
		return d.newest(ctx, c.Has(config.Observe), names, to.Since)
	}
	to.Left = func(ctx context.Context) ([]sink.Left, error) { return d.left(ctx, to.Reader, all, gone) }
	return nil
}

// newest returns when the newest reading of some sources was kept, of this node alone or of all; zero: there is none but of those that were
// kept since an instant.
func (d *deliverer) newest(ctx context.Context, own bool, sources []string, since time.Time) (at time.Time, err error) {
	var of dodona.Ledger = d.journal
	if own {
		of = d.journal.Own()
	}
	for _, name := range sources {
		last, err := of.Last(ctx, dodona.TopicReading, name)
		if errors.Is(err, dodona.ErrNotFound) {
			continue
		}
		if err != nil {
			return at, err
		}
		if !last.Appended.Before(since.Truncate(time.Millisecond)) { // sources begin beside the sink
			for oldest, err := range of.Scan(ctx, dodona.TopicReading, name, nil) {
				if err != nil {
					return at, err
				}
				last = oldest
				break
			}
			if !last.Appended.Before(since.Truncate(time.Millisecond)) {
				continue
			}
			last.Appended = since // nobody knows of those between
		}
		if last.Appended.After(at) {
			at = last.Appended
		}
	}
	return at, nil
}

// left returns what waits for a reader of sources that are not observed for it any more, or that had points which are gone.
func (d *deliverer) left(ctx context.Context, reader string, all map[string]observing, gone map[string][]string) (list []sink.Left, err error) {
	waits, err := d.journal.Unfinished(ctx, reader, dodona.TopicReading, func(source string) bool {
		_, delivered := all[source]
		return !delivered || len(gone[source]) > 0
	})
	for _, w := range waits {
		left := sink.Left{Source: w.Key, Records: w.Records, From: w.From, Until: w.Until}
		if _, delivered := all[w.Key]; delivered {
			left.Points = gone[w.Key]
		}
		list = append(list, left)
	}
	return list, err
}

// gonePoints returns the points of each source that a sink delivered by one configuration, and does not by the next one.
func gonePoints(old, next *config.Config, name string) map[string][]string {
	was, known := old.Sink(name)
	is, stays := next.Sink(name)
	if !known || !stays || !was.OfPoints || !is.OfPoints {
		return nil
	}
	gone := make(map[string][]string)
	for _, of := range old.SinkSources(was) {
		now, found := next.Source(of.Name)
		if !found {
			continue
		}
		kept := is.SinkPoints(now)
		gone[of.Name] = slices.DeleteFunc(was.SinkPoints(of), func(id string) bool { return slices.Contains(kept, id) })
	}
	return gone
}

// sourceKinds returns kinds by name.
func sourceKinds(list []source.Kind) map[string]source.Kind {
	kinds := make(map[string]source.Kind, len(list))
	for _, k := range list {
		kinds[k.Name()] = k
	}
	return kinds
}
