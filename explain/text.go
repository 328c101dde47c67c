package explain

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// Columns of the tree.
const (
	columnFacts = 33 // where the second column starts
	columnProof = 73 // and the third
)

// Text writes the story as a tree, for people. Color asks for ANSI colours, which never are the only sign.
func (s Story) Text(w io.Writer, color bool) error {
	p := printer{color: color}
	p.headline(s)
	depth := p.spine(s)
	p.inputs(s, depth)
	p.endings(s)
	_, err := w.Write(p.out.Bytes())
	if err != nil {
		return fmt.Errorf("write story: %w", err)
	}
	return nil
}

// String returns the story as Text writes it, without colours.
func (s Story) String() string {
	var b strings.Builder
	_ = s.Text(&b, false) // a builder never fails
	return b.String()
}

type printer struct {
	out   bytes.Buffer
	color bool
}

type style string

const (
	unstyled style = ""
	bold     style = "1"
	dim      style = "2"
	red      style = "31"
	green    style = "32"
)

func (p *printer) paint(st style, s string) string {
	if !p.color || st == unstyled || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

// A cell is text with a style; its width is that of the text.
type cell struct {
	text  string
	style style
}

// line writes cells at columns, with two blanks between them where one is too long.
func (p *printer) line(columns []int, cells ...cell) {
	at := 0
	for i, c := range cells {
		if c.text == "" {
			continue
		}
		if i > 0 {
			fill := columns[i-1] - at
			if fill < 2 && at > 0 {
				fill = 2
			}
			p.out.WriteString(strings.Repeat(" ", max(fill, 0)))
			at += max(fill, 0)
		}
		p.out.WriteString(p.paint(c.style, c.text))
		at += utf8.RuneCountInString(c.text)
	}
	p.out.WriteByte('\n')
}

func (p *printer) headline(s Story) {
	title := cell{printable(s.Feed) + " = " + printable(s.Answer), bold}
	if s.Answer == "" {
		title = cell{printable(s.Feed) + " has no answer", bold}
	}
	when := fmt.Sprintf("round %d (%s UTC)", uint64(s.Round), s.At.UTC().Format("2006-01-02 15:04:05.999"))
	p.line([]int{columnFacts}, title, cell{when, unstyled})
}

// spine writes attestation and observation, and returns how deep the inputs hang.
func (p *printer) spine(s Story) (depth int) {
	columns := []int{columnFacts, columnProof}
	branch := func(text string) string { t := strings.Repeat("  ", depth) + "└ " + text; depth++; return t }
	if a := s.Attestation; a != nil {
		signers := make([]string, len(a.Verdict.Signers))
		for i, signer := range a.Verdict.Signers {
			signers[i] = signer.Short()
		}
		facts := cell{strings.Join(signers, " ") + " ✓ low-s", green}
		if !a.Verdict.Valid {
			facts = cell{"✗ " + string(a.Verdict.Reason) + ": " + printable(a.Verdict.Message), red}
		}
		proof := ""
		if a.Verdict.Valid {
			proof = "report " + a.Verdict.Digest.Short()
		}
		p.line(columns, cell{branch(fmt.Sprintf("attested %d of %d", a.K, a.N)), unstyled}, facts, cell{proof, dim})
	} else {
		p.unattested(s, branch)
	}
	switch o := s.Observation; {
	case o != nil:
		facts := "origin " + o.Origin.Digest().Short() + "  program " + o.Program.Short()
		p.line(columns, cell{branch("observed by " + printable(cmp.Or(o.Node, o.Signer.Short()))), unstyled}, cell{facts, dim}, cell{took(s), unstyled})
	case s.Value != nil && s.Node != "":
		p.line(columns, cell{branch("computed by " + printable(s.Node)), unstyled}, cell{}, cell{took(s), unstyled})
	}
	return depth
}

// unattested says why there is no attestation.
func (p *printer) unattested(s Story, branch func(string) string) {
	switch s.State {
	case StateMissed:
		missed := cmp.Or(s.Missed, "no value was kept")
		if len(s.Inputs) > 0 {
			// What became of each source stands below, line by line.
			missed, _, _ = strings.Cut(missed, ": "+s.Inputs[0].Point+" ")
		}
		p.line(nil, cell{branch("missed: " + printable(missed)), red})
	case StateRejected:
		why := "rejected"
		if len(s.Rejections) > 0 {
			why += ": " + printable(s.Rejections[0].Reason+": "+s.Rejections[0].Message)
		}
		p.line(nil, cell{branch(why), red})
	case StateObserved:
		if len(s.Events) > 0 {
			p.line(nil, cell{branch("not attested: " + s.Events[0].why()), red})
			return
		}
		p.line(nil, cell{branch("not attested: the validator has not decided it, or its decision is no longer kept"), unstyled})
	default:
		switch {
		case len(s.Events) > 0:
			p.line(nil, cell{branch("not signed: " + s.Events[0].why()), red})
		case s.Unsigned != "":
			p.line(nil, cell{branch("not signed: " + s.Unsigned), red})
		default:
			p.line(nil, cell{branch("not signed yet"), unstyled})
		}
	}
}

func took(s Story) string {
	if s.TookMS == nil {
		return ""
	}
	return fmt.Sprintf("+%d ms", *s.TookMS)
}

// inputs writes one line a source: what it said, whether it counted, and which bytes it was.
func (p *printer) inputs(s Story, depth int) {
	points, values := 0, 0
	for _, in := range s.Inputs {
		points = max(points, utf8.RuneCountInString(printable(in.Point)))
		values = max(values, utf8.RuneCountInString(s.said(in)))
	}
	indent := strings.Repeat("  ", depth)
	for i, in := range s.Inputs {
		twig, mark := "├ ", cell{"✗", red}
		if i == len(s.Inputs)-1 {
			twig = "└ "
		}
		if in.Status == dodona.InputUsed {
			mark = cell{"✓", green}
		}
		name := indent + twig + pad(printable(in.Point), points) + " " + pad(s.said(in), values) + "  "
		at := utf8.RuneCountInString(name)
		p.line([]int{at, max(columnFacts, at+4), columnProof},
			cell{name, unstyled}, mark, cell{how(in), unstyled}, cell{bytesOf(in), dim})
	}
}

// said is the value a source gave, as the feed writes values, or a dash. What a module is given is of no feed yet.
func (s Story) said(in Input) string {
	switch {
	case in.Value == nil:
		return "—"
	case s.Identity == nil || in.Status == dodona.InputGiven:
		return in.Value.Grouped(0)
	}
	f := *s.Identity
	f.Unit = "" // in the first line already
	return printable(f.FormatExact(*in.Value))
}

// how tells the exchange of a used input, and the reason of one that was not used.
func how(in Input) string {
	if in.Status != dodona.InputUsed {
		return printable(joined(string(in.Status), in.Reason))
	}
	if len(in.Readings) == 0 {
		return printable(in.Reason)
	}
	r := in.Readings[len(in.Readings)-1]
	size := fmt.Sprintf("%d B", r.Size)
	detail := printable(r.Detail)
	if !strings.Contains(detail, " B") {
		detail = strings.TrimPrefix(detail+", "+size, ", ")
	}
	if in.Reason != "" {
		detail += "; " + printable(in.Reason)
	}
	return detail
}

// bytesOf names the readings behind an input.
func bytesOf(in Input) string {
	n := len(in.Readings)
	if n == 0 {
		return ""
	}
	last := in.Readings[n-1]
	text := "reading " + last.Digest.Short()
	if n > 1 {
		text = fmt.Sprintf("%d readings, the last %s", n, last.Digest.Short())
	}
	if !last.Kept {
		text += " (bytes no longer kept)"
	}
	return text
}

func (p *printer) endings(s Story) {
	if s.Quality != nil && *s.Quality != dodona.Good && s.Value != nil {
		p.line([]int{15}, cell{"  quality", unstyled}, cell{s.Quality.String(), unstyled})
	}
	if m := s.Module; m != nil {
		facts := printable(m.Name+" "+m.Version) + "  " + m.Digest.Short()
		switch {
		case !m.Ran:
			facts = printable(m.Name+" "+m.Version) + "  did not run"
		case m.Told > 0:
			facts += fmt.Sprintf("  fuel %s, told %s B by the world", dodona.Thousands(m.Fuel), dodona.Thousands(uint64(m.Told)))
		default:
			facts += "  fuel " + dodona.Thousands(m.Fuel)
		}
		p.line([]int{15}, cell{"  module", unstyled}, cell{facts, unstyled})
	}
	if s.State == StateAttested || s.Anchoring != nil {
		p.line([]int{15}, cell{"  anchored", unstyled}, cell{printable(s.Anchored), unstyled})
	}
	for _, e := range s.Events {
		if e.Do != "" {
			p.line([]int{15}, cell{"  what to do", unstyled}, cell{printable(e.Do), unstyled})
		}
	}
	for _, d := range s.Deliveries {
		p.line([]int{15}, cell{"  delivered", unstyled}, cell{d.String(), unstyled})
	}
	for _, g := range s.Gone {
		p.line([]int{15}, cell{"  gone", unstyled}, cell{printable(g), unstyled})
	}
	for _, b := range s.Broken {
		p.line([]int{15}, cell{"  BROKEN", red}, cell{printable(b), red})
	}
	if len(s.Inputs) > 0 {
		p.line(nil, cell{fmt.Sprintf("replay: dodona bundle export %s %d | dodona replay -", printable(s.Feed), uint64(s.Round)), dim})
	}
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	if a == "" || strings.HasPrefix(b, a) {
		return b
	}
	return a + ": " + b
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

const maxLine = 480 // bytes of one fact on a terminal

// printable makes text that came from elsewhere fit for one fact.
func printable(s string) string { return plain.Line(s, maxLine) }
