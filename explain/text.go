package explain

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Columns of the tree.
const (
	columnEnds  = 15 // where what stands under the tree says its facts
	columnFacts = 33 // where the second column starts
	columnProof = 73 // and the third
	longestHow  = 60 // what is longer does not move the third
)

// A View is how a story is shown.
type View struct {
	Color bool   // ANSI colours, which never are the only sign
	Width int    // columns of the terminal; 0: as many as need be
	Flags string // of the commands that the text names: which node, by which token
}

// Show writes the story as a tree, for people.
func (s Story) Show(w io.Writer, v View) error {
	p := printer{View: v}
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

// Text writes the story as Show does, on lines as long as need be.
func (s Story) Text(w io.Writer, color bool) error { return s.Show(w, View{Color: color}) }

// String returns the story as Text writes it, without colours.
func (s Story) String() string {
	var b strings.Builder
	_ = s.Text(&b, false) // a builder never fails
	return b.String()
}

type printer struct {
	View
	out bytes.Buffer
}

// A cell is text with a style; its width is that of the text.
type cell struct {
	text  string
	style table.Style
}

// line writes cells at columns, with two blanks between them where one is too long. What is beyond the terminal goes
// on below, indented as far as under.
func (p *printer) line(under int, columns []int, cells ...cell) {
	at := 0 // where the line ends
	for i, c := range cells {
		if c.text == "" {
			continue
		}
		begin := 0
		if i > 0 {
			begin = max(columns[i-1], at+min(at, 2))
		}
		if beyond := begin + table.Measure(c.text) - p.Width; p.Width > 0 && beyond > 0 && begin > at+2 {
			begin = max(begin-beyond, at+2)
		}
		if p.Width > 0 && begin+table.Measure(c.text) > p.Width {
			at = p.wrapped(at, under, c)
			continue
		}
		p.out.WriteString(strings.Repeat(" ", begin-at) + table.Paint(c.text, c.style, p.Color))
		at = begin + table.Measure(c.text)
	}
	p.out.WriteByte('\n')
}

// wrapped writes a cell on lines of its own, or on this one if nothing stands in it, and returns where the last one ends.
func (p *printer) wrapped(at, under int, c cell) int {
	under = min(under, p.Width/2)
	first := p.Width - under
	if at == 0 { // the tree itself, which begins where it must
		under = min(len(c.text)-len(strings.TrimLeft(c.text, " "))+2, p.Width/2)
		first = p.Width
	}
	for i, line := range table.WrapFrom(c.text, first, p.Width-under) {
		begin := 0
		if i > 0 || at > 0 {
			begin = under
			p.out.WriteString("\n" + strings.Repeat(" ", under))
		}
		p.out.WriteString(table.Paint(line, c.style, p.Color))
		at = begin + table.Measure(line)
	}
	return at
}

// command returns one that asks the same node.
func (p *printer) command(words string) string {
	if p.Flags == "" {
		return words
	}
	return words + " " + p.Flags
}

func (p *printer) headline(s Story) {
	title := cell{printable(s.Feed) + " = " + printable(s.Answer), table.Bold}
	if s.Answer == "" {
		title = cell{printable(s.Feed) + " has no answer", table.Bold}
	}
	if s.Anchoring.unknown() != "" {
		title = cell{printable(s.Feed) + ": not known whether it has an answer", table.Bold}
	}
	when := fmt.Sprintf("round %d (%s UTC)", uint64(s.Round), s.At.UTC().Format("2006-01-02 15:04:05.999"))
	p.line(2, []int{columnFacts}, title, cell{when, table.Normal})
	if n := s.Newer; n != nil {
		more := p.command(fmt.Sprintf("dodona explain %s %d", printable(s.Feed), uint64(n.Last)))
		p.line(2, nil, cell{"! " + n.String() + "; " + more, table.Red})
	}
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
		facts := cell{strings.Join(signers, " ") + " ✓ low-s", table.Green}
		if !a.Verdict.Valid {
			facts = cell{"✗ " + string(a.Verdict.Reason) + ": " + printable(a.Verdict.Message), table.Red}
		}
		proof := ""
		if a.Verdict.Valid {
			proof = "report " + a.Verdict.Digest.Short()
		}
		p.line(2*depth+4, columns, cell{branch(fmt.Sprintf("attested %d of %d", a.K, a.N)), table.Normal}, facts, cell{proof, table.Dim})
	} else {
		p.unattested(s, branch)
	}
	switch o := s.Observation; {
	case o != nil:
		facts := "origin " + o.Origin.Digest().Short() + "  program " + o.Program.Short()
		p.line(2*depth+4, columns, cell{branch("observed by " + printable(cmp.Or(o.Node, o.Signer.Short()))), table.Normal}, cell{facts, table.Dim}, cell{took(s), table.Normal})
	case s.Value != nil && s.Node != "":
		p.line(2*depth+4, columns, cell{branch("computed by " + printable(s.Node)), table.Normal}, cell{}, cell{took(s), table.Normal})
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
		p.line(4, nil, cell{branch("missed: " + readable(missed)), table.Red})
	case StateRejected:
		why := "rejected"
		if len(s.Rejections) > 0 {
			why += ": " + printable(s.Rejections[0].Reason+": "+s.Rejections[0].Message)
		}
		p.line(4, nil, cell{branch(why), table.Red})
	case StateObserved:
		if len(s.Events) > 0 {
			p.line(4, nil, cell{branch("not attested: " + s.Events[0].why()), table.Red})
			return
		}
		p.line(4, nil, cell{branch("not attested: the validator has not decided it, or its decision is no longer kept"), table.Normal})
	default:
		switch {
		case len(s.Events) > 0:
			p.line(4, nil, cell{branch("not signed: " + s.Events[0].why()), table.Red})
		case s.Unsigned != "":
			p.line(4, nil, cell{branch("not signed: " + s.Unsigned), table.Red})
		default:
			p.line(4, nil, cell{branch("not signed yet"), table.Normal})
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
	points, values, facts := 0, 0, 0
	for _, in := range s.Inputs {
		points = max(points, table.Measure(printable(in.Point)))
		values = max(values, table.Measure(s.said(in)))
		if long := table.Measure(s.how(in)); long <= longestHow {
			facts = max(facts, long)
		}
	}
	indent := strings.Repeat("  ", depth)
	for i, in := range s.Inputs {
		twig := "├ "
		if i == len(s.Inputs)-1 {
			twig = "└ "
		}
		said := s.said(in)
		name := indent + twig + pad(printable(in.Point), points) + " " + strings.Repeat(" ", values-table.Measure(said)) + said
		mark := table.Measure(name) + 2
		how := max(columnFacts, mark+3)
		p.line(len(indent)+4, []int{mark, how, max(columnProof, how+facts+2)},
			cell{name, table.Normal}, markOf(in.Status), cell{s.how(in), table.Normal}, cell{bytesOf(in), table.Dim})
	}
}

// markOf tells at a glance what became of a source's value; the words beside it say the same.
func markOf(status dodona.InputStatus) cell {
	switch status {
	case dodona.InputUsed:
		return cell{"✓", table.Green}
	case dodona.InputGiven:
		return cell{"→", table.Normal}
	}
	return cell{"✗", table.Red}
}

// said is the value a source gave, as the feed writes values, or a dash. What a module is given is of no feed yet.
func (s Story) said(in Input) string {
	switch {
	case in.Value == nil:
		return "—"
	case s.Identity == nil || in.Status == dodona.InputGiven:
		return strings.TrimSpace(in.Value.Grouped(0) + " " + printable(in.Unit))
	}
	f := *s.Identity
	f.Unit = "" // in the first line already
	return printable(f.FormatExact(*in.Value))
}

// how tells the exchange of an input that counts, and the reason of one that was not used.
func (s Story) how(in Input) string {
	given := in.Status == dodona.InputGiven
	switch {
	case in.Status != dodona.InputUsed && !given:
		return readable(joined(string(in.Status), in.Reason))
	case len(in.Readings) == 0 && s.Module != nil && !given:
		return readable(joined("made by "+s.Module.Name, in.Reason))
	case len(in.Readings) == 0:
		return readable(in.Reason)
	}
	r := in.Readings[len(in.Readings)-1]
	size := fmt.Sprintf("%d B", r.Size)
	detail := printable(r.Detail)
	if !strings.Contains(detail, " B") {
		detail = strings.TrimPrefix(detail+", "+size, ", ")
	}
	if given {
		detail = "given to the module, " + detail
	}
	if in.Reason != "" {
		detail += "; " + readable(in.Reason)
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
		p.line(columnEnds, []int{columnEnds}, cell{"  quality", table.Normal}, cell{s.Quality.String(), table.Normal})
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
		p.line(columnEnds, []int{columnEnds}, cell{"  module", table.Normal}, cell{facts, table.Normal})
	}
	if s.State == StateAttested || s.Anchoring != nil {
		p.line(columnEnds, []int{columnEnds}, cell{"  anchored", table.Normal}, cell{printable(s.Anchored), table.Normal})
	}
	for _, e := range s.Events {
		if e.Do != "" {
			p.line(columnEnds, []int{columnEnds}, cell{"  what to do", table.Normal}, cell{printable(e.Do), table.Normal})
		}
	}
	for _, d := range s.Published {
		p.line(columnEnds, []int{columnEnds}, cell{"  published", table.Normal}, cell{d.String(), table.Normal})
	}
	for _, d := range s.Deliveries {
		p.line(columnEnds, []int{columnEnds}, cell{"  delivered", table.Normal}, cell{d.String(), table.Normal})
	}
	for _, h := range s.Held {
		p.line(columnEnds, []int{columnEnds}, cell{"  not sent", table.Normal}, cell{printable(h.Sink + ": " + h.Why), table.Normal})
	}
	for _, w := range s.Pending {
		p.line(columnEnds, []int{columnEnds}, cell{"  on its way", table.Normal}, cell{w.String(), table.Normal})
	}
	for _, g := range s.Gone {
		p.line(columnEnds, []int{columnEnds}, cell{"  gone", table.Normal}, cell{printable(g), table.Normal})
	}
	for _, b := range s.Broken {
		p.line(columnEnds, []int{columnEnds}, cell{"  BROKEN", table.Red}, cell{printable(b), table.Red})
	}
	if len(s.Inputs) > 0 {
		// Whole on one line, however narrow the terminal is: it is there to be pasted.
		export := p.command(fmt.Sprintf("dodona bundle export %s %d", printable(s.Feed), uint64(s.Round)))
		p.out.WriteString(table.Paint("replay: "+export+" | dodona replay -", table.Dim, p.Color) + "\n")
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
	return s + strings.Repeat(" ", max(0, width-table.Measure(s)))
}

const maxLine = 480 // bytes of one fact on a terminal

// printable makes text that came from elsewhere fit for one fact.
func printable(s string) string { return plain.Line(s, maxLine) }

// readable returns a recorded reason for people.
func readable(s string) string { return unit.Readable(printable(s)) }
