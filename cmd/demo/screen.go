package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// A screen draws the table in place on a terminal, and a line a round elsewhere.
type screen struct {
	out   *os.File
	moves bool
	drawn int          // lines of the last drawing
	round dodona.Round // the last one printed, where nothing moves
}

func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	return &screen{out: out, moves: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"}
}

const header = "  feed      answer          sources                                        round     age    signed→kept"

// draw shows the newest round of each feed and the sums.
func (s *screen) draw(t *tally, last bool) {
	rows, newest := t.rows()
	if newest == 0 {
		return
	}
	sums := s.sums(t)
	if !s.moves {
		if newest != s.round {
			s.round = newest
			fmt.Fprintln(s.out, strings.Join(rows, "\n"))
		}
		if last {
			fmt.Fprintln(s.out, sums)
		}
		return
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	lines := append(append([]string{header}, rows...), sums)
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	s.drawn = len(lines)
	fmt.Fprint(s.out, b.String())
}

// rows writes a line for each feed that had a round, and returns the newest round that all of them have seen.
func (t *tally) rows() (rows []string, newest dodona.Round) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.feeds {
		o, found := t.last[name]
		if !found {
			continue
		}
		if newest == 0 || o.Round < newest {
			newest = o.Round
		}
		rows = append(rows, fmt.Sprintf("  %-9s %-15s %-46s %s  %4.1f s  %s", name, answerText(o.Answer, o.Bundle), sourcesText(o.Bundle),
			o.Round.Time().Format("15:04:05"), time.Since(o.at).Seconds(), keptText(o.Kept)))
	}
	if t.onchain > 0 {
		rows = append(rows, fmt.Sprintf("  on chain  %-15s updates of %s: %d, the newest for %d gas; anchors: %d", t.slot, onChain, t.onchain, t.gas, t.anchors))
	}
	return rows, newest
}

func (s *screen) sums(t *tally) string {
	n := t.sums()
	text := fmt.Sprintf("  answers %d · verified %d · missed %d", n.Attested, n.Verified, n.Missed)
	if t.market != nil {
		lies, hangs := t.market.faults()
		t.mu.Lock()
		text += fmt.Sprintf(" · liar lied %d, its values rejected %d · hangs survived %d", lies, t.refused, hangs)
		t.mu.Unlock()
	}
	return text
}

func answerText(a *dodona.Answer, b *dodona.Bundle) string {
	if a == nil {
		return "missed"
	}
	return a.Feed.Format(a.Attestation.Report.Value)
}

// sourcesText shows each source with a word, because colour alone says nothing to many.
func sourcesText(b *dodona.Bundle) string {
	if b == nil {
		return ""
	}
	words := make([]string, 0, len(b.Inputs))
	for _, in := range b.Inputs {
		switch in.Status {
		case dodona.InputUsed:
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
