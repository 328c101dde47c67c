package feed

import (
	"slices"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
)

func TestSaidIsWhatEachInputWasMadeOf(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	value, mean := decimal(t, "7"), decimal(t, "7.5")
	point := func(id, unit string, s int64, q dodona.Quality, reason string) dodona.Point {
		return dodona.Point{ID: id, Value: value, Unit: unit, Time: at(s), Quality: q, Reason: reason}
	}
	b := &dodona.Bundle{
		Points: []dodona.Point{
			point("z", "Cel", 1, dodona.Good, ""), point("bad", "Cel", 1, dodona.Bad, "no probe"), point("doubt", "", 1, dodona.Uncertain, "its clock"),
			point("many", "W", 2, dodona.Good, ""), point("many", "kW", 1, dodona.Bad, "cut"),
			point("half", "W", 1, dodona.Good, ""), point("half", "W", 2, dodona.Bad, "cut"), point("given", "W", 1, dodona.Good, ""), point("unasked", "W", 1, dodona.Good, ""),
		},
		Inputs: []dodona.Input{
			{Point: "z", Status: dodona.InputOutlier, Reason: "far", Value: &value},
			{Point: "bad", Status: dodona.InputBad, Reason: "no probe"},
			{Point: "doubt", Status: dodona.InputUsed, Reason: "its clock", Value: &value},
			{Point: "many", Status: dodona.InputUsed, Reason: "1 of 2 values are bad", Value: &mean},
			{Point: "half", Status: dodona.InputUsed, Reason: "1 of 2 values are bad", Value: &mean},
			{Point: "given", Status: dodona.InputGiven},
			{Point: "silent", Status: dodona.InputFailed, Reason: "refused"},
		},
	}
	mixed := point("half", "W", 2, dodona.Uncertain, "1 of 2 values are bad")
	several := point("many", "W", 2, dodona.Uncertain, "1 of 2 values are bad")
	mixed.Value, several.Value = mean, mean
	want := []dodona.Point{
		point("bad", "Cel", 1, dodona.Bad, "no probe"), point("doubt", "", 1, dodona.Uncertain, "its clock"), mixed, several, point("z", "Cel", 1, dodona.Good, ""),
	}
	if got := Said(b); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := Said(&dodona.Bundle{}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
