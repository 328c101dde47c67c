package explain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/table"
)

// An ObservationStory is what the journal knows of one observation that a sink delivers: one point of one reading.
type ObservationStory struct {
	ID        string          `json:"id"` // of the observation
	Point     string          `json:"point"`
	Value     *dodona.Decimal `json:"value,omitempty"` // absent if the quality is bad
	Unit      string          `json:"unit,omitempty"`
	Quality   dodona.Quality  `json:"quality"`
	Reason    string          `json:"reason,omitempty"` // why it is not good
	Time      time.Time       `json:"time"`             // when it was measured, or else received
	Received  time.Time       `json:"received"`
	Device    string          `json:"device"`
	Protocol  string          `json:"protocol"`
	Node      string          `json:"node"`      // that read it
	Seq       uint64          `json:"seq"`       // of its record
	Source    string          `json:"source"`    // that it was read from
	Exchange  string          `json:"exchange"`  // the ID of its record
	Appended  time.Time       `json:"appended"`  // when that was journaled
	Readings  []Reading       `json:"readings"`  // behind it: those that came at that time
	Published []Published     `json:"published"` // what sinks of points did with it
}

// looks are how far back an observation is sought whose time nobody knows: first near, since most are asked for soon.
var looks = []time.Duration{10 * time.Minute, 3 * time.Hour, 0}

// slack around the time that somebody knows of an observation: a full journal takes readings later than they come.
const (
	slackBefore = time.Minute
	slackAfter  = time.Hour
)

// Observed tells the story of an observation by its id, as it is by the rules of the sinks that run now. At is when it was received, roughly; zero:
// not known, and everything that is kept is looked through. [dodona.ErrNotFound] says that no record has it.
func Observed(ctx context.Context, l dodona.Ledger, id string, at, now time.Time, o Options) (ObservationStory, error) {
	var sources []string
	for _, s := range o.Points {
		for _, name := range s.Sources {
			if !slices.Contains(sources, name) {
				sources = append(sources, name)
			}
		}
	}
	if len(sources) == 0 {
		return ObservationStory{}, fmt.Errorf("explain: observation %s: no sink of this node delivers points: %w", id, dodona.ErrNotFound)
	}
	from, until := []time.Time{at.Add(-slackBefore)}, at.Add(slackAfter)
	if at.IsZero() {
		from, until = nil, time.Time{}
		for _, back := range looks {
			if back == 0 {
				from = append(from, time.Time{})
			} else {
				from = append(from, now.Add(-back))
			}
		}
	}
	for _, from := range from {
		for _, source := range sources {
			rec, err := recordOf(ctx, l, id, source, o.Points, from, until)
			if err != nil {
				return ObservationStory{}, fmt.Errorf("explain: look for observation %s: %w", id, err)
			}
			if rec == nil {
				continue
			}
			story, err := observation(ctx, l, id, *rec, o)
			if err != nil {
				err = fmt.Errorf("explain: %w", err)
			}
			return story, err
		}
		until = from // what comes next is older
	}
	return ObservationStory{}, fmt.Errorf("explain: no record that is kept of %s has observation %s: it is of another node, of a point that no sink delivers now, or older than what journal.raw keeps: %w", strings.Join(sources, ", "), id, dodona.ErrNotFound)
}

// recordOf returns the record whose observation has an id; nil: none of those between two times. A zero until is now.
func recordOf(ctx context.Context, l dodona.Ledger, id, source string, sinks []PointSink, from, until time.Time) (*dodona.Record, error) {
	for rec, err := range l.Scan(ctx, dodona.TopicReading, source, func(rec dodona.Record) bool { return rec.Appended.Before(from) }) {
		if errors.Is(err, dodona.ErrNotFound) || err == nil && !until.IsZero() && !rec.Appended.Before(until) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, s := range sinks {
			if !slices.Contains(s.Sources, source) {
				continue
			}
			made, _ := s.Made(ctx, rec) // of what fails nothing was delivered
			if slices.ContainsFunc(made, func(m Made) bool { return m.Event == id }) {
				return &rec, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// observation tells of one whose record is found.
func observation(ctx context.Context, l dodona.Ledger, id string, rec dodona.Record, o Options) (story ObservationStory, err error) {
	story = ObservationStory{ID: id, Node: rec.Node, Seq: rec.Sequence, Source: rec.Key, Exchange: rec.ID, Appended: rec.Appended, Readings: []Reading{}, Published: []Published{}}
	for _, s := range o.Points {
		if !slices.Contains(s.Sources, rec.Key) {
			continue
		}
		list, err := s.of(ctx, l, rec, func(made []Made) []Made {
			made = slices.DeleteFunc(made, func(m Made) bool { return m.Event != id })
			for _, m := range made {
				story.Point, story.Unit, story.Quality, story.Reason = m.ID, m.Unit, m.Quality, m.Reason
				story.Time, story.Received, story.Device, story.Protocol = m.Time, m.Received, m.Device, m.Protocol
				if m.Quality != dodona.Bad {
					story.Value = &m.Value
				}
			}
			return made
		})
		if err != nil {
			return story, err
		}
		story.Published = append(story.Published, list...)
	}
	exchange, err := exchangeOf(rec)
	if err != nil {
		return story, err
	}
	for _, r := range exchange.Readings {
		if r.Received.Equal(story.Received) && len(story.Readings) < maxTwins {
			story.Readings = append(story.Readings, Reading{
				ReadingRef: dodona.ReadingRef{Digest: r.Digest(), Item: r.Item, Received: r.Received, Size: len(r.Body), Detail: r.Detail}, Kept: true, Exchange: rec.ID, ContentType: r.ContentType, Excerpt: excerpt(r.Body),
			})
		}
	}
	return story, nil
}

// Show writes the story for people.
func (s ObservationStory) Show(w io.Writer, v View) error {
	p := printer{View: v}
	said := "—"
	if s.Value != nil {
		said = s.Value.Grouped(0)
		if s.Unit != "" {
			said += " " + printable(s.Unit)
		}
	}
	p.line(2, []int{columnFacts}, cell{printable(s.Point) + " = " + said, table.Bold}, cell{"observation " + printable(s.ID), table.Normal})
	quality := cell{s.Quality.String(), table.Normal}
	if s.Reason != "" {
		quality.text += ": " + readable(s.Reason)
	}
	const layout = "2006-01-02 15:04:05.999"
	p.line(4, []int{columnFacts}, cell{"└ read by " + printable(s.Node), table.Normal},
		cell{fmt.Sprintf("seq %d, received %s UTC, of device %s (%s)", s.Seq, s.Received.UTC().Format(layout), printable(s.Device), printable(s.Protocol)), table.Normal})
	for i, r := range s.Readings {
		twig := "  ├ "
		if i == len(s.Readings)-1 {
			twig = "  └ "
		}
		name := printable(s.Source)
		if r.Item != "" {
			name += " " + printable(r.Item)
		}
		p.line(6, []int{columnFacts}, cell{twig + name, table.Normal}, cell{fmt.Sprintf("%d B, reading %s", r.Size, r.Digest.Short()), table.Dim})
		if r.Excerpt != "" {
			p.line(6, []int{columnFacts}, cell{"", table.Normal}, cell{printable(r.Excerpt), table.Dim})
		}
	}
	p.line(columnEnds, []int{columnEnds}, cell{"  quality", table.Normal}, quality)
	p.line(columnEnds, []int{columnEnds}, cell{"  measured", table.Normal}, cell{s.Time.UTC().Format(layout) + " UTC", table.Normal})
	for _, d := range s.Published {
		p.line(columnEnds, []int{columnEnds}, cell{"  published", table.Normal}, cell{d.String(), table.Normal})
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write story: %w", err)
	}
	return nil
}

// Text writes the story as Show does, on lines as long as need be.
func (s ObservationStory) Text(w io.Writer, color bool) error { return s.Show(w, View{Color: color}) }
