package sink

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// ReceiptRecord returns the record of a receipt. One record of the journal has at most one receipt of each status.
func ReceiptRecord(r dodona.Receipt) (dodona.Record, error) {
	r.Detail = told(r.Detail)
	body, err := json.Marshal(r)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write receipt of %s %s: %w", r.Key, r.Record, err)
	}
	id := string(r.Topic) + "." + r.Key + "." + r.Record + "." + string(r.Status)
	return dodona.Record{Topic: dodona.TopicReceipt, Key: r.Sink, ID: id, Body: body}, nil
}

// An Event is what a sink tells about itself: the body of an event record with the key [dodona.EventDelivery].
type Event struct {
	Sink    string    `json:"sink"`
	What    string    `json:"what"` // "funds", "fees", "reorg", "dead", …
	Message string    `json:"message"`
	At      time.Time `json:"at"`
	// Letter is the record that "dead" and "resent" are about.
	Letter *DeadLetter `json:"letter,omitempty"`
}

// mostTold bounds what an event or a receipt says, in bytes: whoever is told of must not keep it from being journaled.
const mostTold = 4 << 10

func told(text string) string { return plain.Lines(text, mostTold) }

// EventRecord returns the record of an event.
func EventRecord(name, what, message string, at time.Time) (dodona.Record, error) {
	return eventRecord(Event{Sink: name, What: what, Message: message, At: at})
}

func eventRecord(e Event) (dodona.Record, error) {
	e.Message = told(e.Message)
	body, err := json.Marshal(e)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write event %s: %w", e.What, err)
	}
	digest := dodona.Keccak256([]byte(e.Message)) // two may come at once
	id := fmt.Sprintf("%s.%s.%d.%x", e.Sink, e.What, e.At.UnixMicro(), digest[:4])
	return dodona.Record{Topic: dodona.TopicEvent, Key: dodona.EventDelivery, ID: id, Body: body}, nil
}

// SaidIn returns what the answer in a record says.
func SaidIn(rec dodona.Record) (Said, error) {
	var answer struct {
		Feed        dodona.Feed `json:"feed"`
		Attestation struct {
			Report dodona.Report `json:"report"`
		} `json:"attestation"`
	}
	if err := json.Unmarshal(rec.Body, &answer); err != nil {
		return Said{}, fmt.Errorf("read answer %s of %s: %w", rec.ID, rec.Key, err)
	}
	return saidBy(answer.Attestation.Report, answer.Feed), nil
}
