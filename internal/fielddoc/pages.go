package fielddoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const generated = "<!-- Generated from the comments in the code by `make generate`. Change them there. -->\n\n"

func (k Kind) sink() bool { return strings.HasPrefix(k.Dir, "sink/") }

// kind returns the page of a kind of source or sink.
func (m Manual) kind(k Kind) []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	if k.sink() {
		fmt.Fprintf(&b, "# Sink kind `%s`\n\n", k.Name)
		b.WriteString(withoutPackage(k.Doc) + "\n\n")
		b.WriteString("How settings are written, and what stands beside the kind in a sink (`feeds`, `policy`, `deviation`, `heartbeat`), is in the [configuration guide](../guide/configuration.md); what a sink promises, in [delivery](../guide/delivery.md).\n\n")
	} else {
		fmt.Fprintf(&b, "# Source kind `%s`\n\n", k.Name)
		b.WriteString(withoutPackage(k.Doc) + "\n\n")
		b.WriteString("How settings are written, and what stands beside the kind in a source (`value`, `points`), is in the [configuration guide](../guide/configuration.md).\n\n")
	}
	m.table(&b, k.Dir+".Settings", "", "##")
	fmt.Fprintf(&b, "## Example\n\n```yaml\n%s```\n", k.Example)
	return b.Bytes()
}

// A fact is a kind as docs/kinds/kinds.json has it, for programs and for terminals.
type fact struct {
	Kind     string    `json:"kind"`
	Of       string    `json:"of"` // source or sink
	Doc      string    `json:"doc"`
	Settings []setting `json:"settings"`
	Example  string    `json:"example"`
}

// A setting is a [Field] under its dotted name.
type setting struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
	Doc      string `json:"doc"`
}

// facts returns docs/kinds/kinds.json.
func (m Manual) facts() ([]byte, error) {
	var list []fact
	for _, k := range m.Kinds {
		f := fact{Kind: k.Name, Of: "source", Doc: withoutPackage(k.Doc), Example: k.Example}
		if k.sink() {
			f.Of = "sink"
		}
		m.each(k.Dir+".Settings", "", func(name string, of Field) {
			f.Settings = append(f.Settings, setting{name, of.Type, of.Default, of.Required, of.Doc})
		})
		list = append(list, f)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(list); err != nil {
		return nil, fmt.Errorf("write kinds: %w", err)
	}
	return b.Bytes(), nil
}

// withoutPackage turns "Package http observes …" into "Observes …".
func withoutPackage(doc string) string {
	rest, found := strings.CutPrefix(doc, "Package ")
	if !found {
		return doc
	}
	_, rest, _ = strings.Cut(rest, " ")
	if rest == "" {
		return doc
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

const intro = `# The configuration

One YAML file describes a node. ` + "`dodona check FILE`" + ` reads it without dialling and tells every mistake with its line;
` + "`dodona check --expand FILE`" + ` prints it with every default; ` + "`dodona schema`" + ` prints its grammar as JSON Schema, for editors.

| written as | is |
|---|---|
| duration | a number and a unit, ns, us, ms, s, m, h or d: ` + "`250ms`, `10s`, `1h30m`, `7d`" + ` |
| size | a whole number and a unit, B, KiB, MiB, GiB, kB, MB or GB: ` + "`64MiB`" + ` |
| decimal | digits, exact however many: ` + "`0.1`, `-273.15`, `1e-18`" + ` |
| percentage | ` + "`10%`, `0.5%`" + ` |
| price | of a unit of gas, a number and gwei or wei: ` + "`30 gwei`, `1.5 gwei`" + ` |
| address | 0x and 40 hex digits, in lower case or with the capitals of EIP-55 |
| text or map | the text alone is the first setting of the map |
| secret | ` + "`{file: PATH}`, `{env: NAME}`" + `, or, with a warning, text in clear; printed as ••• everywhere |
| key | ` + "`{file: PATH}`, `{file: PATH, password: {file: PATH}}`, `{env: NAME}`" + `, or, with a warning, 64 hex digits in clear. What a file holds tells whether it is a keystore, which wants the password, or the digits |
| name | a–z, 0–9 and hyphens, 63 at most; a feed's name may have four of them joined by points |

Unknown keys, keys that stand twice, YAML anchors and tags are mistakes. Relative paths start at the working directory.

## The two-line form

` + "```yaml" + `
endpoint: https://prices.example/btc
signature_key: {file: keys/signature}
` + "```" + `

(` + "`dodona key new --raw keys/signature`" + ` makes that file; a keystore, which ` + "`dodona key new`" + ` makes without ` + "`--raw`" + `, has its password beside it)
is a whole configuration: the source ` + "`endpoint`" + ` of kind http, the feed ` + "`answer`" + ` with 18 decimals every 10 seconds, signed by this
key alone, served on 127.0.0.1:8080. If the document holds several numbers, a third line says which: ` + "`value: /price`" + `.

`

const choosing = `Nobody promises the order of most arrays, so say which element is meant. ` + "`*`" + ` is the one element for which everything in
` + "`where`" + ` holds; a pointer without it, and a guard, make the value bad when another element comes first:

` + "```yaml" + `
sources:
  tickers:
    http: {url: "https://prices.example/tickers"}
    points:
      btc: {pointer: /*/price, time: /*/at, where: {/*/symbol: BTCUSD}}
      first: {pointer: /0/price, where: {/0/symbol: BTCUSD, /0/live: true}}
` + "```" + `

A reading of which a guard does not hold is about something else. Where the source has other readings in the round, such as lines of
a log that two sensors share, those count; where it has none, the value is bad and says what stands there.

What rules read is one JSON document. It may begin with one byte order mark, and be written in UTF-8, in UTF-16 (by its mark, or declared by the
source), or, declared by the source, in windows-1252 or ISO 8859-1. ` + "`NaN`, `Infinity`" + ` and their like, which JSON does not have, make
the value bad that stands there, and no other. How a document is read to the last detail is in [the specification](../../spec/rules.md).

`

// configuration returns the page of everything but the kinds.
func (m Manual) configuration() []byte {
	var b bytes.Buffer
	b.WriteString(generated + intro)
	for _, f := range m.Structs["config.Config"].Fields {
		if _, found := m.Structs[f.of]; !found {
			fmt.Fprintf(&b, "## %s\n\n%s Default: %s.\n\n", f.Name, f.Doc, f.Default)
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", f.Name, f.Doc)
		m.rows(&b, f.of, "")
	}
	fmt.Fprintf(&b, "Of the settings above a reload changes these: %s. The others keep their values until a restart.\n\n", strings.Join(m.live("config.Config", ""), ", "))
	b.WriteString("## sources\n\nA map from names to sources. A source has exactly one kind, whose settings stand below the kind's key:\n\n")
	m.kinds(&b, false)
	b.WriteString(`
Beside the kind stands what its points are: nothing (the one number of its document), ` + "`value`" + ` (one point, whose id is the
source's name) or ` + "`points`" + ` (several by name; the id of a point is ` + "`source.point`" + `). Each is a rule, or just its pointer:

` + "```yaml" + `
sources:
  kraken:
    http: {url: "https://api.kraken.com/0/public/Ticker?pair=XBTUSD"}
    value: /result/XXBTZUSD/c/0
  boiler:
    file: {path: /var/log/boiler.jsonl, format: lines}
    points:
      temperature: {pointer: /t, scale: 0.1, unit: Cel, time: /ts}
      pressure: /p
` + "```" + `

`)
	m.rows(&b, "extract.Rule", "")
	b.WriteString(choosing)
	b.WriteString("## feeds\n\nA map from names to feeds.\n\n")
	m.rows(&b, "feed.Settings", "")
	b.WriteString("## sinks\n\nA map from names to sinks. A sink has exactly one kind, whose settings stand below the kind's key:\n\n")
	m.kinds(&b, true)
	b.WriteString("\nBeside the kind stands what is delivered and when. " + m.Structs["sink.Policy"].Doc + "\n\n")
	m.rows(&b, "sink.Policy", "")
	return b.Bytes()
}

// live returns the settings that a reload changes.
func (m Manual) live(of, prefix string) (out []string) {
	for _, f := range m.Structs[of].Fields {
		if f.live {
			out = append(out, "`"+prefix+f.Name+"`")
		}
		if f.of != of {
			out = append(out, m.live(f.of, prefix+f.Name+".")...)
		}
	}
	return out
}

// kinds lists the kinds of sources, or those of sinks.
func (m Manual) kinds(b *bytes.Buffer, sinks bool) {
	for _, k := range m.Kinds {
		if k.sink() != sinks {
			continue
		}
		summary, _, _ := strings.Cut(withoutPackage(k.Doc), "\n")
		fmt.Fprintf(b, "- [`%s`](../kinds/%s.md): %s\n", k.Name, k.Name, summary)
	}
}

// table writes the settings of a struct under a heading.
func (m Manual) table(b *bytes.Buffer, of, prefix, level string) {
	fmt.Fprintf(b, "%s Settings\n\n%s\n\n", level, m.Structs[of].Doc)
	m.rows(b, of, prefix)
}

// rows writes a table of settings; those of structs inside follow with dotted names.
func (m Manual) rows(b *bytes.Buffer, of, prefix string) {
	b.WriteString("| setting | is | default | meaning |\n|---|---|---|---|\n")
	m.row(b, of, prefix)
	b.WriteString("\n")
}

func (m Manual) row(b *bytes.Buffer, of, prefix string) {
	m.each(of, prefix, func(name string, f Field) {
		standard := f.Default
		if f.Required {
			standard = "**required**"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, f.Type, cell(standard), cell(f.Doc))
	})
}

// each calls do with every setting of a struct and of those inside, under its dotted name.
func (m Manual) each(of, prefix string, do func(name string, f Field)) {
	for _, f := range m.Structs[of].Fields {
		do(prefix+f.Name, f)
		if _, found := m.Structs[f.of]; found && f.of != of {
			m.each(f.of, prefix+f.Name+".", do)
		}
	}
}

// cell makes a text fit into a row of a table.
func cell(s string) string {
	return strings.NewReplacer("\n\n", "<br>", "|", `\|`, "<", "&lt;").Replace(s)
}
