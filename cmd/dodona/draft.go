package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A draft is a configuration that is being made.
type draft struct {
	path     string // of the configuration
	key      string // of the key file
	kept     bool   // it was there
	keeper   string // whose it is
	password string // the file with its password, if it is a keystore
	data     string // of the data folder
	url      string // what is read: this
	file     string // or this
	lines    bool   // the file has a document in each line
	bearer   string // file
	headers  [][2]string
	source   string // its name
	picks    []pick
	every    time.Duration
	now      time.Time         // when the document was read
	written  time.Time         // when it was written, if its source says so
	leaves   []extract.Leaf    // of the document
	whole    bool              // these are all of them
	times    map[string]string // what was answered about a time that was proposed
}

// newDraft returns a draft whose other files lie beside the configuration, named as it is.
func newDraft(file string) draft {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	folder := filepath.Dir(file)
	d := draft{path: file, key: filepath.Join(folder, base+".key"), data: filepath.Join(folder, base+"-data")}
	if base == "dodona" {
		d.data = filepath.Join(folder, "data")
	}
	for first, n := d.data, 2; unwritten(d.data) != nil && n < 1000; n++ { // a folder belongs to one key
		d.data = first + "-" + strconv.Itoa(n)
	}
	return d
}

// free fails if the configuration is there already, or cannot be written, before anything is asked.
func (d draft) free() error {
	return unwritten(d.path)
}

// unwritten fails if there is something at path already.
func unwritten(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml":
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

// attempts returns what an address may mean: with its scheme, or https before http.
func (d draft) attempts() []draft {
	switch {
	case d.file != "" && !d.lines:
		lines := d
		lines.lines = true
		ext := strings.ToLower(filepath.Ext(d.file))
		if slices.Contains([]string{".jsonl", ".ndjson", ".log", ".lines"}, ext) {
			return []draft{lines}
		}
		return []draft{d}
	case d.file != "" || strings.Contains(d.url, "://"):
		return []draft{d}
	}
	secure, open := d, d
	secure.url, open.url = "https://"+d.url, "http://"+d.url
	return []draft{secure, open}
}

// where names what is read, without what may be a secret.
func (d draft) where() string {
	if d.file != "" {
		return d.file
	}
	bare, _, _ := strings.Cut(d.url, "?")
	return bare
}

// name finds a name for the source.
func (d *draft) name() {
	if d.file != "" {
		d.source = token(strings.TrimSuffix(filepath.Base(d.file), filepath.Ext(d.file)), "file")
		return
	}
	text := d.url
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	d.source = "source"
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	if net.ParseIP(u.Hostname()) != nil || u.Hostname() == "localhost" { // which says nothing
		d.source = token(path.Base(u.Path), "source")
		return
	}
	parts := strings.Split(u.Hostname(), ".")
	for len(parts) > 1 && slices.Contains([]string{"www", "api", "data", "rest"}, parts[0]) {
		parts = parts[1:]
	}
	d.source = token(parts[max(0, min(len(parts)-2, len(parts)-1))], "source")
}

// token makes one part of a name of text.
func token(text, otherwise string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()[:min(b.Len(), 40)]
	return cmp.Or(strings.Trim(name, "-"), otherwise)
}

// feedName makes a name of the last two members on the way to a number: bitcoin.usd of /bitcoin/usd.
func (d draft) feedName(p pick, taken map[string]bool) string {
	var parts []string
	for _, part := range strings.Split(p.Pointer, "/") {
		if name := token(part, ""); name != "" && strings.Trim(name, "0123456789-") != "" {
			parts = append(parts, name)
		}
	}
	name := strings.Join(parts[max(0, len(parts)-2):], ".")
	if name == "" {
		name = d.source
	}
	for base, n := name, 2; taken[name]; n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	return name
}

// points returns the names of the points, by pick: none where there is one.
func (d draft) points() []string {
	if len(d.picks) < 2 {
		return []string{""}
	}
	var names []string
	for _, p := range d.picks {
		name := token(p.feed, "value")
		for base, n := name, 2; slices.Contains(names, name); n++ {
			name = base + "-" + strconv.Itoa(n)
		}
		names = append(names, name)
	}
	return names
}

// yaml writes the configuration.
func (d draft) yaml() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	file := printable(plain.ShellWord(d.path))
	line("# dodona check %s finds mistakes in this file, dodona run %[1]s runs a node by it.", file)
	line("# Every setting: dodona check --expand %s, and docs/guide/configuration.md.", file)
	line("")
	line("node:")
	line("  name: node  # give every node of a network its own")
	line("  data: %s  # the journal: what was read and signed; one process at a time", yamlText(d.data))
	line("  # The key that signs. Keep a copy: whoever has it signs as this node. Paths begin where dodona runs.")
	password := ""
	if d.password != "" {
		password = fmt.Sprintf(", password: {file: %s}", yamlText(d.password))
	}
	line("  key: {file: %s%s}", yamlText(d.key), password)
	line("")
	line("sources:")
	line("  %s:", yamlText(d.source))
	d.origin(line)
	points := d.points()
	d.rules(line, points)
	line("")
	line("feeds:  # unit and decimals are part of what is signed: a feed with others is another feed")
	for i, p := range d.picks {
		from := d.source
		if points[i] != "" {
			from += "." + points[i]
		}
		line("  %s:", yamlText(p.feed))
		p.writeKind(line)
		line("    every: %s", unit.FormatDuration(d.every))
		if stale := d.staleOf(p); stale > 0 {
			line("    stale: %s  # how old a value may be: it was %s old when this was written", unit.FormatDuration(stale), inShort(d.now.Sub(p.at)))
		}
		line("    from: [%s]", yamlText(from))
	}
	line("")
	line("# api: {listen: 127.0.0.1:8080}  # the page and the API; docs/guide/api.md before others may reach it")
	line("# sinks: {out: {stdout: {}}}     # where answers go: docs/guide/delivery.md")
	return b.String()
}

// writeKind writes what the value of a feed is.
func (p pick) writeKind(line func(string, ...any)) {
	switch {
	case p.boolean:
		line("    kind: bool  # 1 for true and 0 for false")
		return
	case p.unit != "":
		line("    unit: %s", yamlText(p.unit))
	default:
		line("    # unit: Cel  # a UCUM code, or an ISO 4217 one such as USD")
	}
	line("    decimals: %d", p.decimals)
}

// rules writes which numbers are taken.
func (d draft) rules(line func(string, ...any), points []string) {
	if len(d.picks) > 1 {
		line("    points:  # JSON Pointers; behind them what stood there when this was written")
	}
	for i, p := range d.picks {
		name, indent := "value", "    "
		if len(d.picks) > 1 {
			name, indent = yamlText(points[i]), "      "
		}
		what := fmt.Sprintf("%s when this was written", p.Text)
		switch rule := p.rule; {
		case p.Text == "" && p.Pointer == "":
		case p.Pointer == "":
			line("%s%s: \"\"  # the document itself, which was %s", indent, name, what)
		case rule.Time == "" && len(rule.Where) == 0 && len(d.picks) > 1:
			line("%s%s: %s  # %s", indent, name, yamlText(p.Pointer), p.Text)
		case rule.Time == "" && len(rule.Where) == 0:
			line("%s%s: %s  # %s; %s", indent, name, yamlText(p.Pointer), pointerIs(p.Pointer), what)
		default:
			line("%s%s:", indent, name)
			p.writeRule(line, indent+"  ", what)
		}
	}
}

// pointerIs says what the text of a pointer is, and what its end means if that looks like a mistake.
func pointerIs(pointer string) string {
	if strings.HasSuffix(pointer, "/") {
		return "a JSON Pointer, to the member whose name is empty"
	}
	return "a JSON Pointer"
}

// writeRule writes a rule of several settings.
func (p pick) writeRule(line func(string, ...any), indent, what string) {
	line("%spointer: %s  # %s; %s", indent, yamlText(p.rule.Pointer), pointerIs(p.rule.Pointer), what)
	if p.rule.Time != "" {
		line("%stime: %s  # when it was measured, which was %s", indent, yamlText(p.rule.Time), p.at.Format(time.RFC3339))
	}
	if len(p.rule.Where) == 0 {
		return
	}
	line("%swhere:  # what must stand there; * is the one element for which it does, wherever it stands", indent)
	for _, at := range slices.Sorted(maps.Keys(p.rule.Where)) {
		line("%s  %s: %s", indent, yamlText(at), yamlText(p.rule.Where[at].WriteNode().Text))
	}
}

// origin writes the settings of the source's kind.
func (d draft) origin(line func(string, ...any)) {
	if d.file != "" {
		line("    file:")
		line("      path: %s", yamlText(d.file))
		if d.lines {
			line("      format: lines  # a document in each line, followed as they are written")
		}
		if !slices.ContainsFunc(d.picks, func(p pick) bool { return p.time != "" }) {
			line("      # A value is as old as the file's last write. To count it as new whenever it is read:")
			line("      # time: read")
		}
		return
	}
	line("    http:")
	line("      url: %s", yamlText(d.url))
	if d.bearer != "" {
		line("      bearer: {file: %s}", yamlText(d.bearer))
	}
	if len(d.headers) > 0 {
		line("      headers:")
		for _, h := range d.headers {
			line("        %s: {file: %s}", yamlText(h[0]), yamlText(h[1]))
		}
	}
}

// yamlText writes text as YAML, on one line.
func yamlText(text string) string {
	return strings.TrimPrefix(strings.TrimSuffix(string(mapping("k", word(text)).YAML()), "\n"), "k: ")
}

// sourceOf returns the source as the configuration will have it, with a rule that takes the only number.
func (d draft) sourceOf() (config.Source, error) {
	d.picks, d.every = []pick{{feed: "answer"}}, 10*time.Second
	c, err := config.Load(strings.NewReader(d.yaml()), d.path, allKinds())
	if err != nil {
		return config.Source{}, err
	}
	return c.Sources[0], nil
}

// write writes key and configuration, and says what to do next.
func (d draft) write(term terminal) error {
	text := d.yaml()
	c, err := config.Load(strings.NewReader(text), d.path, allKinds())
	if err != nil {
		return failure{exitUsage, fmt.Errorf("what was asked for makes no configuration: %w", err)}
	}
	address, err := d.makeKey()
	if err != nil {
		return err
	}
	if err := secret.WriteFile(d.path, []byte(text)); err != nil {
		if !d.kept {
			_ = os.Remove(d.key) // nobody knows it yet
		}
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := d.tell(term, address); err != nil {
		return err
	}
	warn(term, c)
	file := plain.ShellWord(d.path)
	if looksSecret(d.url) {
		term.say("the URL seems to hold a key, which stands in clear in %s now: better query: {NAME: {file: PATH}} (dodona kinds http)", printable(d.path))
	}
	fmt.Fprintf(term.out, "next:\n  dodona feed try %s %s\n  dodona run %[1]s\n", file, d.picks[0].feed)
	return nil
}

// tell says what was written, and what to know of it.
func (d draft) tell(term terminal, address string) error {
	errs := []error{term.fold("wrote %s: %s from %s", printable(d.path), count(len(d.picks), "feed"), printable(d.where()))}
	for _, p := range d.picks {
		when := ""
		if p.time != "" {
			when = ", measured at " + printable(p.time)
		}
		if stale := d.staleOf(p); stale > 0 {
			when += ", up to " + unit.FormatDuration(stale) + " old"
		}
		for _, at := range slices.Sorted(maps.Keys(p.rule.Where)) {
			when += ", where " + printable(at+" is "+p.rule.Where[at].String())
		}
		what := count(int(p.decimals), "decimal")
		if p.boolean {
			what = "true or false"
		}
		errs = append(errs, term.fold("  %s: every %s, %s, now %s%s", p.feed, unit.FormatDuration(d.every), what, printable(p.now()), when))
	}
	for _, p := range d.picks {
		d.caution(term, p)
	}
	return errors.Join(append(errs, d.tellKey(term, address))...)
}

// caution says what whoever made a pick may not expect of it.
func (d draft) caution(term terminal, p pick) {
	if p.time != "" && d.now.Sub(p.at) > mostAge {
		term.say("%s: %s says %s: rounds are missed as long as it is so old; --time '' counts a value as new when it is read", p.feed, printable(p.time), (moment{at: p.at}).says(d.now))
	}
	if age := d.now.Sub(d.written); p.time == "" && !d.written.IsZero() && age > d.usualStale() {
		term.say("%s: %s was last written %s: rounds are missed until it is written again; time: read below file counts a value as new when it is read", p.feed, printable(d.where()), timeSince(d.written, d.now))
	}
	if p.position != "" {
		term.say("%s: nothing names the element %s among the others of its array: it is taken by its position, and another value would be signed if another stood there", p.feed, printable(p.position))
	}
}

// looksSecret reports whether a URL has a query parameter that is a credential by its name.
func looksSecret(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	for name := range u.Query() {
		if name = strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)); strings.Contains(name, "apikey") ||
			slices.Contains([]string{"key", "token", "secret", "password", "appid", "accesstoken", "auth"}, name) {
			return true
		}
	}
	return false
}
