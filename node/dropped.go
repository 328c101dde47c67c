package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	sizes "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/telemetry"
)

// What the journal can never take, because it is larger than a record may be, must not stop what comes after it. It is
// given up: counted, logged, and told by an event, one an hour for each source or feed.

// dropped tells that something was given up.
func (n *Node) dropped(ctx context.Context, what, name string, cause error) {
	n.recorder.Count(telemetry.NodeDropped, what, 1)
	n.log.Error("the journal can never take this; it is dropped", "what", what, "of", name, "error", cause)
	hour := n.now().UTC().Truncate(time.Hour)
	err := n.event(ctx, dodona.EventDropped, what+"-"+name+"-"+hour.Format("2006010215"), map[string]any{
		"what": what, "of": name, "error": cause.Error(), "at": n.now().UTC(),
	})
	if err != nil && ctx.Err() == nil {
		n.log.Error("an event cannot be written", "error", err)
	}
}

// compareSizes says which sources may bring more than the bus takes at once: that depends on the server.
func (n *Node) compareSizes(c *config.Config) {
	most := n.journal.MaxRecord()
	for _, s := range c.Sources {
		sized, ok := s.Settings.(interface{ Largest() sizes.Size })
		if !ok || config.RecordOf(sized.Largest()) <= most {
			continue
		}
		n.log.Warn("a source may bring more than the journal's server takes at once; a larger exchange is dropped: raise max_payload there, or allow the source less",
			"source", s.Name, "may bring", sized.Largest(), "record", config.RecordOf(sized.Largest()), "max_payload", most)
	}
}

// keepEach journals rounds one by one, after the journal refused them together for good. One that it can never take is
// missed, for that reason, and bundles say so.
func (n *Node) keepEach(ctx context.Context, bundles []dodona.Bundle, records []dodona.Record) error {
	for i := range records {
		err := n.journal.Append(ctx, records[i])
		if dodona.IsPermanent(err) {
			err = n.keepMissed(ctx, &bundles[i], records[i], err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepMissed journals a round as missed: with what the module keeps if that is not what is too large.
func (n *Node) keepMissed(ctx context.Context, b *dodona.Bundle, rec dodona.Record, cause error) error {
	n.dropped(ctx, "round", b.Feed.Name, cause)
	missed := dodona.Bundle{
		Feed: b.Feed, Round: b.Round, Node: b.Node, Rules: b.Rules, State: b.State, Quality: dodona.Bad, TookMS: b.TookMS,
		Missed: fmt.Sprintf("its record of %d bytes is more than the journal takes", len(rec.Body)),
	}
	bare := missed
	bare.State, bare.Rules = nil, nil
	var err error
	for _, m := range []dodona.Bundle{missed, bare} {
		if rec.Body, err = json.Marshal(m); err != nil {
			return fmt.Errorf("write round: %w", err)
		}
		if err = n.journal.Append(ctx, rec); !dodona.IsPermanent(err) {
			*b = m
			return err
		}
	}
	*b = bare
	return nil // told above; the next round goes on
}
