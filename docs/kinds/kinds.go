// Package kinds holds the manual of every kind of source and sink, generated from the comments of its settings.
package kinds

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed kinds.json
var facts []byte

// A Kind is what the manual says of a kind of source or sink.
type Kind struct {
	Kind     string    `json:"kind"`     // its key in YAML
	Of       string    `json:"of"`       // source or sink
	Doc      string    `json:"doc"`      // a paragraph a line
	Settings []Setting `json:"settings"` // those of maps inside follow with dotted names
	Example  string    `json:"example"`  // a configuration that has one
}

// A Setting is one setting of a kind.
type Setting struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Default  string `json:"default,omitempty"` // in words
	Required bool   `json:"required,omitempty"`
	Doc      string `json:"doc"`
}

// All returns every kind, sorted by name.
func All() ([]Kind, error) {
	var list []Kind
	if err := json.Unmarshal(facts, &list); err != nil {
		return nil, fmt.Errorf("read the manual of kinds: %w", err)
	}
	return list, nil
}
