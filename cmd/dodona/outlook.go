package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
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
	return table.Cell{Text: plain.Cut(text, mostReason), Style: style}
}

// ranks says in which order feeds stand, the worst first.
var ranks = map[api.FeedStanding]int{api.FeedFails: 0, api.FeedMissed: 1, api.FeedWaits: 2, api.FeedAnswers: 3}

// A standing is how a feed stands, and why.
type standing struct {
	api.FeedStatus
	is  api.FeedStanding
	why string
}

// standings returns the feeds that are shown, the worst first, and how many more there are.
func (o outlook) standings(fits fit) (shown []standing, more int) {
	var list []standing
	for _, f := range o.feeds {
		is, why := f.Standing(o.status)
		if is == api.FeedAnswers && f.Quality != dodona.Good {
			why = f.Reason
		}
		list = append(list, standing{f, is, why})
	}
	slices.SortStableFunc(list, func(a, b standing) int { return ranks[a.is] - ranks[b.is] })
	return shortened(list, fits.rows, func(s standing) bool { return s.is != api.FeedAnswers || s.Quality != dodona.Good })
}

// named returns the sources whose values the feeds that are shown miss.
func (o outlook) named(fits fit) map[string]bool {
	names := map[string]bool{}
	shown, _ := o.standings(fits)
	for _, f := range shown {
		for _, in := range f.Inputs {
			if in.Status != dodona.InputUsed && in.Status != dodona.InputGiven {
				names[in.Source] = true
			}
		}
	}
	return names
}

// feedTable shows what each feed answers, those that do not first.
func (o outlook) feedTable(fits fit, told func(string) bool, width int) table.Table {
	t := table.Table{
		Columns: []table.Column{{Name: "feed"}, {Name: "answer", Right: true, Whole: true}, {Name: "age", Right: true, Rank: 1}, {Name: "state"}, {Name: "round", Rank: 2}},
	}
	shown, more := o.standings(fits)
	all := make(map[string]api.SourceStatus, len(o.sources))
	for _, s := range o.sources {
		all[s.Name] = s
	}
	for _, f := range shown {
		row := table.Cells(f.Name, "no answer", "", string(f.is))
		if f.Latest != nil {
			row[1].Text, row[2].Text = f.Format(f.Latest.Value), ago(o.status.Now.Sub(f.Latest.Time))
			row = append(row, table.Cell{Text: f.Latest.Round.Time().Format(time.TimeOnly) + "Z"})
		}
		style := table.Yellow
		switch {
		case f.is == api.FeedFails:
			style = table.Red
		case f.is == api.FeedAnswers && f.Quality == dodona.Good:
			row[3].Text = "ok"
			style = table.Green
		case f.is == api.FeedAnswers:
			row[3].Text = "uncertain"
		}
		row[3].Style = style
		t.Add(row, fits.reason(o.because(f, all, told), width))
	}
	return andMore(t, more, "feed")
}

// sourceTable shows what each source brings, those that bring nothing first.
func (o outlook) sourceTable(fits fit, told func(string) bool, width int) table.Table {
	t := table.Table{
		Columns: []table.Column{{Name: "source"}, {Name: "kind", Rank: 3}, {Name: "state"}, {Name: "data", Right: true, Rank: 1}, {Name: "exchanges", Right: true, Rank: 4}, {Name: "failed", Right: true, Rank: 2}},
	}
	list := slices.Clone(o.sources)
	named := o.named(fits)
	slices.SortStableFunc(list, func(a, b api.SourceStatus) int {
		return cmp.Or(order(b.Troubled() && named[b.Name])-order(a.Troubled() && named[a.Name]), int(b.Quality)-int(a.Quality))
	})
	shown, more := shortened(list, fits.rows, api.SourceStatus.Troubled)
	for _, s := range shown {
		row := table.Cells(s.Name, s.Kind, s.State, "", fmt.Sprint(s.Exchanges), fmt.Sprint(s.Failures))
		if !s.LastReading.IsZero() {
			row[3].Text = ago(o.status.Now.Sub(s.LastReading))
		}
		row[2].Style = styleOf(s.Quality)
		why := ""
		if (s.Troubled() || s.Attempt > 0) && !told(s.LastError) {
			why = s.LastError
		}
		t.Add(row, fits.reason(why, width))
	}
	return andMore(t, more, "source")
}

// sinkTable shows how far each sink has come, and what stands in its way.
func (o outlook) sinkTable(fits fit, width int) table.Table {
	t := table.Table{
		Columns: []table.Column{
			{Name: "sink"},
			{Name: "kind", Rank: 4},
			{Name: "state"},
			{Name: "delivered", Right: true, Rank: 2},
			{Name: "waiting", Right: true},
			{Name: "oldest", Right: true, Rank: 1},
			{Name: "refused", Right: true, Rank: 3},
			{Name: "last", Right: true, Rank: 5},
		},
	}
	list := slices.Clone(o.status.Sinks)
	slices.SortStableFunc(list, func(a, b api.SinkStatus) int { return int(b.Quality) - int(a.Quality) })
	shown, more := shortened(list, fits.sinks, func(api.SinkStatus) bool { return true })
	for _, k := range shown {
		row := table.Cells(k.Name, k.Kind, k.State, fmt.Sprint(k.Delivered), fmt.Sprint(k.Waiting), "", fmt.Sprint(k.Dead), "")
		row[2].Style = styleOf(k.Quality)
		if !k.Oldest.IsZero() {
			row[5].Text = ago(o.status.Now.Sub(k.Oldest))
		}
		if !k.LastAt.IsZero() {
			row[7].Text = ago(o.status.Now.Sub(k.LastAt))
		}
		why := ""
		if k.Attempt > 0 || k.Troubled() { // else what it says last is of before
			why = k.LastError
			if !k.NextTry.IsZero() {
				why += "; next try " + k.NextTry.UTC().Format(time.TimeOnly) + "Z"
			}
		}
		t.Add(row, fits.reason(strings.TrimPrefix(why, "; "), width))
	}
	return andMore(t, more, "sink")
}

// moduleTable shows how the module of each feed has fared.
func (o outlook) moduleTable(fits fit, width int) table.Table {
	t := table.Table{
		Columns: []table.Column{{Name: "module"}, {Name: "feed"}, {Name: "state"}, {Name: "events", Right: true, Rank: 1}, {Name: "failed", Right: true, Rank: 1}},
	}
	list := slices.Clone(o.status.Modules)
	slices.SortStableFunc(list, func(a, b api.ModuleStatus) int { return order(b.Troubled()) - order(a.Troubled()) })
	shown, more := shortened(list, fits.rows, func(api.ModuleStatus) bool { return true })
	for _, m := range shown {
		state := table.Cell{Text: "running", Style: table.Green}
		switch {
		case m.Loading:
			state = table.Cell{Text: "being loaded", Style: table.Yellow}
		case !m.Running:
			state = table.Cell{Text: "not running", Style: table.Red}
		}
		why := ""
		if m.Failed > 0 || !m.Running {
			why = m.LastError
		}
		row := table.Cells(m.Name+" "+m.Version, m.Feed, "", fmt.Sprint(m.Events), fmt.Sprint(m.Failed))
		row[2] = state
		t.Add(row, fits.reason(why, width))
	}
	return andMore(t, more, "module")
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
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
	memory := fmt.Sprintf("%.1f MiB", mebibytes(s.Memory.Used))
	if s.Memory.Budget > 0 {
		memory += fmt.Sprintf(", the heap's goal is %.1f MiB", mebibytes(s.Memory.Budget))
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

// shortened returns those of a long list that are in trouble, as many as may be, and how many are left out; all of a short one.
func shortened[T any](list []T, most int, troubled func(T) bool) (shown []T, more int) {
	if len(list) <= most {
		return list, 0
	}
	for _, item := range list {
		if len(shown) < most && troubled(item) {
			shown = append(shown, item)
		}
	}
	return shown, len(list) - len(shown)
}

// andMore says how many rows were left out, below the last one.
func andMore(t table.Table, more int, noun string) table.Table {
	switch last := len(t.Rows) - 1; {
	case more == 0:
	case last < 0:
		t.Add(table.Cells(count(more, noun)), reason("none is in trouble; --all shows them", table.Normal))
	default:
		t.Rows[last].Below = append(t.Rows[last].Below, table.Cell{Text: "and " + count(more, "more "+noun) + ": --all shows them", Style: table.Dim})
	}
	return t
}

func styleOf(q dodona.Quality) table.Style {
	return map[dodona.Quality]table.Style{dodona.Good: table.Green, dodona.Uncertain: table.Yellow, dodona.Bad: table.Red}[q]
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
