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

// draw shows the newest round and the sums.
func (s *screen) draw(t *tally, last bool) {
	t.mu.Lock()
	o, seen, kept := t.last, t.lastSeen, t.kept
	t.mu.Unlock()
	if o.Round == 0 {
		return
	}
	row := fmt.Sprintf("  %-9s %-15s %-46s %s  %4.1f s  %s", "btc.usd", answerText(o.Answer, o.Bundle), sourcesText(o.Bundle),
		o.Round.Time().Format("15:04:05"), time.Since(seen).Seconds(), keptText(kept))
	sums := s.sums(t)
	if !s.moves {
		if o.Round != s.round {
			s.round = o.Round
			fmt.Fprintln(s.out, row)
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
	for _, line := range []string{header, row, sums} {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	s.drawn = 3
	fmt.Fprint(s.out, b.String())
}

func (s *screen) sums(t *tally) string {
	n := t.sums()
	text := fmt.Sprintf("  answers %d · verified %d · missed %d", n.Attested, n.Verified, n.Missed)
	if t.market != nil {
		lies, hangs := t.market.faults()
		t.mu.Lock()
		text += fmt.Sprintf(" · liar lied %d, rejected %d · hangs survived %d", lies, t.refused, hangs)
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

func keptText(kept []time.Duration) string {
	if len(kept) == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms", float64(kept[len(kept)-1].Microseconds())/1000)
}
