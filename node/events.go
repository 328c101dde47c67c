package node

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/telemetry"
)

// events tell of what happened beside the line.
type events struct {
	basics
	journal *journal.Journal
}

// event journals something that happened, once for each id.
func (e *events) event(ctx context.Context, key, id string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("write event %s: %w", key, err)
	}
	if err := e.journal.Append(ctx, dodona.Record{Topic: dodona.TopicEvent, Key: key, ID: id, Body: body}); err != nil {
		return fmt.Errorf("append event %s: %w", key, err)
	}
	return nil
}

// dropped tells that something was given up: what the journal can never take, because it is larger than a record may be, must
// not stop what comes after it. It is counted, logged, and told by an event, one an hour for each source or feed.
func (e *events) dropped(ctx context.Context, what, name string, cause error) {
	e.recorder.Count(telemetry.NodeDropped.Of(what), 1)
	e.log.Error("the journal can never take this; it is dropped", "what", what, "of", name, "error", cause)
	hour := e.now().UTC().Truncate(time.Hour)
	err := e.event(ctx, dodona.EventDropped, what+"-"+name+"-"+hour.Format("2006010215"), map[string]any{
		"what": what, "of": name, "error": cause.Error(), "at": e.now().UTC(),
	})
	if err != nil && ctx.Err() == nil {
		e.log.Error("an event cannot be written", "error", err)
	}
}
