package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
)

// A taste is what one exchange with a source brought, and what its rules make of it.
type taste struct {
	source   config.Source
	readings []dodona.Reading
	points   []dodona.Point
	took     time.Duration
	err      error
}

// bad returns the points that were not taken.
func (t taste) bad() (list []dodona.Point) {
	for _, p := range t.points {
		if p.Quality == dodona.Bad {
			list = append(list, p)
		}
	}
	return list
}

// tastedAtOnce bounds how many sources are asked beside each other.
const tastedAtOnce = 16

// tasteAll asks sources, in the order in which they are given.
func tasteAll(ctx context.Context, sources []config.Source, wait time.Duration) []taste {
	tastes := make([]taste, len(sources))
	room, done := make(chan struct{}, tastedAtOnce), make(chan struct{})
	for i, s := range sources {
		go func() {
			room <- struct{}{}
			tastes[i] = tasteOne(ctx, s, wait)
			<-room
			done <- struct{}{}
		}()
	}
	for range sources {
		<-done
	}
	return tastes
}

const (
	tastedReadings = 1024                       // of a pushed source that are kept until it pauses
	ever           = 100 * 365 * 24 * time.Hour // a reading counts, whatever its age
)

// tasteOne makes one exchange with a source, as a node does, and applies the rules.
func tasteOne(ctx context.Context, s config.Source, wait time.Duration) (t taste) {
	t.source = s
	kinds := all.Sources()
	i := slices.IndexFunc(kinds, func(k source.Kind) bool { return k.Name() == s.Kind })
	if i < 0 {
		t.err = fmt.Errorf("this build has no kind %q", s.Kind)
		return t
	}
	made, err := program.New(program.Rules{
		From: s.Points(), Extract: extract.Rules{s.Name: s.Rules}, Latest: true,
		Decoded: map[string]program.Decoded{s.Name: {Kind: s.Kind, Rules: s.Decoded}},
	}, program.DecodersOf(kinds...))
	if err != nil {
		t.err = err
		return t
	}
	began := time.Now()
	t.readings, t.err = source.Once(ctx, source.Config{
		Name: s.Name, Kind: kinds[i], Settings: s.Settings, Version: release, Hold: tastedReadings,
	}, &source.Want{Points: s.Points(), Has: made.Has, Within: ever})
	t.took = time.Since(began)
	switch {
	case t.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded): // one of its own is told by itself
		t.err = fmt.Errorf("no answer within %s from %s", unit.FormatDuration(wait), peerOf(s))
	case t.err == nil && len(t.readings) == 0:
		t.err = errors.New("it answered without a reading")
	}
	if t.err != nil {
		return t
	}
	dodona.SortReadings(t.readings)
	result, err := made.Running(nil).Apply(ctx, dodona.Call{Round: dodona.RoundAt(time.Now()), Readings: t.readings})
	t.points, t.err = result.Points, err
	for _, id := range s.Points() {
		if t.err == nil && !slices.ContainsFunc(t.points, func(p dodona.Point) bool { return p.ID == id }) {
			t.points = append(t.points, dodona.Point{ID: id, Quality: dodona.Bad, Reason: "no reading has it"})
		}
	}
	return t
}

// peerOf names what a source asks.
func peerOf(s config.Source) string {
	if p, ok := s.Settings.(interface{ Peer() string }); ok {
		return p.Peer()
	}
	return s.Kind + " source " + s.Name
}

// tasteSlowly makes one exchange, and tells after a second, and then again and again, that it is waiting.
func tasteSlowly(ctx context.Context, term terminal, s config.Source, where string, wait time.Duration) taste {
	began, done := time.Now(), make(chan taste, 1)
	go func() { done <- tasteOne(ctx, s, wait) }()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for told := false; ; told = true {
		select {
		case t := <-done:
			if told && term.watched {
				fmt.Fprint(term.err, "\r\x1b[K")
			}
			return t
		case <-look.C:
			switch {
			case term.watched:
				fmt.Fprintf(term.err, "\rwaiting for %s: %v of at most %v\x1b[K", printable(where), time.Since(began).Round(time.Second), wait)
			case !told:
				fmt.Fprintf(term.err, "waiting for %s, at most %v\n", printable(where), wait)
			}
		}
	}
}

// checkWait refuses to wait for nothing.
func checkWait(wait time.Duration) error {
	if wait <= 0 {
		return failure{exitUsage, fmt.Errorf("--wait %v: want more than nothing, such as 30s", wait)}
	}
	return nil
}
