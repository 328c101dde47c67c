package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

type sourceReadCommand struct {
	configFile
	Names  []string      `arg:"" optional:"" name:"name" help:"Sources; all of the configuration if left out."`
	Source []string      `help:"A source (repeat), as NAME." placeholder:"NAME" sep:"none"`
	Wait   time.Duration `help:"How long to wait." default:"30s"`
	Raw    bool          `help:"Print what came, byte for byte (on a terminal: as it can show it)."`
	JSON   bool          `name:"json" help:"Print JSON: the readings, each with its points and its numbers."`
}

// A taste is what one exchange with a source brought, and what its rules make of it.
type taste struct {
	source   config.Source
	readings []dodona.Reading
	points   []dodona.Point
	took     time.Duration
	err      error
}

// Run makes one exchange with each source. Nothing is journaled or acknowledged. It exits with 1 if a source brought
// nothing, or one of its rules takes nothing of it.
func (c sourceReadCommand) Run(ctx context.Context, term terminal) error {
	if c.Config != "" && c.File != "" { // the file is named already, so this is a source
		c.Names, c.File = append([]string{c.File}, c.Names...), ""
	}
	path, err := c.path()
	if err != nil {
		return err
	}
	loaded, err := loadConfig(path, term.in)
	if err != nil {
		return mistakes(term, err)
	}
	sources, err := chosen(loaded, path, slices.Concat(c.Names, c.Source))
	if err != nil {
		return failure{exitUsage, err}
	}
	if c.Wait <= 0 {
		return failure{exitUsage, fmt.Errorf("--wait %v: want more than nothing, such as 30s", c.Wait)}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	tastes := tasteAll(ctx, sources, c.Wait)
	switch {
	case c.JSON:
		err = printJSON(term.out, tastesJSON(tastes))
	case c.Raw:
		err = printRawReadings(term, tastes)
	default:
		err = printTastes(term, tastes)
	}
	if err != nil {
		return err
	}
	return untasty(term, tastes, c.Raw)
}

// chosen returns the sources that are named, by themselves or by one of their points; all if none is.
func chosen(c *config.Config, path string, names []string) ([]config.Source, error) {
	if len(names) == 0 {
		return c.Sources, nil
	}
	var list []config.Source
	var known []string
	for _, s := range c.Sources {
		known = append(known, s.Name)
	}
	for _, name := range names {
		s, found := c.Source(name)
		if of, point := dodona.SplitPointID(name); !found && point != "" {
			if s, found = c.Source(of); found && !slices.Contains(s.Points(), name) {
				return nil, fmt.Errorf("source %s in %s has no point %s; it has %s", of, path, plain.Quote(point, mostName), strict.ListOf(s.Points()))
			}
		}
		if found {
			if !slices.ContainsFunc(list, func(other config.Source) bool { return other.Name == s.Name }) {
				list = append(list, s)
			}
			continue
		}
		if _, feed := c.Feed(name); feed {
			return nil, fmt.Errorf("%s is a feed; dodona feed try %s %[1]s makes a round of it (sources: %[3]s)", name, path, strict.ListOf(known))
		}
		hint := ""
		if near := strict.Nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %s? ", near)
		}
		return nil, fmt.Errorf("no source %s in %s; %sthere are %s", plain.Quote(name, mostName), path, hint, strict.ListOf(known))
	}
	return list, nil
}

// mostName bounds how much is told of a name that is none.
const mostName = 64

// tastedAtOnce bounds how many sources are asked beside each other.
const tastedAtOnce = 16

// tasteAll asks sources, in the order in which they are given.
func tasteAll(ctx context.Context, sources []config.Source, wait time.Duration) []taste {
	tastes := make([]taste, len(sources))
	room, done := make(chan struct{}, tastedAtOnce), make(chan struct{})
	for i, s := range sources {
		go func() {
			room <- struct{}{}
			tastes[i] = tasteOne(ctx, s, wait)
			<-room
			done <- struct{}{}
		}()
	}
	for range sources {
		<-done
	}
	return tastes
}

const (
	tastedReadings = 1024                       // of a pushed source that are kept until it pauses
	ever           = 100 * 365 * 24 * time.Hour // a reading counts, whatever its age
)

// tasteOne makes one exchange with a source, as a node does, and applies the rules.
func tasteOne(ctx context.Context, s config.Source, wait time.Duration) (t taste) {
	t.source = s
	kinds := all.Sources()
	i := slices.IndexFunc(kinds, func(k source.Kind) bool { return k.Name() == s.Kind })
	if i < 0 {
		t.err = fmt.Errorf("this build has no kind %q", s.Kind)
		return t
	}
	made, err := program.New(program.Rules{
		From: s.Points(), Extract: extract.Rules{s.Name: s.Rules}, Latest: true,
		Decoded: map[string]program.Decoded{s.Name: {Kind: s.Kind, Rules: s.Decoded}},
	}, program.DecodersOf(kinds...))
	if err != nil {
		t.err = err
		return t
	}
	began := time.Now()
	t.readings, t.err = source.Once(ctx, source.Config{
		Name: s.Name, Kind: kinds[i], Settings: s.Settings, Version: release, Hold: tastedReadings,
	}, &source.Want{Points: s.Points(), Has: made.Has, Within: ever})
	t.took = time.Since(began)
	switch {
	case errors.Is(t.err, context.DeadlineExceeded):
		t.err = fmt.Errorf("no answer within %s from %s", unit.FormatDuration(wait), peerOf(s))
	case t.err == nil && len(t.readings) == 0:
		t.err = errors.New("it answered without a reading")
	}
	if t.err != nil {
		return t
	}
	dodona.SortReadings(t.readings)
	result, err := made.Running(nil).Apply(ctx, dodona.Call{Round: dodona.RoundAt(time.Now()), Readings: t.readings})
	t.points, t.err = result.Points, err
	for _, id := range s.Points() {
		if t.err == nil && !slices.ContainsFunc(t.points, func(p dodona.Point) bool { return p.ID == id }) {
			t.points = append(t.points, dodona.Point{ID: id, Quality: dodona.Bad, Reason: "no reading has it"})
		}
	}
	return t
}

// peerOf names what a source asks.
func peerOf(s config.Source) string {
	if p, ok := s.Settings.(interface{ Peer() string }); ok {
		return p.Peer()
	}
	return s.Kind + " source " + s.Name
}

// bad returns the points that were not taken.
func (t taste) bad() (list []dodona.Point) {
	for _, p := range t.points {
		if p.Quality == dodona.Bad {
			list = append(list, p)
		}
	}
	return list
}

// untasty is the failure that tastes are, if they are; what is wrong is told where that was not seen yet.
func untasty(term terminal, tastes []taste, raw bool) error {
	failed := false
	for _, t := range tastes {
		if t.err != nil {
			term.complain(fmt.Errorf("read source %s: %w", t.source.Name, t.err))
			failed = true
			continue
		}
		for _, p := range t.bad() {
			failed = true
			if raw {
				term.complain(fmt.Errorf("%s is bad: %s", p.ID, p.Reason))
			}
		}
	}
	if failed {
		return failure{code: exitFailed}
	}
	return nil
}

// A tastedReading is a reading with what was made of it. It reads as a reading, so that tests of modules take it.
type tastedReading struct {
	dodona.Reading
	Points  []dodona.Point  `json:"points"`
	Numbers []extract.Place `json:"numbers"` // the first of the document, if it is one
	Count   int             `json:"count"`   // of all its numbers
	Error   string          `json:"error,omitempty"`
}

// tastesJSON returns all readings. One that did not come has an error instead of a body.
func tastesJSON(tastes []taste) []tastedReading {
	list := []tastedReading{}
	for _, t := range tastes {
		if t.err != nil {
			list = append(list, tastedReading{
				Reading: dodona.Reading{Source: t.source.Name, Quality: dodona.Bad}, Points: []dodona.Point{}, Numbers: []extract.Place{}, Error: t.err.Error(),
			})
		}
		for i, r := range t.readings {
			out := tastedReading{Reading: r, Points: []dodona.Point{}, Numbers: []extract.Place{}}
			if i == len(t.readings)-1 {
				out.Points = append(out.Points, t.points...)
			}
			if places, count, err := extract.Places(r, mostPlaces); err == nil {
				out.Numbers, out.Count = append(out.Numbers, places...), count
			}
			list = append(list, out)
		}
	}
	return list
}

// printRawReadings prints bodies alone. One reading is printed byte for byte; several have a line each.
func printRawReadings(term terminal, tastes []taste) error {
	var all []dodona.Reading
	for _, t := range tastes {
		all = append(all, t.readings...)
	}
	for _, r := range all {
		fmt.Fprintln(term.err, printable(fmt.Sprintf("%s  %s  %s %s", r.Source, r.Received.UTC().Format(time.RFC3339), r.Detail, r.Item)))
		if err := term.text(r.Body, len(all) > 1); err != nil {
			return err
		}
	}
	return nil
}

// mostPlaces is how many numbers of a document are looked at.
const mostPlaces = 1000

// shownPlaces is how many are shown where nobody asked for them.
const shownPlaces = 12

// printTastes prints a table of points for each source, and the pointers that would work.
func printTastes(term terminal, tastes []taste) error {
	for i, t := range tastes {
		if t.err != nil {
			continue // said on standard error
		}
		if i > 0 {
			fmt.Fprintln(term.out)
		}
		last := t.readings[len(t.readings)-1]
		of := ""
		if len(t.readings) > 1 {
			of = fmt.Sprintf(", the last of %s", count(len(t.readings), "reading"))
		}
		if err := term.line("%s  %s  %s%s, received %s", t.source.Name, t.source.Kind, last.Detail, of, last.Received.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		if err := term.table(pointTable(t.points)); err != nil {
			return err
		}
		if _, _, err := extract.Places(last, 0); err != nil && len(t.bad()) > 0 && len(t.source.Decoded) == 0 {
			if err := term.line("  %s", noDocument(last.Body)); err != nil {
				return err
			}
			continue
		}
		if places := placeTable(t, last); len(places.Rows) > 0 {
			fmt.Fprintln(term.out)
			if err := term.table(places); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointTable lays points out: bad ones with their reasons below.
func pointTable(points []dodona.Point) table.Table {
	out := table.Table{
		Margin:  2,
		Columns: []table.Column{{Name: "point"}, {Name: "value", Right: true, Whole: true}, {Name: "unit", Rank: 1}, {Name: "time", Rank: 2}, {Name: "quality"}},
		Below:   map[int][]table.Cell{},
	}
	for i, p := range points {
		value, style := p.Value.String(), table.Green
		if p.Quality == dodona.Bad {
			value, style = "–", table.Red
		} else if p.Quality != dodona.Good {
			style = table.Yellow
		}
		at := ""
		if !p.Time.IsZero() {
			at = p.Time.UTC().Format("2006-01-02T15:04:05.999Z07:00")
		}
		out.Rows = append(out.Rows, []table.Cell{{Text: p.ID}, {Text: value}, {Text: p.Unit}, {Text: at}, {Text: p.Quality.String(), Style: style}})
		if p.Reason != "" {
			out.Below[i] = table.Cells(p.Reason)
		}
	}
	return out
}

// placeTable lists numbers of a document with their pointers: those near to a rule that took nothing come first.
func placeTable(t taste, r dodona.Reading) table.Table {
	out := table.Table{Margin: 2, Columns: []table.Column{{Name: "pointer"}, {Name: "number", Right: true, Whole: true}, {Name: "taken by", Rank: 1}}}
	places, count, err := extract.Places(r, mostPlaces)
	if err != nil || len(t.source.Decoded) > 0 {
		return table.Table{} // the points have said so, or the document is the kind's own
	}
	taken, sought := map[string]string{}, []string{}
	for point, rule := range t.source.Rules {
		id := dodona.PointID(t.source.Name, point)
		rule = rule.Chosen(r)
		taken[rule.Pointer] = id
		if rule.Pointer == "" && count == 1 {
			taken[places[0].Pointer] = id
		}
		if rule.Time != "" {
			taken[rule.Time] = id + " (time)"
		}
		if slices.ContainsFunc(t.bad(), func(p dodona.Point) bool { return p.ID == id }) {
			sought = append(sought, rule.Pointer)
		}
	}
	if len(sought) > 0 {
		slices.SortStableFunc(places, func(a, b extract.Place) int { return nearness(b.Pointer, sought) - nearness(a.Pointer, sought) })
	}
	for _, p := range places[:min(len(places), shownPlaces)] {
		out.Rows = append(out.Rows, table.Cells(pointerText(p.Pointer), p.Text, taken[p.Pointer]))
	}
	if more := count - len(out.Rows); more > 0 {
		out.Rows = append(out.Rows, table.Cells(fmt.Sprintf("… and %d more", more)))
	}
	return out
}

// pointerText is a pointer for people: the whole document has an empty one.
func pointerText(pointer string) string {
	if pointer == "" {
		return "(the document itself)"
	}
	return pointer
}

// nearness grows with what a pointer has in common with one that led to nothing.
func nearness(pointer string, sought []string) (best int) {
	have := strings.Split(strings.ToLower(pointer), "/")
	for _, s := range sought {
		want, n := strings.Split(strings.ToLower(s), "/"), 0
		for i := 1; i < min(len(have), len(want)) && have[i] == want[i]; i++ {
			n++
		}
		for i := 1; i <= min(len(have), len(want)); i++ {
			if have[len(have)-i] != want[len(want)-i] {
				break
			}
			n += 2
		}
		for _, part := range want {
			if part != "" && strict.Nearest(part, have) != "" {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}
