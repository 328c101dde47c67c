package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A screen draws the table in place on a terminal, and lines now and then elsewhere.
type screen struct {
	out    *os.File
	live   *table.Live // nil where nothing moves
	title  []string    // above the table
	advice []string    // below it
	round  dodona.Round
	told   time.Time // when the last lines were printed, where nothing moves
}

func newScreen(out *os.File, title, advice []string) *screen {
	s := &screen{out: out, live: table.NewLive(out), title: title, advice: advice}
	if s.live == nil {
		s.print(append(append(title, ""), advice...))
	}
	return s
}

// nowAndThen is how often lines are printed where nothing moves.
const nowAndThen = 10 * time.Second

// draw shows the newest round of each feed and the sums.
func (s *screen) draw(t *tally) {
	rows, newest := t.rows()
	if s.live == nil {
		if newest != s.round && time.Since(s.told) >= nowAndThen {
			s.round, s.told = newest, time.Now()
			s.print(append(rows.Lines(table.Width(s.out)), t.told(table.Width(s.out))...))
		}
		return
	}
	columns, most := s.live.Size()
	_ = s.live.Draw(s.frame(rows.Lines(columns), t.told(columns), columns, most)) // what cannot be shown is of no use elsewhere
}

// frame puts everything on the screen, and of a low one leaves out what matters less.
func (s *screen) frame(rows, told []string, columns, most int) []string {
	lines := append(rows, told...)
	title, advice := wrapped(s.title, columns), wrapped(s.advice, columns)
	if len(title)+1+len(lines) <= most {
		lines = append(append(title, ""), lines...)
	}
	if len(lines)+1+len(advice) <= most {
		lines = append(append(lines, ""), advice...)
	}
	return lines
}

// close leaves the terminal as it was, with the last table on it.
func (s *screen) close(t *tally) {
	s.live.Close()
	width := table.Width(s.out)
	rows, _ := t.rows()
	lines := append(rows.Lines(width), t.told(width)...)
	if s.live != nil {
		lines = append(append(wrapped(s.title, width), ""), lines...)
	}
	s.print(append(lines, ""))
}

// print writes lines as they are.
func (s *screen) print(lines []string) { fmt.Fprintln(s.out, strings.Join(lines, "\n")) }

func wrapped(texts []string, width int) (lines []string) {
	for _, text := range texts {
		if strings.HasPrefix(text, "  ") && width > 0 && table.Measure(text) > width {
			lines = append(lines, continued(text, width)...)
		} else {
			lines = append(lines, table.Wrap(text, width)...)
		}
	}
	return lines
}

// continued breaks a command so that a shell takes its lines for one.
func continued(command string, width int) []string {
	const on = ` \`
	lines := table.Wrap(command, max(width-len(on), 1))
	for i := range lines[:len(lines)-1] {
		lines[i] += on
	}
	return lines
}

// rows returns a row for each feed that had a round, and the newest round that all of them have seen.
func (t *tally) rows() (rows table.Table, newest dodona.Round) {
	rows = table.Table{
		Columns: []table.Column{
			{Name: "feed"},
			{Name: "answer", Right: true, Whole: true},
			{Name: "quality", Rank: 2},
			{Name: "sources", Rank: 1, Least: 24},
			{Name: "round", Rank: 4},
			{Name: "age", Right: true, Rank: 3},
			{Name: "signed→kept", Right: true, Rank: 5},
		},
		Margin: 2,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.feeds {
		o, found := t.last[name]
		if !found {
			rows.Add(table.Cells(name, "no round yet", ""))
			continue
		}
		if newest == 0 || o.Round < newest {
			newest = o.Round
		}
		rows.Add(table.Cells(name, answerText(o.Answer), qualityText(o.Bundle), sourcesText(o.Bundle),
			o.Round.Time().Format(time.TimeOnly), fmt.Sprintf("%.1f s", time.Since(o.at).Seconds()), keptText(o.Kept)))
	}
	if t.onchain > 0 {
		rows.Add(table.Cells("on chain", t.slot, "", fmt.Sprintf("%s, %d gas; anchors: %d", unit.Count(t.onchain, "update"), t.gas, t.anchors)))
	}
	return rows, newest
}

// told says what was counted, on lines that fit.
func (t *tally) told(width int) []string {
	n := t.sums()
	text := fmt.Sprintf("answers %d · verified %d · missed %d", n.Attested, n.Verified, n.Missed)
	if t.market != nil {
		lies, hangs := t.market.faults()
		t.mu.Lock()
		text += fmt.Sprintf(" · liar lied %d, its values rejected %d · hangs survived %d", lies, t.refused, hangs)
		t.mu.Unlock()
	}
	lines := table.Hang("  ", text, width)
	if words := t.outage.told(); words != "" {
		lines = append(lines, table.Hang("  ", words, width)...)
	}
	return lines
}

func answerText(a *dodona.Answer) string {
	if a == nil {
		return "missed"
	}
	return a.Feed.Format(a.Attestation.Report.Value)
}

// qualityText says what the answer is worth; a missed round is bad.
func qualityText(b *dodona.Bundle) string {
	if b == nil {
		return ""
	}
	return b.Quality.String()
}

// sourcesText shows each source with a word, because colour alone says nothing to many.
func sourcesText(b *dodona.Bundle) string {
	if b == nil {
		return ""
	}
	words := make([]string, 0, len(b.Inputs))
	for _, in := range b.Inputs {
		switch in.Status {
		case dodona.InputUsed, dodona.InputGiven:
			words = append(words, in.Source+" ✓")
		default:
			words = append(words, in.Source+" ✗ "+string(in.Status))
		}
	}
	return strings.Join(words, "  ")
}

func keptText(kept time.Duration) string {
	if kept == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms", float64(kept.Microseconds())/1000)
}
