package api

import (
	"errors"
	"fmt"

	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// Settings are where answers can be asked for.
type Settings struct {
	// Listen is the address of the API and of the page. Beyond loopback it needs tokens. Default: 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// Tokens are the bearer tokens that are let in. Default: none, and everybody on this machine is let in.
	Tokens []secret.String `yaml:"tokens,omitempty"`
	// Hosts are the names besides localhost and IP addresses by which it is asked, such as that of a proxy which passes its own name on:
	// without tokens no other is answered, for a page of the web could give its own name this machine's address. Default: none.
	Hosts []string `yaml:"hosts,omitempty"`
}

// Default fills in the defaults.
func (s *Settings) Default() { s.Listen = "127.0.0.1:8080" }

// Check says what is wrong with the settings, without the network.
func (s *Settings) Check() error {
	var errs []error
	switch host, err := loopback.Host(s.Listen); {
	case err != nil:
		errs = append(errs, fmt.Errorf("listen: %w", err))
	case !loopback.Is(host) && len(s.Tokens) == 0:
		errs = append(errs, fmt.Errorf("listen: %s can be reached from other machines, so it needs api.tokens, such as tokens: [{file: keys/api-token}]", plain.Quote(s.Listen, 60)))
	}
	for i, name := range s.Hosts {
		if !isHostName(name) {
			errs = append(errs, fmt.Errorf("hosts[%d]: %s: want a name alone, such as gw-7.example.org, without scheme, port or path", i, plain.Quote(name, 60)))
		}
	}
	return errors.Join(errs...)
}

// isHostName reports whether a text can be a name in the domain name system.
func isHostName(name string) bool {
	label := 0
	for _, c := range []byte(name) {
		switch {
		case c == '.' && label > 0:
			label = 0
		case c == '-', c == '_', '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			label++
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0 && len(name) <= 253
}

// CheckSecret says what is wrong with the text of a token.
func (s *Settings) CheckSecret(_, text string) error {
	if len(text) < minTokenBytes {
		return fmt.Errorf("a token has at least %d characters, and this has %d; `openssl rand -hex 16` makes one", minTokenBytes, len(text))
	}
	return nil
}
