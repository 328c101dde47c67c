package manifest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A Key signs manifests and trust files. [NewKey] and [ReadKey] make one.
type Key struct{ private ed25519.PrivateKey }

// A PublicKey is whose signatures count.
type PublicKey struct {
	Ed25519 []byte `json:"ed25519"` // 32 bytes (RFC 8032)
	Name    string `json:"name"`    // for people
}

// maxKeyFile is more than any key file has.
const maxKeyFile = 4 << 10

// maxKeyName is the most bytes of the name of a key.
const maxKeyName = 64

// NewKey makes a key.
func NewKey() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return Key{private}, nil
}

// Public returns the public half of k, under a name.
func (k Key) Public(name string) PublicKey {
	return PublicKey{Ed25519: k.private.Public().(ed25519.PublicKey), Name: name}
}

// ID returns the id of k: see [PublicKey.ID].
func (k Key) ID() string { return k.Public("").ID() }

// Write makes a file of k that only its owner may read: PKCS #8 in PEM, as OpenSSL reads and writes it. A file that is
// there is never replaced: the error is [os.ErrExist] then.
func (k Key) Write(path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	defer clear(der)
	if err := secret.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// ReadKey reads a file that [Key.Write] or openssl genpkey -algorithm ed25519 wrote. It refuses one that others than
// the owner may touch.
func ReadKey(path string) (Key, error) {
	var key Key
	raw, err := secret.ReadFile(path, maxKeyFile, "key", func(raw []byte) (err error) {
		key, err = parseKey(path, raw)
		return err
	})
	clear(raw)
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	return key, nil
}

func parseKey(path string, raw []byte) (Key, error) {
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" {
		return Key{}, fmt.Errorf("%s: want a PEM block PRIVATE KEY; dodona module key makes one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("%s: it is another kind of key, want Ed25519; dodona module key makes one", path)
	}
	return Key{private}, nil
}

// ID returns the first 16 hex digits of the SHA-256 of the 32 bytes.
func (p PublicKey) ID() string {
	sum := sha256.Sum256(p.Ed25519)
	return hex.EncodeToString(sum[:8])
}

// String writes the public line of p: "ed25519 BASE64 NAME". [ParsePublicKey] reads it.
func (p PublicKey) String() string {
	return strings.TrimSpace("ed25519 " + base64.StdEncoding.EncodeToString(p.Ed25519) + " " + p.Name)
}

// ParsePublicKey reads a public line.
func ParsePublicKey(line string) (PublicKey, error) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	text, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if kind != "ed25519" {
		return PublicKey{}, fmt.Errorf("public key %s: want  ed25519 BASE64 NAME, as dodona module key prints it", quote(line))
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return PublicKey{}, fmt.Errorf("public key %s: the second word is no base64", quote(line))
	}
	p := PublicKey{Ed25519: raw, Name: strings.TrimSpace(name)}
	return p, p.check()
}

var errKeyName = errors.New("the name of a key is at most 64 printable characters")

func (p PublicKey) check() error {
	if len(p.Ed25519) != ed25519.PublicKeySize {
		return fmt.Errorf("a public key of %d bytes, want %d", len(p.Ed25519), ed25519.PublicKeySize)
	}
	if len(p.Name) > maxKeyName || !plain.Is(p.Name) {
		return errKeyName
	}
	return nil
}

// label names p for people: its name and its id.
func (p PublicKey) label() string {
	if p.Name == "" {
		return p.ID()
	}
	return p.Name + " (" + p.ID() + ")"
}

func (p PublicKey) verify(message, signature []byte) bool {
	return len(p.Ed25519) == ed25519.PublicKeySize && ed25519.Verify(p.Ed25519, message, signature)
}
