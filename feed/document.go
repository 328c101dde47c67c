package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// The versions of the rules' meaning: another one wherever equal rules over equal points would give another answer.
const (
	// formatRounded rounds the mean or median of one source's values with nine decimals beyond the answer's, before the
	// sources are combined. New rules have it where there is nothing to round; old ones keep it, so that they replay.
	formatRounded = 1
	// formatExact rounds once, at the end.
	formatExact = 2
)

// formatOf returns the version that new rules have.
func formatOf(s Settings) int {
	if s.Take == TakeAll && (s.Combine == CombineMean || s.Combine == CombineMedian) {
		return formatExact
	}
	return formatRounded
}

// A Document is the shared part of a feed: all that decides an answer once the readings are there, the same on every
// node of a network, without addresses and secrets. The Keccak-256 of its canonical JSON is [dodona.Origin].Rules.
//
// How long a round waits (the deadline) is not in it: it decides which readings are there, not what they mean.
type Document struct {
	Format     int             `json:"format"`
	Feed       dodona.Feed     `json:"feed"`
	EveryMs    int64           `json:"everyMs"`          // between rounds, milliseconds
	From       []string        `json:"from"`             // ids of points
	Points     []string        `json:"points,omitempty"` // ids of the points that a module makes and that are combined; none: those of from
	Take       Take            `json:"take"`             // latest or all
	Extraction json.RawMessage `json:"extraction"`       // the transform's own rules, in its canonical form
	StaleMs    int64           `json:"staleMs"`          // milliseconds from the round
	Outliers   Percent         `json:"outliers"`         // of the median; 0% leaves nothing out
	Combine    Combine         `json:"combine"`          // median, mean, min, max or majority
	Need       int             `json:"need"`             // values that must remain
}

// NewDocument returns the rules of the feed called name. Extraction must be JSON in a canonical form;
// nil stands for none, and is written as null.
func NewDocument(name string, s Settings, extraction json.RawMessage) (Document, error) {
	d, err := build(name, s, extraction)
	if err != nil {
		return Document{}, fmt.Errorf("make rules of feed %q: %w", name, err)
	}
	// Once through its own bytes: what is used is what was digested, and nothing of the caller's is shared.
	raw, err := d.JSON()
	if err != nil {
		return Document{}, err
	}
	return ParseDocument(raw)
}

func build(name string, s Settings, extraction json.RawMessage) (Document, error) {
	if err := dodona.CheckName(name, MaxNameParts); err != nil {
		return Document{}, err
	}
	if err := errors.Join(s.validated().mistakes...); err != nil {
		return Document{}, err
	}
	s = s.WithDefaults()
	return Document{
		Format: formatOf(s), Feed: s.Identity(name), EveryMs: s.Every.Milliseconds(), From: s.From, Points: s.Points, Take: s.Take,
		Extraction: extraction, StaleMs: s.Stale.Milliseconds(), Outliers: s.Outliers, Combine: s.Combine, Need: s.Need,
	}, nil
}

// MaxNameParts is how many parts the name of a feed may have that a node computes, or of its network: "site.boiler-3.temperature".
const MaxNameParts = 4

// ParseDocument reads rules as [Document.JSON] writes them, however they are indented. Unknown keys, repeated and missing ones,
// rules of another format and rules that no feed could have are errors.
func ParseDocument(raw json.RawMessage) (Document, error) {
	var d Document
	if err := form.Of[Document]().Read(raw, "the document", &d); err != nil {
		return Document{}, fmt.Errorf("read rules of a feed: %w", err)
	}
	if d.Format != formatRounded && d.Format != formatExact {
		return Document{}, fmt.Errorf("read rules of a feed: format %d, this build knows %d and %d", d.Format, formatRounded, formatExact)
	}
	complete, err := build(d.Feed.Name, d.settings(), d.Extraction)
	if err != nil {
		return Document{}, fmt.Errorf("read rules of feed %q: %w", plain.Cut(d.Feed.Name, 64), err)
	}
	if d.Format == formatRounded {
		complete.Format = formatRounded // of the first format
	}
	got, err := d.Digest()
	if err != nil {
		return Document{}, err
	}
	if want, err := complete.Digest(); err != nil || got != want {
		return Document{}, fmt.Errorf("read rules of feed %q: not in canonical form, a key is missing or empty", d.Feed.Name)
	}
	return d, nil
}

// settings returns the part of the settings that is in d.
func (d Document) settings() Settings {
	return Settings{
		Kind: d.Feed.Kind, Unit: d.Feed.Unit, Decimals: &d.Feed.Decimals, Labels: d.Feed.Labels,
		Every: milliseconds(d.EveryMs), From: d.From, Combine: d.Combine, Need: d.Need,
		Outliers: d.Outliers, Stale: milliseconds(d.StaleMs), Take: d.Take, Points: d.Points,
	}
}

// JSON returns the canonical form: equal rules have equal bytes.
func (d Document) JSON() (json.RawMessage, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write rules of feed %q: %w", d.Feed.Name, err)
	}
	return raw, nil
}

// Digest returns the Keccak-256 of the canonical form, or an error if Extraction is not JSON.
func (d Document) Digest() (dodona.Digest, error) {
	raw, err := d.JSON()
	if err != nil {
		return dodona.Digest{}, err
	}
	return dodona.Keccak256(raw), nil
}

// Every returns the distance between rounds.
func (d Document) Every() time.Duration { return milliseconds(d.EveryMs) }

// Stale returns how far from its round a value may have been measured.
func (d Document) Stale() time.Duration { return milliseconds(d.StaleMs) }

// milliseconds returns ms as a duration. What no setting allows becomes something else that none allows, in range.
func milliseconds(ms int64) time.Duration {
	return time.Duration(max(-1, min(ms, int64(maxEvery/time.Millisecond)+1))) * time.Millisecond
}
