package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// compare returns where a result is not what the case expects: lines of "- want" and "+ got", none if it is.
func (k moduleCase) compare(got trialResult) (diff []string) {
	failed := got.Error != nil
	switch wanted := k.Cause != "" || k.Error != ""; {
	case failed && !wanted:
		diff = append(diff, "- an answer", "+ "+*got.Error)
	case !failed && wanted:
		diff = append(diff, "- "+k.failure(), "+ an answer")
	case failed && (k.Cause != "" && string(got.Cause) != k.Cause || !strings.Contains(*got.Error, k.Error)):
		diff = append(diff, "- "+k.failure(), "+ "+*got.Error)
	}
	if !failed || len(k.Points) > 0 {
		diff = append(diff, comparePoints(k.Points, got.Points)...)
	}
	if k.Output != "" && k.Output != string(got.Output) {
		diff = append(diff, fmt.Sprintf("- output %q", k.Output), fmt.Sprintf("+ output %q", got.Output))
	}
	return diff
}

func (k moduleCase) failure() string {
	text := "a failure"
	if k.Cause != "" {
		text += " with cause " + k.Cause
	}
	if k.Error != "" {
		text += fmt.Sprintf(" that says %q", k.Error)
	}
	return text
}

// comparePoints compares point by point, in order.
func comparePoints(want []expectedPoint, got []dodona.Point) (diff []string) {
	for i := range max(len(want), len(got)) {
		if i < len(want) && i < len(got) && want[i].is(got[i]) {
			continue
		}
		if i < len(want) {
			diff = append(diff, "- "+want[i].String())
		}
		if i < len(got) {
			diff = append(diff, "+ "+pointText(got[i]))
		}
	}
	return diff
}

// is reports whether a point is what was expected. The number of a bad one means nothing.
func (e expectedPoint) is(p dodona.Point) bool {
	return e.ID == p.ID && e.Quality == p.Quality && e.Unit == p.Unit &&
		(e.Value == p.Value || e.Quality == dodona.Bad) &&
		(e.Reason == "" || e.Reason == p.Reason) &&
		(e.Time.IsZero() || e.Time.Equal(p.Time))
}

func (e expectedPoint) String() string {
	text := pointText(dodona.Point{ID: e.ID, Value: e.Value, Unit: e.Unit, Quality: e.Quality, Reason: e.Reason})
	if !e.Time.IsZero() {
		text += " at " + e.Time.String()
	}
	return text
}

// print writes what became of a file for people.
func (r tested) print(term terminal) {
	fmt.Fprintf(term.out, "%s: %s\n", r.File, filepath.Base(r.Module))
	width := 0
	for _, k := range r.Cases {
		width = max(width, len([]rune(k.Name)))
	}
	for _, k := range r.Cases {
		verdict := "PASS"
		if !k.Pass {
			verdict = "FAIL"
		}
		fmt.Fprintf(term.out, "  %s  %-*s  %s\n", verdict, width, k.Name, k.costs())
		if k.Pass {
			for _, p := range k.Points {
				fmt.Fprintf(term.out, "          %s\n", pointText(p))
			}
			if k.Error != nil {
				fmt.Fprintf(term.out, "          failed as it should: %s\n", *k.Error)
			}
			continue
		}
		for _, line := range k.Diff {
			fmt.Fprintf(term.out, "        %s\n", line)
		}
		for _, l := range k.Logs {
			fmt.Fprintf(term.out, "        log %s: %s\n", l.Level, l.Text)
		}
	}
}
