package node

import (
	"context"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/sink"
)

// pointSinks returns the sinks of points of the configuration, as stories need them.
func (d *deliverer) pointSinks() (list []explain.PointSink) {
	c := d.config()
	for _, s := range c.Sinks {
		if !s.OfPoints {
			continue
		}
		all, err := d.observing(c, s)
		if err != nil {
			continue // it does not run either, and says why
		}
		e := explain.PointSink{Name: s.Name, Chooses: s.Policy.ReportsOnChange()}
		topic := func(sink.ObservationEvent) string { return "" }
		if loop, runs := d.sinks.get(s.Name); runs {
			status := loop.Status()
			if e.Tally = status.Unsaid; status.Last != nil {
				e.At = status.Last.At
			}
			topic = loop.TopicOf
		}
		for _, of := range c.SinkSources(s) {
			e.Sources, e.Points = append(e.Sources, of.Name), append(e.Points, s.SinkPoints(of)...)
		}
		observe := observationsBy(all)
		e.Made = func(ctx context.Context, rec dodona.Record) (made []explain.Made, err error) {
			events, err := observe(ctx, rec)
			for _, e := range events {
				m := explain.Made{
					Point: dodona.Point{ID: e.Point, Unit: e.Unit, Time: e.Time, Quality: e.Quality, Reason: e.Reason},
					Event: e.ID, Received: e.Received, Topic: topic(e), Device: e.Device, Protocol: e.Protocol,
				}
				if e.Value != nil {
					m.Value = *e.Value
				}
				made = append(made, m)
			}
			return made, err
		}
		list = append(list, e)
	}
	return list
}
