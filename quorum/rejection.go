package quorum

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A Reason says in a word why an observation was rejected. The list is closed.
type Reason string

// The reasons, in the order they are looked for.
const (
	ReasonMalformed    Reason = "malformed"    // the body is not one observation in its canonical JSON
	ReasonFeed         Reason = "feed"         // no such feed
	ReasonIdentity     Reason = "identity"     // the feed's id and name do not belong together
	ReasonSubject      Reason = "subject"      // filed under another feed or round than its own
	ReasonMember       Reason = "member"       // the signer it names is no member of the quorum
	ReasonValue        Reason = "value"        // out of the range of the feed's kind
	ReasonSignature    Reason = "signature"    // not signed by the signer it names
	ReasonEarly        Reason = "early"        // appended before its round opened
	ReasonLate         Reason = "late"         // appended after its round closed
	ReasonOrder        Reason = "order"        // below the last attested round, and never attested itself
	ReasonEquivocation Reason = "equivocation" // a second, different observation of an attested round: alarm
	ReasonConflict     Reason = "conflict"     // the signer has signed another answer of this round, or a later round: alarm
	ReasonUnsigned     Reason = "unsigned"     // the signer knows of no other answer, but one may have been lost
)

// Reasons returns every reason, in the order they are looked for.
func Reasons() []Reason {
	return []Reason{
		ReasonMalformed, ReasonFeed, ReasonIdentity, ReasonSubject, ReasonMember, ReasonValue, ReasonSignature,
		ReasonEarly, ReasonLate, ReasonOrder, ReasonEquivocation, ReasonConflict, ReasonUnsigned,
	}
}

// A Rejection is the body of an event record with the key [dodona.EventRejected]. Everything in it is bounded, because what
// is rejected may come from anybody.
type Rejection struct {
	Reason  Reason        `json:"reason"`
	Message string        `json:"message"` // for people
	Topic   dodona.Topic  `json:"topic"`   // of the rejected record, as are key, id and node, each cut to 128 bytes
	Key     string        `json:"key"`
	ID      string        `json:"id"`
	Node    string        `json:"node"`
	Digest  dodona.Digest `json:"digest"` // keccak256 of its body
	Size    int           `json:"size"`   // bytes of its body

	// What it said, believed or not; absent if it was malformed.
	Feed   string          `json:"feed,omitempty"`
	Round  dodona.Round    `json:"round,omitempty"`
	Signer *dodona.Address `json:"signer,omitempty"`
}

func newRejection(rec dodona.Record, f finding) Rejection {
	r := Rejection{
		Reason: f.reason, Message: plain.Line(f.message, maxMessage-len("…")),
		Topic: dodona.Topic(echo(string(rec.Topic))), Key: echo(rec.Key), ID: echo(rec.ID), Node: echo(rec.Node),
		Digest: dodona.Keccak256(rec.Body), Size: len(rec.Body),
	}
	if f.parsed {
		r.Feed, r.Round, r.Signer = echo(f.observation.Name), f.observation.Round, &f.observation.Signer
	}
	return r
}

// record returns the event record. Its ID follows from the rejected record and the reason, so that rejecting
// the same record again adds nothing.
func (r Rejection) record() (dodona.Record, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return dodona.Record{}, fmt.Errorf("write rejection: %w", err)
	}
	name := dodona.Keccak256([]byte(r.Topic), []byte{0}, []byte(r.Key), []byte{0}, []byte(r.ID), []byte{0}, []byte(r.Node), []byte{0}, r.Digest[:])
	return dodona.Record{
		Topic: dodona.TopicEvent, Key: dodona.EventRejected,
		ID: string(r.Reason) + "-" + hex.EncodeToString(name[:16]), Body: body,
	}, nil
}

// Bytes that a rejection repeats of what it was given.
const (
	maxEcho    = 128
	maxMessage = 384
)

// echo returns s short and printable enough to be repeated.
func echo(s string) string { return plain.Line(s, maxEcho-len("…")) }
