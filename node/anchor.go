package node

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/grid"
	"github.com/dodona-oracle/dodona/internal/patience"
	spans "github.com/dodona-oracle/dodona/internal/unit"
)

// An anchorer is the role that seals windows of answers and gaps under signed roots.
type anchorer struct {
	basics
	means  anchor.Means
	series *anchor.Series
}

func newAnchorer(b basics, ledger dodona.Keeper, v voice) (*anchorer, error) {
	series, err := anchor.New(anchor.Config{
		Network: v.network, Quorum: v.quorum, Scheme: v.scheme, Every: b.config().Anchor.Every, Recorder: b.recorder,
	})
	return &anchorer{b, anchor.Means{Signer: v.attestations, Ledger: ledger, Refused: refused}, series}, err
}

// anchor seals windows until ctx ends.
func (r *anchorer) anchor(ctx context.Context) error {
	for {
		err := patience.Retry(ctx, pace, func() error { return r.seal(ctx) }, func(err error, _ int, wait time.Duration) {
			r.log.Error("anchors wait", "error", err, "again in", spans.Roughly(wait))
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
