package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/source"
)

// A metered is a log of numbers with a feed that takes each line.
type metered struct {
	t     testing.TB
	path  string
	lines int
}

func (m *metered) write(values ...int) {
	m.t.Helper()
	f, err := os.OpenFile(m.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	for _, v := range values {
		fmt.Fprintf(f, "{\"t\":%d}\n", v)
		m.lines++
	}
}

// await waits until each line written so far counts in an answer, and fails if one counts twice.
func (m *metered) await(n *Node, when string) {
	m.t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		counted, rounds := answersOf(m.t, n, "f")
		again := 0
		for line, times := range counted {
			if again += times - 1; times > 1 {
				m.t.Errorf("%s: the line %s counts in %d answers", when, line, times)
			}
		}
		if again > 0 {
			m.t.Fatalf("the rounds were\n%s", rounds)
		}
		if len(counted) == m.lines {
			return
		}
		if time.Since(begun) > 2*time.Minute {
			m.t.Errorf("%s: %d lines of %d count in an answer; the rounds were\n%s", when, len(counted), m.lines, rounds)
			return
		}
	}
}

// answersOf returns in how many answers of a feed each reading counts, by its detail, and what became of every round, for a failure.
func answersOf(t testing.TB, n *Node, feed string) (counted map[string]int, rounds string) {
	t.Helper()
	answered := make(map[string]bool)
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicData, feed, nil) {
		if err != nil {
			t.Fatal(err)
		}
		answered[rec.ID] = true
	}
	counted = make(map[string]int)
	var text strings.Builder
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicRound, feed, nil) {
		var b dodona.Bundle
		if err == nil {
			err = json.Unmarshal(rec.Body, &b)
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%v answered %t, missed %q:", b.Round, answered[rec.ID], b.Missed)
		for _, ref := range b.Inputs[0].Readings {
			fmt.Fprintf(&text, " %s received %s", ref.Detail, ref.Received.Format("05.000000"))
			if answered[rec.ID] {
				counted[ref.Detail]++
			}
		}
		text.WriteByte('\n')
	}
	return counted, text.String()
}

// TestEveryLineOfALogCounts: a feed that takes all readings counts each line of a file in one answer, over rounds, a reload that changes
// the feed, one that changes the source, and a restart; however late its rounds are.
func TestEveryLineOfALogCounts(t *testing.T) {
	dir := t.TempDir()
	m := &metered{t: t, path: filepath.Join(dir, "meter.jsonl")}
	text := fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {meter: {file: {path: %q, format: lines, every: 20ms, from: start}, value: /t}}
feeds: {f: {decimals: 2, every: 1s, stale: 30m, from: [meter], combine: mean, take: all}}
`, filepath.Join(dir, "data"), m.path)
	for life := range 2 {
		m.write(10, 20)
		next := text
		n := openNode(t, text, Options{Load: func() (*config.Config, error) {
			return config.Load(strings.NewReader(next), "test.yaml", append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...))
		}})
		stop := run(t, n)
		m.await(n, fmt.Sprintf("life %d", life))
		for _, change := range [][2]string{{"stale: 30m", "stale: 40m"}, {"every: 20ms", "every: 30ms"}} {
			m.write(40)
			next = strings.Replace(next, change[0], change[1], 1)
			if done, err := n.Reload(t.Context()); err != nil || len(done.Replaced) != 1 {
				t.Errorf("reload with %s: %+v, %v", change[1], done, err)
			}
			m.write(60)
			m.await(n, fmt.Sprintf("life %d, after a reload with %s", life, change[1]))
		}
		m.write(80) // it is in the journal, or still in the file
		stop()
	}
}

// TestASourceThatIsToldToStopKnowsWhatWasKept: the pump that follows begins behind the last exchange that is in the journal, so one that
// was under way when its pump was stopped is there by then, or never.
func TestASourceThatIsToldToStopKnowsWhatWasKept(t *testing.T) {
	n := smallNode(t)
	in := n.observer.intake
	kept := map[string]bool{}
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			time.Sleep(time.Duration(i) * 30 * time.Microsecond) // sooner and later
			cancel()
		}()
		body := fmt.Sprint(i)
		err := in.keepBatch(ctx, "a", dodona.Batch{Readings: []dodona.Reading{{Source: "a", Body: []byte(body)}}, Cursor: []byte(body)})
		kept[body] = err == nil
		if cursor, _ := in.cursor(t.Context(), "a"); err == nil && string(cursor) != body {
			t.Errorf("exchange %d is kept, and the journal ends with %q", i, cursor)
		}
		<-stopped
	}
	if err := in.keepBatch(t.Context(), "a", dodona.Batch{Readings: []dodona.Reading{{Source: "a", Body: []byte("last")}}}); err != nil {
		t.Fatal(err)
	}
	for rec, err := range n.journal.Scan(t.Context(), dodona.TopicReading, "a", nil) {
		var e dodona.Exchange
		if err == nil {
			err = json.Unmarshal(rec.Body, &e)
		}
		if err != nil {
			t.Fatal(err)
		}
		if body := string(e.Readings[0].Body); body != "last" && !kept[body] {
			t.Errorf("exchange %s was said not to be kept, and came into the journal later", body)
		}
	}
}

// TestARoundTakesWhatCountsInItOrNever: what is fit to count waits for a round with an answer.
func TestARoundTakesWhatCountsInItOrNever(t *testing.T) {
	value := dodona.NewInt192(7)
	in := func(source string, status dodona.InputStatus) dodona.Input {
		return dodona.Input{Source: source, Status: status, Readings: []dodona.ReadingRef{{Digest: dodona.Keccak256([]byte(source))}}}
	}
	inputs := []dodona.Input{in("used", dodona.InputUsed), in("stale", dodona.InputStale), in("half", dodona.InputBad), in("half", dodona.InputUsed)}
	for _, c := range []struct {
		name   string
		bundle dodona.Bundle
		counts bool
		want   string
	}{
		{"answered", dodona.Bundle{Value: &value, Inputs: inputs}, true, "half stale used"},
		{"not signed, or too late", dodona.Bundle{Value: &value, Inputs: inputs}, false, ""},
		{"not signed, and a module has seen it", dodona.Bundle{Value: &value, Inputs: inputs, State: map[string][]byte{"": {1}}}, false, "half stale used"},
		{"missed", dodona.Bundle{Inputs: inputs}, false, "stale"},
		{"missed by a module", dodona.Bundle{Inputs: []dodona.Input{in("s", dodona.InputGiven)}}, false, "s"},
	} {
		got := strings.Join(slices.Sorted(maps.Keys(takenBy(c.bundle, c.counts))), " ")
		if got != c.want {
			t.Errorf("%s: it took %q, want %q", c.name, got, c.want)
		}
	}
}

// TestASourceThatIsAwayCostsTheOtherNoReading: and a round without news says since when there is none.
func TestASourceThatIsAwayCostsTheOtherNoReading(t *testing.T) {
	dir := t.TempDir()
	m := &metered{t: t, path: filepath.Join(dir, "meter.jsonl")}
	other := filepath.Join(dir, "other.jsonl")
	seen := newOutcomes()
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources:
  meter: {file: {path: %q, format: lines, every: 20ms}, value: /t}
  other: {file: {path: %q, format: lines, every: 20ms}, value: /t}
feeds: {f: {decimals: 2, every: 2s, stale: 30m, from: [meter, other], need: 2, combine: mean, take: all}}
`, filepath.Join(dir, "data"), m.path, other), Options{OnRound: seen.add})
	defer run(t, n)()
	m.write(10, 20)
	given := func(o Outcome) bool {
		return o.Bundle != nil && len(o.Bundle.Inputs) == 2 && len(o.Bundle.Inputs[0].Readings) == 2
	}
	if out := seen.await(t, "a round that was missed for the other source's sake", given); out.Bundle.Value != nil {
		t.Fatalf("a round of one source has an answer: %+v", out.Bundle)
	}
	if err := os.WriteFile(other, []byte("{\"t\":30}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.await(n, "once the other source is there")
	seen.await(t, "a round that says that nothing is new", func(o Outcome) bool {
		return o.Bundle != nil && strings.Contains(o.Bundle.Missed, "no new reading since round ")
	})
}

// TestReadingsOfOthersPointsArePassedOver: a feed that takes all does not wait with what another item of its source brought, and does not name it.
func TestReadingsOfOthersPointsArePassedOver(t *testing.T) {
	dir := t.TempDir()
	m := &metered{t: t, path: filepath.Join(dir, "meter-a.jsonl")}
	other := &metered{t: t, path: filepath.Join(dir, "meter-b.jsonl")}
	seen := newOutcomes()
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {log: {file: {path: %q, format: lines, every: 20ms, from: start}, points: {a: {pointer: /t, item: meter-a.jsonl}}}}
feeds: {f: {decimals: 2, every: 1s, stale: 30m, from: [log.a], combine: mean, take: all}}
`, filepath.Join(dir, "data"), filepath.Join(dir, "meter-*.jsonl")), Options{OnRound: seen.add})
	defer run(t, n)()
	missed := func(text string) func(Outcome) bool {
		return func(o Outcome) bool { return o.Bundle != nil && strings.Contains(o.Bundle.Missed, text) }
	}
	other.write(1, 2, 3)
	out := seen.await(t, "a round that passes over what it does not need", missed(errNotOfItsPoints.Error()))
	for _, in := range out.Bundle.Inputs {
		if len(in.Readings) > 0 {
			t.Errorf("the round names %d readings of another item", len(in.Readings))
		}
	}
	seen.await(t, "a round behind it", missed("no new reading since round "))
	m.write(10, 20)
	m.await(n, "behind what was passed over")
}

// TestWhatWasTakenLongAgoIsKnownAfterARestart: a source that was silent for hours, with a stale of a day, gives no reading twice.
func TestWhatWasTakenLongAgoIsKnownAfterARestart(t *testing.T) {
	dir := t.TempDir()
	m := &metered{t: t, path: filepath.Join(dir, "meter.jsonl")}
	n := openNode(t, fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources: {meter: {file: {path: %q, format: lines, every: 20ms}, value: /t}}
feeds: {f: {decimals: 2, every: 200ms, stale: 24h, from: [meter], take: all}}
`, filepath.Join(dir, "data"), m.path), Options{})
	defer run(t, n)()
	m.write(10)
	m.await(n, "at first")
	f, _ := n.config().Feed("f")
	for hours, known := range map[time.Duration]bool{2: true, 23: true, 25: false} {
		later := newTakes(n.observer.pumps)
		later.follow(n.config())
		a := later.of("f")
		if err := n.observer.rounds.stand(t.Context(), f, dodona.RoundAt(time.Now().Add(hours*time.Hour)), a); err != nil {
			t.Fatal(err)
		}
		if got := a.takers["meter"].Round() > 0; got != known {
			t.Errorf("after %d h: it is known what was taken: %t, want %t", hours, got, known)
		}
	}
}

// TestAReadingIsNamedInTenRoundsAtMost: of a source that waits for another, in all lives of the node together; then it is counted as dropped, and
// does not come again.
func TestAReadingIsNamedInTenRoundsAtMost(t *testing.T) {
	dir := t.TempDir()
	m := &metered{t: t, path: filepath.Join(dir, "meter.jsonl")}
	text := fmt.Sprintf(`
node: {data: %q}
api: {listen: "127.0.0.1:0"}
sources:
  meter: {file: {path: %q, format: lines, every: 20ms}, value: /t}
  other: {file: {path: %q, format: lines, every: 20ms}, value: /t}
feeds: {f: {decimals: 2, every: 200ms, stale: 24h, from: [meter, other], need: 2, combine: mean, take: all}}
`, filepath.Join(dir, "data"), m.path, filepath.Join(dir, "other.jsonl"))
	naming := func(n *Node) (rounds int) {
		for rec, err := range n.journal.Scan(t.Context(), dodona.TopicRound, "f", nil) {
			var b dodona.Bundle
			if err == nil {
				err = json.Unmarshal(rec.Body, &b)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(namedBy(b, "meter")) == 2 {
				rounds++
			}
		}
		return rounds
	}
	life := func(until func(*Node, *outcomes)) {
		seen := newOutcomes()
		n := openNode(t, text, Options{OnRound: seen.add})
		defer run(t, n)()
		until(n, seen)
	}
	status := func(n *Node) (s source.Status) {
		if pump, runs := n.observer.pumps.get("meter"); runs {
			s = pump.Status()
		}
		return s
	}
	named := func(of int) func(Outcome) bool {
		return func(o Outcome) bool { return o.Bundle != nil && len(namedBy(*o.Bundle, "meter")) == of }
	}
	life(func(n *Node, seen *outcomes) {
		m.write(10, 20)
		first := seen.await(t, "a round that names both", named(2)).Bundle.Round
		seen.await(t, "and a later one", func(o Outcome) bool { return named(2)(o) && o.Bundle.Round > first })
	})
	life(func(n *Node, seen *outcomes) {
		seen.await(t, "a round after both are given up", func(o Outcome) bool { return named(0)(o) && status(n).Dropped > 0 })
		if s := status(n); s.Dropped != 2 || s.LastDrop != "in 10 rounds of f no answer counts them" {
			t.Errorf("dropped %d: %q, want both", s.Dropped, s.LastDrop)
		}
		if got := naming(n); got != maxNamed {
			t.Errorf("%d rounds name them, want %d", got, maxNamed)
		}
	})
	life(func(n *Node, seen *outcomes) {
		m.write(30)
		seen.await(t, "a round that names what is new", named(1))
		if got := naming(n); got != maxNamed {
			t.Errorf("after another start %d rounds name what was given up, want %d", got, maxNamed)
		}
		if s := status(n); s.Dropped != 0 {
			t.Errorf("%d are dropped again: %s", s.Dropped, s.LastDrop)
		}
	})
}

// TestWhetherAnOldRoundCountedIsJudgedByItsOwnRules: an observation that was in time stays so when rounds come faster since, and a late one late when
// they come slower.
func TestWhetherAnOldRoundCountedIsJudgedByItsOwnRules(t *testing.T) {
	n := smallNode(t)
	value := dodona.NewInt192(7)
	round := dodona.RoundAt(time.Now().Add(-5 * time.Second))
	for name, c := range map[string]struct {
		then, today time.Duration
		taken       bool
	}{
		"faster": {20 * time.Second, time.Second, true}, // it was open for a minute
		"slower": {time.Second, 20 * time.Second, false},
		"same":   {20 * time.Second, 20 * time.Second, true},
	} {
		f := config.Feed{Feed: dodona.Feed{Name: name}}
		f.Settings.Every, f.Settings.From = c.today, []string{"s"}
		bundle := dodona.Bundle{
			Feed: f.Feed, Round: round, Value: &value, Rules: fmt.Appendf(nil, `{"everyMs":%d}`, c.then.Milliseconds()),
			Inputs: []dodona.Input{{Source: "s", Status: dodona.InputUsed, Readings: []dodona.ReadingRef{{Digest: dodona.Keccak256([]byte(name))}}}},
		}
		body, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		err = n.journal.Append(t.Context(), dodona.Record{Topic: dodona.TopicRound, Key: name, ID: round.ID(), Body: body},
			dodona.Record{Topic: dodona.TopicObservation, Key: name, ID: round.ID(), Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		last, named, err := n.observer.rounds.taken(t.Context(), f, round.Time())
		if err != nil {
			t.Fatal(err)
		}
		if got := len(last["s"].digests) == 1; got != c.taken || (len(named["s"]) == 0) != c.taken {
			t.Errorf("%s: taken %t (%d rounds name it since), want %t", name, got, len(named["s"]), c.taken)
		}
	}
}

// TestAStartReadsBackAllThatMayCount: what waits in rounds or for one, however long these are.
func TestAStartReadsBackAllThatMayCount(t *testing.T) {
	for settings, want := range map[string]time.Duration{
		"every: 1s":                           time.Minute, // the default of stale
		"every: 2h, stale: 6h":                maxRecent,
		"every: 1s, take: all":                time.Minute,
		"every: 1s, stale: 24h, take: all":    24 * time.Hour,
		"every: 2h, stale: 1m, take: all":     22 * time.Hour,
		"every: 366d, stale: 366d, take: all": 11 * 366 * 24 * time.Hour,
	} {
		c := load(t, "sources: {a: {sim: {}, value: \"\"}, b: {sim: {}, value: \"\"}}\nfeeds: {f: {decimals: 2, from: [a], "+settings+"}}")
		if got := countedFor(c, "a"); got != want {
			t.Errorf("%s: %v, want %v", settings, got, want)
		}
		if got := countedFor(c, "b"); got != 0 {
			t.Errorf("%s: %v of a source that no feed has", settings, got)
		}
	}
}

// TestAStartKeepsTheNewestPart: of what a pump has no room for, and of what cannot be read in time.
func TestAStartKeepsTheNewestPart(t *testing.T) {
	n := smallNode(t)
	in := n.observer.intake
	keep := func(name string, sizes ...int) {
		t.Helper()
		var b dodona.Batch
		for i, size := range sizes {
			b.Readings = append(b.Readings, dodona.Reading{Source: name, Item: fmt.Sprint(i), Body: make([]byte, size)})
		}
		b.Cursor = fmt.Append(nil, time.Now())
		if err := in.keepBatch(t.Context(), name, b); err != nil {
			t.Fatal(err)
		}
	}
	sizes := func(name string, within time.Duration, until time.Time) string {
		t.Helper()
		readings, err := in.recentUntil(t.Context(), name, within, until)
		if err != nil {
			t.Fatal(err)
		}
		var all []int
		for _, r := range readings {
			all = append(all, len(r.Body))
		}
		return fmt.Sprint(all)
	}
	soon := time.Now().Add(time.Minute)
	keep("a", 1, 2)
	first := time.Now()
	for time.Since(first) <= recentFirst { // what came before it is read next
		time.Sleep(20 * time.Millisecond)
	}
	keep("a", 3)
	if got := sizes("a", time.Hour, soon); got != "[1 2 3]" {
		t.Errorf("of an hour: %s", got)
	}
	if got := sizes("a", time.Millisecond, soon); got != "[3]" {
		t.Errorf("of a millisecond: %s", got)
	}
	if got := sizes("a", 0, soon); got != "[3]" {
		t.Errorf("of no time: %s", got)
	}
	if got := sizes("a", time.Hour, first); got != "[3]" {
		t.Errorf("once it took too long: %s", got)
	}
	for range 5 {
		keep("b", make([]int, 250)...)
	}
	if readings, err := in.recent(t.Context(), "b", time.Hour); err != nil || len(readings) != heldReadings || readings[0].Item != "226" {
		t.Errorf("of 1,250 readings %d are read, %v; want the last %d", len(readings), err, heldReadings)
	}
}

// TestARoundThatIsTooLargeTakesWhatItWasGiven: the next one would only be larger.
func TestARoundThatIsTooLargeTakesWhatItWasGiven(t *testing.T) {
	given1 := []dodona.Reading{{Body: []byte("1")}, {Body: []byte("2")}}
	for _, c := range []struct {
		name   string
		bundle dodona.Bundle
		taken  bool
	}{
		{"too large", dodona.Bundle{Round: 2000, Missed: "its record is more than the journal takes"}, true},
		{"another one", dodona.Bundle{Round: 3000}, false},
		{"with inputs", dodona.Bundle{Round: 2000, Inputs: []dodona.Input{{Source: "s", Status: dodona.InputUsed}}}, false},
	} {
		a := newTakerOfAll(smallNode(t).observer.pumps)
		a.takers["s"], a.given["s"] = &source.Taker{Name: "f"}, given{2000, given1}
		a.kept(c.bundle, false)
		if got := a.takers["s"].Round() > 0; got != c.taken {
			t.Errorf("%s: taken %t, want %t", c.name, got, c.taken)
		}
	}
}

// TestAReloadKeepsWhereAFeedStands: of each source that it still has, whatever else of it changes.
func TestAReloadKeepsWhereAFeedStands(t *testing.T) {
	of := func(settings string) *config.Config {
		return load(t, "sources: {a: {sim: {}, value: \"\"}, b: {sim: {}, value: \"\"}}\nfeeds: {f: {decimals: 2, every: 1s, "+settings+"}}")
	}
	all := newTakes(smallNode(t).observer.pumps)
	all.follow(of("take: all, from: [a]"))
	f := all.of("f")
	a := f.takers["a"]
	all.follow(of("take: all, stale: 2h, from: [a]"))
	if all.of("f") != f {
		t.Error("a feed of the same sources is another taker: it may be at work")
	}
	all.follow(of("take: all, from: [a, b]"))
	if now := all.of("f"); now.takers["a"] != a || now.takers["b"] == nil || now.takers["b"] == a {
		t.Errorf("it takes with %v, want what took of a before, and one of b", now.takers)
	}
	if got := all.from("a"); len(got) != 1 || got[0] != a {
		t.Errorf("of a takes %v", got)
	}
	all.follow(of("from: [a, b]"))
	if all.of("f") != nil || len(all.from("a")) != 0 {
		t.Error("who counts the latest takes all")
	}
}
