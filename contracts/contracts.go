// Package contracts carries Dodona's contracts as compiled: what a chain is given, and how to call it.
// `make contracts` compiles them, and a test holds the files to the sources.
package contracts

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed artifacts/*.json
var files embed.FS

// The contracts.
const (
	Feed        = "DodonaFeed"          // one feed, a group key (scheme frost)
	FeedECDSA   = "DodonaFeedEcdsa"     // one feed, k of n members (scheme ecdsa)
	Hub         = "DodonaHub"           // many feeds, either scheme, which a quorum can rotate
	Anchor      = "DodonaAnchor"        // Merkle roots, a group key
	AnchorECDSA = "DodonaAnchorEcdsa"   // Merkle roots, k of n members
	Adapter     = "AggregatorV3Adapter" // a feed as AggregatorV3Interface shows one
)

// An Artifact is a compiled contract.
type Artifact struct {
	Contract string          // its name
	Compiler string          // name and version
	ABI      json.RawMessage // as Solidity describes it
	Bytecode []byte          // of the deployment; the constructor's arguments follow it

	// Runtime is the code that a deployment leaves, with zeros in place of what its constructor fixes, and without
	// the table of members behind it.
	Runtime []byte
}

// Load returns the artifact of a contract.
func Load(name string) (Artifact, error) {
	raw, err := files.ReadFile("artifacts/" + name + ".json")
	if err != nil {
		return Artifact{}, fmt.Errorf("contract %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	var a struct {
		Contract, Compiler         string
		ABI                        json.RawMessage
		Bytecode, DeployedBytecode string
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return Artifact{}, fmt.Errorf("read artifact of %s: %w", name, err)
	}
	out := Artifact{Contract: a.Contract, Compiler: a.Compiler, ABI: a.ABI}
	for to, text := range map[*[]byte]string{&out.Bytecode: a.Bytecode, &out.Runtime: a.DeployedBytecode} {
		if *to, err = hex.DecodeString(strings.TrimPrefix(text, "0x")); err != nil {
			return Artifact{}, fmt.Errorf("read artifact of %s: %w", name, err)
		}
	}
	return out, nil
}

// Names returns the names of all contracts, ascending.
func Names() []string {
	entries, _ := files.ReadDir("artifacts") // it is embedded
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}
