package secret

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// bare returns a text without what editors and shells put around it.
func bare(text string) string {
	return strings.TrimRight(strings.TrimPrefix(text, plain.Mark), "\r\n")
}

// ErrEmpty: there is nothing where a secret should be. It would be sent as it is, and whoever gets it says no more than that it is wrong.
var ErrEmpty = errors.New("is empty")

// ErrUnset: the variable is not set, which it may be where the secret is needed.
var ErrUnset = errors.New("is not set")

// judge says why a text is no secret, without a word of it.
func judge(text string) error {
	line := bare(text)
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), isWide(text):
		return errors.New("is UTF-16 text: save it as UTF-8")
	case line == "":
		return ErrEmpty
	case strings.TrimSpace(line) == "":
		return errors.New("holds nothing but blanks")
	case strings.ContainsAny(line, "\r\n"):
		return fmt.Errorf("has %d lines: a secret is one line, in a file of its own", 1+strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(line), "\n"))
	}
	for i, r := range line {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return fmt.Errorf("holds the control character %U at byte %d: a secret is one line of text", r, i)
		}
	}
	return nil
}

// isWide reports whether every other byte of a text is NUL, as in UTF-16 of Latin letters without a byte order mark.
func isWide(text string) bool {
	if len(text) < 4 || len(text)%2 != 0 {
		return false
	}
	for i := 0; i+1 < len(text); i += 2 {
		if (text[i] == 0) == (text[i+1] == 0) || (text[i] == 0) != (text[0] == 0) {
			return false
		}
	}
	return true
}
