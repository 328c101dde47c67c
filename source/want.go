package source

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A Want is what a feed that takes the latest needs of a pushed source: of each point the latest reading that has it, because one
// source may speak of different things at different times. It is known by its address.
type Want struct {
	Points []string                                            // ids
	Has    func(r dodona.Reading, point string) bool           // whether a reading has a point
	Older  func(before, now dodona.Reading, point string) bool // whether what comes now was measured before what came before; nil: never
	Item   func(point string) string                           // the one item of the readings that may have it, empty if there may be more; nil: of none
	Within time.Duration                                       // longer than that before a round no reading counts
	Every  time.Duration                                       // how often it is asked for; one that is not any more is forgotten
}

// itemOf returns the one item that may have a point, empty if there may be more.
func (w *Want) itemOf(point string) string {
	if w.Item == nil {
		return ""
	}
	return w.Item(point)
}

const (
	maxWants  = 1024             // of one source; far more than there are feeds
	wantGrace = 10 * time.Minute // beyond three times Every, after which a want that nobody asks for is forgotten
)

// AskFor returns the source's readings for round r that a feed needs which takes the latest. Of a polled source they are the last of
// each item in its exchange; of a pushed one, for each point of w and each item, the latest that has the point, if it came within
// w.Within before the round. Where no reading has a point, the latest one of each item is there to say so. See [Pump.Ask].
func (p *Pump) AskFor(ctx context.Context, r dodona.Round, w *Want) ([]dodona.Reading, error) {
	if p.pushed {
		p.mu.Lock()
		p.latest.watch(w, p.cfg.Now())
		p.mu.Unlock()
	}
	readings, err := p.Ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if !p.pushed {
		return lastOfItems(readings), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest.wanted(w, r), nil
}

// A having is what is known of one want: by point and item the latest reading that has the point. The latest is what came last,
// whatever the clock said then, which may have been set back; unless it was measured before what is known, as both say.
type having struct {
	of    map[string][]string // points by the one item that they have
	any   []string            // those of which more may have it
	by    map[string]map[string]kept
	bytes int // of the bodies, each as often as it is there
	noted int // readings so far
	asked time.Time
}

// A kept is a reading, and as which one it came.
type kept struct {
	dodona.Reading
	came int
}

// watch notes from now on, and of what is still there, which readings w needs.
func (l *latest) watch(w *Want, now time.Time) {
	if known := l.wants[w]; known != nil {
		known.asked = now
		return
	}
	for other, h := range l.wants {
		if now.Sub(h.asked) > 3*other.Every+wantGrace {
			delete(l.wants, other)
		}
	}
	for len(l.wants) >= maxWants {
		l.forgetWant()
	}
	if l.wants == nil {
		l.wants = map[*Want]*having{}
	}
	h := &having{by: map[string]map[string]kept{}, of: map[string][]string{}, asked: now}
	for _, point := range w.Points {
		if item := w.itemOf(point); item != "" {
			h.of[item] = append(h.of[item], point)
		} else {
			h.any = append(h.any, point)
		}
	}
	l.wants[w] = h
	for _, held := range [][]dodona.Reading{l.before, l.readings(), l.queue} { // of each item the last one ends as the last
		for _, r := range held {
			h.note(w, r)
		}
	}
}

// forgetWant gives up the want that was not asked for the longest.
func (l *latest) forgetWant() {
	var oldest *Want
	for w, h := range l.wants {
		if oldest == nil || h.asked.Before(l.wants[oldest].asked) {
			oldest = w
		}
	}
	delete(l.wants, oldest)
}

// note takes in a reading of every point that it has.
func (h *having) note(w *Want, r dodona.Reading) {
	h.noted++
	for _, points := range [][]string{h.of[r.Item], h.any} { // a feed of a hundred topics asks for one of each message, not for a hundred
		for _, point := range points {
			if !w.Has(r, point) {
				continue
			}
			if before, known := h.by[point][r.Item]; known && w.Older != nil && w.Older(before.Reading, r, point) {
				continue
			}
			h.keep(point, r)
		}
	}
}

// keep takes in a reading that has a point.
func (h *having) keep(point string, r dodona.Reading) {
	if h.by[point] == nil {
		h.by[point] = map[string]kept{}
	}
	h.bytes += len(r.Body) - len(h.by[point][r.Item].Body)
	h.by[point][r.Item] = kept{r, h.noted}
	for h.bytes > maxHeldBytes && h.dropOldest() {
	}
}

// dropOldest gives up the reading that came first, unless it is the one that came just now.
func (h *having) dropOldest() bool {
	var point string
	oldest := kept{came: h.noted}
	for p, items := range h.by {
		for _, r := range items {
			if r.came < oldest.came {
				point, oldest = p, r
			}
		}
	}
	if oldest.came == h.noted {
		return false
	}
	delete(h.by[point], oldest.Item)
	h.bytes -= len(oldest.Body)
	return true
}

// forget drops an item.
func (h *having) forget(item string) {
	for _, items := range h.by {
		h.bytes -= len(items[item].Body)
		delete(items, item)
	}
}

// wanted returns the readings that w needs for a round, sorted.
func (l *latest) wanted(w *Want, r dodona.Round) []dodona.Reading {
	h := l.wants[w]
	if h == nil {
		return l.readings()
	}
	var all []dodona.Reading
	for _, point := range w.Points {
		found := false
		for _, reading := range h.by[point] {
			if w.Within <= 0 || r.Time().Sub(reading.Received) <= w.Within {
				all, found = append(all, reading.Reading), true
			}
		}
		if !found {
			all = append(all, l.readings()...)
		}
	}
	dodona.SortReadings(all)
	return each(all)
}

// lastOfItems returns the last reading of each item, sorted.
func lastOfItems(readings []dodona.Reading) (last []dodona.Reading) {
	dodona.SortReadings(readings)
	for i, r := range readings {
		if i+1 == len(readings) || readings[i+1].Item != r.Item {
			last = append(last, r)
		}
	}
	return last
}

// each returns sorted readings, each once.
func each(sorted []dodona.Reading) []dodona.Reading {
	return slices.CompactFunc(sorted, func(a, b dodona.Reading) bool {
		return a.Item == b.Item && a.Received.Equal(b.Received) && bytes.Equal(a.Body, b.Body)
	})
}
