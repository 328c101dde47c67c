package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/node"
)

type initCommand struct {
	File     string        `arg:"" optional:"" default:"dodona.yaml" help:"The configuration to write."`
	URL      string        `help:"The document to read, http or https." placeholder:"URL"`
	Path     string        `name:"file" help:"The file to read instead: one JSON document, or one in each line." placeholder:"FILE"`
	Value    []string      `help:"A number (repeat): its pointer, and the name and the unit of its feed if you like." placeholder:"POINTER[=FEED[:UNIT]]" sep:"none"`
	Name     string        `help:"The name of the feed." placeholder:"FEED"`
	Unit     string        `help:"The unit: a UCUM code such as Cel, or an ISO 4217 one such as USD." placeholder:"UNIT"`
	Decimals *uint8        `help:"How many decimals answers have; as many as the number has now if left out." placeholder:"N"`
	Every    time.Duration `help:"How often to ask; 10s if left out." placeholder:"TIME"`
	Time     *string       `help:"Where the document says when the number was measured; an empty one for nowhere." placeholder:"POINTER"`
	Key      string        `help:"The key that signs: one that is there is used, else it is made. Beside the configuration if left out." placeholder:"FILE"`
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
	if err := c.keyOf(ask, &d); err != nil {
		if errors.Is(err, errNobody) {
			return err
		}
		return failure{exitUsage, err}
	}
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
	for i := range d.picks {
		d.choose(&d.picks[i], last(t))
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
	if err := otherScheme(where); err != nil {
		return failure{exitUsage, err}
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

// otherKinds speak what a URL begins with.
var otherKinds = map[string]string{
	"modbus": "modbus", "coap": "coap", "coaps": "coap", "opc.tcp": "opcua", "snmp": "snmp", "knx": "knx", "mqtt": "mqtt", "mqtts": "mqtt", "ws": "websocket", "wss": "websocket",
	"s7": "s7", "postgres": "sql", "postgresql": "sql", "mysql": "sql", "serial": "serial",
}

// otherScheme says where to begin with what is read otherwise than by a document.
func otherScheme(where string) error {
	scheme, rest, found := strings.Cut(where, "://")
	kind := otherKinds[strings.ToLower(scheme)]
	if !found || kind == "" {
		return nil
	}
	if scheme != "opc.tcp" && kind != "coap" {
		where = rest
	}
	text := fmt.Sprintf("scheme %q: want http or https; dodona kinds %s shows a configuration that reads such a device", scheme, kind)
	if slices.Contains(scannable(), kind) {
		text += fmt.Sprintf(", and dodona source scan %s %s prints one with what it has", kind, plain.ShellWord(where))
	}
	return errors.New(text)
}

// read reads the document, by the configuration as it will be written.
func (c initCommand) read(ctx context.Context, term terminal, d *draft) (node.SourceTrial, error) {
	if err := checkWait(c.Wait); err != nil {
		return node.SourceTrial{}, err
	}
	var errs []error
	for _, attempt := range d.attempts() {
		s, err := attempt.sourceOf()
		if err != nil {
			return node.SourceTrial{}, failure{exitUsage, err}
		}
		limited, cancel := context.WithTimeout(ctx, c.Wait)
		t := trySlowly(limited, term, s, attempt.where(), c.Wait)
		cancel()
		if t.Err == nil {
			*d = attempt
			return c.inLines(ctx, d, t), nil
		}
		errs = append(errs, fmt.Errorf("read %s: %w%s", attempt.where(), t.Err, remedy(t.Err)))
		if answered(t.Err) {
			break // whoever answers is whom the address means
		}
	}
	return node.SourceTrial{}, errors.Join(errs...)
}

// inLines reads a file that is no document as lines, if its lines are documents.
func (c initCommand) inLines(ctx context.Context, d *draft, t node.SourceTrial) node.SourceTrial {
	if _, _, err := extract.Places(t.Readings[len(t.Readings)-1], 0); err == nil || d.file == "" || d.lines {
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
	again := trySource(ctx, nil, s, c.Wait)
	if again.Err != nil {
		return t
	}
	if _, _, err := extract.Places(again.Readings[len(again.Readings)-1], 0); err != nil {
		return t
	}
	*d = lines
	return again
}

// last returns the reading that is gone by.
func last(t node.SourceTrial) dodona.Reading { return t.Readings[len(t.Readings)-1] }

// pick lets the numbers be chosen that become feeds.
func (c initCommand) pick(ask *asker, d *draft, t node.SourceTrial) error {
	r := last(t)
	places, count, err := extract.Places(r, mostListed)
	if err != nil {
		return fmt.Errorf("read %s: %w\n%s", d.where(), err, noDocument(r.Body))
	}
	d.now, d.written = time.Now(), r.SourceTime
	d.leaves, d.whole, _ = extract.Leaves(r, mostLeaves) // what Places reads, this does
	texts := almostNumbers(d.leaves)
	if count == 0 && (len(c.Value) == 0 || !slices.ContainsFunc(d.leaves, isBoolean)) {
		return fmt.Errorf("read %s: the document has no number%s", d.where(), whatInstead(texts, r.Body))
	}
	var chosen []pick
	switch lone, certain := d.lone(places, texts); {
	case len(c.Value) > 0:
		for _, text := range c.Value {
			pointer, rest, _ := strings.Cut(text, "=")
			feed, unit, _ := strings.Cut(rest, ":")
			chosen = append(chosen, pick{Place: extract.Place{Pointer: pointer}, feed: feed, unit: unit})
		}
	case certain:
		chosen = []pick{{Place: lone}}
		ask.term.say("the only number stands at %s: %s", printable(pointerText(lone.Pointer)), printable(lone.Text))
	default:
		if chosen, err = ask.choose(places, count, texts); err != nil {
			return err
		}
	}
	lines := d.lastLines()
	for i, p := range chosen {
		if err := p.take(r, places, texts); err != nil {
			return failure{exitUsage, fmt.Errorf("--value %s: %w", printable(p.Pointer), err)}
		}
		if slices.ContainsFunc(chosen[:i], func(other pick) bool { return other.Pointer == p.Pointer }) {
			return failure{exitUsage, fmt.Errorf("--value %s stands there twice", printable(p.Pointer))}
		}
		p.complete(d.leaves, lines)
		chosen[i] = p
	}
	d.picks = chosen
	return nil
}

// mostLeaves is how many values of a document are looked at for names and times.
const mostLeaves = 200_000

// lone returns the only number of a document that can be meant: beside it stand times alone, and no text that was meant as one.
func (d draft) lone(places []extract.Place, texts []extract.Leaf) (lone extract.Place, certain bool) {
	if len(texts) > 0 || len(places) > 3 {
		return lone, false
	}
	for _, p := range places {
		i := slices.IndexFunc(d.leaves, func(l extract.Leaf) bool { return l.Pointer == p.Pointer })
		if i >= 0 && len(d.leaves[i].Path) > 0 {
			if _, time := momentOf(d.leaves[i], d.now); time {
				continue
			}
		}
		if certain {
			return lone, false
		}
		lone, certain = p, true
	}
	return lone, certain
}
