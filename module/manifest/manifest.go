// Package manifest says who vouches for a Wasm module and what it may do: a manifest names the module by digest, asks
// for capabilities and limits, and is signed with Ed25519 by keys of a trust file.
package manifest

import (
	"time"

	"github.com/dodona-oracle/dodona"
)

// ABI is the name of the guest interface of this build, and of the import module of its functions.
const ABI = "dodona_v1"

// A Manifest is what is signed about a module.
type Manifest struct {
	Format       int           `json:"format"`       // 1
	Name         string        `json:"name"`         // as feeds name it: one token of a–z, 0–9 and hyphens
	Version      string        `json:"version"`      // Semantic Versioning 2.0.0
	Sequence     uint64        `json:"sequence"`     // grows with every release of this name; a lower one is a roll-back
	ABI          string        `json:"abi"`          // "dodona_v1"
	Module       dodona.Digest `json:"module"`       // SHA-256 of the Wasm bytes
	Capabilities Capabilities  `json:"capabilities"` // what it asks for; nothing else is linked
	Limits       Limits        `json:"limits"`       // what it needs; zero fields have their defaults
	NotBefore    time.Time     `json:"notBefore,omitzero"`
	Expires      time.Time     `json:"expires,omitzero"` // zero: never
}

// Limits bound one module. Zero fields have the defaults of [Limits.WithDefaults].
type Limits struct {
	Pages    uint32 `json:"pages,omitempty"`    // of linear memory, 64 KiB each; default 16, at most 256
	Fuel     uint64 `json:"fuel,omitempty"`     // for one event; default 10,000,000, at most 1,000,000,000
	Depth    uint32 `json:"depth,omitempty"`    // of calls, weighed by the size of frames; default 512, at most 1,500
	LogBytes uint32 `json:"logBytes,omitempty"` // for one event; default 4,096, at most 65,536
}

// The defaults and the largest values of [Limits].
const (
	DefaultPages    = 16
	DefaultFuel     = 10_000_000
	DefaultDepth    = 512
	DefaultLogBytes = 4096

	MaxPages    = 256
	MaxFuel     = 1_000_000_000
	MaxDepth    = 1500 // wazero's interpreter ends at 2,000 frames
	MaxLogBytes = 65536
)
