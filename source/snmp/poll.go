package snmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// A poller asks one device.
type poller struct {
	settings Settings
	env      source.Env
	plan     plan
	ended    context.Context //nolint:containedctx // ends with Close
	end      context.CancelFunc

	mu       sync.Mutex // held by Observe
	session  *session
	chunk    int             // variables in one request, as many as the device takes
	requests int             // of the exchange
	odd      map[string]bool // variables whose values could not be decoded
	rows     map[row][]string
	searched map[string]time.Time // when columns were, for rows that are not there
	before   []dodona.Reading     // of the exchange before, of counters and what they need
}

// open prepares a source. It sends nothing.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	s.Complete()
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	if s.Listen != "" {
		return openListener(s, env)
	}
	p := &poller{settings: s, env: env, plan: planOf(s.rules()), chunk: s.MaxOIDs, odd: map[string]bool{}, rows: map[row][]string{}, searched: map[string]time.Time{}}
	p.ended, p.end = context.WithCancel(context.Background())
	p.recall(env.Cursor)
	return p, nil
}

// Close ends what is under way.
func (p *poller) Close() error {
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session.close()
	p.session = nil
	return nil
}

// Observe asks for everything once.
func (p *poller) Observe(ctx context.Context) (dodona.Batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, p.settings.patience())
	defer cancel()
	defer context.AfterFunc(p.ended, cancel)()
	p.requests = 0
	begun := time.Now()
	got, err := p.exchange(within)
	if err != nil {
		if p.ended.Err() != nil {
			err = errors.New("the source is closed")
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return dodona.Batch{}, err
	}
	return p.batch(got, time.Since(begun)), nil
}

// exchange asks, and asks once more where the device is another than it was: one that was started anew has another engine id, and the library
// never finds out.
func (p *poller) exchange(ctx context.Context) (answers, error) {
	for again := true; ; again = false {
		found := p.session != nil
		if !found {
			s, err := connect(ctx, p.settings)
			if err != nil {
				return nil, err
			}
			p.session = s
		}
		got := answers{}
		err := p.read(ctx, got)
		if err == nil {
			return got, nil
		}
		why := p.session.explain(ctx, p.settings, err)
		report := p.session.reportOf(err)
		p.session.close()
		p.session = nil
		p.odd, p.rows, p.searched = map[string]bool{}, map[row][]string{}, map[string]time.Time{}
		if !again || !found || report == 0 {
			return nil, why
		}
	}
}

// read asks for what the points need: rows that are known by their index, and then those that have to be searched.
func (p *poller) read(ctx context.Context, got answers) error {
	if err := p.all(ctx, p.plan.oids(p.rows), got); err != nil {
		return err
	}
	lost := map[string]bool{} // columns to search
	for _, r := range p.plan.rows {
		if !r.stands(p.rows[r], got) {
			if len(p.rows[r]) == 0 && time.Since(p.searched[r.key]) < searchPause {
				got.set(r.key, varbind{}, fmt.Errorf("none of its rows said %s, and they are searched anew a minute after that", plain.Quote(r.is, 60)))
				continue
			}
			for _, oid := range p.plan.ofRow(r, p.rows[r]) {
				delete(got, oid)
			}
			delete(p.rows, r)
			lost[r.key] = true
		}
	}
	for _, key := range p.plan.keys {
		if lost[key] {
			if err := p.search(ctx, key, got); err != nil {
				return err
			}
		}
	}
	return nil
}

// searchPause is how long a table is not searched again for rows that it had not: it may be long.
const searchPause = time.Minute

// stands reports whether the rows that were found still say what they said.
func (r row) stands(indices []string, got answers) bool {
	for _, index := range indices {
		if a := got[r.key+"."+index]; a.err != nil || !a.varbind.says(r.is) {
			return false
		}
	}
	return len(indices) > 0
}

// search finds the rows of a column that are wanted, and asks for what stands in them.
func (p *poller) search(ctx context.Context, key string, got answers) error {
	wanted := map[row]bool{}
	for _, r := range p.plan.rows {
		if r.key == key && len(p.rows[r]) == 0 {
			wanted[r] = true
		}
	}
	seen := 0
	more, err := p.session.walk(ctx, key, p.settings.MaxRepetitions, MaxWalk, func(v varbind) bool {
		seen++
		index, _ := below(key, v.name)
		for r := range wanted {
			if v.says(r.is) && len(p.rows[r]) < 2 { // two are one too many already
				p.rows[r] = append(p.rows[r], index)
			}
		}
		return true
	})
	if _, is := errors.AsType[unreadable](err); is && len(got) > 0 {
		for r := range wanted {
			delete(p.rows, r) // another one may say the same further on
		}
		got.set(key, varbind{}, err)
		return nil
	}
	if err != nil {
		return err
	}
	var oids []string
	for _, r := range p.plan.rows {
		if !wanted[r] {
			continue
		}
		oids = append(oids, p.plan.ofRow(r, p.rows[r])...)
		if len(p.rows[r]) == 0 {
			p.searched[key] = time.Now()
			why := fmt.Errorf("none of its %s says %s", unit.Count(seen, "row"), plain.Quote(r.is, 60))
			if more {
				// Fault (point): a table has more rows than are searched.
				why = fmt.Errorf("none of its first %s says %s, and more are not looked at", unit.Count(MaxWalk, "row"), plain.Quote(r.is, 60))
			}
			got.set(key, varbind{}, why)
		}
	}
	slices.Sort(oids)
	return p.all(ctx, slices.Compact(oids), got)
}

// batch makes readings of answers, with those of the exchange before where a counter needs them.
func (p *poller) batch(got answers, took time.Duration) dodona.Batch {
	received := p.env.Now()
	detail := fmt.Sprintf("GET %s v%s, %s of %s, %d ms", p.settings.Address, p.settings.Version, unit.Count(p.requests, "request"), unit.Count(len(got), "variable"), took.Milliseconds())
	if slices.ContainsFunc(p.before, func(r dodona.Reading) bool { return !r.Received.Before(received) }) {
		p.before = nil // the clock was set back: what came before would look newer
	}
	var b dodona.Batch
	for _, r := range p.before {
		r.Item += ofBefore // of each item a feed is given the last one
		b.Readings = append(b.Readings, r)
	}
	size := 0
	var counters []dodona.Reading
	for _, oid := range slices.Sorted(maps.Keys(got)) {
		a := got[oid]
		r := dodona.Reading{Source: p.env.Source, Item: oid, ContentType: "application/octet-stream", Received: received, Detail: detail}
		var err error
		if err = a.err; err == nil {
			r.Body, err = appendVarbinds(nil, a.varbind)
		}
		if size += len(r.Body); err == nil && size > int(maxExchange) {
			r.Body, err = nil, fmt.Errorf("the device says more than %s in one exchange", unit.Size(maxExchange))
		}
		if err == nil && missing[a.varbind.tag] != "" {
			err = errors.New(missing[a.varbind.tag])
		}
		if err != nil {
			r.Quality, r.Detail = dodona.Bad, err.Error()
		}
		b.Readings = append(b.Readings, r)
		if p.plan.keeps(oid) && err == nil {
			counters = append(counters, r)
		}
	}
	p.before = counters
	b.Cursor = p.remember()
	return b
}

// A remembered is what an exchange leaves for the next one.
type remembered struct {
	Address  string           `json:"address"`
	Counters []dodona.Reading `json:"counters"`
}

// remember writes what the next exchange needs of this one; nil if it needs nothing.
func (p *poller) remember() []byte {
	if len(p.before) == 0 {
		return nil
	}
	raw, err := json.Marshal(remembered{p.settings.Address, p.before})
	if err != nil {
		return nil // a counter waits one exchange longer
	}
	return raw
}

// recall takes in what the last exchange that was journaled left, so that a restart costs no counter an exchange. Another device's is not taken.
func (p *poller) recall(cursor []byte) {
	var was remembered
	if len(cursor) == 0 || json.Unmarshal(cursor, &was) != nil || was.Address != p.settings.Address {
		return
	}
	for _, r := range was.Counters {
		if p.plan.keeps(r.Item) {
			r.Source = p.env.Source
			p.before = append(p.before, r)
		}
	}
}
