package extract

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
)

// value turns what stands at the pointer into the point's value.
func (p plan) value(body []byte, t target) (dodona.Decimal, error) {
	var zero dodona.Decimal
	isScalar := t.shape == number || t.shape == text || t.shape == boolean
	if t.ambiguous || !isScalar {
		return zero, misplaced(body, t)
	}
	return p.scalar(t)
}

// scalar turns a number, a text, true or false into the point's value.
func (p plan) scalar(t target) (dodona.Decimal, error) {
	var zero dodona.Decimal
	if len(p.rule.Enum) > 0 {
		return p.code(t)
	}
	switch {
	case t.shape == boolean && t.text == "true":
		t.text = "1"
	case t.shape == boolean:
		t.text = "0"
	}
	v, err := p.number(t.text)
	if err != nil {
		return zero, fmt.Errorf("read %s at %s: %w", t.shape, printable(cmp.Or(t.place, "the top")), err)
	}
	if p.rule.Scale.Sign() != 0 {
		if v, err = v.Mul(p.rule.Scale); err != nil {
			return zero, fmt.Errorf("scale %s by %s: %w", t.text, p.rule.Scale, err)
		}
	}
	if v, err = v.Add(p.rule.Offset); err != nil {
		return zero, fmt.Errorf("add %s to %s: %w", p.rule.Offset, t.text, err)
	}
	return v, nil
}

// number reads a number: one of a document as JSON writes it, one of a column or a regular expression as instruments do.
func (p plan) number(s string) (dodona.Decimal, error) {
	w := p.rule.way()
	if w != table && w != match {
		v, err := dodona.ParseDecimal(s)
		return v, notNumber(s, err)
	}
	comma := p.rule.Decimal == ","
	if comma && strings.Contains(s, ".") {
		return dodona.Decimal{}, fmt.Errorf("%s is not a number: decimal is a comma here, and no point is read, nor thousands", printable(s))
	}
	v, err := dodona.ParseDecimal(written(s, p.rule.Decimal))
	switch {
	case err == nil, errors.Is(err, dodona.ErrRange):
		return v, err
	case comma:
		return v, fmt.Errorf("%s is not a number: want digits with at most one comma", printable(s))
	case p.rule.Decimal == "" && strings.Count(s, ",") == 1 && !strings.Contains(s, "."):
		return v, fmt.Errorf("%w: where one stands before the fraction, say decimal: \",\" in the rule", notNumber(s, err))
	}
	return v, notNumber(s, err)
}

// written returns a number as JSON writes it: with a point, and a digit on each side of it.
func written(s, decimal string) string {
	if decimal == "," {
		s = strings.ReplaceAll(s, ",", ".")
	}
	before, after, found := strings.Cut(s, ".")
	ahead, behind := before != "" && isDigit(before[len(before)-1]), after != "" && isDigit(after[0])
	switch {
	case !found, ahead == behind, !ahead && strings.Trim(before, "+-") != "", !behind && after != "" && after[0] != 'e' && after[0] != 'E':
		return s
	case !ahead:
		return before + "0." + after
	}
	return before + after
}

// checkDecimal tells what is wrong with the character before a fraction.
func (r Rule) checkDecimal(w way) error {
	switch {
	case w != table && w != match:
		return errors.New("is for a number in a text, and the rule has neither column nor regex")
	case r.Decimal != "," && r.Decimal != ".":
		return fmt.Errorf("%s: want \",\" or \".\"", printable(r.Decimal))
	case len(r.Enum) > 0:
		return errors.New("leave it out: with enum the text is no number")
	}
	return nil
}

// notNumber adds to an error about a text what the text was probably meant as.
func notNumber(s string, err error) error {
	if err == nil || errors.Is(err, dodona.ErrRange) {
		return err
	}
	switch strings.ToLower(s) {
	case "nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity":
		return fmt.Errorf("%q is not a number", s)
	}
	if strings.Contains(s, ",") {
		return fmt.Errorf("%w; commas are not read, because they mean thousands to some and decimals to others", err)
	}
	return err
}

// code looks a text up in the enum table.
func (p plan) code(t target) (dodona.Decimal, error) {
	code, found := p.rule.Enum[t.text]
	if !found {
		known := slices.Sorted(maps.Keys(p.rule.Enum))
		more := ""
		if len(known) > maxListed {
			known, more = known[:maxListed], fmt.Sprintf(" and %d more", len(known)-maxListed)
		}
		for i, k := range known {
			known[i] = printable(k)
		}
		return dodona.Decimal{}, fmt.Errorf("look up %s at %s: not in the enum table, which has %s%s",
			printable(t.text), printable(t.place), strings.Join(known, ", "), more)
	}
	return dodona.NewDecimal(big.NewInt(code), 0)
}

// instant turns what stands at the pointer of the time into a time, in whole milliseconds (as readings are signed).
func (p plan) instant(r dodona.Reading, body []byte, t target) (time.Time, error) {
	if t.ambiguous || (t.shape != number && t.shape != text) {
		return time.Time{}, fmt.Errorf("find time: %w", misplaced(body, t))
	}
	at, err := p.clock.instant(t.text, r)
	if err != nil {
		return time.Time{}, fmt.Errorf("read time at %s: %w", printable(t.place), err)
	}
	return at, nil
}
