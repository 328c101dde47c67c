package fielddoc

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const generated = "<!-- Generated from the comments in the code by `make generate`. Change them there. -->\n\n"

// Chapters of the configuration's page: what no comment of a setting says.
var (
	//go:embed prose/configuration.md
	introduction string
	//go:embed prose/points.md
	points string
	//go:embed prose/choosing.md
	choosing string
)

func (k Kind) sink() bool { return strings.HasPrefix(k.Dir, "sink/") }

// page returns what the page of a kind is called: as the kind, but for a sink whose name a source has too.
func (m Manual) page(k Kind) string {
	if k.sink() && slices.ContainsFunc(m.Kinds, func(other Kind) bool { return other.Name == k.Name && !other.sink() }) {
		return k.Name + "-sink"
	}
	return k.Name
}

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
		b.WriteString("How settings are written, and what stands beside the kind in a source (`value`, `points`, `device`), is in the [configuration guide](../guide/configuration.md).\n\n")
	}
	m.table(&b, k.Dir+".Settings", "", "##")
	m.faults(&b, k)
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

// configuration returns the page of everything but the kinds.
func (m Manual) configuration() []byte {
	var b bytes.Buffer
	b.WriteString(generated + introduction + "\n")
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
	b.WriteString("\n" + points + "\n")
	m.rows(&b, "extract.Rule", "")
	b.WriteString(choosing + "\n")
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
		fmt.Fprintf(b, "- [`%s`](../kinds/%s.md): %s\n", k.Name, m.page(k), summary)
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
