package node

import (
	"maps"
	"slices"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/source"
)

// A judgement is what the feeds make of what the sources deliver. A source of which no feed can take anything delivers a login
// page, say, or another document than it did: that is its trouble as much as not to answer. The zero value knows nothing yet.
type judgement struct {
	mu    sync.Mutex
	found map[string]map[string]string // by source, then feed: why the feed found nothing in its newest round; empty if it did
}

// round takes the newest round of a feed, and tells each pump what its source is worth now.
func (j *judgement) round(b dodona.Bundle, pump func(name string) (*source.Pump, bool)) {
	j.take(b.Feed.Name, judged(b.Inputs, func(name string) bool {
		p, running := pump(name)
		return running && !p.Pushed()
	}), pump)
}

// given takes the points that the module of a feed is given: what it makes of them says nothing of the sources.
func (j *judgement) given(feed string, points []dodona.Point, pump func(name string) (*source.Pump, bool)) {
	inputs := make([]dodona.Input, 0, len(points))
	for _, p := range points {
		in := dodona.Input{Status: dodona.InputUsed}
		in.Source, _ = dodona.SplitPointID(p.ID)
		if p.Quality == dodona.Bad {
			in.Status, in.Reason = dodona.InputBad, p.Reason
		}
		inputs = append(inputs, in)
	}
	j.take(feed, judged(inputs, nil), pump)
}

func (j *judgement) take(feed string, found map[string]string, pump func(name string) (*source.Pump, bool)) {
	for name, why := range found {
		j.mu.Lock()
		if j.found == nil {
			j.found = make(map[string]map[string]string)
		}
		if j.found[name] == nil {
			j.found[name] = make(map[string]string)
		}
		j.found[name][feed] = why
		useless := j.verdict(name)
		j.mu.Unlock()
		if p, running := pump(name); running {
			p.Judge(useless)
		}
	}
}

// forget leaves out what feeds said that run no more, and what was said of sources that were replaced.
func (j *judgement) forget(feeds, sources []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range sources {
		delete(j.found, name)
	}
	for _, said := range j.found {
		for _, feed := range feeds {
			delete(said, feed)
		}
	}
}

// verdict returns why no feed can use a source, by the first of them; empty if one can. The caller holds mu.
func (j *judgement) verdict(name string) string {
	said := j.found[name]
	first := ""
	for _, feed := range slices.Sorted(maps.Keys(said)) {
		if said[feed] == "" {
			return ""
		}
		if first == "" {
			first = said[feed]
		}
	}
	return first
}

// judged returns, for each source whose readings were looked at, why none of them had a value in it; empty if one had. A value
// that does not fit the feed, or is far from the others, is a value; and so is one that is too old, unless it came just now from a source that is
// asked each time: what writes there has stopped.
func judged(inputs []dodona.Input, polled func(source string) bool) map[string]string {
	found := make(map[string]string)
	for _, in := range inputs {
		why := ""
		switch in.Status {
		case dodona.InputUsed, dodona.InputOutlier:
		case dodona.InputStale:
			if polled != nil && polled(in.Source) {
				why = in.Reason
			}
		case dodona.InputBad:
			if in.Value == nil {
				why = in.Reason
			}
		default: // nothing came, or a module has it
			continue
		}
		if in.Source == "" {
			continue
		}
		if before, said := found[in.Source]; !said || (before != "" && why == "") {
			found[in.Source] = why
		}
	}
	return found
}
