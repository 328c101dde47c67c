package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// details finds out the names, the units, the decimals and the pace.
func (c initCommand) details(ask *asker, d *draft) (err error) {
	if c.Name != "" && len(d.picks) > 1 {
		return failure{exitUsage, errors.New("--name is for one number; name the feeds of several with --value POINTER=FEED")}
	}
	if c.Unit != "" && len(d.picks) > 1 {
		return failure{exitUsage, errors.New("--unit is for one number; say that of each of several with --value POINTER=FEED:UNIT, or write it below its feed in the file that is made")}
	}
	taken := map[string]bool{}
	for i := range d.picks {
		p := &d.picks[i]
		p.feed = cmp.Or(p.feed, c.Name)
		if p.feed == "" {
			if p.feed, err = ask.maybe(fmt.Sprintf("name of the feed of %s", pointerText(p.Pointer)), d.feedName(*p, taken), checkFeedName); err != nil {
				return err
			}
		}
		if err := checkFeedName(p.feed); err != nil {
			return failure{exitUsage, err}
		}
		if taken[p.feed] {
			return failure{exitUsage, fmt.Errorf("feed %s: two numbers cannot have one name", p.feed)}
		}
		taken[p.feed] = true
		if err := c.measure(ask, p); err != nil {
			return err
		}
		if err := c.timeOf(ask, d, p); err != nil {
			return err
		}
	}
	d.every = c.Every
	if d.every == 0 {
		text, err := ask.maybe("how often", "10s", checkEvery)
		if err != nil {
			return err
		}
		d.every, _ = unit.ParseDuration(text) // it was checked
	}
	return nil
}

// measure finds out the unit and the decimals of a feed, which true and false have none of.
func (c initCommand) measure(ask *asker, p *pick) (err error) {
	p.unit = cmp.Or(p.unit, c.Unit)
	if p.boolean {
		if p.unit != "" {
			return failure{exitUsage, fmt.Errorf("feed %s: %s stands at %s, which has no unit: it becomes a feed of kind bool", p.feed, p.Text, printable(pointerText(p.Pointer)))}
		}
		p.decimals = 0
		return nil
	}
	if p.unit == "" {
		if p.unit, err = ask.unit(); err != nil {
			return err
		}
	}
	return c.decimals(ask, p)
}

// decimals finds out how many decimals a feed has.
func (c initCommand) decimals(ask *asker, p *pick) error {
	fits := func(text string) error {
		if err := checkDecimals(text); err != nil {
			return err
		}
		n, _ := strconv.ParseUint(text, 10, 8) // it was checked
		value, err := dodona.ParseDecimal(p.Text)
		if err == nil {
			_, err = value.Rescale(uint8(n))
		}
		if err != nil {
			return fmt.Errorf("with %s decimals %s is more than an answer can hold", text, printable(p.Text))
		}
		return nil
	}
	if c.Decimals != nil {
		p.decimals = *c.Decimals
		if err := fits(strconv.Itoa(int(p.decimals))); err != nil {
			return failure{exitUsage, fmt.Errorf("--decimals %d: %w", p.decimals, err)}
		}
		return nil
	}
	text, err := ask.maybe("decimals", strconv.Itoa(int(p.decimals)), fits)
	if err != nil {
		return err
	}
	n, _ := strconv.ParseUint(text, 10, 8) // it was checked
	p.decimals = uint8(n)
	return nil
}

// unit asks for a unit until it is a code, or is said a second time.
func (a *asker) unit() (string, error) {
	usual, before := "", ""
	for {
		text, err := a.maybe("unit, such as Cel, kW.h or USD (empty: none)", usual, nil)
		meant, known := config.UnitCode(text)
		if err != nil || known || text == before {
			return text, err
		}
		if text == "none" || text == "-" {
			return "", nil
		}
		before, usual = text, meant
		if meant != "" {
			a.term.say("%s is no code of UCUM or ISO 4217: its code is %s (Enter takes it; the unit is signed, and cannot change later)", printable(plain.Quote(text, 40)), meant)
			continue
		}
		usual = "{" + token(text, "unit") + "}"
		a.term.say("%s is no code of UCUM or ISO 4217: what has none stands in braces, as %s (Enter takes it; the unit is signed, and cannot change later)", printable(plain.Quote(text, 40)), usual)
	}
}

// mostNameParts is how many parts the name of a feed may have in a configuration.
const mostNameParts = 4

func checkFeedName(s string) error {
	err := dodona.CheckName(s, mostNameParts)
	if err == nil {
		return nil
	}
	var parts []string
	for _, part := range strings.Split(s, ".") {
		if name := token(part, ""); name != "" && len(parts) < mostNameParts {
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		parts = []string{"boiler", "temperature"}
	}
	return fmt.Errorf("%w, such as %s", err, strings.Join(parts, "."))
}

func checkDecimals(s string) error {
	if n, err := strconv.ParseUint(s, 10, 8); err != nil || n > 57 {
		return errors.New("want a number from 0 to 57")
	}
	return nil
}

func checkEvery(s string) error {
	if d, err := unit.ParseDuration(s); err != nil || d < 100*time.Millisecond {
		return errors.New("want a time such as 10s, 1m or 500ms, at least 100ms")
	}
	return nil
}

// decimalsOf returns how many decimals a number shows.
func decimalsOf(text string) uint8 {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	_, fraction, _ := strings.Cut(mantissa, ".")
	shift, _ := strconv.Atoi(exponent) // 0 without one
	return uint8(min(max(len(fraction)-shift, 0), mostUsual))
}

// mostUsual is how many decimals are proposed at most.
const mostUsual = 18
