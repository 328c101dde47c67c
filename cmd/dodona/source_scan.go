package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/node"
)

type sourceScanCommand struct {
	Words []string      `arg:"" name:"what" help:"A kind, an address and more of its settings as KEY=VALUE; or a configuration and one of its sources."`
	Of    string        `help:"Where to look, as the kind has places: holding, input, coil or discrete (modbus), an OID (snmp), a path of nodes (opcua)." placeholder:"PLACE"`
	From  uint64        `help:"The first address to look at." placeholder:"N"`
	To    uint64        `help:"The last address to look at; 0: as far as is usual." placeholder:"N"`
	Most  int           `help:"So many are found at most." default:"500"`
	Wait  time.Duration `help:"How long to look." default:"1m"`
	CSV   bool          `name:"csv" help:"Print a file of points, for {file: tags.csv}, instead of YAML."`
}

// concealed stands for a secret.
const concealed = "•••"

// mostFound is how many points one source may have.
const mostFound = 10_000

// Run looks what a device has, and prints the configuration that reads it. It reads, and changes nothing.
func (c sourceScanCommand) Run(ctx context.Context, term terminal) error {
	scan, err := c.scan(term)
	if err != nil {
		return err
	}
	key, can := scan.Kind.Scans()
	switch {
	case !can:
		return failure{exitUsage, fmt.Errorf("a source of kind %s cannot be scanned; those that can: %s%s", scan.Kind.Name(), strict.ListOf(scannable()), instead(scan.Kind.Name()))}
	case c.Most < 1 || c.Most > mostFound:
		return failure{exitUsage, fmt.Errorf("--most %d: want 1 to %d", c.Most, mostFound)}
	case c.CSV && key == "":
		return failure{exitUsage, fmt.Errorf("--csv: what a scan by kind %s finds are sources, which stand in YAML", scan.Kind.Name())}
	}
	if err := checkWait(c.Wait); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	list, more, err := scan.Run(limited, func(n int) {
		if n%100 == 0 {
			term.say("%s so far", count(n, "point"))
		}
	})
	late := errors.Is(limited.Err(), context.DeadlineExceeded)
	switch {
	case len(list) > 0:
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !late && scan.Data == "" && isUntrusted(err):
		// Whom a node believes stands in its data folder, and there is none.
		return fmt.Errorf("scan %s: %w\na certificate is accepted for a source of a configuration: write one with this address, read it (dodona source read FILE NAME), "+
			"accept what its server shows (dodona source trust FILE NAME), and scan it: dodona source scan FILE NAME", scan.Name, err)
	case err != nil && !late:
		return fmt.Errorf("scan %s: %w", scan.Name, err)
	default:
		return fmt.Errorf("scan %s: nothing was found", scan.Name)
	}
	if err := c.print(term, scan, key, list); err != nil {
		return err
	}
	said := c.ended(list, more, late, err)
	if secret, _ := differing(scan.Settings, scan.Kind.Settings()); !c.CSV && secret != nil && strings.Contains(secret.Flow(), concealed) {
		said = append(said, "secrets are not printed: put {file: PATH} or {env: NAME} where "+concealed+" stands")
	}
	term.say("%s", strings.Join(said, "; "))
	return nil
}

// instead says how to see what is there where a kind cannot be scanned, because it hears what others say when they say it.
func instead(kind string) string {
	if kind != "mqtt" {
		return ""
	}
	return "\nto see what a broker carries, write a source with topics: [\"#\"] (sparkplug: {} for edge nodes) and read it: dodona source read FILE NAME -n 20"
}

// isUntrusted reports whether a server showed a certificate that nobody accepted.
func isUntrusted(err error) bool {
	var certificate interface{ Untrusted() bool }
	return errors.As(err, &certificate) && certificate.Untrusted()
}

// ended says how the scan ended, and what was not seen.
func (c sourceScanCommand) ended(list []node.Found, more, late bool, err error) []string {
	said := []string{"found " + count(len(list), "point")}
	switch {
	case late:
		said = append(said, fmt.Sprintf("stopped after %s (--wait)", unit.FormatDuration(c.Wait)))
	case err != nil:
		said = append(said, "then it failed: "+err.Error())
	case more:
		said = append(said, fmt.Sprintf("there is more than %d (--most)", c.Most))
	}
	return said
}

// scannable returns the kinds that can look what a device has.
func scannable() (names []string) {
	for _, k := range all.Sources() {
		if _, can := k.Scans(); can {
			names = append(names, k.Name())
		}
	}
	return names
}

// scan returns what is to be looked at: the kind and the settings stand in the command, or in a configuration.
func (c sourceScanCommand) scan(term terminal) (s node.Scan, err error) {
	s = node.Scan{Version: release, Of: c.Of, From: c.From, To: c.To, Most: c.Most}
	kinds := all.Sources()
	for _, s.Kind = range kinds {
		if s.Name = s.Kind.Name(); s.Name == c.Words[0] {
			s.Settings = s.Kind.Settings()
			return s, readSettings(term, s, c.Words[1:])
		}
	}
	loaded, path, err := configFile{File: c.Words[0]}.open(term)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(c.Words[0]) == c.Words[0] && filepath.Ext(c.Words[0]) == "" {
		return s, failure{exitUsage, fmt.Errorf("%q is no kind of source and no file; kinds that can be scanned: %s", c.Words[0], strict.ListOf(scannable()))}
	}
	if err != nil {
		return s, err
	}
	sources, err := chosen(loaded, path, c.Words[1:])
	if err != nil {
		return s, failure{exitUsage, err}
	}
	if len(sources) != 1 {
		return s, failure{exitUsage, fmt.Errorf("name one source of %s, or a kind (%s) and an address", path, strict.ListOf(scannable()))}
	}
	for _, s.Kind = range kinds {
		if s.Kind.Name() == sources[0].Kind {
			break
		}
	}
	s.Name, s.Settings, s.Data = sources[0].Name, sources[0].Settings, loaded.Node.Data
	return s, nil
}

// readSettings fills the settings of a kind from words: an address, then KEY=VALUE. They are not checked, for they name no points yet.
func readSettings(term terminal, s node.Scan, words []string) error {
	first := strict.Fields(reflect.TypeOf(s.Settings).Elem())[0].Name
	if len(words) == 0 {
		return failure{exitUsage, fmt.Errorf("name the %s of what is scanned by kind %s", first, s.Name)}
	}
	var text strings.Builder
	for i, word := range words {
		key, value, is := strings.Cut(word, "=")
		if i == 0 && (!is || strings.ContainsAny(key, ":/")) {
			key, value = first, word
		} else if !is {
			return failure{exitUsage, fmt.Errorf("%s: want KEY=VALUE", plain.Quote(word, mostName))}
		}
		if prefix := schemes[s.Name]; i == 0 && prefix != "" && !strings.Contains(value, "://") {
			value = prefix + value
		}
		value = strict.Word(value)
		parts := strings.Split(key, ".")
		fmt.Fprintf(&text, "%s: %s%s%s\n", parts[0], strings.Join(prefixed(parts[1:], "{", ": "), ""), value, strings.Repeat("}", len(parts)-1))
	}
	if err := strict.Decode(strings.NewReader(text.String()), "KEY=VALUE", s.Settings); err != nil {
		return mistakes(term, err)
	}
	if c, ok := s.Settings.(interface{ Complete() }); ok {
		c.Complete()
	}
	return nil
}

// schemes stand before an address where a kind wants a URL.
var schemes = map[string]string{"coap": "coap://", "opcua": "opc.tcp://"}

func prefixed(parts []string, before, after string) []string {
	out := make([]string, len(parts))
	for i, part := range parts {
		out[i] = before + part + after
	}
	return out
}

// print prints what was found as a configuration, or as a file of points.
func (c sourceScanCommand) print(term terminal, scan node.Scan, key string, list []node.Found) error {
	nodes := make([]*strict.Node, len(list))
	for i, f := range list {
		standard := any(nil)
		if key == "" {
			standard = scan.Kind.Settings()
		}
		var err error
		if nodes[i], err = differing(f.Point, standard); err != nil {
			return err
		}
	}
	if c.CSV {
		return printCSV(term, nodes, list)
	}
	var b strings.Builder
	b.WriteString("sources:\n")
	indent := "  "
	if key != "" {
		device, err := differing(scan.Settings, scan.Kind.Settings())
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %s:\n    %s:\n", scan.Name, scan.Kind.Name())
		for _, e := range device.Entries {
			if e.Key != key {
				fmt.Fprintf(&b, "      %s: %s\n", e.Key, e.Value.Flow())
			}
		}
		fmt.Fprintf(&b, "      %s:\n", key)
		indent = "        "
	}
	for i, f := range list {
		value := nodes[i].Flow()
		if key == "" {
			value = "{" + scan.Kind.Name() + ": " + value + "}"
		}
		fmt.Fprintf(&b, "%s%s%s: %s", indent, commented(f), f.Name, value)
		if f.Note != "" {
			fmt.Fprintf(&b, "  # %s", plain.Line(f.Note, mostNote))
		}
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(term.out, b.String())
	return err
}

// commented returns what stands before what is shown and not read.
func commented(f node.Found) string {
	if f.Idle {
		return "# "
	}
	return ""
}

// mostNote is how much is shown of what a device says of a point, in bytes.
const mostNote = 120

// differing returns settings as they are written, without those that are as they would be anyway: as in standard, or nothing.
func differing(settings, standard any) (*strict.Node, error) {
	v := reflect.ValueOf(settings)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	fresh := reflect.Zero(v.Type())
	if standard != nil {
		if c, ok := standard.(interface{ Complete() }); ok {
			c.Complete()
		}
		fresh = reflect.ValueOf(standard).Elem()
	}
	n, err := strict.Encode(v, fresh)
	if err != nil || n == nil {
		return &strict.Node{Kind: strict.Mapping}, err
	}
	usual, err := strict.Encode(fresh, fresh)
	if err != nil {
		return nil, err
	}
	if usual != nil {
		n.Entries = slices.DeleteFunc(n.Entries, func(e strict.Entry) bool {
			other, _ := usual.Child(e.Key)
			return other != nil && other.Flow() == e.Value.Flow()
		})
	}
	return n, nil
}

// printCSV prints points as a file that {file: tags.csv} reads.
func printCSV(term terminal, nodes []*strict.Node, list []node.Found) error {
	columns := []string{}
	for _, n := range nodes {
		for _, e := range n.Entries {
			if !slices.Contains(columns, e.Key) {
				columns = append(columns, e.Key)
			}
		}
	}
	w := csv.NewWriter(term.out)
	if err := w.Write(append(append([]string{"name"}, columns...), "note")); err != nil {
		return err
	}
	for i, n := range nodes {
		row := []string{commented(list[i]) + list[i].Name}
		for _, column := range columns {
			cell := ""
			if value, _ := n.Child(column); value != nil {
				if cell = value.Text; value.Kind != strict.Scalar {
					cell = value.Flow()
				}
			}
			row = append(row, cell)
		}
		if err := w.Write(append(row, plain.Line(list[i].Note, mostNote))); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
