package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A pick is a number of the document that becomes a feed.
type pick struct {
	extract.Place
	feed     string
	unit     string
	decimals uint8
	boolean  bool         // true or false stands there
	time     string       // pointer of when it was measured; empty: the document does not say
	at       time.Time    // what stood there
	rule     extract.Rule // that takes it
	position string       // an element on the way that is chosen by its position alone
}

// now writes the number as its feed will.
func (p pick) now() string {
	value, err := dodona.ParseDecimal(p.Text)
	if err != nil {
		return p.Text
	}
	scaled, err := value.Rescale(p.decimals)
	if err != nil {
		return p.Text
	}
	return dodona.Feed{Kind: dodona.Number, Unit: p.unit, Decimals: p.decimals}.Format(scaled)
}

// complete adds what a place is by its leaf, and as many decimals as any of the lines before shows there.
func (p *pick) complete(leaves []extract.Leaf, lines []dodona.Reading) {
	if i := slices.IndexFunc(leaves, func(l extract.Leaf) bool { return l.Pointer == p.Pointer }); i >= 0 {
		p.Text, p.boolean = leaves[i].Text, isBoolean(leaves[i])
	}
	p.decimals = decimalsOf(p.Text)
	for _, r := range lines {
		if v, err := extract.Number(r, p.Pointer); err == nil {
			_, decimals := v.Parts()
			p.decimals = max(p.decimals, min(decimals, mostUsual))
		}
	}
}

// lastLines returns the last documents of a file of lines.
func (d draft) lastLines() (lines []dodona.Reading) {
	if !d.lines {
		return nil
	}
	f, err := os.Open(d.file) // it was read just now
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 64 << 10
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	text := make([]byte, min(info.Size(), most))
	n, err := f.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	for line := range bytes.Lines(text[:n]) { // half a line is no document
		lines = append(lines, dodona.Reading{Body: line})
	}
	return lines
}

// isBoolean reports whether true or false stands somewhere, of a place that a rule takes a number from.
func isBoolean(l extract.Leaf) bool { return !l.Number && (l.Text == "true" || l.Text == "false") }

// take completes a pick with what the document has there; an error says why no rule could take it.
func (p *pick) take(r dodona.Reading, places []extract.Place, texts []extract.Leaf) error {
	if _, err := extract.Number(r, p.Pointer); err != nil {
		if i := slices.IndexFunc(texts, func(l extract.Leaf) bool { return l.Pointer == p.Pointer }); i >= 0 {
			return fmt.Errorf("%s\n%s", tellTexts(texts[i:i+1]), whatToDo)
		}
		if len(places) > 0 && strings.Contains(p.Pointer+"/", "/*/") {
			return starNeedless(p.Pointer, places)
		}
		if len(places) == 0 {
			return err
		}
		_, all, _ := extract.Places(r, 0)
		var near []string
		ordered := slices.Clone(places)
		slices.SortStableFunc(ordered, func(a, b extract.Place) int {
			return nearness(b.Pointer, []string{p.Pointer}) - nearness(a.Pointer, []string{p.Pointer})
		})
		for _, place := range ordered[:min(len(ordered), 5)] {
			near = append(near, pointerText(place.Pointer))
		}
		return fmt.Errorf("%w (of %s, the nearest: %s)", err, count(all, "number"), strings.Join(near, ", "))
	}
	if i := slices.IndexFunc(places, func(place extract.Place) bool { return place.Pointer == p.Pointer }); i >= 0 {
		p.Text = places[i].Text
	}
	return nil
}

// starNeedless says what to write instead of a pointer with a star.
func starNeedless(pointer string, places []extract.Place) error {
	one := places[0].Pointer
	for _, p := range places {
		want, have := strings.Split(pointer, "/"), strings.Split(p.Pointer, "/")
		if len(want) == len(have) && matches(want, have) {
			one = p.Pointer
			break
		}
	}
	return fmt.Errorf("which element * stands for is said by where, which init writes of itself: name one that is there, such as --value %s, and several with --value each", plain.ShellWord(one))
}

// matches reports whether the parts of a pointer are those of another, in which a star is any.
func matches(want, have []string) bool {
	for i := range want {
		if want[i] != "*" && want[i] != have[i] {
			return false
		}
	}
	return true
}
