package main

import (
	"encoding/json"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/verify"
)

// options are what the caller expects.
type options struct {
	NetworkID *dodona.Digest   `json:"networkId"`
	Members   []dodona.Address `json:"members"`
	Root      *dodona.Digest   `json:"root"` // that a chain told
	Slot      *dodona.Digest   `json:"slot"` // of DodonaAnchor, as a chain told
}

// decide returns the verdict on a document as JSON.
func decide(rawOptions, document []byte) []byte {
	var o options
	if err := json.Unmarshal(rawOptions, &o); err != nil {
		return encode(verify.Verdict{Reason: verify.Malformed, Message: "what was expected cannot be read: " + err.Error()})
	}
	return encode(verify.Document(document, verify.Expect{NetworkID: o.NetworkID, Members: o.Members, Root: o.Root, Slot: o.Slot}))
}

func encode(v verify.Verdict) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"valid":false,"reason":"malformed","message":"the verdict cannot be written"}`)
	}
	return b
}
