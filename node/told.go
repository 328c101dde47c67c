package node

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/journal"
)

// Told is one event that a node's journal has.
type Told struct {
	At   time.Time       `json:"at"`
	What string          `json:"what"`           // what happened: one of the keys of events
	ID   string          `json:"id"`             //
	Node string          `json:"node,omitempty"` // whose journal told
	Of   string          `json:"of"`             // the stream
	Body json.RawMessage `json:"body"`
}

// Events returns the last events in a data folder's own journal, oldest first, at most n. It reads the files as they are,
// also beside the node that writes them, and changes nothing.
func Events(ctx context.Context, dir string, n int) ([]Told, error) {
	var list []Told
	err := journal.Kept(ctx, dir, dodona.TopicEvent, func(stream string, r dodona.Record) {
		t := Told{At: r.Appended, What: r.Key, ID: r.ID, Node: r.Node, Of: stream, Body: bytes.Clone(r.Body)}
		if !json.Valid(r.Body) {
			t.Body, _ = json.Marshal(string(r.Body))
		}
		list = append(list, t)
		if len(list) >= 2*n { // the oldest go now and then
			list = append([]Told(nil), list[len(list)-n:]...)
		}
	})
	return list[max(0, len(list)-n):], err
}
