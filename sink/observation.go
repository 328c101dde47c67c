package sink

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/observed"
)

//go:generate go test -run TestTheSchemaOfObservationEventsIsWhatTheyAre -update .

// ObservationVersion is the version of the form of an [ObservationEvent]. It grows when a field goes or means something else; a new field
// alone does not raise it.
const ObservationVersion = 1

// An ObservationEvent is one point of one reading as sinks of points deliver it. It is signed by nobody: answers are. Its JSON is described by
// spec/observation-event.schema.json.
type ObservationEvent struct {
	// Version of this form, 1. It grows when a field goes or means something else.
	Version int `json:"version"`
	// ID of this observation: 32 hex digits, the same however often it is sent. Whoever keeps each id once has each observation once.
	ID string `json:"id"`
	// Point is the id of the point: the source, or source.point where a source has several.
	Point string `json:"point"`
	// Value as an exact decimal number in a text, in unit; null if the quality is bad.
	Value *dodona.Decimal `json:"value"`
	// Unit of the value, a UCUM code or an ISO 4217 one; absent if there is none.
	Unit string `json:"unit,omitempty"`
	// Time at which the device or the server behind it says that it was measured; that of received where none says so.
	Time time.Time `json:"time"`
	// Received is when it arrived at the gateway, by the gateway's clock.
	Received time.Time `json:"received"`
	// Quality of the value: good, uncertain (usable, with a reason for doubt) or bad (there is none).
	Quality dodona.Quality `json:"quality"`
	// Reason why the quality is not good; absent if it is.
	Reason string `json:"reason,omitempty"`
	// Device whose point it is.
	Device string `json:"device"`
	// Protocol by which it was read: the kind of the source.
	Protocol string `json:"protocol"`
	// Node that read it.
	Node string `json:"node"`
	// Seq is the number of the record in the node's journal. It ascends within a node and its data folder, has holes, and is the same for all
	// observations of one exchange with a device.
	Seq uint64 `json:"seq"`
	// Late is true if it waited at the gateway for more than a minute before it was sent, which may not be the first time; absent if not.
	Late bool `json:"late,omitempty"`
	// Resent is true if it may have been sent before: nobody acknowledged it, or the gateway was restarted in between; absent if not.
	Resent bool `json:"resent,omitempty"`
	// Via are the nodes that delivered it, the first one first, each by a mark of 16 hex digits. One that has passed this node before is not delivered
	// again.
	Via []string `json:"via,omitempty"`
}

// NewObservation returns the event of a point of a record, which is the n-th of its id there. Received is when its reading arrived.
func NewObservation(rec dodona.Record, p dodona.Point, n int, received time.Time) ObservationEvent {
	e := ObservationEvent{
		Version: ObservationVersion, ID: observed.ID(rec, p.ID, n), Point: p.ID, Unit: p.Unit, Time: p.Time.UTC(), Received: received.UTC(),
		Quality: p.Quality, Reason: p.Reason, Node: rec.Node, Seq: rec.Sequence,
	}
	if p.Time.IsZero() {
		e.Time = e.Received
	}
	if p.Quality != dodona.Bad {
		e.Value = &p.Value
	}
	return e
}

// JSON returns the event as it is delivered.
func (e ObservationEvent) JSON() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write observation %s of %s: %w", e.ID, e.Point, err)
	}
	return text, nil
}
