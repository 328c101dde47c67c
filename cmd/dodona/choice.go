package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/table"
)

// pageLines is how many numbers are listed at once.
const pageLines = 20

// choose lets numbers of a list be chosen, and the list be searched.
func (a *asker) choose(places []extract.Place, n int, texts []extract.Leaf) ([]pick, error) {
	if !a.term.asks {
		a.list(places, 0, n)
		a.tell(texts)
		return nil, failure{exitUsage, fmt.Errorf("the document has %s; say which with --value POINTER, such as --value %s", count(n, "number"), plain.ShellWord(places[0].Pointer))}
	}
	shown, from := indexes(len(places)), 0
	for first := true; ; first = false {
		more := a.show(places, shown, from, n)
		if first {
			a.tell(texts)
		}
		question := "which? its number or its pointer, several with commas; or a part of one to look for"
		if more {
			question += "; Enter for more"
		}
		text, err := a.line(question)
		if err != nil {
			return nil, err
		}
		if text == "" {
			if from += pageLines; !more {
				shown, from = indexes(len(places)), 0
			}
			continue
		}
		if chosen, found := chosenIn(places, text); found {
			return chosen, nil
		}
		var hits []int
		for i, p := range places {
			if strings.Contains(strings.ToLower(p.Pointer+" "+p.Text), strings.ToLower(text)) {
				hits = append(hits, i)
			}
		}
		if len(hits) == 0 {
			a.term.say("no number is at %s", printable(text))
			if found := textsAt(texts, text); len(found) > 0 {
				a.term.say("%s; %s", tellTexts(found), whatToDo)
			}
			continue
		}
		shown, from = hits, 0
	}
}

// tell says which texts were meant as numbers and are none.
func (a *asker) tell(texts []extract.Leaf) {
	if len(texts) > 0 {
		a.term.say("not listed: %s", tellTexts(texts))
	}
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// chosenIn returns the numbers that a line names, by their places in the list or by their pointers.
func chosenIn(places []extract.Place, line string) (chosen []pick, found bool) {
	for _, word := range strings.Split(line, ",") {
		word = strings.TrimSpace(word)
		i := slices.IndexFunc(places, func(p extract.Place) bool { return p.Pointer == word && word != "" })
		if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(places) {
			i = n - 1
		}
		if i < 0 {
			return nil, false
		}
		chosen = append(chosen, pick{Place: places[i]})
	}
	return chosen, len(chosen) > 0
}

// show lists a page of numbers, and reports whether there are more.
func (a *asker) show(places []extract.Place, shown []int, from, count int) (more bool) {
	to := min(from+pageLines, len(shown))
	page := table.Table{Margin: 2, Columns: []table.Column{{Right: true}, {Whole: true}, {Whole: true}}}
	for _, i := range shown[from:to] {
		page.Add(table.Cells(strconv.Itoa(i+1), pointerText(places[i].Pointer), places[i].Text))
	}
	for _, line := range page.Lines(a.term.width()) {
		fmt.Fprintln(a.term.err, line)
	}
	switch left := len(shown) - to; {
	case left > 0:
		fmt.Fprintf(a.term.err, "  … and %s more\n", dodona.Thousands(uint64(left)))
		return true
	case len(shown) == len(places) && count > len(places):
		fmt.Fprintf(a.term.err, "  … and %s more, which are not listed: name one by its pointer with --value\n", dodona.Thousands(uint64(count-len(places))))
	}
	return false
}

// list lists the first numbers for somebody who cannot be asked.
func (a *asker) list(places []extract.Place, from, count int) {
	a.show(places, indexes(min(len(places), pageLines)), from, count)
	if more := count - pageLines; more > 0 {
		fmt.Fprintf(a.term.err, "  … and %s more\n", dodona.Thousands(uint64(more)))
	}
}

// mostListed is how many numbers of a document can be chosen from.
const mostListed = 20000
