package module

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

const (
	rulesFormat = 1       // of the rules document: it grows when its keys mean something else
	maxRules    = 1 << 20 // bytes
)

// Rules are all that decides what a feed's module makes of the readings: which module, what it may use and reach, and the
// extraction before it. They are a feed's rules where that has no module: the part of the feed's document that is the
// transform's own.
type Rules struct {
	Module       dodona.Module
	Limits       manifest.Limits // zero fields have their defaults
	Params       map[string]string
	Capabilities manifest.Capabilities // those granted
	Extraction   json.RawMessage       // of the transform before the module; nil if there is none
	Metering     int                   // the version of fuel's prices; 0 is that of today
}

// rulesDocument is the canonical form of rules.
type rulesDocument struct {
	Format       int                   `json:"format"`
	Module       dodona.Module         `json:"module"`
	ABI          string                `json:"abi"`
	Metering     int                   `json:"metering"`
	Limits       manifest.Limits       `json:"limits"`
	Params       map[string]string     `json:"params"`
	Capabilities manifest.Capabilities `json:"capabilities"`
	Extraction   json.RawMessage       `json:"extraction"`
}

// JSON returns the canonical form: equal rules have equal bytes. Extraction must be JSON.
func (r Rules) JSON() json.RawMessage {
	doc := rulesDocument{
		Format: rulesFormat, Module: r.Module, ABI: manifest.ABI, Metering: cmp.Or(r.Metering, wasm.Metering), Limits: r.Limits.WithDefaults(),
		Params: r.Params, Capabilities: r.Capabilities, Extraction: r.Extraction,
	}
	if doc.Params == nil {
		doc.Params = map[string]string{}
	}
	if len(doc.Extraction) == 0 {
		doc.Extraction = json.RawMessage("null")
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		panic("the extraction rules given to a module's are not JSON: make them with extract.New: " + err.Error())
	}
	return raw
}

// ParseRules reads what [Rules.JSON] wrote. It reports false, without an error, for rules that are not of a module.
func ParseRules(raw json.RawMessage) (Rules, bool, error) {
	var which struct {
		Module json.RawMessage `json:"module"`
	}
	if len(raw) > maxRules {
		return Rules{}, false, fmt.Errorf("read rules of a module: %d bytes, at most %d are read", len(raw), maxRules)
	}
	if err := json.Unmarshal(raw, &which); err != nil || which.Module == nil {
		return Rules{}, false, nil
	}
	var doc rulesDocument
	if err := form.Of[rulesDocument]().Read(raw, "the document", &doc); err != nil {
		return Rules{}, true, fmt.Errorf("read rules of a module: %w", err)
	}
	switch {
	case doc.Format != rulesFormat:
		return Rules{}, true, fmt.Errorf("read rules of a module: format %d, this build knows %d", doc.Format, rulesFormat)
	case doc.ABI != manifest.ABI:
		return Rules{}, true, fmt.Errorf("read rules of a module: ABI %.40q, this build knows %s", doc.ABI, manifest.ABI)
	case doc.Metering < 1 || doc.Metering > wasm.Metering:
		return Rules{}, true, fmt.Errorf("read rules of a module: metering %d, this build knows 1 to %d", doc.Metering, wasm.Metering)
	}
	r := Rules{
		Module: doc.Module, Limits: doc.Limits, Params: doc.Params, Capabilities: doc.Capabilities, Extraction: doc.Extraction,
		Metering: doc.Metering,
	}
	if r.Metering == wasm.Metering {
		r.Metering = 0
	}
	if bytes.Equal(r.Extraction, []byte("null")) {
		r.Extraction = nil
	}
	if !bytes.Equal(r.JSON(), raw) {
		return Rules{}, true, errors.New("read rules of a module: not in the canonical form")
	}
	return r, true, nil
}
