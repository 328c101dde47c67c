package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
)

// decodedFormat is the version of the document of sources that decode themselves.
const decodedFormat = 1

// Decoded is what the kind of a source makes points of its readings by: the kind's own rules, by point.
type Decoded struct {
	Kind  string                     `json:"kind"`
	Rules map[string]json.RawMessage `json:"rules"`
}

// ErrNoDecoder: rules name a kind that is not among the decoders. Nothing is wrong with the rules; another build may have it.
var ErrNoDecoder = errors.New("this build has no such kind that decodes its readings")

// Decoders make what computes the points of such rules, by kind.
type Decoders map[string]func(rules map[string]json.RawMessage) (dodona.Transform, error)

// A Decoder is a kind of source that may make points of its readings itself; source.Kind is one.
type Decoder interface {
	Name() string
	Decodes() bool
	Decode(rules map[string]json.RawMessage) (dodona.Transform, error)
}

// DecodersOf returns those of kinds that decode.
func DecodersOf[K Decoder](kinds ...K) Decoders {
	decoders := Decoders{}
	for _, k := range kinds {
		if k.Decodes() {
			decoders[k.Name()] = k.Decode
		}
	}
	return decoders
}

// decodedDocument is the canonical form of rules with sources that decode themselves. Without one there is the extraction's own.
type decodedDocument struct {
	Format     int                `json:"decode"`
	Sources    map[string]Decoded `json:"sources"`
	Extraction json.RawMessage    `json:"extraction"`
}

// An inner makes points of readings without code: by rules, and as the kinds of their sources do.
type inner struct {
	extraction *extract.Extraction
	decoded    map[string]Decoded
	decoders   map[string]dodona.Transform // by source
	json       json.RawMessage
	version    dodona.Digest
}

// makeInner returns what makes the points of x, and those of decoded.
func makeInner(x *extract.Extraction, decoded map[string]Decoded, decoders Decoders) (*inner, error) {
	n := &inner{extraction: x, decoded: decoded, json: x.JSON(), version: x.Version(), decoders: map[string]dodona.Transform{}}
	if len(decoded) == 0 {
		return n, nil
	}
	for source, d := range decoded {
		decoder, known := decoders[d.Kind]
		if !known {
			return nil, fmt.Errorf("source %.64q is of kind %.64q: %w", source, d.Kind, ErrNoDecoder)
		}
		var err error
		if n.decoders[source], err = decoder(d.Rules); err != nil {
			return nil, fmt.Errorf("source %q: %w", source, err)
		}
	}
	var err error
	if n.json, err = json.Marshal(decodedDocument{decodedFormat, decoded, x.JSON()}); err != nil {
		return nil, fmt.Errorf("write what sources decode: %w", err)
	}
	n.version = dodona.Keccak256(n.json)
	return n, nil
}

// parseInner reads the canonical JSON of an inner.
func parseInner(raw json.RawMessage, decoders Decoders) (*inner, error) {
	var which struct {
		Format *int `json:"decode"`
	}
	if err := json.Unmarshal(raw, &which); err != nil || which.Format == nil {
		x, err := extract.Parse(raw)
		if err != nil {
			return nil, err
		}
		return makeInner(x, nil, nil)
	}
	if *which.Format != decodedFormat {
		return nil, fmt.Errorf("read what sources decode: format %d, this build knows %d", *which.Format, decodedFormat)
	}
	var doc decodedDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("read what sources decode: %w", err)
	}
	x, err := extract.Parse(doc.Extraction)
	if err != nil {
		return nil, err
	}
	n, err := makeInner(x, doc.Sources, decoders)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(n.json, raw) {
		return nil, errors.New("read what sources decode: not in the canonical form")
	}
	return n, nil
}

// Apply returns the points of all sources, sorted by id and then in the order of the readings.
func (n *inner) Apply(ctx context.Context, c dodona.Call) (dodona.Result, error) {
	r, err := n.extraction.Apply(ctx, c)
	if err != nil || len(n.decoders) == 0 {
		return r, err
	}
	decoded, err := n.decode(ctx, c)
	if err != nil {
		return dodona.Result{}, err
	}
	r.Points = append(r.Points, decoded...)
	slices.SortStableFunc(r.Points, func(a, b dodona.Point) int { return strings.Compare(a.ID, b.ID) })
	r.Version = n.version
	return r, nil
}

// decode returns the points that the kinds of sources make of their readings themselves.
func (n *inner) decode(ctx context.Context, c dodona.Call) (points []dodona.Point, err error) {
	for source, decoder := range n.decoders {
		own := c
		own.Readings = slices.DeleteFunc(slices.Clone(c.Readings), func(r dodona.Reading) bool { return r.Source != source })
		made, err := decoder.Apply(ctx, own)
		if err != nil {
			return nil, fmt.Errorf("decode readings of source %q: %w", source, err)
		}
		for _, p := range made.Points {
			if _, asked := n.decoded[source].Rules[p.ID]; asked {
				p.ID = dodona.PointID(source, p.ID)
				points = append(points, p)
			}
		}
	}
	return points, nil
}

// May reports whether a reading may have the point called id, by its item alone.
func (n *inner) May(r dodona.Reading, id string) bool {
	source, _ := dodona.SplitPointID(id)
	if r.Source != source {
		return false
	}
	if rule, ruled := n.extraction.Rule(id); ruled {
		return rule.Item == "" || rule.Item == r.Item
	}
	return n.mayDecode(r, id)
}

// mayDecode reports whether a reading may have a point that its source's kind decodes, as far as the kind tells.
func (n *inner) mayDecode(r dodona.Reading, id string) bool {
	source, point := dodona.SplitPointID(id)
	told, tells := n.decoders[source].(interface {
		Has(r dodona.Reading, point string) bool
	})
	return !tells || told.Has(r, point)
}

// time returns when a point was measured, by what its reading says; zero if that says nothing of it.
func (n *inner) time(r dodona.Reading, id string) time.Time {
	if _, ruled := n.extraction.Rule(id); ruled {
		return n.extraction.Time(r, id)
	}
	source, point := dodona.SplitPointID(id)
	if told, tells := n.decoders[source].(interface {
		Time(r dodona.Reading, point string) time.Time
	}); tells {
		return told.Time(r, point)
	}
	return time.Time{}
}

// decodedOf returns what of decoded the points called from need, where no rule is given for them.
func decodedOf(decoded map[string]Decoded, rules extract.Rules, from []string) map[string]Decoded {
	subset := map[string]Decoded{}
	for _, id := range from {
		source, point := dodona.SplitPointID(id)
		_, given := rules[source][point]
		own, found := decoded[source].Rules[point]
		if given || !found {
			continue
		}
		if subset[source].Rules == nil {
			subset[source] = Decoded{decoded[source].Kind, map[string]json.RawMessage{}}
		}
		subset[source].Rules[point] = own
	}
	return subset
}
