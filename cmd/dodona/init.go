package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

type initCommand struct {
	File     string        `arg:"" optional:"" default:"dodona.yaml" help:"The configuration to write."`
	URL      string        `help:"The document to read, http or https." placeholder:"URL"`
	Path     string        `name:"file" help:"The file to read instead: one JSON document, or one in each line." placeholder:"FILE"`
	Value    []string      `help:"A number (repeat): its pointer, and the name of its feed if you like." placeholder:"POINTER[=FEED]" sep:"none"`
	Name     string        `help:"The name of the feed." placeholder:"FEED"`
	Unit     string        `help:"The unit: a UCUM code such as Cel, or an ISO 4217 one such as USD." placeholder:"UNIT"`
	Decimals *uint8        `help:"How many decimals answers have; as many as the number has now if left out." placeholder:"N"`
	Every    time.Duration `help:"How often to ask; 10s if left out." placeholder:"TIME"`
	Bearer   string        `help:"File that holds a bearer token for the document." placeholder:"FILE"`
	Header   []string      `help:"A header for the document whose value is in a file (repeat)." placeholder:"NAME=FILE" sep:"none"`
	Wait     time.Duration `help:"How long to wait for the document." default:"30s"`
}

// Run asks for what the flags do not say, if there is a terminal to ask, reads the document once, and writes a configuration
// and a key. It overwrites nothing, and writes nothing before all is known.
func (c initCommand) Run(ctx context.Context, term terminal) error {
	if strings.Contains(c.File, "://") && c.URL == "" {
		c.URL, c.File = c.File, "dodona.yaml"
	}
	d := newDraft(c.File)
	if err := d.free(); err != nil {
		return failure{exitUsage, err}
	}
	ask := &asker{term: term, lines: bufio.NewReader(term.in)}
	if err := c.origin(ask, &d); err != nil {
		return err
	}
	t, err := c.read(ctx, term, &d)
	if err != nil {
		return err
	}
	if err := c.pick(ask, &d, t); err != nil {
		return err
	}
	if err := c.details(ask, &d); err != nil {
		return err
	}
	if !term.asks && c.Name == "" && c.Unit == "" && c.Decimals == nil && c.Every == 0 {
		fmt.Fprintln(term.err, "name, unit, decimals and pace are as usual; --name, --unit, --decimals and --every say others")
	}
	return d.write(term)
}

// origin finds out what is to be read.
func (c initCommand) origin(ask *asker, d *draft) (err error) {
	where := c.URL
	if c.URL != "" && c.Path != "" {
		return failure{exitUsage, errors.New("--url and --file: want one of them; more sources are added in the file that is written")}
	}
	if c.Path == "" && where == "" {
		if where, err = ask.must("what to read: a URL, or a file with JSON", "--url URL or --file FILE"); err != nil {
			return err
		}
		if !strings.Contains(where, "://") && isFile(where) {
			c.Path, where = where, ""
		}
	}
	d.url, d.file, d.bearer = strings.TrimSpace(where), c.Path, c.Bearer
	for _, text := range c.Header {
		name, file, found := strings.Cut(text, "=")
		if !found || name == "" || file == "" {
			return failure{exitUsage, fmt.Errorf("--header %q: want NAME=FILE, such as X-API-Key=keys/api: the value stands in the file", name)}
		}
		d.headers = append(d.headers, [2]string{name, file})
	}
	if d.file != "" && (d.bearer != "" || d.headers != nil) {
		return failure{exitUsage, errors.New("--bearer and --header are for a URL")}
	}
	d.name()
	return nil
}

// read reads the document, by the configuration as it will be written.
func (c initCommand) read(ctx context.Context, term terminal, d *draft) (taste, error) {
	if c.Wait <= 0 {
		return taste{}, failure{exitUsage, fmt.Errorf("--wait %v: want more than nothing, such as 30s", c.Wait)}
	}
	var errs []error
	for _, attempt := range d.attempts() {
		s, err := attempt.sourceOf()
		if err != nil {
			return taste{}, failure{exitUsage, err}
		}
		limited, cancel := context.WithTimeout(ctx, c.Wait)
		t := tasteSlowly(limited, term, s, attempt.where(), c.Wait)
		cancel()
		if t.err == nil {
			*d = attempt
			return c.inLines(ctx, d, t), nil
		}
		errs = append(errs, fmt.Errorf("read %s: %w%s", attempt.where(), t.err, remedy(t.err)))
		if answered(t.err) {
			break // whoever answers is whom the address means
		}
	}
	return taste{}, errors.Join(errs...)
}

// inLines reads a file that is no document as lines, if its lines are documents.
func (c initCommand) inLines(ctx context.Context, d *draft, t taste) taste {
	if _, _, err := extract.Places(t.readings[len(t.readings)-1], 0); err == nil || d.file == "" || d.lines {
		return t
	}
	lines := *d
	lines.lines = true
	s, err := lines.sourceOf()
	if err != nil {
		return t
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	again := tasteOne(ctx, s, c.Wait)
	if again.err != nil {
		return t
	}
	if _, _, err := extract.Places(again.readings[len(again.readings)-1], 0); err != nil {
		return t
	}
	*d = lines
	return again
}

// tasteSlowly makes one exchange, and tells after a second, and then again and again, that it is waiting.
func tasteSlowly(ctx context.Context, term terminal, s config.Source, where string, wait time.Duration) taste {
	began, done := time.Now(), make(chan taste, 1)
	go func() { done <- tasteOne(ctx, s, wait) }()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for told := false; ; told = true {
		select {
		case t := <-done:
			if told && term.watched {
				fmt.Fprint(term.err, "\r\x1b[K")
			}
			return t
		case <-look.C:
			switch {
			case term.watched:
				fmt.Fprintf(term.err, "\rwaiting for %s: %v of at most %v\x1b[K", printable(where), time.Since(began).Round(time.Second), wait)
			case !told:
				fmt.Fprintf(term.err, "waiting for %s, at most %v\n", printable(where), wait)
			}
		}
	}
}

// answered reports whether an error is what a server said rather than that there is none.
func answered(err error) bool {
	for _, method := range []string{"GET ", "POST "} {
		if rest, found := strings.CutPrefix(err.Error(), method); found {
			words := strings.Fields(rest)
			if len(words) > 1 {
				if _, err := strconv.Atoi(strings.Trim(words[1], ":")); err == nil {
					return true
				}
			}
		}
	}
	return false
}

// remedy says what to do about a document that cannot be read.
func remedy(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, " 401") || strings.Contains(text, " 403"):
		return "\nit wants to know who asks: put the token into a file (chmod 600) and name it with --bearer FILE, or with --header NAME=FILE, such as X-API-Key=keys/api"
	case strings.Contains(text, " 404"):
		return "\nnothing is there: is the path complete, with its query (in quotes, for a shell takes & and ? for itself)?"
	case strings.Contains(text, "max_size"):
		return "\nask for less of it: a path or a query for the one number, if there is one"
	case strings.Contains(text, "does not look like a TLS handshake") || strings.Contains(text, "HTTP response to HTTPS client"):
		return "\nwho listens there speaks http, not https: say http://"
	case strings.Contains(text, "x509") || strings.Contains(text, "certificate"):
		return "\nits certificate is of nobody that this machine trusts; a configuration can name the right one with ca"
	}
	return ""
}

// pick lets the numbers be chosen that become feeds.
func (c initCommand) pick(ask *asker, d *draft, t taste) error {
	r := t.readings[len(t.readings)-1]
	places, count, err := extract.Places(r, mostListed)
	if err != nil {
		return fmt.Errorf("read %s: %w\n%s", d.where(), err, noDocument(r.Body))
	}
	if count == 0 {
		return fmt.Errorf("read %s: the document has no number; it begins %s", d.where(), plain.Quote(string(r.Body), 60))
	}
	var chosen []pick
	switch {
	case len(c.Value) > 0:
		for _, text := range c.Value {
			pointer, feed, _ := strings.Cut(text, "=")
			chosen = append(chosen, pick{Place: extract.Place{Pointer: pointer}, feed: feed})
		}
	case count == 1:
		chosen = []pick{{Place: places[0]}}
		fmt.Fprintf(ask.term.err, "the only number stands at %s: %s\n", printable(pointerText(places[0].Pointer)), printable(places[0].Text))
	default:
		if chosen, err = ask.choose(places, count); err != nil {
			return err
		}
	}
	for i, p := range chosen {
		if err := p.take(r, places); err != nil {
			return failure{exitUsage, fmt.Errorf("--value %s: %w", printable(p.Pointer), err)}
		}
		if slices.ContainsFunc(chosen[:i], func(other pick) bool { return other.Pointer == p.Pointer }) {
			return failure{exitUsage, fmt.Errorf("--value %s stands there twice", printable(p.Pointer))}
		}
		chosen[i] = p
	}
	d.picks = chosen
	return nil
}

// noDocument says what a body is that is no JSON, as far as that can be seen.
func noDocument(body []byte) string {
	start := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	switch {
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return "this is a web page, made to be looked at: look for the address of its data (an API) in its documentation"
	case strings.HasPrefix(start, "<"):
		return "this is XML; numbers are read from JSON: does the server have that too?"
	case start == "":
		return "the answer is empty"
	case strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		return "it begins as JSON; what is wrong with it is said above"
	}
	return "numbers are read from JSON"
}

// mostListed is how many numbers of a document can be chosen from.
const mostListed = 20000

// details finds out the names, the units, the decimals and the pace.
func (c initCommand) details(ask *asker, d *draft) (err error) {
	if c.Name != "" && len(d.picks) > 1 {
		return failure{exitUsage, errors.New("--name is for one number; name the feeds of several with --value POINTER=FEED")}
	}
	taken := map[string]bool{}
	for i := range d.picks {
		p := &d.picks[i]
		p.feed = cmp.Or(p.feed, c.Name)
		if p.feed == "" {
			if p.feed, err = ask.maybe(fmt.Sprintf("name of the feed of %s", pointerText(p.Pointer)), d.feedName(*p, taken), checkFeedName); err != nil {
				return err
			}
		}
		if err := checkFeedName(p.feed); err != nil {
			return failure{exitUsage, err}
		}
		if taken[p.feed] {
			return failure{exitUsage, fmt.Errorf("feed %s: two numbers cannot have one name", p.feed)}
		}
		taken[p.feed] = true
		if p.unit = c.Unit; p.unit == "" {
			if p.unit, err = ask.maybe("unit, such as Cel, kW.h or USD (empty: none)", "", nil); err != nil {
				return err
			}
		}
		p.decimals = decimalsOf(p.Text)
		if c.Decimals != nil {
			p.decimals = *c.Decimals
			continue
		}
		text, err := ask.maybe("decimals", strconv.Itoa(int(p.decimals)), checkDecimals)
		if err != nil {
			return err
		}
		n, _ := strconv.ParseUint(text, 10, 8) // it was checked
		p.decimals = uint8(n)
	}
	d.every = c.Every
	if d.every == 0 {
		text, err := ask.maybe("how often", "10s", checkEvery)
		if err != nil {
			return err
		}
		d.every, _ = unit.ParseDuration(text) // it was checked
	}
	return nil
}

// mostNameParts is how many parts the name of a feed may have in a configuration.
const mostNameParts = 4

func checkFeedName(s string) error { return dodona.CheckName(s, mostNameParts) }

func checkDecimals(s string) error {
	if n, err := strconv.ParseUint(s, 10, 8); err != nil || n > 57 {
		return errors.New("want a number from 0 to 57")
	}
	return nil
}

func checkEvery(s string) error {
	if d, err := unit.ParseDuration(s); err != nil || d < 100*time.Millisecond {
		return errors.New("want a time such as 10s, 1m or 500ms, at least 100ms")
	}
	return nil
}

// decimalsOf returns how many decimals a number shows.
func decimalsOf(text string) uint8 {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	_, fraction, _ := strings.Cut(mantissa, ".")
	shift, _ := strconv.Atoi(exponent) // 0 without one
	return uint8(min(max(len(fraction)-shift, 0), 18))
}

// An asker asks whoever sits at the terminal. Without one, each question is answered by its default, or is an error that
// names the flag.
type asker struct {
	term  terminal
	lines *bufio.Reader
}

var errNobody = errors.New("nothing was written: the answers ended")

func (a *asker) line(question string) (string, error) {
	fmt.Fprintf(a.term.err, "%s: ", question)
	text, err := a.lines.ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		fmt.Fprintln(a.term.err)
		return "", errNobody
	}
	return strings.TrimSpace(text), nil
}

// must asks until there is an answer.
func (a *asker) must(question, flag string) (string, error) {
	if !a.term.asks {
		return "", failure{exitUsage, fmt.Errorf("there is no terminal to ask at; say %s", flag)}
	}
	for {
		if text, err := a.line(question); err != nil || text != "" {
			return text, err
		}
	}
}

// maybe asks, and takes what is usual for an empty answer.
func (a *asker) maybe(question, usual string, check func(string) error) (string, error) {
	if !a.term.asks {
		return usual, nil
	}
	if usual != "" {
		question += " [" + usual + "]"
	}
	for {
		text, err := a.line(question)
		if err != nil {
			return "", err
		}
		if text = cmp.Or(text, usual); check == nil {
			return text, nil
		}
		if err := check(text); err == nil {
			return text, nil
		} else {
			fmt.Fprintln(a.term.err, printable(err.Error()))
		}
	}
}

// pageLines is how many numbers are listed at once.
const pageLines = 20

// choose lets numbers of a list be chosen, and the list be searched.
func (a *asker) choose(places []extract.Place, count int) ([]pick, error) {
	if !a.term.asks {
		a.list(places, 0, count)
		return nil, failure{exitUsage, fmt.Errorf("the document has %d numbers; say which with --value POINTER, such as --value %s", count, plain.ShellWord(places[0].Pointer))}
	}
	shown, from := indexes(len(places)), 0
	for {
		more := a.show(places, shown, from, count)
		question := "which? its number or its pointer, several with commas; or a part of one to look for"
		if more {
			question += "; Enter for more"
		}
		text, err := a.line(question)
		if err != nil {
			return nil, err
		}
		if text == "" {
			if from += pageLines; !more {
				shown, from = indexes(len(places)), 0
			}
			continue
		}
		if chosen, found := chosenIn(places, text); found {
			return chosen, nil
		}
		var hits []int
		for i, p := range places {
			if strings.Contains(strings.ToLower(p.Pointer+" "+p.Text), strings.ToLower(text)) {
				hits = append(hits, i)
			}
		}
		if len(hits) == 0 {
			fmt.Fprintf(a.term.err, "no number is at %s\n", printable(text))
			continue
		}
		shown, from = hits, 0
	}
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// chosenIn returns the numbers that a line names, by their places in the list or by their pointers.
func chosenIn(places []extract.Place, line string) (chosen []pick, found bool) {
	for _, word := range strings.Split(line, ",") {
		word = strings.TrimSpace(word)
		i := slices.IndexFunc(places, func(p extract.Place) bool { return p.Pointer == word && word != "" })
		if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(places) {
			i = n - 1
		}
		if i < 0 {
			return nil, false
		}
		chosen = append(chosen, pick{Place: places[i]})
	}
	return chosen, len(chosen) > 0
}

// show lists a page of numbers, and reports whether there are more.
func (a *asker) show(places []extract.Place, shown []int, from, count int) (more bool) {
	to := min(from+pageLines, len(shown))
	page := table.Table{Margin: 2, Columns: []table.Column{{Right: true}, {Whole: true}, {Whole: true}}}
	for _, i := range shown[from:to] {
		page.Rows = append(page.Rows, table.Cells(strconv.Itoa(i+1), pointerText(places[i].Pointer), places[i].Text))
	}
	for _, line := range page.Lines(a.term.width()) {
		fmt.Fprintln(a.term.err, line)
	}
	switch left := len(shown) - to; {
	case left > 0:
		fmt.Fprintf(a.term.err, "  … and %s more\n", dodona.Thousands(uint64(left)))
		return true
	case len(shown) == len(places) && count > len(places):
		fmt.Fprintf(a.term.err, "  … and %s more, which are not listed: name one by its pointer with --value\n", dodona.Thousands(uint64(count-len(places))))
	}
	return false
}

// list lists the first numbers for somebody who cannot be asked.
func (a *asker) list(places []extract.Place, from, count int) {
	a.show(places, indexes(min(len(places), pageLines)), from, count)
	if more := count - pageLines; more > 0 {
		fmt.Fprintf(a.term.err, "  … and %s more\n", dodona.Thousands(uint64(more)))
	}
}

// unwritten fails if there is something at path already.
func unwritten(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" && filepath.Ext(path) != ".key":
		return fmt.Errorf("%s is there already, and is not overwritten; to read it: dodona init --file %[1]s", path)
	case err == nil:
		return fmt.Errorf("%s is there already, and is not overwritten: move it away, or say another name: dodona init OTHER.yaml", path)
	default:
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s to write %s into", filepath.Dir(path), filepath.Base(path))
	}
	return nil
}
