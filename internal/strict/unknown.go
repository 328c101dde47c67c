package strict

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Rename reports a key of n that nothing reads, with the one that was probably meant. Where that is certain the key is given
// that name, so that what is wrong with its value is told too; where it is a guess, whatever the other key is missing for is
// not told, because it may not be missing.
func (d *Decoder) Rename(n *Node, i int, parent string, known []string) {
	e := n.Entries[i]
	if slices.Contains(known, e.Key) {
		return
	}
	if e.Value.Kind == Broken && d.Report.wrong[e.At] {
		return
	}
	meant, certain := d.unknown(e, parent, known, n.Has)
	if meant == "" || n.Has(meant) {
		return
	}
	n.Entries[i].Key, n.Entries[i].Wrote = meant, e.Key
	if !certain {
		n.Entries[i].Value = &Node{Kind: Broken, At: e.At}
	}
}

// Unknown reports a key that nothing reads.
func (d *Decoder) Unknown(e Entry, parent string, known []string) {
	d.unknown(e, parent, known, func(string) bool { return false })
}

// unknown reports a key that nothing reads, and returns the one that was probably meant. taken says which keys stand there already.
func (d *Decoder) unknown(e Entry, parent string, known []string, taken func(key string) bool) (meant string, certain bool) {
	if d.oddBlank(e, parent) {
		return "", false
	}
	m := Mistake{Where: d.Where, Message: "unknown key " + Quote(e.Key)}
	if m.Where == "" {
		m.Where = parent
	}
	if m.Hint, m.Instead, meant, certain = d.guess(e, known); meant != "" && taken(meant) {
		m.Hint, m.Instead = fmt.Sprintf("it is called %q here, which stands here already", meant), ""
	}
	e.At.Show = wordLike.MatchString(e.Key)
	d.Report.showWords(e.Value)
	if e.Value.Kind == Null && meant == "" { // a word without a colon may be the rest of a value, even of a secret
		e.At.Show = false
		m.Message, m.Instead = "a word where a key and its value should be", ""
		switch {
		case strings.Trim(e.Key, "0123456789") == "":
			m.Hint = "a decimal has a point, such as 1.5, and text with a comma stands in quotes"
		case strings.Contains(e.Key, ":"):
			m.Hint = "a space follows the colon of a key"
		}
	}
	d.Report.Add(m, e.At)
	return meant, certain
}

// guess returns what to say of an unknown key, and which one was meant.
func (d *Decoder) guess(e Entry, known []string) (hint, instead, meant string, certain bool) {
	if same := sameLetters(e.Key, known); same == e.Key+"s" && d.below(e.Key) != "" {
		return d.below(e.Key), "", "", false
	} else if same != "" && !d.means(e.Key, same, known) {
		return fmt.Sprintf("did you mean %q?", same), same, same, true
	}
	if d.Within != nil {
		if hint = d.Within(e.Key, e.Value, known); hint != "" {
			return hint, "", "", false
		}
	}
	if d.Hint != nil {
		if hint, instead = d.Hint(e.Key); hint != "" {
			if slices.Contains(known, instead) {
				meant = instead
			}
			return hint, instead, meant, meant != ""
		}
	}
	if d.Means != nil {
		switch list := d.Means(e.Key, known); len(list) {
		case 0:
		case 1:
			return fmt.Sprintf("it is called %q here", list[0]), list[0], list[0], true
		default:
			return "it is called " + Either(list) + " here", "", list[0], false
		}
	}
	near := Nearest(e.Key, known)
	if below := d.below(e.Key); below != "" && (near == "" || edits(strings.ToLower(e.Key), near) > 1) {
		return below, "", "", false
	}
	if near == "" {
		return "known here: " + ListOf(known), "", "", false
	}
	certain = edits(strings.ToLower(e.Key), near) == 1
	if certain {
		instead = near
	}
	return fmt.Sprintf("did you mean %q?", near), instead, near, certain
}

// below says which setting of the map has a key below it, whatever others call it, if one alone has.
func (d *Decoder) below(key string) (hint string) {
	for _, f := range d.of {
		t := f.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if ShapeOf(t) != ShapeStruct {
			continue
		}
		names := Names(Fields(t))
		list := []string{sameLetters(key, names)}
		if list[0] == "" && d.Means != nil {
			list = d.Means(key, names)
		}
		switch {
		case len(list) != 1:
		case hint != "":
			return ""
		case list[0] == key:
			hint = fmt.Sprintf("%q belongs below %s: %s: {%s: …}", key, f.Name, f.Name, key)
		default:
			hint = fmt.Sprintf("it is called %q here, and belongs below %s: %s: {%s: …}", list[0], f.Name, f.Name, list[0])
		}
	}
	return hint
}

// means reports whether a key, which is the singular of a known one, is what others call another one: host is no list of hosts.
func (d *Decoder) means(key, plural string, known []string) bool {
	if d.Means == nil || plural != key+"s" {
		return false
	}
	list := d.Means(key, known)
	return len(list) == 1 && list[0] != plural
}

// oddBlanks look like blanks and are none to YAML.
const oddBlanks = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u3000\ufeff"

// oddBlank tells of a key with a blank in it that is none, and reports whether it has one.
func (d *Decoder) oddBlank(e Entry, parent string) bool {
	i := strings.IndexAny(e.Key, oddBlanks)
	if i < 0 {
		return false
	}
	r, _ := utf8.DecodeRuneInString(e.Key[i:])
	m := Mistake{Where: d.Where, Message: fmt.Sprintf("the character %U, which only looks like a blank", r), Hint: "copied from a page or a chat: write plain blanks on this line"}
	if m.Where == "" {
		m.Where = parent
	}
	d.Report.showWords(e.Value)
	d.Report.Add(m, e.At)
	return true
}

// sameLetters returns the known word that has the letters of word, but for their case, what separates words, and a plural.
func sameLetters(word string, known []string) string {
	bare := func(s string) string { return strings.TrimSuffix(separators.Replace(strings.ToLower(s)), "s") }
	for _, k := range known {
		if bare(k) == bare(word) {
			return k
		}
	}
	return ""
}

// commas reports decimals with a comma, of which YAML makes two items: {every: 1,5s} is {every: 1, 5s: }.
func (d *Decoder) commas(n *Node) {
	for i := 1; i < len(n.Entries); i++ {
		before, e := n.Entries[i-1], n.Entries[i]
		if e.Value.Kind != Null || before.Value.Kind != Scalar || !digits.MatchString(before.Value.Text) || !digitsAndUnit.MatchString(e.Key) {
			continue
		}
		d.Report.Add(Mistake{
			Where: d.Where, Message: before.Name() + ": a comma in a number",
			Hint: fmt.Sprintf("a decimal has a point: %s.%s; text with a comma stands in quotes", before.Value.Text, e.Key),
		}, e.At)
		before.Value.At.Show, e.At.Show = !secretName(before.Key), !secretName(before.Key)
		n.Entries[i-1].Value = &Node{Kind: Broken, At: before.Value.At}
		n.Entries[i].Value = &Node{Kind: Broken, At: e.At}
	}
}

var (
	digits        = regexp.MustCompile(`^[-+]?[0-9.]{1,20}$`)
	digitsAndUnit = regexp.MustCompile(`^[0-9]{1,20} ?([a-zA-Z]{1,4}|%)?$`)
)

var separators = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")
