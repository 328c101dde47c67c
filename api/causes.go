package api

import (
	"cmp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A Cause is one thing that is wrong, with all the feeds and sources that it hits: a server that is down is one cause, however many feeds ask it.
type Cause struct {
	Message string   `json:"message"`
	Sources []string `json:"sources"` // that say it
	Feeds   []string `json:"feeds"`   // that do not answer because of it
}

// hits is how much a cause stops.
func (c Cause) hits() int { return max(len(c.Sources), len(c.Feeds)) }

// Causes returns why feeds do not answer and sources bring nothing, what hits most first. A feed all of whose missing values are of sources that are
// troubled themselves is hit by their causes; any other one says its own. So does one whose own value of such a source is bad for another reason than the source says.
func Causes(s Status, feeds []FeedStatus, sources []SourceStatus) []Cause {
	list, at := []Cause{}, make(map[string]int)
	of := func(message string) *Cause {
		message = plain.Cut(message, mostMessage)
		i, known := at[message]
		if !known {
			i = len(list)
			at[message] = i
			list = append(list, Cause{Message: message, Sources: []string{}, Feeds: []string{}})
		}
		return &list[i]
	}
	says := make(map[string]SourceStatus) // of those that are troubled
	for _, k := range sources {
		if !k.Troubled() {
			continue
		}
		if k.LastError == "" {
			k.LastError = "is " + k.State
		}
		says[k.Name] = k
		c := of(k.LastError)
		c.Sources = append(c.Sources, k.Name)
	}
	for _, f := range feeds {
		standing, why := f.Standing(s)
		if standing != FeedFails {
			continue
		}
		messages := f.blames(says)
		if len(messages) == 0 {
			messages = []string{why}
		}
		for _, message := range messages {
			c := of(message)
			c.Feeds = append(c.Feeds, f.Name)
		}
	}
	slices.SortStableFunc(list, func(a, b Cause) int { return cmp.Compare(b.hits(), a.hits()) })
	return list
}

const (
	mostMessage = 600 // bytes of one: what is longer is a document
	mostCauses  = 64  // that are told one by one
)

// fewCauses keeps the first causes, and makes one of the rest: of thousands of sources each may have its own.
func fewCauses(list []Cause) []Cause {
	if len(list) <= mostCauses {
		return list
	}
	kept, rest := list[:mostCauses:mostCauses], list[mostCauses:]
	one := Cause{Message: unit.Count(len(rest), "more cause") + ", which their sources and feeds say themselves", Sources: []string{}, Feeds: []string{}}
	for _, c := range rest {
		one.Sources, one.Feeds = append(one.Sources, c.Sources...), append(one.Feeds, c.Feeds...)
	}
	slices.Sort(one.Feeds)
	one.Feeds = slices.Compact(one.Feeds) // one may fail for several
	return append(kept, one)
}

// blames returns what the sources say whose values a feed misses, each once; nothing if one of them is well.
func (f FeedStatus) blames(says map[string]SourceStatus) (messages []string) {
	for _, in := range f.Inputs {
		if in.Status == dodona.InputUsed || in.Status == dodona.InputGiven {
			continue
		}
		said, troubled := says[in.Source]
		if !troubled {
			return nil
		}
		if message := said.blame(in); !slices.Contains(messages, message) {
			messages = append(messages, message)
		}
	}
	return messages
}

// blame returns why an input of a source that is troubled is not used. One that delivers says why the first of its values is of no use, which is
// nothing to another one.
func (s SourceStatus) blame(in dodona.Input) string {
	is, first, _ := strings.Cut(s.LastError, ": ")
	if s.State != "unusable" || in.Reason == "" || in.Status == dodona.InputStale && wordsOf(in.Reason) == wordsOf(first) {
		return s.LastError
	}
	return is + ": " + in.Reason
}

// wordsOf returns a text up to its first number, which is another one in each round.
func wordsOf(text string) string {
	if i := strings.IndexAny(text, "0123456789"); i >= 0 {
		return text[:i]
	}
	return text
}

// unused returns the sources whose values are not in the newest round, each once.
func (f FeedStatus) unused() (sources []string) {
	for _, in := range f.Inputs {
		if in.Status != dodona.InputUsed && in.Status != dodona.InputGiven && !slices.Contains(sources, in.Source) {
			sources = append(sources, in.Source)
		}
	}
	return sources
}
