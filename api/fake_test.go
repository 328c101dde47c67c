package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/explain"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// epoch is a round of a 10 s grid: 2026-11-22T12:04:30Z.
const epoch = dodona.Round(1795349070000)

// plant is a node as tests need one: everything it says is set by them.
type plant struct {
	mu       sync.Mutex
	key      *secp.PrivateKey
	now      func() time.Time
	feeds    []api.FeedStatus
	sources  []api.SourceStatus
	status   api.Status
	outcomes map[string][]api.Outcome // by feed, oldest first
	rounds   map[string][]api.RoundStatus
	problems []api.Problem
	broken   error // what reading the journal fails with
	unsealed *api.NotAnchored
	reloads  int
	reload   error
}

func newPlant(now func() time.Time) *plant {
	key, err := secp.ParsePrivateKey(slices.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	p := &plant{key: key, now: now, outcomes: map[string][]api.Outcome{}, rounds: map[string][]api.RoundStatus{}}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}}
	p.status = api.Status{
		Node: "gw-demo", Address: key.Address(), Version: "v0.1.0", Started: now().Add(-3 * time.Hour), Ready: true,
		Network: dodona.Network{Name: "demo", First: quorum.Digest()}, Quorum: quorum,
		Journal: api.JournalStatus{Health: api.Health{Message: "in step"}, Bytes: 44 << 20, Limit: 512 << 20, Records: 48211, Readers: []api.ReaderStatus{{Name: "validate", Node: "gw-7", Stream: "PROOF", Own: true, Configured: true}}},
		Clock:   api.Health{Message: "in step with its rounds"},
		Memory:  api.MemoryStatus{Used: 31 << 20, Budget: 64 << 20},
	}
	return p
}

// add configures a feed without answers.
func (p *plant) add(f dodona.Feed, every time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feeds = append(p.feeds, api.FeedStatus{Feed: f, ID: f.ID(), EveryMS: every.Milliseconds(), StaleMS: 3 * every.Milliseconds()})
	slices.SortFunc(p.feeds, func(a, b api.FeedStatus) int { return cmpText(a.Name, b.Name) })
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// answer attests a value for a round and returns the document and the feed as it then stands.
func (p *plant) answer(feed string, round dodona.Round, value int64, inputs ...dodona.Input) (dodona.Answer, api.FeedStatus) {
	return p.answerExact(feed, round, dodona.NewInt192(value), inputs...)
}

// answerExact is answer for values of any size.
func (p *plant) answerExact(feed string, round dodona.Round, value dodona.Int192, inputs ...dodona.Input) (dodona.Answer, api.FeedStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.find(feed)
	report := dodona.Report{Feed: f.ID, Round: round, Value: value}
	signature := p.key.Sign(report.Digest(p.status.Network.ID()))
	a := dodona.Answer{
		Network: p.status.Network, Quorum: p.status.Quorum, Feed: f.Feed,
		Attestation: dodona.Attestation{Report: report, Observed: dodona.Keccak256([]byte("observed")), Signatures: []dodona.Signature{signature}},
	}
	plain := f.Feed
	plain.Unit = ""
	text := plain.Text(report.Value)
	p.outcomes[feed] = append(p.outcomes[feed], api.Outcome{Answer: &a, Inputs: inputs})
	p.rounds[feed] = append(p.rounds[feed], api.RoundStatus{Round: round, Time: round.Time(), Value: &report.Value, Text: text, Attested: true})
	f.Latest = &api.LatestAnswer{Round: round, Time: round.Time(), Value: report.Value, Text: text, Attested: true, Signed: 1, TookMS: 38}
	f.Missed, f.Quality, f.Reason, f.Inputs, f.Points = nil, dodona.Good, "", inputs, pointsOf(f.Feed, inputs)
	return a, *f
}

// pointsOf returns what was said for inputs: good, and in the feed's unit.
func pointsOf(f dodona.Feed, inputs []dodona.Input) (points []dodona.Point) {
	for _, in := range inputs {
		if in.Value != nil {
			points = append(points, dodona.Point{ID: in.Point, Value: *in.Value, Unit: f.Unit})
		}
	}
	return points
}

// miss records a round without a value.
func (p *plant) miss(feed string, round dodona.Round, reason string, inputs ...dodona.Input) api.FeedStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.find(feed)
	p.outcomes[feed] = append(p.outcomes[feed], api.Outcome{Missed: reason, Inputs: inputs})
	p.rounds[feed] = append(p.rounds[feed], api.RoundStatus{Round: round, Time: round.Time(), Quality: dodona.Bad, Missed: reason})
	f.Missed = &api.MissedRound{Round: round, Time: round.Time(), Reason: reason}
	f.Quality, f.Reason, f.Inputs, f.Points = dodona.Uncertain, reason, inputs, pointsOf(f.Feed, inputs)
	return *f
}

func (p *plant) find(feed string) *api.FeedStatus {
	for i := range p.feeds {
		if p.feeds[i].Name == feed {
			return &p.feeds[i]
		}
	}
	panic("the test forgot to add " + feed)
}

func (p *plant) Feeds() []api.FeedStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.feeds)
}

func (p *plant) Sources() []api.SourceStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sources)
}

func (p *plant) Status() api.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.status
	s.Now, s.Problems, s.Ready = p.now(), p.problems, len(p.problems) == 0
	return s
}

func (p *plant) Ready() []api.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems
}

func (p *plant) Latest(_ context.Context, feed string) (api.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, out := range slices.Backward(p.outcomes[feed]) {
		if out.Answer != nil {
			return out, p.broken
		}
	}
	return api.Outcome{}, errors.Join(p.broken, dodona.ErrNotFound)
}

func (p *plant) Round(_ context.Context, feed string, round dodona.Round) (api.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range p.rounds[feed] {
		if r.Round == round {
			return p.outcomes[feed][i], p.broken
		}
	}
	return api.Outcome{}, fmt.Errorf("look up round: %w", dodona.ErrNotFound)
}

func (p *plant) Rounds(_ context.Context, feed string, from dodona.Round, limit int) ([]api.RoundStatus, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.rounds[feed]
	if from == 0 {
		return slices.Clone(list[max(0, len(list)-limit):]), p.broken
	}
	for len(list) > 0 && list[0].Round < from {
		list = list[1:]
	}
	return slices.Clone(list[:min(limit, len(list))]), p.broken
}

// story is what explain would tell.
type story struct {
	Feed   string       `json:"feed"`
	Round  dodona.Round `json:"round"`
	Inputs []told       `json:"inputs"`
}

type told struct {
	dodona.Input
	Unit    string          `json:"unit,omitempty"`
	Quality *dodona.Quality `json:"quality,omitempty"`
}

func (s story) Text(w io.Writer, _ bool) error {
	fmt.Fprintf(w, "%s at round %d (%s)\n", s.Feed, s.Round, s.Round)
	for i, in := range s.Inputs {
		branch := "├"
		if i == len(s.Inputs)-1 {
			branch = "└"
		}
		value := "–"
		if in.Value != nil {
			value = in.Value.String()
		}
		fmt.Fprintf(w, "  %s %-10s %12s  %s %s\n", branch, in.Source, value, in.Status, in.Reason)
	}
	return nil
}

func (p *plant) Explain(ctx context.Context, feed string, round dodona.Round) (any, error) {
	out, err := p.Round(ctx, feed, round)
	if err != nil {
		return nil, err
	}
	tale := story{Feed: feed, Round: round}
	p.mu.Lock()
	defer p.mu.Unlock()
	said := pointsOf(p.find(feed).Feed, out.Inputs)
	for _, in := range out.Inputs {
		one := told{Input: in}
		if i := slices.IndexFunc(said, func(p dodona.Point) bool { return p.ID == in.Point }); i >= 0 {
			one.Unit, one.Quality = said[i].Unit, &said[i].Quality
		}
		tale.Inputs = append(tale.Inputs, one)
	}
	return tale, nil
}

func (p *plant) ExplainObservation(_ context.Context, id string, _ time.Time) (any, error) {
	if id != anObservation {
		return nil, fmt.Errorf("explain: no record that is kept of boiler has observation %s: %w", id, dodona.ErrNotFound)
	}
	return explain.ObservationStory{ID: id, Point: "boiler", Readings: []explain.Reading{}, Published: []explain.Published{}}, nil
}

// anObservation is the id of the only one of the plant.
const anObservation = "d0361d32183a82f74bdbf237f4cb55ac"

func (p *plant) Bundle(ctx context.Context, feed string, round dodona.Round) (dodona.Bundle, error) {
	out, err := p.Round(ctx, feed, round)
	if err != nil {
		return dodona.Bundle{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return dodona.Bundle{Feed: p.find(feed).Feed, Round: round, Node: "gw-demo", Rules: []byte("{}"), Inputs: out.Inputs, Missed: out.Missed}, nil
}

func (p *plant) Proof(ctx context.Context, feed string, round dodona.Round) (dodona.Evidence, error) {
	out, err := p.Round(ctx, feed, round)
	switch {
	case err != nil:
		return dodona.Evidence{}, err
	case p.unsealed != nil:
		return dodona.Evidence{}, p.unsealed
	case out.Answer == nil:
		return dodona.Evidence{Gap: &dodona.Gap{Feed: dodona.Feed{Name: feed}, Cause: out.Missed}}, nil
	}
	leaf := out.Answer.Attestation.Leaf()
	sibling := dodona.Keccak256([]byte("sibling"))
	proof := dodona.Proof{Leaf: leaf, Path: []dodona.Digest{sibling}}
	const window = 600_000
	from := round / window * window
	anchored := dodona.Anchored{
		Network: p.status.Network, Quorum: p.status.Quorum,
		Anchor: dodona.Anchor{Root: proof.Root(), From: from, To: from + window, Count: 2},
	}
	anchored.Signatures = []dodona.Signature{p.key.Sign(anchored.Anchor.Digest(p.status.Network.ID()))}
	return dodona.Evidence{Answer: out.Answer, Proof: proof, Anchored: anchored}, nil
}

func (p *plant) Resend(_ context.Context, sink string, topic dodona.Topic, key string, round dodona.Round) (dodona.Receipt, error) {
	switch {
	case sink != "hook":
		return dodona.Receipt{}, fmt.Errorf("sink %q: %w: this process runs hook", sink, dodona.ErrNotFound)
	case round != 1795349070000:
		return dodona.Receipt{}, errors.New("POST desk.example: HTTP status 422: no such desk")
	}
	return dodona.Receipt{Sink: sink, Topic: topic, Key: key, Record: round.ID(), Status: dodona.ReceiptDelivered, Detail: "POST desk.example 200", At: round.Time()}, nil
}

func (p *plant) Reload(context.Context) (api.Reloaded, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reloads++
	return api.Reloaded{Replaced: []string{"source kraken"}, Kept: 4}, p.reload
}

func used(source, value string) dodona.Input {
	d, err := dodona.ParseDecimal(value)
	if err != nil {
		panic(err)
	}
	return dodona.Input{
		Source: source, Point: source, Status: dodona.InputUsed, Value: &d,
		Readings: []dodona.ReadingRef{{Digest: dodona.Keccak256([]byte(source)), Size: 51, Detail: "GET api." + source + ".com 200, 22 ms"}},
	}
}

func refused(source string, status dodona.InputStatus, reason, value string) dodona.Input {
	in := used(source, "0")
	in.Status, in.Reason, in.Value = status, reason, nil
	if value != "" {
		d, _ := dodona.ParseDecimal(value)
		in.Value = &d
	}
	return in
}
