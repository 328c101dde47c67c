package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A moment is a member of a document that says when its values were measured.
type moment struct {
	pointer string
	at      time.Time
	depth   int // of what it shares with the value
	doubt   int // grows with how little its name says so
}

// momentsBeside returns the members beside a value, and beside what it is in, that read as a time, the likeliest first.
func momentsBeside(leaves []extract.Leaf, pointer string, now time.Time) (found []moment) {
	i := slices.IndexFunc(leaves, func(l extract.Leaf) bool { return l.Pointer == pointer })
	if i < 0 {
		return nil
	}
	way := leaves[i].Path
	for _, l := range leaves {
		if l.Pointer == pointer || len(l.Path) == 0 {
			continue
		}
		shared := 0
		for shared < min(len(way), len(l.Path)) && way[shared] == l.Path[shared] {
			shared++
		}
		if !isBeside(way, l.Path, shared) {
			continue
		}
		if m, is := momentOf(l, now); is {
			m.depth = shared
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.doubt/saysServed, b.doubt/saysServed), b.depth-a.depth, a.doubt-b.doubt)
	})
	return found
}

// isBeside reports whether a leaf is a member of something that the value is in, or of a header there.
func isBeside(way, leaf []extract.Step, shared int) bool {
	switch rest := leaf[shared:]; len(rest) {
	case 1:
		return !rest[0].Element || shared == len(way)-1
	case 2:
		return !rest[0].Element && !rest[1].Element && slices.Contains(headers, strings.ToLower(rest[0].Name))
	}
	return false
}

// headers are what members are called that say of all of a document when it is of.
var headers = []string{"time", "times", "date", "timestamp", "updated", "meta", "metadata", "status", "header", "info"}

// How little the name of a member says that its time is when the values beside it were measured.
const (
	saysMeasured = iota
	saysUpdated
	saysTime
	saysServed  // by the server, or of something else about the value
	saysNothing // which will do for what is written as a time
	saysOther   // that it is another time
)

// momentOf reads a leaf as a time: any text in RFC 3339, and a number by its name. One that is to come is no time of a measurement.
func momentOf(l extract.Leaf, now time.Time) (m moment, is bool) {
	at, err := extract.Instant(l.Text)
	if err != nil || at.Year() < firstYear || at.After(now.Add(10*time.Minute)) {
		return m, false
	}
	name := l.Path[len(l.Path)-1]
	doubt := doubtOf(name.Name)
	if l.Number && (name.Element || doubt == saysNothing) || doubt == saysOther {
		return m, false
	}
	return moment{pointer: l.Pointer, at: at, doubt: doubt}, true
}

// firstYear is before whatever is measured and read today: a number from before counts something else.
const firstYear = 2000

// doubtOf returns how little a name says that its time is when the value was measured.
func doubtOf(name string) int {
	words := wordsOf(name)
	letters := strings.Join(words, "")
	says := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(letters, p) })
	}
	has := func(all ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(all, w) })
	}
	switch {
	case says("expir", "until", "deadline", "creat", "birth", "install", "calibrat", "boot", "started", "timeout", "lifetime", "uptime") ||
		has("next", "start", "begin", "since", "due", "ath", "atl", "founded", "first", "genesis", "launch", "open", "to", "zone"):
		return saysOther
	case says("measur", "observ", "sampl", "record"):
		return saysMeasured
	case says("updat", "trade", "asof"):
		return saysUpdated
	case has("generated", "server", "request", "response", "fetched", "changed") || strings.HasPrefix(letters, "server"):
		return saysServed
	case says("time", "date", "stamp", "epoch", "unix") || has("ts", "at", "t", "utc", "when", "iso"):
		return saysTime
	}
	return saysNothing
}

// wordsOf returns the words of a name in small letters: last and updated of lastUpdated, last_updated and Last-Updated.
func wordsOf(name string) (words []string) {
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			words = append(words, strings.ToLower(b.String()))
			b.Reset()
		}
	}
	small := false
	for _, r := range name {
		if !unicode.IsLetter(r) || unicode.IsUpper(r) && small {
			end()
		}
		if unicode.IsLetter(r) {
			b.WriteRune(r)
		}
		small = unicode.IsLower(r)
	}
	end()
	return words
}

// says tells what a moment is, for people.
func (m moment) says(now time.Time) string {
	return m.at.Format(time.RFC3339) + ", " + timeSince(m.at, now)
}

// timeSince writes how long ago something was.
func timeSince(at, now time.Time) string {
	if d := now.Sub(at); d >= time.Second {
		return inShort(d) + " ago"
	}
	return "now"
}

// inShort writes a duration as far as that matters.
func inShort(d time.Duration) string {
	switch {
	case d < time.Minute:
		d = d.Truncate(time.Second)
	case d < 24*time.Hour:
		d = d.Truncate(time.Minute)
	default:
		d = d.Truncate(24 * time.Hour)
	}
	return unit.FormatDuration(d)
}

// timeOf finds out where the time of a pick stands.
func (c initCommand) timeOf(ask *asker, d *draft, p *pick) error {
	found := momentsBeside(d.leaves, p.Pointer, d.now)
	switch {
	case c.Time != nil:
		if err := d.setTime(p, *c.Time); err != nil {
			return failure{exitUsage, fmt.Errorf("--%w", err)}
		}
		return nil
	case len(found) == 0:
		return nil
	case !ask.term.asks:
		return d.setTime(p, found[0].pointer)
	}
	usual := found[0].pointer
	if answer, asked := d.times[usual]; asked && d.setTime(p, answer) == nil {
		return nil
	}
	for _, m := range found[:min(len(found), 3)] {
		ask.term.say("%s reads as a time: %s", printable(m.pointer), m.says(d.now))
	}
	text, err := ask.maybe("when it was measured: a pointer, or none", usual, func(text string) error {
		other := *p
		return d.setTime(&other, withoutNone(text))
	})
	if err != nil {
		return err
	}
	if d.times == nil {
		d.times = map[string]string{}
	}
	d.times[usual] = withoutNone(text)
	return d.setTime(p, d.times[usual])
}

func withoutNone(text string) string {
	if text == "none" || text == "-" {
		return ""
	}
	return text
}

// setTime makes a pick take its time from a pointer; the empty one takes it from nowhere.
func (d *draft) setTime(p *pick, pointer string) error {
	p.time, p.at = "", time.Time{}
	if pointer == "" {
		return nil
	}
	i := slices.IndexFunc(d.leaves, func(l extract.Leaf) bool { return l.Pointer == pointer })
	if i < 0 {
		var near []string
		for _, m := range momentsBeside(d.leaves, p.Pointer, d.now) {
			near = append(near, printable(m.pointer))
		}
		hint := ""
		if len(near) > 0 {
			hint = "; " + strings.Join(near[:min(len(near), 3)], ", ") + " would do"
		}
		return fmt.Errorf("time: nothing stands at %s%s", printable(pointer), hint)
	}
	if pointer == p.Pointer {
		return errors.New("time: that is the value itself; name the member that says when it was measured")
	}
	at, err := extract.Instant(d.leaves[i].Text)
	if err != nil || at.Year() < firstYear {
		return fmt.Errorf("time: %s at %s is no time: want RFC 3339, such as 2026-11-30T08:14:10Z, or a number since 1970", printable(d.leaves[i].Text), printable(pointer))
	}
	p.time, p.at = pointer, at
	return nil
}

// mostAge is how old a value may be for a configuration to be made that takes it all the same.
const mostAge = 31 * 24 * time.Hour

// usualStale is how old a value may be that says when it was measured, if nothing else is set.
func (d draft) usualStale() time.Duration { return max(3*d.every, time.Minute) }

// staleOf returns how old answers of a pick may be, which is more than usual if its source is slower; 0: as usual.
func (d draft) staleOf(p pick) time.Duration {
	age := d.now.Sub(p.at)
	if p.at.IsZero() || age <= d.usualStale()/2 || age > mostAge {
		return 0
	}
	for _, step := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour} {
		if step >= 2*age {
			return step
		}
	}
	return 2 * mostAge
}
