package keyfile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secp"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// maxBytes is how much a file of a key may hold.
const maxBytes = 64 << 10

// Read returns what the file of a key holds, without the byte order mark that some editors put before it, and whether that is a keystore, which
// a password opens, or the key itself. Its errors begin with the setting that names the file, if one does, never repeat what it holds, and are
// [secret.ErrMode] if others may touch a key.
func Read(setting, path string) (content []byte, encrypted bool, err error) {
	var none error // is no key
	content, err = secret.ReadFile(path, maxBytes, "key file", func(content []byte) error {
		encrypted, none = judge(setting, path, unmarked(content))
		return none
	})
	if err != nil && none == nil {
		err = fmt.Errorf("%sread key: %w", Of(setting), err)
	}
	return unmarked(content), encrypted, err
}

func unmarked(content []byte) []byte { return bytes.TrimPrefix(content, []byte(plain.Mark)) }

// Of begins an error with the setting that it is about; there is none in a command line.
func Of(setting string) string {
	if setting == "" {
		return ""
	}
	return setting + ": "
}

// judge says whether what a file holds is a keystore or a key itself, or else what is wrong with it.
func judge(setting, path string, content []byte) (encrypted bool, err error) {
	switch {
	case isKeystore(content):
		return true, nil
	case !IsRaw(content):
		return false, fmt.Errorf("%s%s holds no key: %s; want a keystore (`dodona key new FILE` makes one) or 64 hex digits (`dodona key new --raw FILE`)",
			Of(setting), path, looksLike(content))
	}
	if _, err := secp.ParseHex(string(content)); err != nil {
		return false, fmt.Errorf("%sthe 64 hex digits in %s are no secp256k1 key, which is a number from 1 to below the order of the curve", Of(setting), path)
	}
	return false, nil
}

// IsRaw reports whether a file holds a key itself: 64 hex digits, with or without 0x, and perhaps a line break.
func IsRaw(content []byte) bool {
	digits := bytes.TrimPrefix(bytes.TrimSpace(content), []byte("0x"))
	return len(digits) == 64 && isHex(digits)
}

// isKeystore reports whether a file holds a keystore, sound or not: whoever opens it says what is wrong with it.
func isKeystore(content []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(content), []byte("{"))
}

func isHex(text []byte) bool { return len(bytes.Trim(text, "0123456789abcdefABCDEF")) == 0 }

// looksLike says what a file that holds no key holds, and nothing of it.
func looksLike(content []byte) string {
	text := bytes.TrimSpace(content)
	digits := bytes.TrimPrefix(text, []byte("0x"))
	switch words := strings.Fields(string(text)); {
	case len(text) == 0:
		return "it is empty"
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		return "it is PEM, as keys of modules and of TLS are"
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return "it is text in UTF-16; save it as UTF-8"
	case len(content) == 32:
		return "it has 32 bytes, and a key stands there as hex"
	case isHex(digits):
		return fmt.Sprintf("it has %d hex digits", len(digits))
	case len(words) == 12 || len(words) == 24:
		return fmt.Sprintf("it has %d words, and a mnemonic is no key yet", len(words))
	}
	return fmt.Sprintf("it has %d bytes of something else", len(content))
}
