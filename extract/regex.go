package extract

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// The bounds of a regular expression. Its work is linear: bytes of the text times steps of the expression.
const (
	maxRegex      = 1024    // bytes
	maxSteps      = 1_000   // of an expression, its repetitions written out
	maxSearched   = 1 << 20 // bytes of a text
	maxRegexWork  = 1 << 26 // bytes times steps
	maxRegexDepth = 100     // groups and repetitions inside each other
)

// A pattern is a regular expression made ready.
type pattern struct {
	*regexp.Regexp
	steps       int
	value, time int // groups; time is −1 if there is none
}

// patternOf makes a regular expression ready.
func patternOf(s string) (p pattern, err error) {
	if len(s) > maxRegex {
		return p, fmt.Errorf("an expression of %d bytes, at most %d are read", len(s), maxRegex)
	}
	parsed, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return p, notRegex(err)
	}
	steps := stepsOf(parsed, 0)
	if steps > maxSteps {
		return p, fmt.Errorf("has more than %d steps when its repetitions are written out", maxSteps)
	}
	p.steps = int(steps)
	if p.Regexp, err = regexp.Compile(s); err != nil {
		return p, notRegex(err)
	}
	names := p.SubexpNames()
	for _, name := range []string{"value", "time"} {
		if first := slices.Index(names, name); first >= 0 && slices.Contains(names[first+1:], name) {
			return p, fmt.Errorf("has two groups called %s", name)
		}
	}
	p.time = p.SubexpIndex("time")
	p.value = p.SubexpIndex("value")
	for i := 1; p.value < 0 && i < len(names); i++ {
		if i != p.time {
			p.value = i
		}
	}
	if p.value < 0 {
		if p.time >= 0 {
			return p, errors.New("has a group for the time and none for the value, such as (?P<value>-?[0-9.]+)")
		}
		p.value = 0
	}
	return p, nil
}

// notRegex says what is wrong with a regular expression, and what people miss who know other kinds.
func notRegex(err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err
	}
	text := fmt.Sprintf("%s in %s", e.Code, printable(e.Expr))
	if strings.HasPrefix(e.Expr, "(?=") || strings.HasPrefix(e.Expr, "(?!") || strings.HasPrefix(e.Expr, "(?<") {
		text += "; RE2 looks neither ahead nor behind: put what must stand there into the expression, and the value into a group"
	}
	return errors.New(text)
}

// stepsOf returns about how many steps an expression has, its repetitions written out; too many if it is nested too deep.
func stepsOf(r *syntax.Regexp, depth int) int64 {
	const many = math.MaxInt32
	if depth > maxRegexDepth {
		return many
	}
	n := int64(1)
	if r.Op == syntax.OpLiteral {
		n = int64(len(r.Rune))
	}
	for _, sub := range r.Sub {
		n = min(n+stepsOf(sub, depth+1), many)
	}
	if r.Op == syntax.OpRepeat {
		n *= int64(max(r.Min, r.Max, 1) + 1)
	}
	return min(n, many)
}

// fromMatch takes a plan's value from where its regular expression matches.
func (t *taken) fromMatch(p plan, r dodona.Reading) error {
	body, err := Text(r.Body, r.ContentType)
	switch most := min(maxSearched, maxRegexWork/p.pattern.steps); {
	case err != nil:
	case len(body) > most:
		err = fmt.Errorf("the text has %d bytes, and this regular expression reads at most %d", len(body), most)
	case len(body) == 0:
		err = errors.New("the text is empty")
	}
	if err != nil {
		t.empty = true
		return err
	}
	found := p.pattern.FindAllSubmatchIndex(body, 2)
	if len(found) == 0 {
		t.elsewhere = true
		return fmt.Errorf("the regular expression does not match the text, which begins %s", opening(body))
	}
	group := func(n int) (string, bool) {
		from, to := found[0][2*n], found[0][2*n+1]
		if from < 0 {
			return "", false
		}
		return string(body[from:to]), true
	}
	value, there := group(p.pattern.value)
	switch {
	case len(found) > 1:
		second := body[found[1][0]:found[1][1]]
		return fmt.Errorf("the regular expression matches more than once, at first %s, then %s; say more of what stands around the value",
			printable(string(body[found[0][0]:found[0][1]])), printable(string(second)))
	case !there:
		return errors.New("the regular expression matches, and its group for the value takes no part in it")
	}
	if all := around(body, found[0][:2], found[0][2*p.pattern.value:][:2]); len(p.rule.Enum) == 0 && all != value {
		return fmt.Errorf("the regular expression takes %s out of %s: let it take all of the number, its sign included, such as (-?[0-9.]+), or say what stands around it",
			printable(value), printable(all))
	}
	if t.point.Value, err = p.scalar(target{shape: text, text: value, place: "the match"}); err != nil || p.pattern.time < 0 {
		return err
	}
	at, there := group(p.pattern.time)
	if !there {
		return errors.New("the regular expression matches, and its group for the time takes no part in it")
	}
	if t.point.Time, err = p.clock.instant(at, r); err != nil {
		return fmt.Errorf("read time in the match: %w", err)
	}
	return nil
}

// around returns the number that a value is a part of: what stands beside a match that begins or ends with the value, and that the expression
// does not speak of. Without it "-12.3 kg" would be 12.3 by ([0-9.]+) kg.
func around(body []byte, match, value []int) string {
	from, to := value[0], value[1]
	if match[0] == from {
		for from > 0 && strings.IndexByte("0123456789-.,", body[from-1]) >= 0 {
			from--
		}
	}
	if match[1] == to {
		for more := to; more < len(body) && strings.IndexByte("0123456789.,", body[more]) >= 0; more++ {
			if body[more] >= '0' && body[more] <= '9' { // what ends a sentence is no part of a number
				to = more + 1
			}
		}
	}
	return string(body[from:to])
}
