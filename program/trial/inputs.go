package trial

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// granted returns what a case may reach, and what it finds there.
func (m *suite) granted(k testCase) (Grants, error) {
	g, err := ParseGrants(m.Grants, m.beside)
	if err != nil {
		return g, err
	}
	g.fetches, g.state = map[string]fetched{}, map[string][]byte{}
	for _, text := range slices.Sorted(maps.Keys(m.Fetches)) {
		if err := g.record(text, m); err != nil {
			return g, fmt.Errorf("fetch of %s: %w", text, err)
		}
	}
	for key, value := range k.State {
		g.state[key] = []byte(value)
	}
	return g, nil
}

// record notes what is answered to a URL.
func (g Grants) record(text string, m *suite) error {
	u, err := egress.Parse(text)
	if err != nil {
		return err
	}
	if _, twice := g.fetches[asked(u)]; twice {
		return errors.New("it is there twice")
	}
	f := m.Fetches[text]
	body, err := m.body(f.Body, f.File)
	if err != nil {
		return err
	}
	g.fetches[asked(u)] = fetched{status: cmp.Or(f.Status, http.StatusOK), body: body}
	return nil
}

// readings returns what a case gives to the module, and the round.
func (m *suite) readings(k testCase) ([]dodona.Reading, dodona.Round, error) {
	var list []dodona.Reading
	if k.Readings != "" {
		raw, err := manifest.ReadFile(m.beside(k.Readings), MaxInput)
		if err != nil {
			return nil, 0, err
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, 0, fmt.Errorf("%s: %w; want what dodona source read --json prints", k.Readings, err)
		}
	}
	round := k.Round
	for _, r := range list {
		if k.Round.IsZero() && r.Received.After(round) {
			round = r.Received
		}
	}
	if round.IsZero() {
		round = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for i, in := range k.Inputs {
		r, err := m.reading(in, round)
		if err != nil {
			return nil, 0, fmt.Errorf("input %d: %w", i+1, err)
		}
		list = append(list, r)
	}
	return list, dodona.RoundAt(round), nil
}

func (m *suite) reading(in input, round time.Time) (r dodona.Reading, err error) {
	r = dodona.Reading{
		Source: in.Source, Item: in.Item, ContentType: in.Type, SourceTime: in.Time, Received: in.Received, Quality: in.Quality,
	}
	if r.Source == "" {
		r.Source = "input"
	}
	if err := dodona.CheckName(r.Source, 1); err != nil {
		return r, fmt.Errorf("source: %w", err)
	}
	if r.Received.IsZero() {
		r.Received = round
	}
	if r.ContentType == "" && in.File == "" {
		r.ContentType = "application/json"
	} else if r.ContentType == "" {
		r.ContentType = ContentType(in.File)
	}
	r.Body, err = m.body(in.Body, in.File)
	return r, err
}

// merged returns a with what b says above it.
func merged[V any](a, b map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}
