package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/form"
)

// MaxBytes is the largest answer that is read.
const MaxBytes = 1 << 20

// parse reads the one form of an answer that is accepted.
func parse(raw []byte) (a dodona.Answer, err error) {
	err = parseStrictly(raw, answerForm, "the answer", &a)
	return a, err
}

// parseStrictly reads JSON of one form.
func parseStrictly(raw []byte, f form.Form, what string, into any) error {
	if len(raw) > MaxBytes {
		return fmt.Errorf("%d bytes, at most %d are read", len(raw), MaxBytes)
	}
	if err := f.Check(raw, what); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("not an %s: %w", strings.TrimPrefix(what, "the "), err)
	}
	return nil
}

// limited reads no more of raw than parseStrictly would.
func limited(raw []byte) io.Reader { return bytes.NewReader(raw[:min(len(raw), MaxBytes)]) }

var (
	text, number = form.Text, form.Number
	texts        = form.Form{Items: &text}

	answerForm = form.Form{Fields: form.Fields{
		"network": {Fields: form.Fields{"name": text, "first": text}},
		"quorum": {
			Fields:   form.Fields{"scheme": text, "k": number, "members": texts, "key": text},
			Optional: []string{"key"},
		},
		"feed": {
			Fields:   form.Fields{"name": text, "kind": text, "unit": text, "decimals": number, "labels": texts},
			Optional: []string{"labels"},
		},
		"attestation": {Fields: form.Fields{
			"report":     {Fields: form.Fields{"feed": text, "round": number, "value": text}},
			"observed":   text,
			"signatures": texts,
		}},
	}}
)
