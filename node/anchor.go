package node

import (
	"context"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/anchor"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/grid"
)

// commit is the role that seals windows of answers and gaps under signed roots.
func (n *Node) commit(ctx context.Context) error {
	series, err := anchor.New(anchor.Config{
		Network: n.id.network, Quorum: n.id.quorum, Scheme: n.scheme, Every: n.config().Anchor.Every, Recorder: n.recorder,
	})
	if err != nil {
		return err
	}
	for {
		err := retry(ctx, func() error { return n.seal(ctx, series) }, func(err error, wait time.Duration) {
			n.log.Error("anchors wait", "error", err, "again in", wait)
		})
		if err != nil || !backoff.Wait(ctx, n.untilSeal(series)) {
			return nil // ctx ended
		}
	}
}

// seal seals every window that is due.
func (n *Node) seal(ctx context.Context, series *anchor.Series) error {
	for {
		a, sealed, err := series.Advance(ctx, anchor.Means{Signer: n.attester, Ledger: n.journal, Refused: refused}, n.now(), n.grids())
		if err != nil || !sealed {
			return err
		}
		n.log.Info("a window is anchored", "from", a.From, "to", a.To, "leaves", a.Count, "root", a.Root)
	}
}

// longestNap bounds how long the role sleeps: clocks are set, and feeds change.
const longestNap = time.Minute

// untilSeal returns how long nothing can be due.
func (n *Node) untilSeal(series *anchor.Series) time.Duration {
	now, grace := n.now(), anchor.Grace(n.grids())
	due := grid.Next(dodona.RoundAt(now.Add(-grace)), series.Every).Time().Add(grace)
	return min(max(due.Sub(now), 100*time.Millisecond), longestNap)
}

// grids returns where the rounds of the configured feeds lie.
func (n *Node) grids() []anchor.Grid {
	c := n.config()
	grids := make([]anchor.Grid, len(c.Feeds))
	for i, f := range c.Feeds {
		grids[i] = anchor.Grid{Feed: f.Feed, Every: f.Settings.Every}
	}
	return grids
}
