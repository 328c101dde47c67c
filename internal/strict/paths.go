package strict

import (
	"regexp"
	"strings"
)

// What a path is taken to be, as its tag path: says.
const (
	pathFile    = "true"
	pathFolder  = "folder"
	pathPattern = "pattern" // of files: its last part may hold * and ? and [a-z]
)

// An oddity of a path is what a shell, a template or another system would have replaced: here it stands for itself.
type oddity struct {
	mark *regexp.Regexp
	what string
	hint string // "" says to write the path out
}

const unfilled = "no template is filled in here: write the path out"

// oddities are looked for in this order, and the first is told.
var oddities = []oddity{
	{regexp.MustCompile(`^[\s\x{a0}\x{feff}]|[\s\x{a0}\x{200b}\x{feff}]$`), "the blank before or behind it", "take the blank out"},
	{regexp.MustCompile("^[\u2018-\u201f\u00ab`\"']|[\u2018-\u201f\u00bb\"']$"), "the quote", "take the quotes out"},
	{regexp.MustCompile("`"), "the backtick", "no command is run here: write the path out"},
	{regexp.MustCompile(`\{\{|\{%|<%|#\{`), "the template", unfilled},
	{regexp.MustCompile(`<[^>]*>`), "what stands between < and >", "put the path of the file in place of it, without < and >"},
	{regexp.MustCompile(`\x{2026}|(^|[/\\])\.{3,}($|[/\\])`), "the ellipsis", ""},
	{regexp.MustCompile(`^~`), "~", "nothing stands for a home folder here: write the path out"},
	{regexp.MustCompile(`(?i)^file:`), "file:", "a path begins without a scheme, as in /var/log/app.jsonl"},
	{regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:/[/\\]`), "the scheme", "a path of this machine is wanted, no URL"},
	{regexp.MustCompile(`(?i)^env[:.]`), "env", "only secrets are read from variables, as {env: NAME}: write the path out"},
	{regexp.MustCompile(`^@`), "@", "the path stands alone, without @"},
	{regexp.MustCompile(`\$[A-Za-z_{(]`), "$", ""},
	{regexp.MustCompile(`@[A-Z][A-Z0-9_]+@|__[A-Z][A-Z0-9_]*__`), "the placeholder", unfilled},
	{regexp.MustCompile(`^[A-Za-z]:([\\/]|$)`), "the drive", "write the path as this system has it, with /"},
	{regexp.MustCompile(`%[A-Za-z_]+%`), "%", ""},
	{regexp.MustCompile(`%[0-9][0-9A-Fa-f]`), "the coded character", "a path is no URL: write a blank as a blank"},
	{regexp.MustCompile(`%[-+:.{]?[A-Za-z]`), "%", "neither systemd's specifiers nor dates are filled in here: write the path out"},
	{regexp.MustCompile(`(?i)yyyy.?mm`), "the date", "no date is filled in here: write the path out"},
	{regexp.MustCompile(`\{[^{}]*\}`), "what stands in braces", "one path stands here: nothing takes braces apart or fills them in"},
	{regexp.MustCompile(`[,;]$`), "the last sign", "take it out"},
	{regexp.MustCompile(`\S[,;]\s*(\.{0,2}/|[A-Za-z]:\\)`), "what sets several paths apart", "one path stands here"},
}

// What depends on what the path is of.
var (
	dates      = "neither systemd's specifiers nor dates are filled in here; a pattern can stand for a date, as in app-*.jsonl, with format: lines"
	backslash  = oddity{regexp.MustCompile(`\\`), `\`, "parts of a path are set apart by /, and a blank needs nothing before it"}
	wildcard   = oddity{regexp.MustCompile(`\*`), "*", ""}
	wildcards  = oddity{regexp.MustCompile(`\*\*`), "**", "one * stands for any text of a name, and folders below are not looked into"}
	escaped    = oddity{regexp.MustCompile(`\\[^*?\[\]\\-]`), `\`, backslash.hint}
	folderEnds = oddity{regexp.MustCompile(`/$`), "the / at its end", "a file is wanted, and a name that ends in / is that of a folder"}
)

// path warns of a path that a shell, or somebody who knows another program, would read differently: of a setting with a tag path,
// and of a secret's file.
func (d *Decoder) path(n *Node, key string, of string) {
	for _, o := range odditiesOf(of) {
		if !o.mark.MatchString(n.Text) {
			continue
		}
		hint := o.hint
		switch {
		case hint == "":
			hint = "write the path out"
		case of == pathPattern && (strings.HasPrefix(hint, "neither") || strings.HasPrefix(hint, "no date")):
			hint = dates
		}
		d.Report.Warn(n.At, d.Where, key+" is taken as it stands: "+o.what+" is a part of its name", hint)
		return
	}
}

// odditiesOf returns what is odd in a path.
func odditiesOf(of string) []oddity {
	list := oddities
	if of == pathPattern {
		list = append(list[:len(list):len(list)], wildcards, escaped)
	} else {
		list = append(list[:len(list):len(list)], wildcard, backslash)
	}
	if of != pathFolder {
		list = append(list, folderEnds)
	}
	return list
}
