package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/dodona-oracle/dodona"
)

// Held is why a sink does not send the answer.
type Held struct {
	Sink string `json:"sink"`
	Why  string `json:"why"`
}

// held finds why sinks did not send the answer, from what each sent last before it.
func (t *teller) held(ctx context.Context, o Options) error {
	if t.answer == nil || o.Held == nil {
		return nil
	}
	went := map[string]bool{}
	for _, d := range t.Deliveries {
		went[d.Sink] = d.Instead == 0
	}
	for _, name := range o.Sinks {
		if went[name] {
			continue
		}
		last, err := t.sentBefore(ctx, name)
		if err != nil {
			return fmt.Errorf("look for what %s sent before: %w", name, err)
		}
		if last == nil {
			continue
		}
		if why := o.Held(name, *last, *t.answer); why != "" {
			t.Held = append(t.Held, Held{name, why})
		}
	}
	return nil
}

// sentBefore returns the answer of the feed that a sink sent last before this one; nil if none is known any more.
func (t *teller) sentBefore(ctx context.Context, name string) (*dodona.Answer, error) {
	scanned := 0
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicReceipt, name, func(dodona.Record) bool { return false }) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if scanned++; scanned > maxReceipts {
			break
		}
		var r dodona.Receipt
		if json.Unmarshal(rec.Body, &r) != nil || r.Topic != dodona.TopicData || r.Key != t.Feed ||
			r.Status != dodona.ReceiptDelivered && r.Status != dodona.ReceiptFinal {
			continue
		}
		ms, err := strconv.ParseUint(r.Record, 10, 64)
		if err != nil || dodona.Round(ms) >= t.Round {
			continue
		}
		data, err := dodona.Find(ctx, t.ledger, dodona.TopicData, t.Feed, dodona.Round(ms))
		if errors.Is(err, dodona.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var a dodona.Answer
		if json.Unmarshal(data.Body, &a) != nil {
			return nil, nil
		}
		return &a, nil
	}
	return nil, nil
}
