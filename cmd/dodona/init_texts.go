package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// almostNumber matches a text that somebody reads as a number and nobody else can: 43,218.55 or 21.5 °C.
var almostNumber = regexp.MustCompile(`^[^0-9A-Za-z]{0,4}([A-Z]{2,4} ?)?[-+−]?[0-9][0-9.,'’_\x{a0}\x{202f} ]*([%°℃℉A-Za-zµμΩ€$£¥₿][%°A-Za-zµμΩ²³/·.0-9 ]{0,12})?$`)

// almostNumbers returns the texts of a document that were meant as numbers.
func almostNumbers(leaves []extract.Leaf) (texts []extract.Leaf) {
	for _, l := range leaves {
		if _, err := extract.Instant(l.Text); err == nil || l.Number || len(l.Text) > 40 || isCount(l.Text) || !almostNumber.MatchString(l.Text) {
			continue
		}
		if strings.ContainsAny(l.Text, ",'’%°€$£¥₿ \u00a0\u202f") {
			texts = append(texts, l)
		}
	}
	return texts
}

// isCount reports whether a text begins as a date or a version does: three numbers in a row.
func isCount(text string) bool { return threeNumbers.MatchString(text) }

var threeNumbers = regexp.MustCompile(`[0-9][.:/-][0-9]+[.:/-][0-9]|^[0-9]+ [A-Z][a-z]{2}|^[A-Z][a-z]{2} [0-9]`)

// whyNot says why a text that was meant as a number is not read.
func whyNot(text string) string {
	switch {
	case strings.Contains(text, ","):
		return "a text with a comma, which means thousands to some and decimals to others"
	case strings.ContainsAny(text, "'’\u00a0\u202f") || regexp.MustCompile(`[0-9] [0-9]`).MatchString(text):
		return "a text in which the digits are grouped"
	}
	return "a text with something else beside the number, such as a unit"
}

// whatToDo says how a text becomes a number.
const whatToDo = `have the number written plain, such as 43218.55: many servers do that for another address or query; else whatever writes the text must change it, or a module must (docs/guide/modules.md)`

// whatInstead says what a document has instead of numbers.
func whatInstead(texts []extract.Leaf, body []byte) string {
	if len(texts) == 0 {
		return "; it begins " + plain.Quote(string(body), 60)
	}
	return ": " + tellTexts(texts) + "\n" + whatToDo
}

// tellTexts says of the first texts why they are no numbers.
func tellTexts(texts []extract.Leaf) string {
	const most = 3
	var told []string
	for _, l := range texts[:min(len(texts), most)] {
		told = append(told, fmt.Sprintf("%s at %s is %s", plain.Quote(l.Text, 40), printable(pointerText(l.Pointer)), whyNot(l.Text)))
	}
	if more := len(texts) - most; more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}

// textsAt returns those of the texts that a search finds.
func textsAt(texts []extract.Leaf, sought string) []extract.Leaf {
	return slices.DeleteFunc(slices.Clone(texts), func(l extract.Leaf) bool {
		return !strings.Contains(strings.ToLower(l.Pointer+" "+l.Text), strings.ToLower(sought))
	})
}
