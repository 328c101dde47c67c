package evm

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// hexBytes are bytes that JSON shows as 0x and hex digits.
type hexBytes []byte

// MarshalText writes 0x and lower-case hex digits.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte("0x" + hex.EncodeToString(b)), nil }

// UnmarshalText reads what MarshalText writes.
func (b *hexBytes) UnmarshalText(text []byte) error {
	digits, found := strings.CutPrefix(string(text), "0x")
	raw, err := hex.DecodeString(digits)
	if !found || err != nil {
		return fmt.Errorf("bytes: want 0x and hex digits in pairs")
	}
	*b = raw
	return nil
}
