package strict

import (
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// What people write for a value that is read otherwise here. A spelling is offered only if it is taken in that place.

// Plain writes text as YAML reads it back in any place.
func Plain(text string) string { return bare(text) }

var (
	// variable matches what a shell, or a file for Compose, would replace.
	variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)[^}]*\}|\$[A-Z][A-Z0-9_]+`)
	// onlyVariable matches a text that is nothing else.
	onlyVariable = regexp.MustCompile(`^\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-?+=][^}]*)?\}|([A-Z][A-Z0-9_]+))$`)
	template     = regexp.MustCompile(`\{\{.*\}\}|<%.*%>`)
)

// variableName returns the name of the variable that a text is, or "".
func variableName(text string) string {
	if m := onlyVariable.FindStringSubmatch(text); m != nil {
		return m[1] + m[2]
	}
	return ""
}

// nameInText returns the first variable of a text without what it is if it is not set.
func nameInText(text string) string {
	m := variable.FindStringSubmatch(text)
	if m[1] != "" {
		return "${" + m[1] + "}"
	}
	return m[0]
}

// curly reports whether a value stands in quotes that a word processor made, which YAML takes for a part of it.
func curly(n *Node) bool {
	first, last := []rune(n.Text + " ")[0], []rune(" "+n.Text)
	return !n.Quoted && strings.ContainsRune("\u2018\u2019\u201c\u201d\u201e\u00ab", first) && strings.ContainsRune("\u2018\u2019\u201c\u201d\u00bb", last[len(last)-1])
}

func uncurled(text string) string {
	return strings.Trim(text, "\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb")
}

// Advise completes what is said of a value that is not taken with what can be told by its text alone.
func Advise(m *Mistake, n *Node) {
	if n == nil || n.Kind != Scalar || m.Hint != "" || len(m.Instead) > maxInstead || len(n.Text) > maxInstead {
		return
	}
	switch {
	case curly(n):
		m.Hint, m.Instead = "the quotes are typographic; write straight ones", doubleQuoted(uncurled(n.Text))
	case variable.MatchString(n.Text):
		m.Hint, m.Instead = "nothing replaces "+nameInText(n.Text)+" here: write the value out", ""
	case template.MatchString(n.Text):
		m.Hint, m.Instead = "templates are not filled in: write the value out", ""
	case m.Instead != "":
		m.Hint = "write " + m.Instead
	}
}

// advised returns what to do about a text that a type does not take.
func (d *Decoder) advised(t reflect.Type, n *Node, key string, err error) (m Mistake) {
	hint, instead := advice.Of(err)
	if m.Hint = hint; instead != "" {
		m.Instead = bare(instead)
	}
	for _, text := range append(inUnitOf(key, t, n.Text), spellings(t, n.Text)...) {
		if m.Instead == "" && d.set(reflect.New(t).Elem(), text) == nil {
			m.Instead = bare(text)
		}
	}
	if m.Hint == "" && m.Instead == "" {
		m.Hint = hintFor(t, n.Text)
	}
	Advise(&m, n)
	return m
}

// spellings returns how a text may have been meant as a value of a type, likeliest first.
func spellings(t reflect.Type, text string) []string {
	text = strings.TrimSpace(text)
	switch ShapeOf(t) {
	case ShapeDuration:
		return durations(text)
	case ShapeBool:
		return truths[strings.ToLower(text)]
	case ShapeInt, ShapeUint:
		return []string{wholePart(ungrouped(text))}
	}
	switch t {
	case reflect.TypeFor[unit.Size]():
		return spelledSizes(text)
	case reflect.TypeFor[unit.Percent]():
		return percents(text)
	case reflect.TypeFor[dodona.Decimal]():
		return decimals(text)
	case reflect.TypeFor[dodona.Address]():
		return []string{"0x" + text, strings.TrimPrefix(text, "eth:")}
	}
	return nil
}

var truths = map[string][]string{
	"true": {"true"}, "yes": {"true"}, "on": {"true"}, "y": {"true"}, "1": {"true"}, "enabled": {"true"},
	"false": {"false"}, "no": {"false"}, "off": {"false"}, "n": {"false"}, "0": {"false"}, "disabled": {"false"},
}

var (
	wordedDuration = regexp.MustCompile(`(?i)([0-9]+(?:[.,][0-9]+)?)\s*(milliseconds?|millis|msecs?|ms|microseconds?|usecs?|us|µs|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?:\s*(?:,|and)?\s*)`)
	isoDuration    = regexp.MustCompile(`(?i)^P(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9.]+)S)?)?$`)
	clockDuration  = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2}):([0-9]{2})$`)
)

// durations returns what 10 sec, PT10S, 00:00:10 and 1m30 are here.
func durations(text string) []string {
	text = strings.TrimPrefix(text, "@every ")
	if m := isoDuration.FindStringSubmatch(text); m != nil {
		return []string{joined(m[1:], "d", "h", "m", "s")}
	}
	if m := clockDuration.FindStringSubmatch(text); m != nil {
		return []string{joined(m[1:], "h", "m", "s")}
	}
	out := wordedDuration.ReplaceAllStringFunc(text, func(part string) string {
		m := wordedDuration.FindStringSubmatch(part)
		number, word := strings.ReplaceAll(m[1], ",", "."), strings.ToLower(m[2])
		switch {
		case strings.HasPrefix(word, "ms"), strings.HasPrefix(word, "milli"):
			return number + "ms"
		case strings.HasPrefix(word, "u"), strings.HasPrefix(word, "micro"), strings.HasPrefix(word, "µ"):
			return number + "us"
		case word[0] == 'w':
			if weeks, ok := new(big.Int).SetString(number, 10); ok {
				return new(big.Int).Mul(weeks, big.NewInt(7)).String() + "d"
			}
		}
		return number + word[:1]
	})
	return []string{out, out + "s"}[:1+min(1, strings.Count(out, "m")+strings.Count(out, "h"))]
}

// joined writes numbers with their units, without those that are missing or zero, unless all are.
func joined(numbers []string, units ...string) string {
	out := ""
	for i, n := range numbers {
		if n = strings.TrimLeft(n, "0"); strings.HasPrefix(n, ".") {
			n = "0" + n
		}
		if n != "" {
			out += n + units[i]
		}
	}
	if out == "" {
		return "0s"
	}
	return out
}

// inUnitOf returns a number with the unit that the written key names, as in timeout_ms: 500.
func inUnitOf(key string, t reflect.Type, text string) []string {
	m := unitInKey.FindStringSubmatch(key)
	if m == nil || ShapeOf(t) != ShapeDuration {
		return nil
	}
	return durations(text + m[1])
}

var unitInKey = regexp.MustCompile(`(?i)_?(ms|millis|milliseconds|s|secs?|seconds|mins?|minutes)$`)

// percents returns what 5 percent and 50bps are here. A bare number may be either: it is left to people.
func percents(text string) []string {
	number := strings.ReplaceAll(strings.TrimRight(text, " %abcdefghijklmnopqrstuvwxyzPERCNT"), ",", ".")
	if strings.HasSuffix(strings.ToLower(text), "bps") || strings.HasSuffix(strings.ToLower(text), "bp") {
		points, ok := new(big.Rat).SetString(number)
		if !ok || len(number) > 12 {
			return nil
		}
		return []string{strings.TrimRight(strings.TrimRight(points.Quo(points, big.NewRat(100, 1)).FloatString(8), "0"), ".") + "%"}
	}
	if number == text {
		return nil
	}
	return []string{number + "%"}
}

var sizeWords = regexp.MustCompile(`(?i)^([0-9]+(?:[.,][0-9]+)?)\s*([kmgt])(i?)(b?)(?:ytes?)?$`)

// spelledSizes returns what 128M, 128 mb and 0.5GiB are here.
func spelledSizes(text string) []string {
	m := sizeWords.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	number, letter, suffix := strings.ReplaceAll(m[1], ",", "."), strings.ToUpper(m[2]), "iB"
	if m[3] == "" && m[4] != "" {
		if suffix = "B"; letter == "K" {
			letter = "k"
		}
	}
	if strings.Contains(number, ".") { // half a GiB is 512MiB
		smaller := map[string]string{"T": "G", "G": "M", "M": "K"}[letter]
		whole, ok := new(big.Rat).SetString(number)
		if ok = ok && smaller != "" && suffix == "iB" && len(number) < 12; !ok {
			return nil
		}
		if whole.Mul(whole, big.NewRat(1024, 1)); !whole.IsInt() {
			return nil
		}
		number, letter = whole.Num().String(), smaller
	}
	return []string{number + letter + suffix}
}

// decimals returns what 0,1 and 1_000 and 1/10 are here.
func decimals(text string) []string {
	if numerator, denominator, found := strings.Cut(text, "/"); found && len(text) < 24 {
		share, ok := new(big.Rat).SetString(strings.TrimSpace(numerator) + "/" + strings.TrimSpace(denominator))
		if digits, exact := big.NewRat(0, 1).FloatPrec(); ok && share.Denom().Sign() > 0 && digits == 0 && exact {
			if digits, exact = share.FloatPrec(); exact {
				return []string{share.FloatString(digits)}
			}
		}
		return nil
	}
	if whole, part, found := strings.Cut(text, ","); found && !strings.ContainsAny(part, ",.") && len(part) != 3 {
		return []string{whole + "." + part}
	}
	return []string{ungrouped(text)}
}

// ungrouped takes out what sets thousands apart, where it cannot be a decimal point.
func ungrouped(text string) string {
	return strings.NewReplacer("_", "", "'", "", " ", "").Replace(text)
}

// wholePart cuts a fraction that is none.
func wholePart(text string) string {
	whole, part, found := strings.Cut(text, ".")
	if found && strings.Trim(part, "0") == "" {
		return whole
	}
	return text
}

// hintFor says what to do about a text that is no value of a type, where that leaves a choice.
func hintFor(t reflect.Type, text string) string {
	number := text != "" && strings.Trim(text, "0123456789.") == ""
	switch {
	case ShapeOf(t) == ShapeDuration && number:
		return fmt.Sprintf("%ss, %sms or %sm: say which", text, text, text)
	case ShapeOf(t) == ShapeDuration && strings.Count(text, " ") >= 4:
		return "no schedule of cron: rounds lie on the multiples of a duration"
	case t == reflect.TypeFor[unit.Size]() && number:
		return fmt.Sprintf("%sMiB, %sKiB or %sB: say which", text, text, text)
	case t == reflect.TypeFor[unit.Percent]() && number:
		return percentHint(text)
	case t == reflect.TypeFor[dodona.Address]():
		return addressHint(text)
	}
	return ""
}

// percentHint says what a bare number may be as a share.
func percentHint(text string) string {
	share, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 12 || share.Cmp(big.NewRat(1, 1)) > 0 {
		return text + "% is meant?"
	}
	times := strings.TrimRight(strings.TrimRight(new(big.Rat).Mul(share, big.NewRat(100, 1)).FloatString(8), "0"), ".")
	return fmt.Sprintf("%s%% or %s%%: say which", times, text)
}

// addressHint says what is wrong with what should be an address.
func addressHint(text string) string {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	switch {
	case strings.HasSuffix(text, ".eth"):
		return "names are not looked up; write the address that it stands for"
	case strings.Trim(digits, "0123456789abcdefABCDEF") != "" || digits == "":
		return "an address is 0x and 40 hex digits"
	case len(digits) == 64:
		return "64 digits are a transaction, a block or a key; an address has 40"
	case len(digits) != 40:
		return fmt.Sprintf("40 digits follow 0x, and these are %d", len(digits))
	}
	return ""
}
