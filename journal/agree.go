package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/nats-io/nats.go/jetstream"
)

// Every process that uses a stream on a server elsewhere frees its oldest records. So that one with smaller limits does not free what another
// one keeps, each notes in the stream what it was given, and all go by the largest. The owner of a stream frees alone, by its own limits.

const (
	limitsAgain = 24 * time.Hour      // a process notes its limits again when its note is so old, by the server's clock
	limitsCount = 30 * 24 * time.Hour // a note so old does not count: nobody uses the name any more
)

// bounds are the limits that this process goes by.
func (l *lane) bounds() Limits {
	if agreed := l.agreed.Load(); agreed != nil {
		return *agreed
	}
	return l.limits
}

// agree takes up the limits that others noted, and reports whether this process must note its own.
func (l *lane) agree(info *jetstream.StreamInfo) (due bool) {
	if info.Config.Metadata[ownerKey] != "" {
		l.agreed.Store(nil)
		l.setUnlike("")
		return false
	}
	due = true
	largest, bytesOf, ageOf := l.limits, "", ""
	for _, n := range l.notesOf(info.Config.Metadata, info.TimeStamp) {
		if n.node == l.j.cfg.Node {
			due = n.Limits != l.limits || info.TimeStamp.Sub(n.at).Abs() > limitsAgain
			continue
		}
		if n.Bytes > largest.Bytes {
			largest.Bytes, bytesOf = n.Bytes, n.node
		}
		if largest.Age > 0 && (n.Age > largest.Age || n.Age == 0) {
			largest.Age, ageOf = n.Age, n.node
		}
	}
	l.agreed.Store(&largest)
	var why []string
	if bytesOf != "" {
		why = append(why, fmt.Sprintf("node %s keeps %s, and this one %s (journal.%s.bytes)", bytesOf, largest.Bytes, l.limits.Bytes, l.setting()))
	}
	if ageOf != "" {
		why = append(why, fmt.Sprintf("node %s keeps %s, and this one %s (journal.%s.age)", ageOf, ageText(largest.Age), ageText(l.limits.Age), l.setting()))
	}
	l.setUnlike(strings.Join(why, "; "))
	return due
}

func ageText(age time.Duration) string {
	if age == 0 {
		return "records of any age"
	}
	return "those of " + unit.FormatDuration(age)
}

// setting is what the stream is called in a configuration.
func (l *lane) setting() string { return strings.ToLower(l.spec.name) }

// setUnlike tells when the limits of this process become, or are no longer, smaller than another one's.
func (l *lane) setUnlike(why string) {
	l.mu.Lock()
	was := l.stat.Unlike
	l.stat.Unlike = why
	l.mu.Unlock()
	switch {
	case why != "" && why != was:
		l.j.cfg.Log.Warn("journal: another process of the network has larger limits for the stream, and they count: give all the same ones",
			"stream", l.spec.name, "why", why)
	case why == "" && was != "":
		l.j.cfg.Log.Info("journal: no other process of the network has larger limits for the stream", "stream", l.spec.name)
	}
}

// noteLimits notes again in the stream what this process was given.
func (l *lane) noteLimits(ctx context.Context, at time.Time) error {
	var until time.Time
	_, err := l.announce(ctx, func(lost bool) {
		if lost || l.missedAt.After(l.told) {
			until = l.lostUntil()
		}
	}, func(cfg *jetstream.StreamConfig, info *jetstream.StreamInfo) error {
		if !until.IsZero() {
			setMark(cfg.Metadata, latest(until, timeIn(info, lostKey)), starts(info), info.State)
		}
		l.setLimits(cfg.Metadata, at)
		return nil
	})
	return err
}

// beginLimits notes them when this process begins with a stream that is there, unless it lacks something, which a change of its settings would hide:
// then it is told first. What the server refuses is tried again by retention.
func (l *lane) beginLimits(ctx context.Context, stream jetstream.Stream) {
	info := stream.CachedInfo()
	if !l.agree(info) {
		return
	}
	errLacks := errors.New("the stream lacks something")
	looked := false
	_, err := l.j.change(ctx, l.j.js, stream, func(cfg *jetstream.StreamConfig, now *jetstream.StreamInfo) error {
		if !looked && lacks(now) { // afterwards it may be what this change itself has overwritten
			return errLacks
		}
		looked = true
		l.setLimits(cfg.Metadata, info.TimeStamp)
		return nil
	})
	if err != nil && !errors.Is(err, errLacks) && ctx.Err() == nil {
		l.j.cfg.Log.Warn("journal: the limits of this process are not noted in the stream, so others may free by smaller ones; it is tried again", "stream", l.spec.name, "error", err)
	}
}

// setLimits notes what this process was given, and forgets what does not count any more.
func (l *lane) setLimits(metadata map[string]string, at time.Time) {
	count := l.notesOf(metadata, at)
	for _, n := range notesIn(metadata) {
		switch {
		case !slices.Contains(count, n):
			delete(metadata, limitsKey+n.node)
		case at.Sub(n.at) > limitsCount: // it counts from now
			n.at = at
			metadata[limitsKey+n.node] = n.String()
		}
	}
	metadata[limitsKey+l.j.cfg.Node] = limitsNote{Limits: l.limits, at: at}.String()
}

// notesOf returns the notes in a stream that count at a time of the server's clock: all, if this process's own is as old as one that does not, for then the clock was set.
func (l *lane) notesOf(metadata map[string]string, at time.Time) []limitsNote {
	list := notesIn(metadata)
	old := func(n limitsNote) bool { return at.Sub(n.at) > limitsCount }
	if slices.ContainsFunc(list, func(n limitsNote) bool { return n.node == l.j.cfg.Node && old(n) }) {
		return list
	}
	return slices.DeleteFunc(list, old)
}

// A limitsNote says what the process of a node was given.
type limitsNote struct {
	node string
	Limits
	at time.Time // when it was noted, by the server's clock
}

func (n limitsNote) String() string {
	return fmt.Sprintf("%d %s %s", n.Bytes, n.Age, n.at.UTC().Format(time.RFC3339))
}

// notesIn returns what a stream says of limits, by the names of nodes. What cannot be read counts for nothing.
func notesIn(metadata map[string]string) (list []limitsNote) {
	for key, text := range metadata {
		n, age, at := limitsNote{}, "", ""
		node, isNote := strings.CutPrefix(key, limitsKey)
		if _, err := fmt.Sscan(text, &n.Bytes, &age, &at); !isNote || err != nil {
			continue
		}
		var errs [2]error
		n.node = node
		n.Age, errs[0] = time.ParseDuration(age)
		n.at, errs[1] = time.Parse(time.RFC3339, at)
		if errs == [2]error{} && n.Bytes > 0 && n.Age >= 0 {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b limitsNote) int { return strings.Compare(a.node, b.node) })
	return list
}
