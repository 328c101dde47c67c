package dodona

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Quality says how far a value can be trusted, in the words of OPC UA part 8.
type Quality uint8

// The qualities, best first.
const (
	Good      Quality = iota
	Uncertain         // usable, with a reason for doubt
	Bad               // not usable; the reason says why
)

var qualityNames = [...]string{"good", "uncertain", "bad"}

// String returns good, uncertain or bad.
func (q Quality) String() string {
	if int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return "quality(" + strconv.Itoa(int(q)) + ")"
}

// MarshalText writes good, uncertain or bad.
func (q Quality) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads good, uncertain or bad; anything else is an error.
func (q *Quality) UnmarshalText(text []byte) error {
	for i, name := range qualityNames {
		if string(text) == name {
			*q = Quality(i)
			return nil
		}
	}
	return fmt.Errorf("quality %q: want good, uncertain or bad", text)
}

// A Reading is the raw bytes one source delivered for one item at one instant.
type Reading struct {
	Source      string    `json:"source"`                // the source's name in the configuration
	Item        string    `json:"item"`                  // a topic, node id, "1/holding/100"; empty where a source has one
	Body        []byte    `json:"body"`                  // as the peer sent it
	ContentType string    `json:"contentType,omitempty"` // a media type (RFC 6838) where the peer names one
	SourceTime  time.Time `json:"sourceTime,omitzero"`   // when the peer says it measured; zero if it does not say
	Received    time.Time `json:"received"`              // when it arrived here, by this node's clock
	Quality     Quality   `json:"quality"`
	Detail      string    `json:"detail,omitempty"` // the exchange in words, such as "GET api.kraken.com 200, 38 ms"; not part of the digest
}

// An Exchange is the body of a reading record: a batch as it is journaled.
type Exchange struct {
	Readings []Reading `json:"readings"`
	Cursor   []byte    `json:"cursor,omitempty"`
}

// A Point is one typed value out of readings.
type Point struct {
	ID      string    `json:"id"`               // "kraken", or "boiler.temperature" where a source has several
	Value   Decimal   `json:"value"`            // in Unit; meaningless if Quality is Bad
	Unit    string    `json:"unit,omitempty"`   // a UCUM code or an ISO 4217 one
	Time    time.Time `json:"time,omitzero"`    // when it was measured, or else received
	Quality Quality   `json:"quality"`          //
	Reason  string    `json:"reason,omitempty"` // why the quality is not good
}

// PointID returns the id of a point: "kraken", or "boiler.temperature" where the source has several.
func PointID(source, point string) string {
	if point == "" {
		return source
	}
	return source + "." + point
}

// SplitPointID returns the source and the point that an id names. Source names contain no dot.
func SplitPointID(id string) (source, point string) {
	source, point, _ = strings.Cut(id, ".")
	return source, point
}
