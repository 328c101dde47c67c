package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/node"
)

type sourceReadCommand struct {
	configFile
	Names  []string      `arg:"" optional:"" name:"name" help:"Sources; all of the configuration if left out."`
	Source []string      `help:"A source (repeat), as NAME." placeholder:"NAME" sep:"none"`
	Wait   time.Duration `help:"How long to wait for a source." default:"30s"`
	Times  int           `short:"n" help:"Read one source so many times, or so many messages of one that speaks by itself, and print each as it comes." placeholder:"N"`
	Raw    bool          `help:"Print what came, byte for byte (on a terminal: as it can show it, else in hexadecimal)."`
	JSON   bool          `name:"json" help:"Print JSON: the readings, each with its points and its numbers."`
}

// Run makes one exchange with each source. Nothing is journaled or acknowledged. It exits with 1 if a source brought
// nothing, or one of its rules takes nothing of it.
func (c sourceReadCommand) Run(ctx context.Context, term terminal) error {
	if source := c.other(); source != "" {
		c.Names = append([]string{source}, c.Names...)
	}
	loaded, path, err := c.open(term)
	if err != nil {
		return err
	}
	sources, err := chosen(loaded, path, slices.Concat(c.Names, c.Source))
	if err != nil {
		return failure{exitUsage, err}
	}
	if err := checkWait(c.Wait); err != nil {
		return err
	}
	if c.Times != 0 {
		return c.follow(ctx, term, loaded, sources)
	}
	trials := tryAll(ctx, term, loaded, sources, c.Wait)
	switch {
	case c.JSON:
		err = printJSON(term.out, trialsJSON(trials))
	case c.Raw:
		err = printRawReadings(term, trials)
	default:
		err = printSourceTrials(term, trials)
	}
	if err != nil {
		return err
	}
	return untaken(term, trials, c.Raw, c.JSON)
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
		return nil, unknown("source", name, path, known)
	}
	return list, nil
}

// untaken is the failure of trials that brought nothing, or of which a rule takes nothing; what is wrong is told where that was not seen yet.
func untaken(term terminal, trials []node.SourceTrial, raw, asJSON bool) error {
	failed := false
	for _, t := range trials {
		if t.Err != nil {
			failed = true
			if raw || asJSON {
				complainOf(term, t)
			}
			continue
		}
		if listsMetrics(t) {
			continue // there is no rule that could fail
		}
		for _, p := range t.Bad() {
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

func complainOf(term terminal, t node.SourceTrial) {
	term.complain(fmt.Errorf("read source %s: %w", t.Source.Name, t.Err))
}

// A triedReading is a reading with what was made of it. It reads as a reading, so that tests of modules take it.
type triedReading struct {
	dodona.Reading
	Points  []triedPoint    `json:"points"`
	Numbers []extract.Place `json:"numbers"` // the first of the document, if it is one
	Count   int             `json:"count"`   // of all its numbers
	Error   string          `json:"error,omitempty"`
}

// A triedPoint is a point; a bad one has no value.
type triedPoint struct {
	ID      string          `json:"id"`
	Value   *dodona.Decimal `json:"value,omitempty"`
	Unit    string          `json:"unit,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	Quality dodona.Quality  `json:"quality"`
	Reason  string          `json:"reason,omitempty"`
}

func triedPoints(points []dodona.Point) []triedPoint {
	list := []triedPoint{}
	for _, p := range points {
		out := triedPoint{ID: p.ID, Unit: p.Unit, Time: p.Time, Quality: p.Quality, Reason: p.Reason}
		if p.Quality != dodona.Bad {
			out.Value = &p.Value
		}
		list = append(list, out)
	}
	return list
}

// trialsJSON returns all readings. One that did not come has an error instead of a body.
func trialsJSON(trials []node.SourceTrial) []triedReading {
	list := []triedReading{}
	for _, t := range trials {
		if t.Err != nil {
			list = append(list, triedReading{
				Reading: dodona.Reading{Source: t.Source.Name, Quality: dodona.Bad}, Points: []triedPoint{}, Numbers: []extract.Place{}, Error: t.Err.Error(),
			})
		}
		for i, r := range t.Readings {
			out := triedReading{Reading: r, Points: triedPoints(t.PointsOf(i)), Numbers: []extract.Place{}}
			if places, count, err := extract.Places(r, mostPlaces); err == nil {
				out.Numbers, out.Count = append(out.Numbers, places...), count
			}
			list = append(list, out)
		}
	}
	return list
}

// printRawReadings prints bodies alone. One reading is printed byte for byte; several have a line each.
func printRawReadings(term terminal, trials []node.SourceTrial) error {
	var all []dodona.Reading
	for _, t := range trials {
		all = append(all, t.Readings...)
	}
	return printBodies(term, all, len(all) > 1)
}

// printBodies prints bodies, each on a line of its own if they are several.
func printBodies(term terminal, readings []dodona.Reading, several bool) error {
	for _, r := range readings {
		fmt.Fprintln(term.err, printable(fmt.Sprintf("%s  %s  %s %s", r.Source, r.Received.UTC().Format(time.RFC3339), r.Detail, r.Item)))
		body := r.Body
		if term.watched && !isText(r) {
			body = []byte(hex.Dump(body))
		}
		if err := term.text(body, several); err != nil {
			return err
		}
	}
	return nil
}

// isText reports whether a body says something to who looks at it: a terminal shows the others in hexadecimal. A text that steers is one too.
func isText(r dodona.Reading) bool {
	if media, _, err := mime.ParseMediaType(r.ContentType); err == nil && (media == "application/json" || strings.HasPrefix(media, "text/")) {
		return true
	}
	if open := bytes.TrimSpace(r.Body); utf8.Valid(open) && (bytes.HasPrefix(open, []byte("{")) || bytes.HasPrefix(open, []byte("["))) {
		return true // a document, whatever its server calls it
	}
	return (utf8.Valid(r.Body) || r.ContentType != "application/octet-stream") && !bytes.ContainsFunc(r.Body, func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' })
}

// printSourceTrials prints a table of points for each source, and the pointers that would work.
func printSourceTrials(term terminal, trials []node.SourceTrial) error {
	shown := false
	for _, t := range trials {
		if t.Err != nil {
			complainOf(term, t)
			continue
		}
		if shown {
			fmt.Fprintln(term.out)
		}
		shown = true
		last := t.Readings[len(t.Readings)-1]
		if err := term.line("%s  %s  %s, received %s", t.Source.Name, t.Source.Kind, cameOf(t.Readings), last.Received.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		if listsMetrics(t) {
			if err := term.table(metricTable(t.Readings)); err != nil {
				return err
			}
			continue
		}
		if err := term.table(pointTable(t.Points)); err != nil {
			return err
		}
		if _, _, err := extract.Places(last, 0); err != nil && len(t.Bad()) > 0 && len(t.Source.Decoded) == 0 {
			if wantsText(t.Source.Rules) {
				continue // the points have said what is wrong with it
			}
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

// wantsText reports whether a rule takes its value out of a text or a table, so that a document need not be JSON.
func wantsText(rules map[string]extract.Rule) bool {
	for _, r := range rules {
		if r.Column != "" || r.Regex != "" {
			return true
		}
	}
	return false
}

// cameOf says what came: of one reading how, of several how many.
func cameOf(readings []dodona.Reading) string {
	if len(readings) == 1 {
		return readings[0].Detail
	}
	bad := 0
	for _, r := range readings {
		if r.Quality == dodona.Bad {
			bad++
		}
	}
	text := count(len(readings), "reading")
	if bad > 0 {
		return fmt.Sprintf("%s, %d of them bad", text, bad)
	}
	return text + ", the last " + readings[len(readings)-1].Detail
}

// pointTable lays points out: bad ones with their reasons below.
func pointTable(points []dodona.Point) table.Table {
	out := table.Table{
		Margin:  2,
		Columns: []table.Column{{Name: "point"}, {Name: "value", Right: true, Whole: true}, {Name: "unit", Rank: 1}, {Name: "time", Rank: 2}, {Name: "quality"}},
	}
	for _, p := range points {
		value, far := shownNumber(p.Value)
		style, below := table.Green, p.Reason
		if far && below == "" {
			below = "a number so small or so large is often one of registers whose words stand in another order (order: CDAB)"
		}
		if p.Quality == dodona.Bad {
			value, style = "–", table.Red
		} else if p.Quality != dodona.Good {
			style = table.Yellow
		}
		at := ""
		if !p.Time.IsZero() {
			at = p.Time.UTC().Format("2006-01-02T15:04:05.999Z07:00")
		}
		out.Add([]table.Cell{{Text: p.ID}, {Text: value}, {Text: p.Unit}, {Text: at}, {Text: p.Quality.String(), Style: style}}, table.Cell{Text: below})
	}
	return out
}
