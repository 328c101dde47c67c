package serial

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// Bytes are what stands on the line. In a configuration they are a text, with the escapes of a double-quoted one (\r, \x02) also where it
// is quoted otherwise, or 0x and hex digits in pairs.
type Bytes string

// ReadNode reads one word of a configuration.
func (b *Bytes) ReadNode(d *strict.Decoder, n *strict.Node, key string) {
	if n.Kind != strict.Scalar {
		d.Want(n, key, `a text such as "\r\n", or bytes such as 0x0d0a`)
		return
	}
	read, err := parseBytes(n.Text)
	if err != nil {
		d.Want(n, key, `a text such as "\r\n", or bytes such as 0x0d0a`)
		return
	}
	*b = read
}

// WriteNode writes the word that [Bytes.ReadNode] reads.
func (b Bytes) WriteNode() *strict.Node {
	return &strict.Node{Kind: strict.Scalar, Text: b.String()}
}

// String writes b as [Bytes.ReadNode] reads it.
func (b Bytes) String() string {
	text := string(b)
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return "0x" + hex.EncodeToString([]byte(b))
		}
	}
	if strings.HasPrefix(text, "0x") {
		return "0x" + hex.EncodeToString([]byte(b))
	}
	return strings.ReplaceAll(text, `\`, `\\`)
}

func parseBytes(text string) (Bytes, error) {
	if digits, isHex := strings.CutPrefix(text, "0x"); isHex {
		raw, err := hex.DecodeString(digits)
		return Bytes(raw), err
	}
	if !strings.Contains(text, `\`) {
		return Bytes(text), nil
	}
	var out []byte
	for text != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
		if err != nil {
			return "", fmt.Errorf("escape: %w", err)
		}
		if r < 0x100 && !multibyte {
			out = append(out, byte(r))
		} else {
			out = append(out, string(r)...)
		}
		text = rest
	}
	return Bytes(out), nil
}
