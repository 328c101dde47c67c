package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/config"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/telemetry"
)

// An intake is where readings enter the journal.
type intake struct {
	*events
	pace *rate.Limiter // bytes a second
}

// newIntake bounds how fast readings are journaled: a backlog, such as a long file read for the first time, is drained
// in step with the memory that the node may take, because the store holds what was written in the last ten seconds.
// A burst as large as the largest exchange always passes.
func newIntake(e *events, memory int64) *intake {
	return &intake{e, rate.NewLimiter(rate.Limit(memory/64), int(max(memory/8, maxExchange)))}
}

// unknownFor is how long a source that is told to stop waits at most to hear whether its last exchange was kept.
const unknownFor = 10 * time.Second

// maxExchange is about the largest body of a reading record: 4 MiB of readings in base64.
const maxExchange = 6 << 20

// keepBatch journals what one exchange brought, under the digest of its content. It waits while more comes in than
// the node has memory for, which its source feels.
func (i *intake) keepBatch(ctx context.Context, name string, b dodona.Batch) error {
	body, err := json.Marshal(dodona.Exchange{Readings: b.Readings, Cursor: b.Cursor})
	if err != nil {
		return fmt.Errorf("write exchange: %w", err)
	}
	began := time.Now()
	if err := i.pace.WaitN(ctx, min(len(body), i.pace.Burst())); err != nil {
		return fmt.Errorf("wait for room in memory: %w", err)
	}
	i.recorder.Time(telemetry.SourceIntake.Of(name), time.Since(began))
	rec := dodona.Record{Topic: dodona.TopicReading, Key: name, ID: dodona.Keccak256(body).String(), Body: body}
	err = i.journal.Append(ctx, rec)
	if errors.Is(err, journal.ErrUnknown) && ctx.Err() != nil {
		// It may be there any moment, and the pump that follows must begin behind it: who is told to stop waits for the store's word.
		ends, cancel := context.WithTimeout(context.WithoutCancel(ctx), unknownFor)
		defer cancel()
		err = i.journal.Append(ends, rec)
	}
	if dodona.IsPermanent(err) {
		i.dropped(ctx, "readings", name, err)
	}
	return err
}

// cursor returns where a source stopped.
func (i *intake) cursor(ctx context.Context, name string) ([]byte, error) {
	last, err := i.lastExchange(ctx, name)
	return last.Cursor, err
}

// lastExchange returns the newest journaled exchange of a source of this node, or [dodona.ErrNotFound].
func (i *intake) lastExchange(ctx context.Context, name string) (last dodona.Exchange, err error) {
	rec, err := i.journal.Own().Last(ctx, dodona.TopicReading, name)
	if err != nil {
		return last, err
	}
	if err := json.Unmarshal(rec.Body, &last); err != nil {
		return last, fmt.Errorf("read last exchange of %s: %w", name, err)
	}
	return last, nil
}

// lost tells by an event that a source gave up readings, one an hour for each source: /v1/sources counts them all.
func (i *intake) lost(ctx context.Context, name string, n uint64, cause string) {
	now := i.now().UTC()
	err := i.event(ctx, dodona.EventDropped, "lost-"+name+"-"+now.Format("2006010215"), map[string]any{
		"what": "readings of a source", "of": name, "dropped": n, "error": cause, "at": now,
	})
	if err != nil && ctx.Err() == nil {
		i.log.Error("an event cannot be written", "error", err)
	}
}

const (
	maxRecent   = time.Hour       // of what came before a start, for feeds that count the latest
	recentFirst = time.Second     // is read first; then ten times that, and so on
	recentPause = 5 * time.Second // that a start takes to read it at most
	heldBytes   = 4 << 20         // of which a pump keeps no more
)

// recent returns what was journaled of a source last and in a time before that, oldest first: the newest part of it, if a pump holds no
// more or it takes long to read.
func (i *intake) recent(ctx context.Context, name string, within time.Duration) ([]dodona.Reading, error) {
	return i.recentUntil(ctx, name, within, time.Now().Add(recentPause))
}

func (i *intake) recentUntil(ctx context.Context, name string, within time.Duration, until time.Time) (readings []dodona.Reading, err error) {
	newest, err := i.journal.Own().Last(ctx, dodona.TopicReading, name)
	if err != nil {
		return nil, err
	}
	for back := min(recentFirst, within); ; back = min(10*back, within) {
		more, full, err := i.after(ctx, name, newest, newest.Appended.Add(-back), until)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			i.log.Warn("of what a source brought before the start, not all can be read; the newest part of it is there", "source", name, "error", err)
			break
		}
		if readings = more; full || back >= within {
			return readings, nil
		}
	}
	if len(readings) > 0 {
		return readings, nil
	}
	var exchange dodona.Exchange
	if err := json.Unmarshal(newest.Body, &exchange); err != nil {
		return nil, fmt.Errorf("read last exchange of %s: %w", name, err)
	}
	return exchange.Readings, nil
}

var errTakesLong = errors.New("it takes too long")

// after returns what was journaled of a source from an instant up to its newest record, no more than a pump holds, and whether it is as much.
func (i *intake) after(ctx context.Context, name string, newest dodona.Record, since, until time.Time) (readings []dodona.Reading, full bool, err error) {
	size := 0
	for rec, err := range i.journal.Own().Scan(ctx, dodona.TopicReading, name, func(rec dodona.Record) bool { return rec.Appended.Before(since) }) {
		if err != nil {
			return nil, false, err
		}
		if time.Now().After(until) {
			return nil, false, errTakesLong
		}
		var exchange dodona.Exchange
		if err := json.Unmarshal(rec.Body, &exchange); err != nil {
			return nil, false, fmt.Errorf("read an exchange: %w", err)
		}
		for _, r := range exchange.Readings {
			readings, size = append(readings, r), size+len(r.Body)
		}
		for len(readings) > heldReadings || size > heldBytes && len(readings) > 1 {
			readings, size, full = readings[1:], size-len(readings[0].Body), true
		}
		if rec.Sequence == newest.Sequence {
			return readings, full || len(readings) == heldReadings, nil
		}
	}
	return nil, false, errors.New("its last record is not found")
}

// lastReading returns the newest journaled reading of a source.
func (i *intake) lastReading(ctx context.Context, source string) (dodona.Reading, error) {
	exchange, err := i.lastExchange(ctx, source)
	if err != nil {
		return dodona.Reading{}, err
	}
	if len(exchange.Readings) == 0 {
		return dodona.Reading{}, dodona.ErrNotFound
	}
	return exchange.Readings[len(exchange.Readings)-1], nil
}

// compareSizes says which sources may bring more than the bus takes at once: that depends on the server.
func (i *intake) compareSizes(c *config.Config) {
	most := i.journal.MaxRecord()
	for _, s := range c.Sources {
		sized, ok := s.Settings.(interface{ Largest() quantity.Size })
		if !ok || config.RecordOf(sized.Largest()) <= most {
			continue
		}
		i.log.Warn("a source may bring more than the journal's server takes at once; a larger exchange is dropped: raise max_payload there, or allow the source less",
			"source", s.Name, "may bring", sized.Largest(), "record", config.RecordOf(sized.Largest()), "max_payload", most)
	}
}
