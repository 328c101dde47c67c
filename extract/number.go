package extract

import (
	"fmt"

	"github.com/dodona-oracle/dodona"
)

// Number returns the number that stands at a JSON Pointer (RFC 6901) of a reading's document, as a rule with that pointer
// takes it; the pointer "" takes the only number of the document. [dodona.ErrNotFound] means that nothing stands there, any
// other error that it is no number, or the body no document.
func Number(r dodona.Reading, at string) (dodona.Decimal, error) {
	parsed, err := parsePointer(at)
	if err != nil {
		return dodona.Decimal{}, err
	}
	body, err := documentOf(r)
	if err != nil {
		return dodona.Decimal{}, err
	}
	p := plan{rule: Rule{Pointer: at}, pointer: parsed}
	found, err := find(body, []plan{p})
	if err != nil {
		return dodona.Decimal{}, err
	}
	value := found[0].value
	if at != "" && value.shape == nothing && !value.ambiguous {
		return dodona.Decimal{}, fmt.Errorf("read %s: %w", printable(at), dodona.ErrNotFound)
	}
	return p.value(body, value)
}

// documentOf returns the text of a reading, which is a JSON document.
func documentOf(r dodona.Reading) ([]byte, error) {
	body, err := Text(r.Body, r.ContentType)
	if err != nil {
		return nil, err
	}
	return body, check(body)
}
