package explain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/intent"
)

// A Pending is an answer on its way to a chain: what a sink has planned, or sent and not seen in a block that is deep enough.
type Pending struct {
	Sink     string         `json:"sink"`
	State    string         `json:"state"`              // planned, signed, sent or mined, as the sink journaled it last
	Since    time.Time      `json:"since"`              // when it was journaled first
	Nonce    *uint64        `json:"nonce,omitempty"`    // nil while it is planned
	Tx       *dodona.Digest `json:"tx,omitempty"`       // the newest transaction; nil while it is planned
	Attempts int            `json:"attempts,omitempty"` // transactions that were signed, all of that nonce
	SentAt   time.Time      `json:"sentAt,omitzero"`    // when the newest was signed
	Chain    uint64         `json:"chain"`
	Sender   dodona.Address `json:"sender"`
	Contract dodona.Address `json:"contract,omitzero"`
	Instead  dodona.Round   `json:"instead,omitempty"` // the later round that goes in its place; 0 if this one does
}

// maxIntents bounds how many steps of a sink's intents are looked through.
const maxIntents = 4096

// pending looks for transactions that are to carry the answer, of sinks that have said no last word of it.
func (t *teller) pending(ctx context.Context, data []dodona.Record, sinks []string) error {
	if t.answer == nil {
		return nil
	}
	done := map[string]bool{}
	for _, d := range t.Deliveries {
		done[d.Sink] = d.Status != dodona.ReceiptMined
	}
	since := data[0].Appended.Add(-clockSlack)
	for _, name := range sinks {
		if done[name] {
			continue
		}
		p, err := t.pendingOf(ctx, name, func(rec dodona.Record) bool { return rec.Appended.Before(since) })
		if err != nil {
			return fmt.Errorf("look for transactions of %s: %w", name, err)
		}
		if p != nil {
			t.Pending = append(t.Pending, *p)
		}
	}
	return nil
}

// pendingOf returns the intent of a sink that carries the answer of the round, or a later one of the feed in its place.
func (t *teller) pendingOf(ctx context.Context, name string, before func(dodona.Record) bool) (*Pending, error) {
	open := map[uint64]Pending{} // by the number of the intent
	scanned := 0
	for rec, err := range t.ledger.Scan(ctx, dodona.TopicIntent, name, before) {
		if errors.Is(err, dodona.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if scanned++; scanned > maxIntents {
			break
		}
		e, err := intent.Parse(rec)
		if err != nil {
			continue
		}
		payload, number := e.Intent.Payload, e.Intent.Number
		if payload == nil || payload.Topic != dodona.TopicData || payload.Feed != t.Feed || payload.Round < t.Round || e.Intent.State.Over() {
			delete(open, number)
			continue
		}
		p := pendingIn(name, e)
		if p.Since = rec.Appended; !open[number].Since.IsZero() {
			p.Since = open[number].Since
		}
		if payload.Round > t.Round {
			p.Instead = payload.Round
		}
		open[number] = p
	}
	var found *Pending
	for _, p := range open {
		if found == nil || p.Instead < found.Instead {
			found = &p
		}
	}
	return found, nil
}

func pendingIn(sink string, e intent.Entry) Pending {
	p := Pending{Sink: sink, State: string(e.Intent.State), Chain: e.Chain, Sender: e.Sender, Attempts: len(e.Intent.Attempts)}
	if n := len(e.Intent.Attempts); n > 0 {
		last := e.Intent.Attempts[n-1]
		p.Nonce, p.Tx, p.SentAt, p.Contract = &e.Intent.Nonce, &last.Hash, last.At, last.To
	}
	return p
}

// String says it in a line: "main: sent, tx 0xab01…7c2e, nonce 12, since 2026-11-22T12:04:31Z".
func (p Pending) String() string {
	line := printable(p.Sink) + ": "
	if p.Instead > 0 {
		line += "round " + p.Instead.ID() + " goes instead, "
	}
	line += printable(p.State)
	if p.Tx != nil {
		line += fmt.Sprintf(", tx %s, nonce %d", p.Tx.Short(), *p.Nonce)
	} else {
		line += ", no transaction yet"
	}
	if p.Attempts > 1 {
		line += fmt.Sprintf(", the %s of this nonce", ordinal(p.Attempts))
	}
	return line + ", since " + p.Since.UTC().Truncate(time.Second).Format(time.RFC3339)
}

func ordinal(n int) string {
	switch {
	case n%100/10 == 1:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
