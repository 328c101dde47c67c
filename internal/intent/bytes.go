package intent

import (
	"encoding/hex"
	"errors"
	"strings"
)

// Bytes are bytes that JSON shows as 0x and hex digits.
type Bytes []byte

// MarshalText writes 0x and lower-case hex digits.
func (b Bytes) MarshalText() ([]byte, error) { return []byte("0x" + hex.EncodeToString(b)), nil }

// UnmarshalText reads what MarshalText writes.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, found := strings.CutPrefix(string(text), "0x")
	raw, err := hex.DecodeString(digits)
	if !found || err != nil {
		return errors.New("bytes: want 0x and hex digits in pairs")
	}
	*b = raw
	return nil
}
