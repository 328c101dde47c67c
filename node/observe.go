package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/program"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/telemetry"
)

// An observer is the role that asks sources, finds answers and signs them: a pump for each source, a loop for each feed.
type observer struct {
	n *Node

	changing sync.Mutex      // held while units start and stop, and while the configuration they follow changes
	ctx      context.Context // of the units, guarded by changing; nil before the role runs

	mu    sync.RWMutex // never held while a unit is waited for: units take it
	pumps map[string]*pumpUnit
	feeds map[string]*feedUnit
}

type pumpUnit struct {
	*unit
	pump *source.Pump
}

type feedUnit struct {
	*unit
	feed *feed.Feed
}

// observe runs all sources and feeds of the configuration until ctx ends.
func (n *Node) observe(ctx context.Context) error {
	defer n.observer.stop()
	if err := n.observer.start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (o *observer) start(ctx context.Context) error {
	o.changing.Lock()
	defer o.changing.Unlock()
	o.ctx = ctx
	c := o.n.config()
	for _, s := range c.Sources {
		o.startSource(s)
	}
	for _, f := range c.Feeds {
		if err := o.startFeed(c, f); err != nil {
			return err
		}
	}
	return nil
}

// stop ends every unit and waits. Nothing is started afterwards.
func (o *observer) stop() {
	o.changing.Lock() // a reload under way ends first, and later ones find the context ended
	defer o.changing.Unlock()
	o.mu.RLock()
	units := make([]*unit, 0, len(o.feeds)+len(o.pumps))
	for _, f := range o.feeds {
		units = append(units, f.unit)
	}
	for _, p := range o.pumps {
		units = append(units, p.unit)
	}
	o.mu.RUnlock()
	stopAll(units...) // without the lock, which feeds take to find their sources
}

func (o *observer) startSource(s config.Source) {
	n := o.n
	pump := source.NewPump(source.Config{
		Name:     s.Name,
		Kind:     n.kinds[s.Kind],
		Settings: s.Settings,
		Append:   func(ctx context.Context, b dodona.Batch) error { return n.keepBatch(ctx, s.Name, b) },
		Cursor:   func(ctx context.Context) ([]byte, error) { return n.cursor(ctx, s.Name) },
		Version:  n.version,
		Hold:     heldReadings,
		Recorder: n.recorder,
		Log:      n.log,
		Now:      n.now,
	})
	u := start(o.ctx, func(ctx context.Context) { _ = pump.Run(ctx) }) // returns nil when ctx ends
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pumps[s.Name] = &pumpUnit{u, pump}
}

// heldReadings bounds what a pushed source keeps for feeds that take all readings since their last round.
const heldReadings = 1024

func (o *observer) pump(name string) *source.Pump {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if u := o.pumps[name]; u != nil {
		return u.pump
	}
	return nil
}

// asker returns how one feed asks its sources. Feeds name sources, not pumps, so that a source can be replaced under them.
func (o *observer) asker(take string) func(context.Context, string, dodona.Round) ([]dodona.Reading, error) {
	var mu sync.Mutex
	before := make(map[string]dodona.Round) // by source: the round up to which this feed has taken everything
	return func(ctx context.Context, name string, r dodona.Round) ([]dodona.Reading, error) {
		pump := o.pump(name)
		if pump == nil {
			return nil, errors.New("the source is being replaced")
		}
		if take != feed.TakeAll {
			return pump.Ask(ctx, r)
		}
		mu.Lock()
		after := before[name]
		mu.Unlock()
		readings, err := pump.Since(ctx, after, r)
		if err == nil {
			mu.Lock()
			before[name] = r
			mu.Unlock()
		}
		return readings, err
	}
}

// sources returns the status of every pump, sorted by name.
func (o *observer) sources() []source.Status {
	o.mu.RLock()
	defer o.mu.RUnlock()
	list := make([]source.Status, 0, len(o.pumps))
	for _, name := range slices.Sorted(maps.Keys(o.pumps)) {
		list = append(list, o.pumps[name].pump.Status())
	}
	return list
}

func (o *observer) startFeed(c *config.Config, f config.Feed) error {
	n := o.n
	made, transform, g, err := n.program(c, f)
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	loop, err := feed.New(feed.Options{
		Feed:       f.Feed,
		Settings:   f.Settings,
		Extraction: made.JSON(),
		Transform:  transform,
		Node:       c.Node.Name,
		Ask:        o.asker(f.Settings.Take),
		Salt:       n.id.salt,
		FirstNow:   len(n.id.quorum.Members) == 1 && c.TwoLine,
		Now:        n.now,
		Recorder:   n.recorder,
	})
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.Feed.Name, err)
	}
	u := start(o.ctx, func(ctx context.Context) { n.runFeed(ctx, f, loop, g) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds[f.Feed.Name] = &feedUnit{u, loop}
	return nil
}

// program returns what makes the points of a feed, and the guest that runs its module; that is nil for a feed without one.
func (n *Node) program(c *config.Config, f config.Feed) (*program.Program, dodona.Transform, *guest, error) {
	if f.Settings.Module == nil {
		made, err := program.New(f.Settings.From, c.Rules(), nil)
		if err != nil {
			return nil, nil, nil, err
		}
		return made, made.Running(nil), nil, nil
	}
	g, err := n.modules.newGuest(c, f)
	if err != nil {
		return nil, nil, nil, err
	}
	return g.program, g, g, nil
}

// runFeed makes rounds until ctx ends. A failure is told and the feed goes on: rounds must not stop. g is nil for a feed
// without a module.
func (n *Node) runFeed(ctx context.Context, f config.Feed, loop *feed.Feed, g *guest) {
	if g != nil {
		defer g.load(ctx)()
	}
	_ = retry(ctx, func() error {
		last, err := n.resume(ctx, f, g)
		loop.Known(last)
		if err != nil {
			return err
		}
		missing := false // the rounds before this one; a stretch of missed ones is told once
		return loop.Run(ctx, last, func(ctx context.Context, bundles []dodona.Bundle) error {
			for _, b := range bundles {
				switch missed := b.Value == nil; {
				case missed && !missing:
					n.log.Warn("a round was missed; the next ones are tried all the same", "feed", b.Feed.Name, "round", b.Round, "reason", b.Missed)
				case !missed && missing:
					n.log.Info("rounds have answers again", "feed", b.Feed.Name, "round", b.Round)
				}
				missing = b.Value == nil
			}
			if err := n.keepRounds(ctx, f.Settings.Every, bundles); err != nil {
				return err
			}
			g.restore(&bundles[len(bundles)-1])
			return nil
		})
	}, func(err error, wait time.Duration) {
		n.log.Error("a feed was interrupted", "feed", f.Feed.Name, "error", err, "again in", wait)
	})
}

// newIntake bounds how fast readings are journaled: a backlog, such as a long file read for the first time, is drained
// in step with the memory that the node may take, because the store holds what was written in the last ten seconds.
// A burst as large as the largest exchange always passes.
func newIntake(memory int64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(memory/64), int(max(memory/8, maxExchange)))
}

// maxExchange is about the largest body of a reading record: 4 MiB of readings in base64.
const maxExchange = 6 << 20

// keepBatch journals what one exchange brought, under the digest of its content. It waits while more comes in than
// the node has memory for, which its source feels.
func (n *Node) keepBatch(ctx context.Context, name string, b dodona.Batch) error {
	body, err := json.Marshal(dodona.Exchange{Readings: b.Readings, Cursor: b.Cursor})
	if err != nil {
		return fmt.Errorf("write exchange: %w", err)
	}
	began := time.Now()
	if err := n.intake.WaitN(ctx, min(len(body), n.intake.Burst())); err != nil {
		return fmt.Errorf("wait for room in memory: %w", err)
	}
	n.recorder.Time(telemetry.SourceIntake, name, time.Since(began))
	err = n.journal.Append(ctx, dodona.Record{
		Topic: dodona.TopicReading, Key: name, ID: dodona.Keccak256(body).String(), Body: body,
	})
	if dodona.IsPermanent(err) {
		n.dropped(ctx, "readings", name, err)
	}
	return err
}

// cursor returns where a source stopped.
func (n *Node) cursor(ctx context.Context, name string) ([]byte, error) {
	last, err := n.lastExchange(ctx, name)
	return last.Cursor, err
}

// lastExchange returns the newest journaled exchange of a source of this node, or [dodona.ErrNotFound].
func (n *Node) lastExchange(ctx context.Context, name string) (last dodona.Exchange, err error) {
	rec, err := n.journal.Own().Last(ctx, dodona.TopicReading, name)
	if err != nil {
		return last, err
	}
	if err := json.Unmarshal(rec.Body, &last); err != nil {
		return last, fmt.Errorf("read last exchange of %s: %w", name, err)
	}
	return last, nil
}

// keepRounds journals rounds of a feed, and signs and journals the observations of those that have a value.
func (n *Node) keepRounds(ctx context.Context, every time.Duration, bundles []dodona.Bundle) error {
	records := make([]dodona.Record, len(bundles))
	for i, b := range bundles {
		body, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("write round: %w", err)
		}
		records[i] = dodona.Record{Topic: dodona.TopicRound, Key: b.Feed.Name, ID: b.Round.ID(), Body: body}
	}
	kept := 0
	for part := range parts(records, maxRounds) {
		err := n.journal.Append(ctx, part...)
		if dodona.IsPermanent(err) {
			err = n.keepEach(ctx, bundles[kept:kept+len(part)], part)
		}
		if err != nil {
			return fmt.Errorf("append round: %w", err)
		}
		kept += len(part)
	}
	for _, b := range bundles {
		if b.Value == nil {
			continue
		}
		if err := n.signRound(ctx, every, b); err != nil {
			return err
		}
	}
	return nil
}

// maxRounds is how many bytes of rounds go into one append, unless one is larger: the smallest journal takes no more.
const maxRounds = 256 << 10

// parts yields records in their order, together as long as their bodies are within most bytes.
func parts(records []dodona.Record, most int) iter.Seq[[]dodona.Record] {
	return func(yield func([]dodona.Record) bool) {
		for first, size, i := 0, 0, 0; i < len(records); i++ {
			if size += len(records[i].Body); i+1 < len(records) && size+len(records[i+1].Body) <= most {
				continue
			}
			if !yield(records[first : i+1]) {
				return
			}
			first, size = i+1, 0
		}
	}
}

// signRound claims and signs the observation of a journaled round, if the round is still open: of one that has closed
// meanwhile, because the journal was full say, nobody would believe an observation. An event tells.
func (n *Node) signRound(ctx context.Context, every time.Duration, b dodona.Bundle) error {
	_, closes := grid.Open(b.Round, every)
	if n.now().After(closes) {
		n.log.Warn("a round was computed and is not signed: it closed before it could be", "feed", b.Feed.Name, "round", b.Round, "closed", closes)
		return n.event(ctx, dodona.EventUnsigned, b.Feed.Name+"-"+b.Round.ID(), map[string]any{"feed": b.Feed.Name, "round": b.Round, "value": b.Value})
	}
	obs := dodona.Observation{
		Feed: b.Feed.ID(), Name: b.Feed.Name, Round: b.Round, Value: *b.Value, Origin: b.Origin, Signer: n.id.key.Address(),
	}
	network := n.id.network.ID()
	digest := obs.Digest(network)
	signatures, err := n.signer.Sign(ctx, dodona.Claim{
		Network: network, Type: "observation", Subject: b.Feed.Name, Round: b.Round, Digest: digest,
	})
	if refused(err) {
		n.log.Error("a round is not signed", "feed", b.Feed.Name, "round", b.Round, "error", err, "do", whatToDo(err))
		return n.event(ctx, dodona.EventConflict, b.Feed.Name+"-"+b.Round.ID(), map[string]any{
			"feed": b.Feed.Name, "round": b.Round, "digest": digest, "error": err.Error(),
		})
	}
	if err != nil {
		return fmt.Errorf("sign observation: %w", err)
	}
	obs.Signature = dodona.Signature(signatures[0])
	n.recovery.remember(digest, obs.Signature)
	body, err := json.Marshal(obs)
	if err != nil {
		return fmt.Errorf("write observation: %w", err)
	}
	err = n.journal.Append(ctx, dodona.Record{Topic: dodona.TopicObservation, Key: b.Feed.Name, ID: b.Round.ID(), Body: body})
	if err != nil {
		return fmt.Errorf("append observation: %w", err)
	}
	if now := n.now(); now.After(closes) {
		n.log.Warn("an observation was signed in time and kept too late, so it counts for nothing", "feed", b.Feed.Name, "round", b.Round, "closed", closes)
		return n.event(ctx, dodona.EventLate, b.Feed.Name+"-"+b.Round.ID(), map[string]any{
			"feed": b.Feed.Name, "round": b.Round, "value": b.Value, "closed": closes.UTC(), "kept": now.UTC(),
		})
	}
	return nil
}

// resume returns the last round that this node made of a feed, and first finishes one that an end of the process left between its
// journaled value and its observation, if it is still open.
func (n *Node) resume(ctx context.Context, f config.Feed, g *guest) (last dodona.Round, err error) {
	observed, err := n.lastRound(ctx, dodona.TopicObservation, f.Feed.Name)
	if err != nil {
		return 0, err
	}
	rec, err := n.journal.Own().Last(ctx, dodona.TopicRound, f.Feed.Name)
	if errors.Is(err, dodona.ErrNotFound) {
		return observed, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read last round: %w", err)
	}
	var b dodona.Bundle
	if err := json.Unmarshal(rec.Body, &b); err != nil {
		return 0, fmt.Errorf("read last round: %w", err)
	}
	if b.Feed.ID() == f.Feed.ID() {
		g.restore(&b)
	}
	if b.Value == nil || b.Round <= observed || b.Feed.ID() != f.Feed.ID() {
		return max(observed, b.Round), nil
	}
	return b.Round, n.signRound(ctx, f.Settings.Every, b)
}

// event journals something that happened, once for each id.
func (n *Node) event(ctx context.Context, key, id string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("write event %s: %w", key, err)
	}
	if err := n.journal.Append(ctx, dodona.Record{Topic: dodona.TopicEvent, Key: key, ID: id, Body: body}); err != nil {
		return fmt.Errorf("append event %s: %w", key, err)
	}
	return nil
}
