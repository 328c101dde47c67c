package node

import (
	"context"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/internal/patience"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
)

// An anchorer is the role that seals windows of answers and gaps under signed roots.
type anchorer struct {
	basics
	means  anchor.Means
	series *anchor.Series
	ledger keeper

	mu       sync.Mutex
	standing api.AnchorStatus
}

// A keeper is a ledger that anchors are decided on.
type keeper interface {
	dodona.Keeper
	restorable
	lacking
}

func newAnchorer(b basics, ledger keeper, v voice) (*anchorer, error) {
	series, err := anchor.New(anchor.Config{
		Network: v.network, Quorum: v.quorum, Scheme: v.scheme, Every: b.config().Anchor.Every, Recorder: b.recorder,
	})
	means := anchor.Means{
		Signer: v.attestations, Ledger: ledger, Refused: refused, Doubted: doubted,
		Lost: func(ctx context.Context) (anchor.Loss, error) { return lostRounds(ctx, ledger) },
	}
	return &anchorer{basics: b, means: means, series: series, ledger: ledger}, err
}

// anchor seals windows until ctx ends.
func (r *anchorer) anchor(ctx context.Context) error {
	r.note(nil)
	for {
		err := patience.Retry(ctx, pace, func() error {
			err := r.seal(ctx)
			r.note(err)
			return err
		}, func(err error, _ int, wait time.Duration) {
			r.log.Log(ctx, gravity(err, isRestored(r.ledger)), "anchors wait", "error", err, "again in", quantity.Roughly(wait))
		})
		if err != nil || !backoff.Wait(ctx, r.untilSeal()) {
			return nil // ctx ended
		}
	}
}

// seal seals every window that is due.
func (r *anchorer) seal(ctx context.Context) error {
	for {
		a, sealed, err := r.series.Advance(ctx, r.means, r.now(), grids(r.config()))
		if err != nil || !sealed {
			return err
		}
		r.log.Info("a window is anchored", "from", a.From, "to", a.To, "leaves", a.Count, "root", a.Root)
	}
}

// note remembers how far the anchors have come, and what an attempt came to.
func (r *anchorer) note(err error) {
	now := r.now()
	last, _ := r.series.Last()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.standing
	s.EveryMS, s.LastError = r.series.Every.Milliseconds(), ""
	s.From, s.To, s.Leaves, s.Root = last.From, last.To, last.Count, last.Root
	s.Next = time.Time{}
	if last.To != 0 {
		s.Next = anchor.Due(last.To, r.series.Every, grids(r.config()))
	}
	if err != nil {
		s.LastError = err.Error()
		return
	}
	s.Checked = now
}

// behindAfter is how long anchors may have something left to seal: the role looks at least once a minute.
const behindAfter = 2 * longestNap

// status returns how far the anchors have come; nil if this process does not anchor. Answered is the earliest of the feeds' newest answers, 0 if
// there is none: the first window begins with an answer.
func (r *anchorer) status(now time.Time, answered dodona.Round) *api.AnchorStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.standing.Checked.IsZero() {
		return nil
	}
	s := r.standing
	s.Behind = now.Sub(s.Checked) > behindAfter
	if s.Next.Before(now) && !s.Behind {
		s.Next = time.Time{} // nothing was attested since
	}
	if s.To == 0 && answered != 0 {
		every, of := r.series.Every, grids(r.config())
		if s.Next = anchor.Due(answered, every, of); s.Next.Before(now) {
			s.Next = anchor.Due(dodona.RoundAt(now), every, of)
		}
	}
	return &s
}

// longestNap bounds how long the role sleeps: clocks are set, and feeds change.
const longestNap = time.Minute

// untilSeal returns how long nothing can be due.
func (r *anchorer) untilSeal() time.Duration {
	now, grace := r.now(), anchor.Grace(grids(r.config()))
	due := grid.Next(dodona.RoundAt(now.Add(-grace)), r.series.Every).Time().Add(grace)
	return min(max(due.Sub(now), 100*time.Millisecond), longestNap)
}

// grids returns where the rounds of the configured feeds lie.
func grids(c *config.Config) []anchor.Grid {
	list := make([]anchor.Grid, len(c.Feeds))
	for i, f := range c.Feeds {
		list[i] = anchor.Grid{Feed: f.Feed, Every: f.Settings.Every}
	}
	return list
}
