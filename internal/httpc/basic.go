package httpc

import (
	"errors"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// Basic is a user and a password, as in RFC 7617.
type Basic struct {
	// User name. Required.
	User string `yaml:"user"`
	// Password, best as {file: PATH} or {env: NAME}. Default: empty.
	Password secret.String `yaml:"password,omitempty"`
}

// Check says what is wrong with b, which may be nil.
func (b *Basic) Check() error {
	if b != nil && (b.User == "" || strings.Contains(b.User, ":")) {
		return errors.New("basic: user is required and has no colon (RFC 7617)")
	}
	return nil
}
