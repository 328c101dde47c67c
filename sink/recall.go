package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
)

// longestRecall is how far back a sink without a heartbeat looks for what it delivered last.
const longestRecall = 24 * time.Hour

// recall finds what was delivered last of each feed before this process, because deviation and heartbeat count from that. What
// is older than the heartbeat is due whatever it was. False: ctx ended.
func (l *Loop) recall(ctx context.Context) bool {
	if l.c.Kind.slot || !l.c.Policy.chooses() {
		return true // its place says it, or nothing depends on it
	}
	since := l.c.Now().Add(-l.c.Policy.recalls())
	return l.again(ctx, "recall", func() error {
		newest := make(map[string]dodona.Round) // by feed
		for rec, err := range l.c.Env.filled().Ledger.Scan(ctx, dodona.TopicReceipt, l.c.Name, func(rec dodona.Record) bool { return rec.Appended.Before(since) }) {
			if err != nil {
				return fmt.Errorf("look for what it delivered last: %w", err)
			}
			var r dodona.Receipt
			if err := json.Unmarshal(rec.Body, &r); err != nil || r.Topic != dodona.TopicData || r.Status != dodona.ReceiptDelivered {
				continue
			}
			if round, ok := (dodona.Record{ID: r.Record}).Round(); ok {
				newest[r.Key] = round
			}
		}
		for feed, round := range newest {
			if err := l.recallAnswer(ctx, feed, round); err != nil {
				return err
			}
		}
		return nil
	})
}

// recallAnswer remembers what an answer said. One that is no longer kept says nothing.
func (l *Loop) recallAnswer(ctx context.Context, feed string, round dodona.Round) error {
	rec, err := dodona.Find(ctx, l.c.Env.filled().Ledger, dodona.TopicData, feed, round)
	if errors.Is(err, dodona.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what it delivered last: %w", err)
	}
	if said, err := SaidIn(rec); err == nil {
		l.last[feed] = &said
	}
	return nil
}
