package trial

import (
	"fmt"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
)

// compare returns where a result is not what the case expects: lines of "- want" and "+ got", none if it is.
func (k testCase) compare(got Result) (diff []string) {
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

func (k testCase) failure() string {
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
	text := PointText(p)
	if timed {
		text += " at " + p.Time.Format(time.RFC3339Nano)
	}
	return text
}

// PointText is a point on one line: "boiler = 21.5 Cel", with what is not good about it.
func PointText(p dodona.Point) string {
	text := p.ID + " = " + p.Value.String()
	if p.Unit != "" {
		text += " " + p.Unit
	}
	if p.Quality == dodona.Bad {
		text = p.ID + " is bad"
	} else if p.Quality != dodona.Good {
		text += ", " + p.Quality.String()
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}
