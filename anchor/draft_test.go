package anchor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
)

// draftOf returns a draft of a window of a series that has no anchor yet.
func draftOf(t testing.TB, from, to dodona.Round, grids ...anchor.Grid) *anchor.Draft {
	t.Helper()
	w := newWorld(time.Minute)
	w.restart(t)
	return w.series.Draft(anchor.Window{From: from, To: to}, grids)
}

func dataOf(f dodona.Feed, r dodona.Round) dodona.Record {
	body, _ := json.Marshal(answerOf(f, r, 7))
	return dodona.Record{Topic: dodona.TopicData, Key: f.Name, ID: r.ID(), Body: body}
}

func roundOf(f dodona.Feed, r dodona.Round, missed string) dodona.Record {
	body, _ := json.Marshal(dodona.Bundle{Feed: f, Round: r, Missed: missed})
	return dodona.Record{Topic: dodona.TopicRound, Key: f.Name, ID: r.ID(), Body: body}
}

// gapsIn returns the gaps among the parts of a plan.
func gapsIn(t testing.TB, plan *anchor.Plan, parts []dodona.Record) (gaps []string) {
	t.Helper()
	for i, part := range plan.Parts {
		if part.Holds != "gaps" {
			continue
		}
		var list []anchor.Gap
		if err := json.Unmarshal(parts[i].Body, &list); err != nil {
			t.Fatal(err)
		}
		for _, g := range list {
			gaps = append(gaps, fmt.Sprintf("%d-%d %s", uint64(g.First), uint64(g.Last), g.Cause))
		}
	}
	return gaps
}

// TestGapsAreWhatNoAnswerCovers in a window of six rounds, 100 to 150.
func TestGapsAreWhatNoAnswerCovers(t *testing.T) {
	const silent, unattested = " " + anchor.CauseSilent, " " + anchor.CauseUnattested
	type told struct {
		round dodona.Round
		cause string
	}
	type rounds []dodona.Round
	for name, c := range map[string]struct {
		attested rounds
		told     []told
		want     []string
	}{
		"all":                        {rounds{100, 110, 120, 130, 140, 150}, nil, nil},
		"one":                        {rounds{120}, nil, []string{"100-110" + silent, "130-150" + silent}},
		"the first":                  {rounds{100}, nil, []string{"110-150" + silent}},
		"the last":                   {rounds{150}, nil, []string{"100-140" + silent}},
		"one told":                   {rounds{100}, []told{{120, "x"}}, []string{"110-110" + silent, "120-120 x", "130-150" + silent}},
		"the first told":             {rounds{150}, []told{{100, "x"}}, []string{"100-100 x", "110-140" + silent}},
		"the last told":              {rounds{100}, []told{{150, "x"}}, []string{"110-140" + silent, "150-150 x"}},
		"two with one cause":         {rounds{100}, []told{{120, "x"}, {130, "x"}}, []string{"110-110" + silent, "120-130 x", "140-150" + silent}},
		"two with two":               {rounds{100}, []told{{120, "x"}, {130, "y"}}, []string{"110-110" + silent, "120-120 x", "130-130 y", "140-150" + silent}},
		"one cause, apart":           {rounds{100}, []told{{110, "x"}, {130, "x"}}, []string{"110-110 x", "120-120" + silent, "130-130 x", "140-150" + silent}},
		"one cause around an answer": {rounds{100, 120}, []told{{110, "x"}, {130, "x"}}, []string{"110-110 x", "130-130 x", "140-150" + silent}},
		"computed":                   {rounds{100}, []told{{110, ""}}, []string{"110-110" + unattested, "120-150" + silent}},
		"told of an attested one":    {rounds{100, 110}, []told{{100, "x"}, {110, "x"}, {120, "y"}}, []string{"120-120 y", "130-150" + silent}},
		"an answer beside the grid":  {rounds{100, 125}, nil, []string{"110-120" + silent, "130-150" + silent}},
		"beside the grid at the end": {rounds{100, 155}, nil, []string{"110-150" + silent}},
		"told beside the grid":       {rounds{100}, []told{{115, "x"}}, []string{"110-150" + silent}},
		"told outside":               {rounds{100}, []told{{90, "x"}, {110, "y"}, {160, "x"}}, []string{"110-110 y", "120-150" + silent}},
		"told twice":                 {rounds{100}, []told{{110, "x"}, {110, "y"}}, []string{"110-110 x", "120-150" + silent}},
		"told backwards":             {rounds{100}, []told{{120, "x"}, {110, "y"}}, []string{"110-110" + silent, "120-120 x", "130-150" + silent}},
	} {
		f := feed("a")
		d := draftOf(t, 100, 160, anchor.Grid{Feed: f, Every: 10 * time.Millisecond})
		for _, r := range c.attested {
			if more, err := d.Answer(dataOf(f, r)); err != nil || !more {
				t.Fatalf("%s: %d: %t, %v", name, uint64(r), more, err)
			}
		}
		for _, told := range c.told {
			if more := d.Round(roundOf(f, told.round, told.cause)); more != (told.round < 160) {
				t.Errorf("%s: after round %d more is wanted: %t", name, uint64(told.round), more)
			}
		}
		plan, parts, err := d.Plan(1)
		if err != nil {
			t.Fatal(err)
		}
		if got := gapsIn(t, plan, parts); !slices.Equal(got, c.want) || plan.Gaps != uint64(len(got)) || plan.Anchor.Count != uint64(len(got)+len(c.attested)) || plan.Late != 0 {
			t.Errorf("%s: %d gaps %q of %d leaves, %d late, want %q", name, plan.Gaps, got, plan.Anchor.Count, plan.Late, c.want)
		}
	}
}

// TestOfRoundsThatMayBeLostNothingIsClaimed: what is there stays, and that a round was missed is believed if it was written before the loss.
func TestOfRoundsThatMayBeLostNothingIsClaimed(t *testing.T) {
	const silent, unattested, unknown = " " + anchor.CauseSilent, " " + anchor.CauseUnattested, " not known: it burnt"
	before, after := noon, noon.Add(2*time.Second)
	told := func(r dodona.Round, missed string, at time.Time) dodona.Record {
		rec := roundOf(feed("a"), r, missed)
		rec.Appended = at
		return rec
	}
	for name, c := range map[string]struct {
		loss anchor.Loss
		told []dodona.Record
		want []string
	}{
		"nothing":              {anchor.Loss{}, nil, []string{"110-150" + silent}},
		"all":                  {anchor.Loss{Until: 1000}, nil, []string{"110-150" + unknown}},
		"up to a round":        {anchor.Loss{Until: 130}, nil, []string{"110-130" + unknown, "140-150" + silent}},
		"up to one beside":     {anchor.Loss{Until: 139}, nil, []string{"110-130" + unknown, "140-150" + silent}},
		"from one on":          {anchor.Loss{After: 120, Until: 1000}, nil, []string{"110-120" + silent, "130-150" + unknown}},
		"between":              {anchor.Loss{After: 115, Until: 140}, nil, []string{"110-110" + silent, "120-140" + unknown, "150-150" + silent}},
		"before the window":    {anchor.Loss{Until: 99}, nil, []string{"110-150" + silent}},
		"computed":             {anchor.Loss{Until: 120}, []dodona.Record{told(110, "", before), told(130, "", after)}, []string{"110-120" + unknown, "130-130" + unattested, "140-150" + silent}},
		"missed":               {anchor.Loss{Until: 1000}, []dodona.Record{told(120, "x", after)}, []string{"110-110" + unknown, "120-120 x", "130-150" + unknown}},
		"missed, by a backup":  {anchor.Loss{Until: 1000, Told: after}, []dodona.Record{told(120, "x", before)}, []string{"110-110" + unknown, "120-120 x", "130-150" + unknown}},
		"missed, told since":   {anchor.Loss{Until: 1000, Told: after}, []dodona.Record{told(120, "x", after)}, []string{"110-150" + unknown}},
		"missed, and not lost": {anchor.Loss{Until: 110, Told: before}, []dodona.Record{told(120, "x", after)}, []string{"110-110" + unknown, "120-120 x", "130-150" + silent}},
	} {
		d := draftOf(t, 100, 160, anchor.Grid{Feed: feed("a"), Every: 10 * time.Millisecond})
		c.loss.Cause = "not known: it burnt"
		d.Lack(c.loss)
		if _, err := d.Answer(dataOf(feed("a"), 100)); err != nil {
			t.Fatal(err)
		}
		for _, rec := range c.told {
			d.Round(rec)
		}
		plan, parts, err := d.Plan(1)
		if err != nil {
			t.Fatal(err)
		}
		if got := gapsIn(t, plan, parts); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestAFeedIsAskedForMoreUntilItsGridIsTold, at grids that do and do not lie on the bounds of the window.
func TestAFeedIsAskedForMoreUntilItsGridIsTold(t *testing.T) {
	for _, c := range []struct {
		from, to dodona.Round
		attested []dodona.Round
		want     bool
	}{
		{1000, 2000, []dodona.Round{1200, 1500, 1800}, false},
		{1000, 2000, []dodona.Round{1200, 1500}, true},
		{1200, 2100, []dodona.Round{1200, 1500, 1800}, false},
		{1200, 2100, []dodona.Round{1500, 1800}, true},
		{1201, 2101, []dodona.Round{1500, 1800, 2100}, false},
		{1201, 2101, []dodona.Round{1500, 1800}, true},
		{1200, 2100, []dodona.Round{1200, 1500, 1801}, true}, // one beside the grid covers nothing
		{1201, 1500, nil, false},
	} {
		f := feed("a")
		d := draftOf(t, c.from, c.to, anchor.Grid{Feed: f, Every: 300 * time.Millisecond})
		for _, r := range c.attested {
			if _, err := d.Answer(dataOf(f, r)); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(d.Untold()) > 0; got != c.want {
			t.Errorf("%d to %d with %v: more is asked for: %t, want %t", uint64(c.from), uint64(c.to), c.attested, got, c.want)
		}
	}
	other := feed("a")
	other.Decimals++ // another feed under its name covers nothing of it
	d := draftOf(t, 1200, 1800, anchor.Grid{Feed: feed("a"), Every: 300 * time.Millisecond})
	for _, rec := range []dodona.Record{dataOf(other, 1200), dataOf(feed("a"), 1500)} {
		if _, err := d.Answer(rec); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.Untold()) != 1 {
		t.Error("an answer of another feed under the name covers the grid")
	}
	plan, parts, err := d.Plan(1)
	if err != nil {
		t.Fatal(err)
	}
	if got := gapsIn(t, plan, parts); !slices.Equal(got, []string{"1200-1200 " + anchor.CauseSilent}) || plan.Anchor.Count != 3 {
		t.Errorf("gaps %q beside an answer of another feed under the name, %d leaves", got, plan.Anchor.Count)
	}
}

// TestADraftTakesWhatItAskedFor and says when it has enough.
func TestADraftTakesWhatItAskedFor(t *testing.T) {
	f := feed("a")
	altered := func(rec dodona.Record, change func(*dodona.Record)) dodona.Record {
		change(&rec)
		return rec
	}
	foreign := answerOf(f, 110, 7)
	foreign.Network.Name = "another"
	body, _ := json.Marshal(foreign)
	for name, c := range map[string]struct {
		rec  dodona.Record
		more bool
		want string // in the error
		took bool
	}{
		"the first":          {dataOf(f, 100), true, "", true},
		"one inside":         {dataOf(f, 110), true, "", true},
		"the last":           {dataOf(f, 159), true, "", true},
		"the end":            {dataOf(f, 160), false, "", false},
		"before the window":  {dataOf(f, 99), true, "", false},
		"of no round":        {altered(dataOf(f, 110), func(r *dodona.Record) { r.ID = "x" }), true, "", false},
		"of another network": {dodona.Record{Key: "a", ID: "110", Body: body}, true, "", false},
		"of another feed":    {dataOf(feed("b"), 110), false, `nobody asked for feed "b"`, false},
		"broken":             {altered(dataOf(f, 110), func(r *dodona.Record) { r.Body = r.Body[:9] }), false, "read answer 110 of a", false},
		"under another name": {altered(dataOf(f, 110), func(r *dodona.Record) { r.ID = "120" }), false, "record 120 of a holds round 110", false},
	} {
		d := draftOf(t, 100, 160, anchor.Grid{Feed: f, Every: 10 * time.Millisecond})
		more, err := d.Answer(c.rec)
		if more != c.more || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: more %t, %v, want %t, %q", name, more, err, c.more, c.want)
		}
		if round, _ := c.rec.Round(); c.took && d.Wanted()["a"] != round+1 || !c.took && d.Wanted()["a"] != 100 {
			t.Errorf("%s: what is wanted next begins at %d", name, uint64(d.Wanted()["a"]))
		}
	}
	d := draftOf(t, 100, 160, anchor.Grid{Feed: f, Every: 10 * time.Millisecond})
	for _, r := range []dodona.Round{110, 110, 100, 120} { // what is given twice, or is earlier, is taken before
		if more, err := d.Answer(dataOf(f, r)); err != nil || !more {
			t.Errorf("answer %d: %t, %v", uint64(r), more, err)
		}
	}
	if plan, _, err := d.Plan(1); err != nil || plan.Anchor.Count-plan.Gaps != 2 {
		t.Errorf("%+v, %v, want 2 answers", plan, err)
	}
	for name, c := range map[string]struct {
		rec  dodona.Record
		more bool
	}{
		"of another feed":    {roundOf(feed("b"), 110, "x"), false},
		"of no round":        {altered(roundOf(f, 110, "x"), func(r *dodona.Record) { r.ID = "x" }), false},
		"the end":            {roundOf(f, 160, "x"), false},
		"broken":             {altered(roundOf(f, 110, "x"), func(r *dodona.Record) { r.Body = nil }), true},
		"of another id":      {altered(roundOf(feed("b"), 110, "x"), func(r *dodona.Record) { r.Key = "a" }), true},
		"before the window":  {roundOf(f, 90, "x"), true},
		"beside of the grid": {roundOf(f, 111, "x"), true},
	} {
		d := draftOf(t, 100, 160, anchor.Grid{Feed: f, Every: 10 * time.Millisecond})
		if _, err := d.Answer(dataOf(f, 100)); err != nil {
			t.Fatal(err)
		}
		if more := d.Round(c.rec); more != c.more {
			t.Errorf("a round record %s: more is wanted: %t, want %t", name, more, c.more)
		}
		plan, parts, err := d.Plan(1)
		if err != nil {
			t.Fatal(err)
		}
		if got := gapsIn(t, plan, parts); !slices.Equal(got, []string{"110-150 " + anchor.CauseSilent}) {
			t.Errorf("a round record %s tells %q", name, got)
		}
	}
	if _, _, err := draftOf(t, 100, 160).Plan(1); !errors.Is(err, anchor.ErrEmpty) {
		t.Errorf("a draft of nothing: %v, want %v", err, anchor.ErrEmpty)
	}
}

// TestCausesAreShortLines: what a device says is text of a stranger.
func TestCausesAreShortLines(t *testing.T) {
	for length, want := range map[int]int{239: 239, 240: 240, 241: 240, 1000: 240} {
		f := feed("a")
		d := draftOf(t, 100, 120, anchor.Grid{Feed: f, Every: 10 * time.Millisecond})
		if _, err := d.Answer(dataOf(f, 110)); err != nil {
			t.Fatal(err)
		}
		d.Round(roundOf(f, 100, strings.Repeat("x", length)))
		plan, parts, err := d.Plan(1)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimPrefix(gapsIn(t, plan, parts)[0], "100-100 ")
		if len(got) != want || strings.HasSuffix(got, "…") != (length > 240) {
			t.Errorf("a cause of %d bytes has %d: %s", length, len(got), got)
		}
	}
}

// TestFeedsThatWereTakenOutAreLookedAfterForADay.
func TestFeedsThatWereTakenOutAreLookedAfterForADay(t *testing.T) {
	w := newWorld(time.Minute, gridOf("a", 10*time.Second))
	w.attest(noon, "a", at(0))
	last := w.mustAdvance(t, noon.Add(2*time.Minute))[0]
	rec := w.ledger.of(dodona.TopicAnchor, anchor.KeySeries)[0]
	for before, want := range map[time.Duration]bool{
		time.Minute: true, 24 * time.Hour: true, 24*time.Hour + time.Millisecond: false,
	} {
		w.restart(t)
		if err := w.series.Restore(rec, anchor.PlanOfFeeds(last, "gone", last.To-dodona.Round(before.Milliseconds()))); err != nil {
			t.Fatal(err)
		}
		d := w.series.Draft(anchor.Window{From: last.To, To: last.To + 60_000}, w.grids)
		if from, found := d.Wanted()["gone"]; found != want || want && from != last.To-dodona.Round(before.Milliseconds())+1 {
			t.Errorf("attested %s before: asked for from %s: %t, want %t", before, from, found, want)
		}
		if got := d.Wanted()["a"]; got != last.To {
			t.Errorf("a feed that no anchor knows is asked for from %s, want %s", got, last.To)
		}
		// It is back: what came of it since counts, however long ago.
		back := w.series.Draft(anchor.Window{From: last.To, To: last.To + 60_000}, []anchor.Grid{gridOf("gone", time.Second)})
		if got := back.Wanted()["gone"]; got != last.To-dodona.Round(before.Milliseconds())+1 {
			t.Errorf("attested %s before and configured again: asked for from %s", before, got)
		}
		for range 20 { // in whatever order they are looked at
			if got := d.Untold(); !slices.Equal(got, []string{"a"}) {
				t.Fatalf("gaps are asked for of %v, want those of the feed with a grid", got)
			}
		}
	}
}
