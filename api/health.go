package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Level says in one word how a node fares.
type Level string

// The levels.
const (
	LevelOK       Level = "ok"       // nothing is wrong
	LevelDegraded Level = "degraded" // the node answers, and something of it does not do what it should
	LevelFailing  Level = "failing"  // the node cannot answer: it is not ready
)

// A Verdict is what a node's state amounts to. There is one judge, so that whoever shows it says the same.
type Verdict struct {
	Level    Level
	Headline string    // one sentence, what matters most first
	Problems []Problem // in the same order; empty while all is well
	Causes   []Cause   // why feeds and sources fail
}

// Judge says what a state amounts to. Problems of s are those of the node as a whole, each of which keeps it from answering.
//
// A feed answers while its newest answer is fresh, even if its last round was missed. One that never had a round waits, for as
// long after a start as an answer stays fresh. A node none of whose feeds answers fails, unless one waits.
func Judge(s Status, feeds []FeedStatus, sources []SourceStatus) Verdict {
	j := judge{status: s, fails: make(map[string]bool), causes: Causes(s, feeds, sources)}
	for _, p := range s.Problems {
		p.Level, p.Of = LevelFailing, OfNode
		j.problems = append(j.problems, p)
	}
	if n := len(s.Problems); n > 0 {
		first := s.Problems[0]
		j.say(first.Part+": "+first.Message, n-1, "more problem")
	}
	doubts := j.feeds(feeds)
	j.sinks()
	j.modules()
	j.sources(sources)
	j.anchors()
	j.doubts(doubts)
	v := Verdict{Level: LevelOK, Headline: strings.Join(j.headline, "; "), Problems: bounded(j.problems), Causes: fewCauses(j.causes)}
	for _, p := range j.problems {
		switch {
		case p.Level == LevelFailing:
			v.Level = LevelFailing
		case v.Level == LevelOK:
			v.Level = LevelDegraded
		}
	}
	if v.Headline == "" {
		v.Headline = "all is well"
	}
	return v
}

// A judge gathers what is wrong.
type judge struct {
	status   Status
	problems []Problem
	headline []string
	troubled []string        // sources
	fails    map[string]bool // whether they are troubled
	causes   []Cause
	said     string // the cause that the headline has named of the feeds
}

const (
	mostReason   = 160 // bytes of a reason in the headline
	mostProblems = 64
)

// say adds to the headline, and how many more there are of the same.
func (j *judge) say(text string, more int, noun string) {
	text = plain.Cut(text, mostReason)
	if more > 0 {
		text += " (and " + unit.Count(more, noun) + ")"
	}
	j.headline = append(j.headline, text)
}

func (j *judge) degraded(part string, of Whose, name, message string) {
	j.problems = append(j.problems, Problem{Part: part, Of: of, Name: name, Message: message, Level: LevelDegraded})
}

// bounded keeps the first problems of feeds and sources, which may be many, and all others; it says how many there are besides.
func bounded(list []Problem) []Problem {
	more := len(list) - mostProblems
	if more <= 0 {
		return list
	}
	kept, room := make([]Problem, 0, mostProblems+1), mostProblems
	many := func(p Problem) bool { return p.Of == OfFeed || p.Of == OfSource }
	for _, p := range list {
		if !many(p) {
			room--
		}
	}
	for _, p := range list {
		if many(p) {
			if room--; room < 0 {
				continue
			}
		}
		kept = append(kept, p)
	}
	return append(kept, Problem{Part: "the rest", Of: OfRest, Level: LevelDegraded, Message: unit.Count(len(list)-len(kept), "more problem") + " of feeds and sources, which say why themselves"})
}

// feeds tells which feeds answer, and returns those that do with something left to say.
func (j *judge) feeds(feeds []FeedStatus) (doubts []FeedStatus) {
	if len(feeds) == 0 {
		return nil
	}
	answer, waiting := 0, 0
	var failing []Problem
	for _, f := range feeds {
		switch standing, why := f.Standing(j.status); standing {
		case FeedWaits:
			waiting++
		case FeedFails:
			failing = append(failing, Problem{Part: "feed " + f.Name, Of: OfFeed, Name: f.Name, Message: why, Level: LevelDegraded})
		default:
			answer++
			doubts = append(doubts, f)
		}
	}
	text := fmt.Sprintf("%d of %s %s", answer, unit.Count(len(feeds), "feed"), verb(len(feeds), "answer"))
	if waiting > 0 {
		text += fmt.Sprintf(", %d %s for the first round", waiting, verb(waiting, "wait"))
	}
	text += j.whyOf(failing)
	j.headline = append(j.headline, text)
	switch {
	case answer > 0 || waiting > 0:
	case len(feeds) == 1:
		failing[0].Level = LevelFailing
	default:
		j.problems = append(j.problems, Problem{Part: "feeds", Of: OfRest, Message: fmt.Sprintf("none of %s answers", unit.Count(len(feeds), "feed")), Level: LevelFailing})
	}
	j.problems = append(j.problems, failing...)
	return doubts
}

// whyOf says of feeds that fail what they have in common: one cause, or the first of several that differ by a host, a number or a name alone.
func (j *judge) whyOf(failing []Problem) string {
	who := "all that fail"
	if len(failing) == 1 {
		who = failing[0].Name
	}
	if j.said = j.common(); j.said != "" {
		return "; " + who + ": " + plain.Cut(j.said, mostReason)
	}
	if first := j.kind(); len(first.Feeds) > 0 {
		return "; " + who + ", as " + first.Feeds[0] + ": " + plain.Cut(first.Message, mostReason)
	}
	return ""
}

// kind returns the first cause of feeds that fail if all of them are of one kind, else none.
func (j *judge) kind() (first Cause) {
	for _, c := range j.causes {
		switch {
		case len(c.Feeds) == 0:
		case len(first.Feeds) == 0:
			first = c
		case first.likeness() == "" || c.likeness() != first.likeness():
			return Cause{}
		}
	}
	return first
}

// likeness returns of a cause what it has in common with others of its kind: its words without whom it hits, and without those that tell how
// much, when or where.
func (c Cause) likeness() string {
	words := strings.Fields(c.Message)
	kept := make([]string, 0, len(words))
	for i, word := range words {
		bare := strings.Trim(word, ".:;,()\"")
		status := i > 0 && words[i-1] == "status" // of HTTP, by which one differs from another
		switch {
		case !status && strings.ContainsAny(bare, "0123456789./:\"'_-"):
		case slices.Contains(c.Feeds, bare), slices.Contains(c.Sources, bare):
		case slices.Contains([]string{"µs", "ms", "s", "min", "h", "d"}, bare):
		default:
			kept = append(kept, bare)
		}
	}
	return strings.Join(kept, " ")
}

// common returns the one cause of all feeds that fail, "" if there are several.
func (j *judge) common() (message string) {
	for _, c := range j.causes {
		switch {
		case len(c.Feeds) == 0:
		case message != "":
			return ""
		default:
			message = c.Message
		}
	}
	return message
}

// FeedStanding says whether a feed answers.
type FeedStanding string

// How feeds stand.
const (
	FeedAnswers FeedStanding = "answers"
	FeedMissed  FeedStanding = "missed" // its last round, and answers still
	FeedWaits   FeedStanding = "waits"  // for its first round
	FeedFails   FeedStanding = "fails"
)

// Standing says whether a feed answers by the clock of the node whose status s is, and why not.
func (f FeedStatus) Standing(s Status) (standing FeedStanding, why string) {
	stale := time.Duration(f.StaleMS) * time.Millisecond
	if stale == 0 {
		stale = 3 * time.Duration(f.EveryMS) * time.Millisecond
	}
	fresh := f.Latest != nil && s.Now.Sub(f.Latest.Time) <= stale
	young := s.Now.Sub(s.Started) <= stale
	missed := f.Missed != nil && !(young && f.Missed.Time.Before(s.Started)) // what was before the start is no news of this node
	switch {
	case fresh && !missed:
		return FeedAnswers, ""
	case fresh:
		return FeedMissed, f.Missed.Reason
	case missed:
		return FeedFails, f.Missed.Reason
	case young:
		return FeedWaits, ""
	case f.Reason != "":
		return FeedFails, f.Reason
	}
	return FeedFails, "no round was made"
}

// sinks tells which sinks do not deliver.
func (j *judge) sinks() {
	var told []string
	list := slices.Clone(j.status.Sinks)
	slices.SortStableFunc(list, func(a, b SinkStatus) int { return int(b.Quality) - int(a.Quality) }) // those that wait for somebody first
	for _, k := range list {
		if !k.Troubled() {
			continue
		}
		message := "is " + k.State + because(k.LastError)
		switch k.State {
		case "stopped":
			message = "has stopped" + because(k.LastError)
		case "refused":
			message = k.passesOver()
		}
		j.degraded("sink "+k.Name, OfSink, k.Name, message)
		told = append(told, "sink "+k.Name+" "+message)
	}
	if len(told) > 0 {
		j.say(told[0], len(told)-1, "more sink")
	}
}

// passesOver says of a sink whose peer refuses records for good that it has delivered nothing since, or nothing at all.
func (k SinkStatus) passesOver() string {
	since := ""
	if k.Delivered > 0 {
		since = " since"
	}
	return fmt.Sprintf("passes over what its peer refuses, %s so far, none delivered%s%s; once that is mended: dodona sink resend %s",
		unit.Count(k.Dead, "record"), since, because(k.LastError), k.Name)
}

// modules tells which modules do not run.
func (j *judge) modules() {
	var told []string
	for _, m := range j.status.Modules {
		if !m.Troubled() {
			continue
		}
		is := "does not run"
		if m.Loading {
			is = "is not there yet"
		}
		name := "module " + m.Name + " of feed " + m.Feed
		j.degraded(name, OfModule, m.Feed, is+because(m.LastError))
		told = append(told, name+" "+is)
	}
	if len(told) > 0 {
		j.say(told[0], len(told)-1, "more module")
	}
}

// sources tells which sources bring nothing.
func (j *judge) sources(sources []SourceStatus) {
	var told []string
	for _, s := range sources {
		if !s.Troubled() {
			continue
		}
		message := "is " + s.State + because(s.LastError)
		if s.State == "unusable" {
			message = s.LastError
		}
		j.degraded("source "+s.Name, OfSource, s.Name, message)
		j.troubled, j.fails[s.Name] = append(j.troubled, s.Name), true
		told = append(told, "source "+s.Name+" "+message)
	}
	switch n := len(told); {
	case n == 0:
	case j.said != "" && j.fail() == j.said: // of the feeds
	case n == 1:
		j.say(told[0], 0, "")
	default:
		j.say(fmt.Sprintf("%d of %s fail: %s", n, unit.Count(len(sources), "source"), j.fail()), 0, "")
	}
}

// fail says why sources bring nothing: the cause of most of them, or where each has its own which they are.
func (j *judge) fail() string {
	worst, causes := Cause{}, 0
	for _, c := range j.causes {
		if len(c.Sources) > 0 {
			causes++
		}
		if len(c.Sources) > len(worst.Sources) {
			worst = c
		}
	}
	switch {
	case len(worst.Sources) == len(j.troubled):
		return worst.Message
	case len(worst.Sources) > 1:
		return fmt.Sprintf("%d with %s (and %s)", len(worst.Sources), plain.Cut(worst.Message, mostReason/2), unit.Count(causes-1, "more cause"))
	}
	return Some(j.troubled)
}

// Some names the first of a list, and says how many more there are.
func Some(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// anchors tells whether windows are sealed in time.
func (j *judge) anchors() {
	a := j.status.Anchors
	if a == nil || !a.Behind {
		return
	}
	message := "are behind since " + a.Checked.UTC().Format(time.RFC3339) + because(a.LastError)
	j.degraded("anchors", OfNode, "", message)
	j.say("anchors "+message, 0, "")
}

// doubts tells of feeds that answer, and of whose round something is to say that no source says for itself.
func (j *judge) doubts(feeds []FeedStatus) {
	var told []string
	for _, f := range feeds {
		standing, why := f.Standing(j.status)
		switch {
		case standing == FeedMissed:
			j.degraded("feed "+f.Name, OfFeed, f.Name, "missed its last round: "+why)
			told = append(told, f.Name+" missed its last round")
		case f.Quality != dodona.Good && !j.known(f):
			j.degraded("feed "+f.Name, OfFeed, f.Name, "answers, but "+f.Reason)
			told = append(told, f.Name+" answers, but "+f.Reason)
		}
	}
	if len(told) > 0 {
		j.say(told[0], len(told)-1, "more feed")
	}
}

// known reports whether all inputs that were not used are of sources that are troubled themselves.
func (j *judge) known(f FeedStatus) bool {
	unused := f.unused()
	return len(unused) > 0 && !slices.ContainsFunc(unused, func(source string) bool { return !j.fails[source] })
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// verb writes "answers" for one and "answer" for many.
func verb(n int, plural string) string {
	if n == 1 {
		return plural + "s"
	}
	return plural
}
