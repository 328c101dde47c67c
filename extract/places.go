package extract

import "github.com/dodona-oracle/dodona"

// A Place is a number in a document: where it stands, and how it is written there.
type Place struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901); empty: the document is the number
	Text    string `json:"text"`    // exactly as it stands; a text that holds a number without its quotes
}

// Places returns the numbers of a reading's document in the order of its text, the first most of them, and how many there are: those
// that a rule with the pointer could take. An error says why nothing can be taken from it.
func Places(r dodona.Reading, most int) (places []Place, count int, err error) {
	body, err := documentOf(r)
	if err != nil {
		return nil, 0, err
	}
	err = walk(body, false, func(v visit) {
		if !v.isNumeric() {
			return
		}
		if count++; len(places) < most {
			places = append(places, Place{pointerOf(v.path), string(v.text)})
		}
	})
	if err != nil {
		return nil, 0, err
	}
	return places, count, nil
}
