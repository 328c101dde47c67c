package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
)

// compare returns where a result is not what the case expects: lines of "- want" and "+ got", none if it is.
func (k moduleCase) compare(got trialResult) (diff []string) {
	failed := got.Error != nil
	switch wanted := k.Cause != "" || k.Error != ""; {
	case failed && !wanted:
		diff = append(diff, "- an answer", "+ "+*got.Error)
	case !failed && wanted:
		diff = append(diff, "- "+k.failure(), "+ an answer")
	case failed && (k.Cause != "" && got.Cause != module.Cause(k.Cause) || !strings.Contains(*got.Error, k.Error)):
		diff = append(diff, "- "+k.failure(), "+ "+*got.Error)
	}
	if !failed {
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
		text += " with cause " + string(k.Cause)
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
			diff = append(diff, "+ "+timedText(got[i], i < len(want) && !want[i].Time.IsZero()))
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
	p := dodona.Point{ID: e.ID, Value: e.Value, Unit: e.Unit, Quality: e.Quality, Reason: e.Reason, Time: e.Time}
	return timedText(p, !e.Time.IsZero())
}

// timedText is a point on one line, with its time if that matters.
func timedText(p dodona.Point, timed bool) string {
	text := pointText(p)
	if timed {
		text += " at " + p.Time.Format(time.RFC3339Nano)
	}
	return text
}

// print writes what became of a file for people.
func (r tested) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.File, filepath.Base(r.Module))
	for _, k := range r.Cases {
		verdict := "PASS"
		if !k.Pass {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "  %s  %s\n", verdict, k.Name)
		for _, line := range k.lines() {
			fmt.Fprintf(&b, "        %s\n", line)
		}
		fmt.Fprintf(&b, "        %s\n", k.costs(r.limits))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lines say what a case answered, or where it differs from what it must.
func (k testedCase) lines() (out []string) {
	if !k.Pass {
		out = k.Diff
		for _, l := range k.Logs {
			out = append(out, "log "+l.Level+": "+l.Text)
		}
		return out
	}
	for _, p := range k.Points {
		out = append(out, pointText(p))
	}
	if k.Error != nil {
		out = append(out, "failed as it should: "+*k.Error)
	}
	return out
}
