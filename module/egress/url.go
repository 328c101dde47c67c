package egress

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// MaxURL is the length in bytes of the longest URL that is fetched.
const MaxURL = 2048

// Granted returns the URL that text is, as [Parse] does, if it may be fetched from these hosts; else the error is [ErrURL] or
// [ErrNotGranted]. Where the host's name leads is another question, for who dials it.
func Granted(text string, hosts []string) (*url.URL, error) {
	u, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if !(manifest.HTTPGet{Hosts: hosts}).Allows(u.Host) {
		return nil, fmt.Errorf("get from %s: host %w", plain.Line(u.Host, 128), ErrNotGranted)
	}
	return u, nil
}

// Parse returns the URL that text is, with its host as [manifest.Host] writes it. The error is [ErrURL] for what is fetched
// from nowhere.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > MaxURL || strings.Contains(text, "#"):
		return nil, ErrURL
	case u.Scheme != "https":
		return nil, fmt.Errorf("%w: want https", ErrURL)
	case u.User != nil:
		return nil, fmt.Errorf("%w: want no user name in it", ErrURL)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: want a host", ErrURL)
	}
	u.Host = manifest.Host(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	return u, nil
}
