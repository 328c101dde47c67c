// Package keyfile says how a configuration names a private key, and what is wrong with how it does.
package keyfile

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Key names a private key: a keystore file, or the key itself. The zero Key names none.
type Key struct {
	// File is a keystore in Web3 Secret Storage v3; `dodona key new` makes one. Default: the node's own,
	// keys/node.json in the data folder, made at the first start.
	File string `yaml:"file,omitempty" path:"true"`
	// Password opens the keystore. A file that holds it must be its owner's alone, as the keystore. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// Hex is the key itself, 64 hex digits with or without 0x, for trying things out. It replaces file and password.
	// Default: none.
	Hex secret.String `yaml:"hex,omitempty"`
}

// Own returns the file of the key that a node makes for itself, in its data folder.
func Own(data string) string { return filepath.Join(data, "keys", "node.json") }

// Check says what is wrong with k, without reading a file, or nil. The message begins with name, which is what messages
// call k, such as "node.key"; owner is who has it, such as "a node". It never repeats the key.
func (k Key) Check(name, owner string) error {
	switch {
	case !k.Hex.IsZero() && k.File != "":
		return fmt.Errorf("%s.hex: a key file is given too; %s has one key", name, owner)
	case !k.Hex.IsZero() && !k.Password.IsZero():
		return fmt.Errorf("%s.password: goes with a key file, not with hex", name)
	case k.Hex.Inline():
		return checkHex(name+".hex", k.Hex)
	}
	return nil
}

func checkHex(name string, s secret.String) error {
	text, _ := s.Reveal() // in clear: cannot fail
	if _, err := secp.ParseHex(text); err != nil {
		return hexError{name, len(strings.TrimPrefix(strings.TrimSpace(text), "0x"))}
	}
	return nil
}

// A hexError is what is wrong with a key that stands in the configuration.
type hexError struct {
	name       string
	characters int
}

func (e hexError) Error() string {
	return fmt.Sprintf("%s: not a secp256k1 key: want 64 hex digits, got %d characters", e.name, e.characters)
}

// Hint says what to do.
func (hexError) Hint() string { return "`dodona key new` makes one" }

// IsZero reports whether k names no key. A password alone opens nothing.
func (k Key) IsZero() bool { return k.File == "" && k.Hex.IsZero() }

// Same reports whether k and other name the same key in the same way. Two that are not may still be one key.
func (k Key) Same(other Key) bool {
	if !k.Hex.IsZero() || !other.Hex.IsZero() {
		return k.Hex.Same(other.Hex)
	}
	if k.File == "" || other.File == "" {
		return k.File == other.File
	}
	return filepath.Clean(k.File) == filepath.Clean(other.File)
}
