package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

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
		if why == "" && s.Dropped > 0 && !told(s.LastError) {
			why = cmp.Or(s.LastError, o.drops(s, fits))
		}
		t.Add(row, fits.reason(why, width))
	}
	return andMore(t, more, "source")
}

// dropsShown is how long what a source dropped is told of where not all is shown: what is over troubles nobody.
const dropsShown = time.Hour

// drops says what a source dropped, and when last.
func (o outlook) drops(s api.SourceStatus, fits fit) string {
	when := ""
	if !s.DropTime.IsZero() { // else the node does not say it
		since := o.status.Now.Sub(s.DropTime)
		if since >= dropsShown && fits != wholly {
			return ""
		}
		when = " " + ago(since)
	}
	return fmt.Sprintf("%s dropped since the start, the last%s: %s", count(int(s.Dropped), "reading"), when, s.LastDrop)
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
		waits := ""
		if k.Unread > 0 {
			waits = fmt.Sprintf("%s waiting, and what %s of the sources brought behind them", unit.Count(uint64(k.Queue), "point"), count(k.Unread, "exchange"))
		}
		below := []table.Cell{fits.reason(waits, width), fits.reason(strings.TrimPrefix(why, "; "), width), fits.reason(k.Note, width)}
		if h := k.Held; h != nil {
			below = append(below, fits.reason(fmt.Sprintf("not sent last: %s: %s", h.Feed, h.Why), width))
		}
		if gap := k.Overtaken; gap != nil {
			below = append(below, fits.reason(fmt.Sprintf("overtaken: %s that came from %s to %s, at most: journal.raw freed them before they were delivered",
				unit.Count(gap.Readings, "reading"), gap.From.UTC().Format(time.DateTime), gap.Until.UTC().Format(time.DateTime)+"Z"), width))
		}
		t.Add(row, below...)
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
