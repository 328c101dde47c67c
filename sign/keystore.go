package sign

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/scrypt"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// ErrPassword: the password does not open the keystore. Ask for another one.
var ErrPassword = errors.New("the password does not open this keystore")

// ErrMode: others than the owner may touch the key file. Nothing was opened; the error says what to do.
var ErrMode = secret.ErrMode

// The cost of a keystore that is written here: light scrypt, 4 MiB and a tenth of a second on a gateway.
const (
	scryptN = 1 << 12
	scryptR = 8
	scryptP = 6
)

// The cost that a keystore which is read may ask for. Standard scrypt (N = 2^18, r = 8) takes 256 MiB.
const (
	maxKeystoreBytes = 64 << 10
	maxScryptMemory  = 256 << 20 // bytes, 128·N·r
	maxScryptWork    = 1 << 22   // N·r·p
	maxScryptFactor  = 1 << 10   // r, and p
	maxPBKDF2Rounds  = 10_000_000
	maxSaltBytes     = 1 << 10
	derivedKeyBytes  = 32
)

// A keystore is Web3 Secret Storage, version 3, as Ethereum wallets write it.
type keystore struct {
	Address string         `json:"address,omitempty"`
	Crypto  keystoreCrypto `json:"crypto"`
	ID      string         `json:"id"`
	Version int            `json:"version"`
}

type keystoreCrypto struct {
	Cipher       string   `json:"cipher"`
	CipherText   hexBytes `json:"ciphertext"`
	CipherParams struct {
		IV hexBytes `json:"iv"`
	} `json:"cipherparams"`
	KDF       string    `json:"kdf"`
	KDFParams kdfParams `json:"kdfparams"`
	MAC       hexBytes  `json:"mac"`
}

type kdfParams struct {
	DKLen int      `json:"dklen"`
	Salt  hexBytes `json:"salt"`
	N     int      `json:"n,omitempty"` // scrypt
	R     int      `json:"r,omitempty"`
	P     int      `json:"p,omitempty"`
	C     int      `json:"c,omitempty"` // pbkdf2
	PRF   string   `json:"prf,omitempty"`
}

// hexBytes are bytes written as hex without 0x, as Web3 Secret Storage has them; 0x is read too.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	return err
}

// ReadKeystore opens the Web3 Secret Storage (version 3, scrypt or pbkdf2) at path.
// It returns [ErrPassword] for a wrong password, [ErrMode] if others than the owner may touch the file, and an error
// that names the file for anything else. A file that asks for more than 256 MiB or an absurd time is refused unopened.
func ReadKeystore(path, password string) (*Key, error) {
	var ks keystore
	_, err := secret.ReadFile(path, maxKeystoreBytes, "keystore", func(raw []byte) (err error) {
		if ks, err = parseKeystore(raw); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := ks.open(password)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", path, err)
	}
	return key, nil
}

// parseKeystore reads a keystore that a password may open: of the right version and cipher, at a cost that is allowed.
func parseKeystore(raw []byte) (ks keystore, err error) {
	if err := json.Unmarshal(raw, &ks); err != nil {
		return ks, fmt.Errorf("parse keystore: %w", err)
	}
	if ks.Version != 3 {
		return ks, fmt.Errorf("keystore version %d: only version 3 (Web3 Secret Storage) is read", ks.Version)
	}
	c := ks.Crypto
	if c.Cipher != "aes-128-ctr" || len(c.CipherParams.IV) != aes.BlockSize || len(c.CipherText) != 32 || len(c.MAC) != 32 {
		return ks, fmt.Errorf("keystore cipher %q: want aes-128-ctr over 32 bytes with an iv of 16 and a mac of 32", c.Cipher)
	}
	return ks, c.KDFParams.check(c.KDF)
}

func (ks keystore) open(password string) (*Key, error) {
	c := ks.Crypto
	derived, err := derive(c.KDF, c.KDFParams, password)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	mac := dodona.Keccak256(derived[16:32], c.CipherText)
	if subtle.ConstantTimeCompare(mac[:], c.MAC) != 1 {
		return nil, ErrPassword
	}
	plain, err := aesCTR(derived[:16], c.CipherParams.IV, c.CipherText)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	held, err := secp.ParsePrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("keystore content: %w", err)
	}
	key := &Key{held}
	if want := strings.ToLower(strings.TrimPrefix(ks.Address, "0x")); want != "" && want != hex20(key.Address()) {
		return nil, fmt.Errorf("keystore names the address %s but holds the key of %s", ks.Address, key.Address())
	}
	return key, nil
}

// derive stretches password, after a look at what that would cost.
func derive(kdf string, p kdfParams, password string) ([]byte, error) {
	if err := p.check(kdf); err != nil {
		return nil, err
	}
	if kdf == "scrypt" {
		return scrypt.Key([]byte(password), p.Salt, p.N, p.R, p.P, p.DKLen)
	}
	return pbkdf2.Key(sha256.New, password, p.Salt, p.C, p.DKLen)
}

// check returns why p is not what kdf may be asked for.
func (p kdfParams) check(kdf string) error {
	if p.DKLen != derivedKeyBytes || len(p.Salt) > maxSaltBytes {
		return fmt.Errorf("keystore kdf: dklen %d and a salt of %d bytes; want %d and at most %d",
			p.DKLen, len(p.Salt), derivedKeyBytes, maxSaltBytes)
	}
	switch kdf {
	case "scrypt":
		// r and p are bounded first, and N by division, so that no product overflows.
		if p.R < 1 || p.R > maxScryptFactor || p.P < 1 || p.P > maxScryptFactor || p.N < 2 || p.N&(p.N-1) != 0 ||
			p.N > maxScryptMemory/(128*p.R) || p.N > maxScryptWork/(p.R*p.P) {
			return fmt.Errorf("keystore scrypt n=%d r=%d p=%d: want a power of two, at most %d MiB and n·r·p at most %d",
				p.N, p.R, p.P, maxScryptMemory>>20, maxScryptWork)
		}
		return nil
	case "pbkdf2":
		if p.PRF != "hmac-sha256" || p.C < 1 || p.C > maxPBKDF2Rounds {
			return fmt.Errorf("keystore pbkdf2 prf %q c=%d: want hmac-sha256 and 1 to %d", p.PRF, p.C, maxPBKDF2Rounds)
		}
		return nil
	}
	return fmt.Errorf("keystore kdf %q: want scrypt or pbkdf2", kdf)
}

func aesCTR(key, iv, text []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("keystore cipher: %w", err)
	}
	out := make([]byte, len(text))
	cipher.NewCTR(block, iv).XORKeyStream(out, text)
	return out, nil
}

// WriteKeystore writes key to path as Web3 Secret Storage, version 3, with light scrypt (N = 4096, p = 6) and mode 0600,
// making the folder (0700) if there is none. The file is whole and on disk when WriteKeystore returns nil.
// An existing file is never overwritten: the error then is [fs.ErrExist].
func WriteKeystore(path string, key *Key, password string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write key %s: %w; move it away first", path, fs.ErrExist)
	}
	raw, err := sealKeystore(key, password)
	if err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	if err := secret.WriteFile(path, raw); err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	return nil
}

// WriteRaw writes key itself to path, as 64 hex digits behind 0x, as [WriteKeystore] writes a keystore: whoever reads the file has the key.
func WriteRaw(path string, key *Key) error {
	plain := key.secret.Bytes()
	defer clear(plain)
	text := append(hex.AppendEncode([]byte("0x"), plain), '\n')
	defer clear(text)
	if err := secret.WriteFile(path, text); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write key %s: %w; move it away first", path, fs.ErrExist)
		}
		return fmt.Errorf("write key %s: %w", path, err)
	}
	return nil
}

func sealKeystore(key *Key, password string) ([]byte, error) {
	random := make([]byte, 32+aes.BlockSize+16)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	salt, iv, id := random[:32], random[32:48], random[48:]
	params := kdfParams{DKLen: derivedKeyBytes, Salt: salt, N: scryptN, R: scryptR, P: scryptP}
	derived, err := derive("scrypt", params, password)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	plain := key.secret.Bytes()
	defer clear(plain)
	text, err := aesCTR(derived[:16], iv, plain)
	if err != nil {
		return nil, err
	}
	mac := dodona.Keccak256(derived[16:32], text)
	ks := keystore{
		Address: hex20(key.Address()), Version: 3, ID: uuidOf([16]byte(id)),
		Crypto: keystoreCrypto{
			Cipher: "aes-128-ctr", CipherText: text,
			KDF: "scrypt", KDFParams: params, MAC: mac[:],
		},
	}
	ks.Crypto.CipherParams.IV = iv
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(ks); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// uuidOf returns the UUID, version 4, of random bytes (RFC 9562 §5.4).
func uuidOf(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hex20 writes an address without 0x.
func hex20(a dodona.Address) string { return hex.EncodeToString(a[:]) }
