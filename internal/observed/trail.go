package observed

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// MostVia is how many nodes an observation may pass on its way.
const MostVia = 16

const markSize = 8 // bytes

// Mark names a node in the trail of what it delivers. The name alone would not do: nodes that nobody gave one have the same.
func Mark(name string, of dodona.Address) string {
	digest := dodona.Keccak256(append(of[:], name...))
	return hex.EncodeToString(digest[:markSize])
}

func isMark(text string) bool {
	return len(text) == 2*markSize && strings.Trim(text, "0123456789abcdef") == ""
}

// Passed reports whether a document is one that the node with a mark has delivered, as far back as its trail goes.
func Passed(body []byte, mark string) bool {
	if mark == "" || !bytes.Contains(body, []byte(mark)) { // which nearly all have not
		return false
	}
	var said struct {
		Via []string `json:"via"`
	}
	return json.Unmarshal(body, &said) == nil && slices.Contains(said.Via, mark)
}

// Via returns the trail of a document that is an observation which some node has delivered: the marks of the nodes that it has passed, the first
// one first. Nil: it is something else.
func Via(body []byte) []string {
	if !bytes.Contains(body, []byte(`"via"`)) {
		return nil
	}
	var said struct {
		ID  string   `json:"id"`
		Via []string `json:"via"`
	}
	if json.Unmarshal(body, &said) != nil || !IsID(said.ID) || slices.ContainsFunc(said.Via, func(mark string) bool { return !isMark(mark) }) {
		return nil
	}
	return said.Via
}
