package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// An outlook is what a node said of itself in one look.
type outlook struct {
	from    string // where it was asked, and who says that it is there; empty: in the usual place
	raw     []byte // its status
	status  api.Status
	feeds   []api.FeedStatus
	sources []api.SourceStatus
}

const mostReason = 600 // bytes of one reason: what is longer is a document

// A fit is how much of an outlook is shown.
type fit struct {
	rows   int // of feeds, of sources and of modules, the worst first
	sinks  int
	causes int
	why    int  // lines of a reason; 0: all of it
	rest   bool // journal, clock and memory, too
	gaps   bool // empty lines between
}

// fits are from the fullest to the shortest: what is left out is said to be.
var fits = []fit{
	{rows: 20, sinks: 20, causes: 20, rest: true, gaps: true},
	{rows: 10, sinks: 10, causes: 10, why: 2, rest: true, gaps: true},
	{rows: 5, sinks: 8, causes: 5, why: 2, rest: true, gaps: true},
	{rows: 3, sinks: 5, causes: 4, why: 1, rest: true, gaps: true},
	{rows: 2, sinks: 4, causes: 3, why: 1, gaps: true},
	{rows: 2, sinks: 3, causes: 2, why: 1},
	{rows: 1, sinks: 2, causes: 1, why: 1},
	{rows: 1, sinks: 1, causes: 1, why: 1},
}

var wholly = fit{rows: 1 << 20, sinks: 1 << 20, causes: 1 << 20, rest: true, gaps: true}

// lines writes what matters most first, on one screen of so many lines where that can be; all: however many it takes.
func (o outlook) lines(width, height int, all, color bool) (lines []string) {
	if all {
		return o.shown(wholly, width, color)
	}
	for _, f := range fits {
		if lines = o.shown(f, width, color); len(lines) <= height {
			return o.filled(f, lines, width, height, color)
		}
	}
	return lines
}

// filled shows more than a fit, whose lines are given, as long as there is room: what is wrong before what is well.
func (o outlook) filled(f fit, lines []string, width, height int, color bool) []string {
	for again := f.why > 0; again; {
		again = false
		for _, more := range []func(*fit){
			func(f *fit) { f.causes++ }, func(f *fit) { f.rows++ }, func(f *fit) { f.sinks++ }, func(f *fit) { f.why = min(f.why+1, 2) },
			func(f *fit) { f.gaps = true }, func(f *fit) { f.rest = true },
		} {
			fuller := f
			more(&fuller)
			if got := o.shown(fuller, width, color); fuller != f && len(got) > len(lines) && len(got) <= height {
				f, lines, again = fuller, got, true
			}
		}
	}
	return lines
}

// shown writes as much as a fit says.
func (o outlook) shown(f fit, width int, color bool) []string {
	lines := o.head(f, width, color)
	gap := func() {
		if f.gaps {
			lines = append(lines, "")
		}
	}
	causes := o.causes()
	if len(causes) > 0 {
		gap()
		lines = append(lines, causesLines(causes, f, width)...)
	}
	told := func(message string) bool { // by the causes above
		i := slices.IndexFunc(causes, func(c api.Cause) bool { return c.Message == message })
		return i >= 0 && i < f.causes
	}
	for _, t := range []table.Table{o.own(), o.feedTable(f, told, width), o.sourceTable(f, told, width), o.sinkTable(f, width), o.moduleTable(f, width)} {
		if len(t.Rows) > 0 {
			gap()
			t.Color = color
			lines = append(lines, t.Lines(width)...)
		}
	}
	parts := o.parts(f)
	if len(parts) > 0 {
		gap()
	}
	for _, part := range parts {
		lines = append(lines, table.Hang(fmt.Sprintf("%-9s", part[0]), part[1], width)...)
	}
	return lines
}

// head writes in one sentence how the node fares, and which it is.
func (o outlook) head(f fit, width int, color bool) (lines []string) {
	s := o.status
	style := map[api.Level]table.Style{api.LevelOK: table.Green, api.LevelDegraded: table.Yellow}[s.Level]
	if style == table.Normal {
		style = table.Red
	}
	for i, line := range table.Wrap(f.cut(string(s.Level)+": "+s.Headline, width, 3), width) {
		if word, rest, found := strings.Cut(line, ":"); i == 0 && found {
			line = table.Paint(word, style, color) + ":" + rest
		}
		lines = append(lines, line)
	}
	lines = append(lines, table.Wrap(f.cut(fmt.Sprintf("%s %s, network %s (%d of %d), up %s, version %s",
		s.Node, s.Address.Short(), s.Network.Name, s.Quorum.K, len(s.Quorum.Members), long(s.Now.Sub(s.Started)), s.Version), width, 1), width)...)
	if o.from != "" {
		lines = append(lines, table.Wrap(o.from, width)...)
	}
	return lines
}

// cut leaves of a text as many lines as there may be of a reason, and so many more.
func (f fit) cut(text string, width, more int) string {
	text = unit.Readable(text)
	if f.why == 0 || width == 0 {
		return text
	}
	return plain.Cut(text, (f.why+more)*max(width-8, 8)) // words end before the line does
}

// causes returns those of what fails if one of them hits several.
func (o outlook) causes() []api.Cause {
	list := o.status.Causes
	if list == nil { // of a node that does not say them
		list = api.Causes(o.status, o.feeds, o.sources)
	}
	if len(list) == 0 || max(len(list[0].Sources), len(list[0].Feeds)) < 2 {
		return nil
	}
	return list
}

// causesLines says what is wrong, each thing once, and what it hits.
func causesLines(causes []api.Cause, f fit, width int) (lines []string) {
	names := api.Some
	if f == wholly {
		names = func(all []string) string { return strings.Join(all, ", ") }
	}
	lines = append(lines, "why")
	for _, c := range causes[:min(f.causes, len(causes))] {
		var hits []string
		if n := len(c.Feeds); n > 0 {
			hits = append(hits, count(n, "feed")+": "+names(c.Feeds))
		}
		if n := len(c.Sources); n > 0 {
			hits = append(hits, count(n, "source")+": "+names(c.Sources))
		}
		lines = append(lines, table.Hang("  ", f.cut(c.Message, width, 0), width)...)
		lines = append(lines, table.Hang("    ", strings.Join(hits, "; "), width)...)
	}
	if more := len(causes) - f.causes; more > 0 {
		lines = append(lines, "  and "+count(more, "more cause")+": --all shows them")
	}
	return lines
}

// own is what the node itself is troubled by: no row below says it.
func (o outlook) own() table.Table {
	t := table.Table{Columns: []table.Column{{}}}
	for _, p := range o.status.Problems {
		if p.Of != api.OfNode {
			continue
		}
		until := ""
		if !p.Until.IsZero() {
			until = " (until " + p.Until.UTC().Format(time.RFC3339) + ")"
		}
		t.Add(table.Cells(p.Part), reason(p.Message+until, table.Red))
	}
	return t
}

// because returns what stands below a feed: nothing that the causes tell, and of what a source below says that source's name alone.
func (o outlook) because(f standing, all map[string]api.SourceStatus, told func(string) bool) string {
	if f.is != api.FeedFails {
		return f.why
	}
	asked := map[string]bool{}
	var own []api.SourceStatus // another one that says the same is nothing to this feed
	for _, in := range f.Inputs {
		if s, found := all[in.Source]; found && !asked[in.Source] {
			own = append(own, s)
		}
		asked[in.Source] = true
	}
	var sources []string
	for _, c := range api.Causes(o.status, []api.FeedStatus{f.FeedStatus}, own) {
		if len(c.Feeds) == 0 {
			continue
		}
		if told(c.Message) {
			return ""
		}
		sources = append(sources, c.Sources...)
	}
	if len(sources) == 0 {
		return f.why
	}
	slices.Sort(sources)
	return "for want of " + api.Some(sources)
}

// reason is a text below a row.
func (f fit) reason(text string, width int) table.Cell {
	return reason(f.cut(text, width, 0), table.Normal)
}

func reason(text string, style table.Style) table.Cell {
	return table.Cell{Text: plain.Cut(unit.Readable(text), mostReason), Style: style}
}

// parts says how the rest of the node fares, a line or two each.
func (o outlook) parts(f fit) (list [][2]string) {
	s := o.status
	if !f.rest {
		return nil
	}
	if a := s.Anchors; a != nil {
		list = append(list, [2]string{"anchors", anchorsText(*a, s.Now)})
	}
	j := s.Journal
	full := ""
	if j.Limit > 0 {
		full = fmt.Sprintf(" of %.1f MiB (%d %%)", mebibytes(j.Limit), j.Bytes*100/j.Limit)
	}
	list = append(list, [2]string{"journal", fmt.Sprintf("%.1f MiB%s, %s, %d waiting for readers, %d freed; %s", mebibytes(j.Bytes), full, count(int(j.Records), "record"), j.Backlog, j.Dropped, j.Message)})
	for _, r := range j.Readers {
		if f == wholly || !r.Until.IsZero() || r.Node != s.Node {
			list = append(list, [2]string{"reader", readerLine(s.Node, r)})
		}
	}
	memory := fmt.Sprintf("%.1f MiB resident, %.1f of them its own", mebibytes(s.Memory.Used), mebibytes(s.Memory.Own))
	if s.Memory.Budget > 0 {
		memory += fmt.Sprintf(", whose goal is %.1f MiB", mebibytes(s.Memory.Budget))
	}
	return append(list, [2]string{"clock", s.Clock.Message}, [2]string{"memory", memory})
}

// anchorsText says what was sealed last, and what is next.
func anchorsText(a api.AnchorStatus, now time.Time) string {
	text := "none yet"
	if a.To != 0 {
		text = fmt.Sprintf("%s to %sZ with %s, %s", a.From.Time().Format(time.TimeOnly), a.To.Time().Format(time.TimeOnly), count(int(a.Leaves), "leaf"), ago(now.Sub(a.To.Time())))
	}
	switch {
	case a.Behind:
		text += "; behind since " + a.Checked.UTC().Format(time.RFC3339)
	case !a.Next.IsZero():
		text += "; the next one " + in(a.Next.Sub(now))
	default:
		text += "; the next one waits for an answer"
	}
	return text + because(a.LastError)
}

// readerLine says how a reader of the journal stands.
func readerLine(node string, r api.ReaderStatus) string {
	line := r.Name
	if r.Node != "" && r.Node != node {
		line += " of node " + r.Node
	}
	line += fmt.Sprintf("  %s, %d waiting", r.Stream, r.Backlog)
	if !r.Until.IsZero() {
		line += ", nothing configures it: removed by " + r.Until.Format(time.RFC3339) + ", sooner if there is no room"
	}
	return line
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// ago writes an age: "4 s ago", "3 min ago". What lies ahead, by another clock, is now.
func ago(d time.Duration) string { return long(max(d, 0)) + " ago" }

// in writes how long something is off.
func in(d time.Duration) string { return "in " + long(max(d, 0)) }

// long writes a duration as people say it.
func long(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int64(d/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int64(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int64(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int64(d/(24*time.Hour)))
}
