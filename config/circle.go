package config

import (
	"fmt"
	"slices"

	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink"
)

// A publishing is settings of a sink that publishes where others subscribe.
type publishing interface {
	// Publishes returns the topics of a sink of that name, and whom it publishes them to.
	Publishes(node, name string, points []sink.Described) (broker string, topics []string)
	// PublishesAs returns as which edge node of Sparkplug it does; empty if as none.
	PublishesAs(node string) string
}

// warnOfCircles warns of sources that hear what sinks of the same node publish: they pass it over, so whoever meant it waits for nothing, and who
// did not has it counted as dropped.
func (l *loader) warnOfCircles() {
	if l.report.Count() > 0 {
		return // what is published is not known
	}
	for _, s := range l.config.Sinks {
		own, publishes := s.Settings.(publishing)
		if !publishes || !s.OfPoints {
			continue
		}
		broker, topics := own.Publishes(l.config.Node.Name, s.Name, l.config.Described(s))
		slices.Sort(topics)
		for _, of := range l.config.Sources {
			l.warnOfCircle(s, of, broker, slices.Compact(topics))
		}
	}
}

func (l *loader) warnOfCircle(s Sink, of Source, broker string, topics []string) {
	hearing, hears := of.Settings.(interface {
		Hears(broker, topic string) (setting, filter string)
	})
	if !hears {
		return
	}
	for _, topic := range topics {
		setting, filter := hearing.Hears(broker, topic)
		if setting == "" {
			continue
		}
		hint := "name topics without it, or give the sink topics outside"
		if setting == "sparkplug" || setting == "metrics" {
			hint = "name groups or metrics of other edge nodes, or give the sink another group"
		}
		_, at := l.root.Descend(l.root.At, "sources."+of.Name+"."+of.Kind+"."+setting)
		l.report.Warn(at, "source "+strict.QuoteAll(of.Name), fmt.Sprintf("%s: %s brings what sink %s publishes at the same broker, such as %s; the source passes that over, and counts it as dropped",
			setting, strict.QuoteAll(filter), s.Name, strict.QuoteAll(topic)), hint)
		return
	}
}

// PublishesAs reports whether a sink publishes as an edge node of Sparkplug, GROUP/EDGE.
func (c *Config) PublishesAs(edge string) bool {
	return slices.ContainsFunc(c.Sinks, func(s Sink) bool {
		own, publishes := s.Settings.(publishing)
		return publishes && s.OfPoints && own.PublishesAs(c.Node.Name) == edge
	})
}
