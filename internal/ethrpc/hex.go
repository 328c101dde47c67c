package ethrpc

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// A Uint is a number as JSON-RPC writes it: "0x1f".
type Uint uint64

// MarshalJSON writes 0x and hex digits without leading zeros.
func (u Uint) MarshalJSON() ([]byte, error) {
	return []byte(`"0x` + strconv.FormatUint(uint64(u), 16) + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes; leading zeros, which some nodes write, do not matter.
func (u *Uint) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	digits, err := digits(text)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return fmt.Errorf("number %.40q: want 0x and at most 16 hex digits", text)
	}
	*u = Uint(n)
	return nil
}

// A Wei is an amount as JSON-RPC writes it, of up to 256 bits.
type Wei struct{ big.Int }

// MarshalJSON writes 0x and hex digits without leading zeros.
func (w Wei) MarshalJSON() ([]byte, error) { return []byte(`"0x` + w.Text(16) + `"`), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Wei) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	digits, err := digits(text)
	if err != nil {
		return err
	}
	if len(digits) > 64 || strings.ContainsAny(digits, "+-_") {
		return fmt.Errorf("amount of %d characters: want 0x and at most 64 hex digits", len(text))
	}
	if _, ok := w.SetString(digits, 16); !ok {
		return fmt.Errorf("amount %.80q: want 0x and hex digits", text)
	}
	return nil
}

// isNull reports whether the text is null, which leaves a value as it is.
func isNull(text []byte) bool { return string(text) == "null" }

// digits takes the quotes and the 0x off.
func digits(text []byte) (string, error) {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "", fmt.Errorf("want a string of 0x and hex digits, got %.40s", text)
	}
	d, found := strings.CutPrefix(s, "0x")
	if !found || d == "" {
		return "", fmt.Errorf("%.40q: want 0x and hex digits", s)
	}
	return d, nil
}

// Bytes are bytes as JSON-RPC writes them: "0x" and hex digits in pairs, of either case when read.
type Bytes []byte

// MarshalJSON writes 0x and hex digits.
func (b Bytes) MarshalJSON() ([]byte, error) { return []byte(`"0x` + hex.EncodeToString(b) + `"`), nil }

// UnmarshalJSON reads 0x and hex digits in pairs.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("want a string of 0x and hex digits, got %.40s", text)
	}
	d, found := strings.CutPrefix(s, "0x")
	raw, err := hex.DecodeString(d)
	if !found || err != nil {
		return fmt.Errorf("%.40q: want 0x and hex digits in pairs", s)
	}
	*b = raw
	return nil
}

// fixed reads exactly len(to) bytes.
func fixed(to []byte, from Bytes) error {
	if len(from) != len(to) {
		return fmt.Errorf("%d bytes: want %d", len(from), len(to))
	}
	copy(to, from)
	return nil
}
