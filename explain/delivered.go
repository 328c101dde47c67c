package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/dodona-oracle/dodona"
)

// A Delivery is what one sink did with the answer of a round.
type Delivery struct {
	dodona.Receipt              // the newest of the answer; of a round that did not go, that of the answer that went instead
	Instead        dodona.Round `json:"instead,omitempty"` // the later round that went; 0 if this one did
}

// maxReceipts bounds how many receipts of a sink are looked through for that of a round.
const maxReceipts = 4096

// delivered looks for what sinks did with the answer, in the receipts that came after it.
func (t *teller) delivered(ctx context.Context, data []dodona.Record, sinks []string) error {
	if t.answer == nil {
		return nil
	}
	since := data[0].Appended
	for _, name := range sinks {
		d, err := t.deliveredBy(ctx, name, func(rec dodona.Record) bool { return rec.Appended.Before(since) })
		if err != nil {
			return fmt.Errorf("look for receipts of %s: %w", name, err)
		}
		if d != nil {
			t.Deliveries = append(t.Deliveries, *d)
		}
	}
	return nil
}

func (t *teller) deliveredBy(ctx context.Context, name string, before func(dodona.Record) bool) (found *Delivery, err error) {
	scanned := 0
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicReceipt, name, before) {
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
		if json.Unmarshal(rec.Body, &r) != nil || r.Topic != dodona.TopicData || r.Key != t.Feed {
			continue
		}
		ms, err := strconv.ParseUint(r.Record, 10, 64)
		switch round := dodona.Round(ms); {
		case err != nil || round < t.Round:
		case round == t.Round:
			found = &Delivery{Receipt: r}
			if r.Status == dodona.ReceiptFinal || r.Status == dodona.ReceiptDelivered || r.Status == dodona.ReceiptDead {
				return found, nil
			}
		case found == nil && r.Passed > 0:
			return &Delivery{Receipt: r, Instead: round}, nil
		}
	}
	return found, nil
}

// String says it in a line: "main: slot 0x00…00 of 0x5fbd…0aa3, block 118, tx 0xab01…7c2e (31,039 gas), final".
func (d Delivery) String() string {
	line := printable(d.Sink) + ": "
	if d.Instead > 0 {
		line += "superseded by round " + d.Instead.ID() + ", "
	}
	if c := d.OnChain; c != nil {
		line += fmt.Sprintf("slot %s of %s, block %d, tx %s%s, ", c.Slot.Short(), c.Contract.Short(), c.Block, c.Tx.Short(), gas(c.GasUsed))
	}
	line += printable(string(d.Status))
	if d.Late {
		line += ", late"
	}
	if d.Detail != "" {
		line += ": " + printable(d.Detail)
	}
	return line
}

// gas says in brackets what a transaction used, if that is known.
func gas(used uint64) string {
	if used == 0 {
		return ""
	}
	return " (" + dodona.Thousands(used) + " gas)"
}
