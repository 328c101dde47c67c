package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
)

// A PointSink is a sink that delivers points, as a story needs it.
type PointSink struct {
	Name    string
	Chooses bool     // it leaves out what says nothing new
	Sources []string // whose points it delivers
	Points  []string // those
	// Made returns the observations that it makes of a record.
	Made func(ctx context.Context, rec dodona.Record) ([]Made, error)
	// Tally is what it has delivered last by At, of which there may be no receipt yet.
	Tally observed.Tally
	At    time.Time
}

// A Made is an observation of a record, as a sink delivers it.
type Made struct {
	dodona.Point
	Event    string    // its id
	Received time.Time // of its reading
	Topic    string    // empty if that is not known
	Device   string
	Protocol string
}

// A PublishedState says what became of an observation at one sink.
type PublishedState string

// The states of an observation.
const (
	PublishedDone    PublishedState = "acknowledged" // its peer has it, by the time that By says
	PublishedWaiting PublishedState = "waiting"      // no receipt names it yet
	PublishedDead    PublishedState = "dead"         // refused for good, and passed over
	PublishedBefore  PublishedState = "before"       // it was read before the sink began, and is not meant for it
)

// A Published is what a sink of points did with one observation.
type Published struct {
	Sink    string         `json:"sink"`
	Event   string         `json:"event"` // the id of the observation
	Point   string         `json:"point"`
	Topic   string         `json:"topic,omitempty"` // where it goes by the configuration that runs; absent if that is not known
	Node    string         `json:"node"`            // that read it
	Seq     uint64         `json:"seq"`             // of its record
	State   PublishedState `json:"state"`
	By      time.Time      `json:"by,omitzero"`       // of what is acknowledged: when at the latest; of what is dead: when
	Again   bool           `json:"again,omitempty"`   // it may have been sent more than once
	Chooses bool           `json:"chooses,omitempty"` // the sink leaves out what says nothing new: what is acknowledged may have been left out
	Detail  string         `json:"detail,omitempty"`
}

// maxPublished bounds how many observations a story follows.
const maxPublished = 64

// published tells what sinks of points did with the points of the inputs: whole exchanges go there, whatever feeds make of them.
func (t *teller) published(ctx context.Context, found map[dodona.Digest]kept) error {
	more := 0
	for _, s := range t.points {
		for _, in := range t.Inputs {
			if !slices.Contains(s.Points, in.Point) {
				continue
			}
			for _, rec := range recordsOf(in, found) {
				list, err := s.of(ctx, t.ledger, rec, behind(in))
				if err != nil {
					return err
				}
				for _, p := range list {
					if len(t.Published) == maxPublished {
						more++
						continue
					}
					t.Published = append(t.Published, p)
				}
			}
		}
	}
	if more > 0 {
		t.gone("what sinks did with %d more observations is not told; ask for one by its id", more)
	}
	return nil
}

// recordsOf returns the records that have the readings of an input, each once.
func recordsOf(in Input, found map[dodona.Digest]kept) (list []dodona.Record) {
	for _, ref := range in.Readings {
		k, ok := found[ref.Digest]
		if ok && !slices.ContainsFunc(list, func(rec dodona.Record) bool { return rec.ID == k.record.ID }) {
			list = append(list, k.record)
		}
	}
	return list
}

// behind chooses of the observations of a record those of an input: of several of its point those that arrived with its readings, if any did.
func behind(in Input) func([]Made) []Made {
	return func(made []Made) []Made {
		made = slices.DeleteFunc(made, func(m Made) bool { return m.ID != in.Point })
		arrived := func(m Made) bool {
			return slices.ContainsFunc(in.Readings, func(r Reading) bool { return r.Received.Equal(m.Received) })
		}
		if !slices.ContainsFunc(made, arrived) {
			return made
		}
		return slices.DeleteFunc(made, func(m Made) bool { return !arrived(m) })
	}
}

// of tells what the sink did with some of the observations of a record.
func (s PointSink) of(ctx context.Context, l dodona.Ledger, rec dodona.Record, which func([]Made) []Made) (list []Published, err error) {
	made, err := s.Made(ctx, rec)
	if err != nil {
		return nil, nil //nolint:nilerr // the sink passes it over, and has said why
	}
	if made = which(made); len(made) == 0 {
		return nil, nil
	}
	said, err := s.receipts(ctx, l, rec)
	if err != nil {
		return nil, fmt.Errorf("look for receipts of %s: %w", s.Name, err)
	}
	before, err := s.began(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("look for the beginning of %s: %w", s.Name, err)
	}
	for _, m := range made {
		p := Published{
			Sink: s.Name, Event: m.Event, Point: m.ID, Topic: m.Topic, Node: rec.Node, Seq: rec.Sequence,
			State: PublishedWaiting, Chooses: s.Chooses, Again: said.again,
		}
		dead, isDead := said.dead[m.Event]
		switch {
		case isDead:
			p.State, p.By, p.Detail = PublishedDead, dead.At, dead.Detail
		case rec.Appended.Before(before):
			p.State, p.By = PublishedBefore, before
		case !said.by.IsZero():
			p.State, p.By = PublishedDone, said.by
		}
		list = append(list, p)
	}
	return list, nil
}

// A said is what receipts say of a record.
type said struct {
	by    time.Time // when it was acknowledged at the latest; zero: no receipt says so
	again bool
	dead  map[string]dodona.Receipt // by the id of the observation
}

// receipts reads those that came after a record, up to the first that reaches it. What the sink knows itself is the last of them.
func (s PointSink) receipts(ctx context.Context, l dodona.Ledger, rec dodona.Record) (found said, err error) {
	found.dead = make(map[string]dodona.Receipt)
	since, scanned := rec.Appended.Add(-clockSlack), 0
	for r, err := range l.Scan(ctx, dodona.TopicReceipt, s.Name, func(r dodona.Record) bool { return r.Appended.Before(since) }) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			return found, err
		}
		if scanned++; scanned > maxReceipts {
			break
		}
		var receipt dodona.Receipt
		if json.Unmarshal(r.Body, &receipt) != nil || receipt.Topic != dodona.TopicReading {
			continue
		}
		if receipt.Status == dodona.ReceiptDead {
			found.dead[receipt.Record] = receipt
			continue
		}
		if t, ok := observed.ParseTally(receipt.Detail); ok {
			found.again = found.again || t.SentAgain(rec.Node, rec.Sequence)
			if t.Reaches(rec.Node, rec.Sequence) {
				found.by = receipt.At
				return found, nil
			}
		}
	}
	found.again = found.again || s.Tally.SentAgain(rec.Node, rec.Sequence)
	if s.Tally.Reaches(rec.Node, rec.Sequence) {
		found.by = s.At
	}
	return found, nil
}

// began returns when the sink was first there; zero: nobody knows.
func (s PointSink) began(ctx context.Context, l dodona.Ledger) (at time.Time, err error) {
	scanned := 0
	for rec, err := range l.Scan(ctx, dodona.TopicIntent, s.Name, func(dodona.Record) bool { return false }) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			return at, err
		}
		if scanned++; rec.ID == observed.Begin && json.Unmarshal(rec.Body, &at) == nil || scanned > 8 { // it is among the first
			break
		}
	}
	return at, nil
}

// String says it in a line: "plant: boiler.t on edge/adapter/modbus/boiler-1/data, seq 41, acknowledged by 2026-11-22T12:04:31Z".
func (p Published) String() string {
	line := printable(p.Sink) + ": " + printable(p.Point)
	if p.Topic != "" {
		line += " on " + printable(p.Topic)
	}
	line += fmt.Sprintf(", seq %d, ", p.Seq)
	at := p.By.UTC().Truncate(time.Second).Format(time.RFC3339)
	switch p.State {
	case PublishedDone:
		if line += "acknowledged by " + at; p.Chooses {
			line += " unless it said nothing new (on_change, deadband, heartbeat)"
		}
	case PublishedDead:
		line += "dead since " + at
	case PublishedBefore:
		line += "not meant for it: the sink began at " + at
	default:
		line += "not acknowledged yet, as far as is known here"
	}
	if p.Again {
		line += ", perhaps sent more than once under its id"
	}
	if p.Detail != "" {
		line += ": " + printable(p.Detail)
	}
	return line + "; id " + printable(p.Event)
}
