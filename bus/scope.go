package bus

import (
	"encoding/hex"

	"github.com/dodona-oracle/dodona"
)

// A Scope is the network that a name on the bus belongs to: the first 16 hex digits of its id. One server carries many
// networks, so no name is without it.
type Scope string

const scopeDigits = 16

// ScopeOf returns the scope of a network.
func ScopeOf(network dodona.Digest) Scope {
	return Scope(hex.EncodeToString(network[:scopeDigits/2]))
}

// Root is what every subject of every network begins with.
const Root = "oracle."

// Root is what every subject of the network begins with.
func (s Scope) Root() string { return Root + string(s) + "." }

// presence is where the process of a node answers whether it is there. Nothing of it is stored.
func (s Scope) presence(node string) string { return s.Root() + "presence." + node }

// chain is where the process that writes a chain answers: a copy of a data folder has the same one.
func (s Scope) chain(writer string) string { return s.Root() + "chain." + writer }
