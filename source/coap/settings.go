// Package coap observes resources of a device that speaks CoAP (RFC 7252) over UDP or DTLS: by one GET for each instant that a feed asks for,
// or with observe (RFC 7641) whenever the device says something new. It only ever sends GET, to one address, never to a group.
//
// A reading is the body of one resource, put together of its blocks (RFC 7959), with the media type of its Content-Format. A rule says what in it is
// the value: value: /t for JSON, {encoding: cbor, pointer: /t}, {senml: NAME} for SenML in JSON and CBOR, {regex: "(-?[0-9.]+)"} for a text. A device with several
// resources has an item for each, called by its path.
//
// An observation is asked for again when the device was silent for the Max-Age of what it said last and 5 to 15 s more, when it refuses or ends
// one, and on every new connection: servers forget it when they restart, and answer pings as if nothing were. A ping finds what hangs sooner.
//
// A resource that the device refuses (4.04, 4.06, 5.03 …), a body larger than max_size, blocks that do not fit together or are of different
// versions, and a Content-Format that was not asked for make the reading of that resource bad, with the reason, or the whole exchange an error
// where there is no other. No answer within timeout ends the connection; the next exchange has a new one, where no late answer comes. What is of no question, or older than what is known, is
// passed over; of a notification the device is told so. Notifications that come faster than the journal takes them are counted as dropped. A DTLS
// handshake that does not end says that key or identity may be wrong: DTLS has no other word for it.
//
// dodona source scan coap 192.0.2.7 lists the resources that a device tells of in /.well-known/core, each as a source.
package coap

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "coap". It is polled, or with observe pushed.
var Kind = source.Scanning(source.NewPolled("coap", open), "", scan)

// Settings say which resources to read, and how.
type Settings struct {
	// URL of the device or of one resource, coap://HOST/PATH, or coaps:// over DTLS, such as coap://10.0.0.7/temperature. Required.
	URL string `yaml:"url"`
	// Paths of several resources below url, which has no path then, such as [/temperature, /flow]; at most 64. Each is an item of the source, called
	// as here. Default: the one that url names.
	Paths []string `yaml:"paths,omitempty"`
	// Observe the resources: the device says what is new. One that cannot is asked again by the Max-Age of its answers. Default: false.
	Observe bool `yaml:"observe,omitempty"`
	// Accept is the format to ask for: text, json, cbor, senml+json or senml+cbor. An answer in another one is refused. Default: any.
	Accept Format `yaml:"accept,omitempty"`
	// PSK is the identity and the key for coaps, which needs them. Default: none.
	PSK *PSK `yaml:"psk,omitempty"`
	// Every is the least time between two times of asking, also after one that failed, such as 10s. Default: 0s, once for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often something new should come with observe: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// Timeout of an exchange with all resources, blocks and repetitions. Default: 10s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// HandshakeTimeout is how long the handshake of a DTLS session may take, on top of timeout. Default: 10s.
	HandshakeTimeout time.Duration `yaml:"handshake_timeout,omitempty"`
	// AckTimeout is when a request is sent again that nothing was heard of: after this and up to half of it more, then twice that, four times at most
	// (ACK_TIMEOUT of RFC 7252). Default: 2s.
	AckTimeout time.Duration `yaml:"ack_timeout,omitempty"`
	// Ping is after how long a silence a device that is observed is asked whether it is there. Default: 20s.
	Ping time.Duration `yaml:"ping,omitempty"`
	// Renew is after how long an observation is asked for again at the latest, whatever Max-Age the device says: it is in vain for so long that
	// the device forgets it without a word, as at a restart. Default: 0s, by Max-Age alone.
	Renew time.Duration `yaml:"renew,omitempty"`
	// MaxSize is how large a body may be; a larger one is an error. At most 1MiB. Default: 64KiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
}

// PSK is a pre-shared key.
type PSK struct {
	// Identity that the device knows the key by. Required.
	Identity string `yaml:"identity"`
	// Key, best as {file: PATH} or {env: NAME}. Required.
	Key secret.String `yaml:"key"`
	// Hex says that key is written in hexadecimal, as for keys that are no text. Default: false.
	Hex bool `yaml:"hex,omitempty"`
}

// A Format is a Content-Format by name.
type Format string

// Words returns the formats.
func (Format) Words() []string { return []string{"text", "json", "cbor", "senml+json", "senml+cbor"} }

const (
	sizeLimit = unit.MiB
	maxPaths  = 64
	maxPath   = 1024 // bytes of a path with its query
	maxPSK    = 64   // bytes
)

// Brings reports whether representations of a path, which is their item, can come.
func (s *Settings) Brings(item string) (brings bool, where string) {
	return slices.Contains(s.Paths, item), "paths"
}

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Timeout = 10 * time.Second
	s.HandshakeTimeout = 10 * time.Second
	s.AckTimeout = 2 * time.Second
	s.Ping = 20 * time.Second
	s.MaxSize = 64 * unit.KiB
}

// Pushed reports whether the device speaks by itself.
func (s *Settings) Pushed() bool { return s.Observe }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	limit := s.Timeout
	if s.isSecure() {
		limit += s.HandshakeTimeout
	}
	if s.Observe {
		return source.Pace{Expect: s.Expect, Limit: limit}
	}
	return source.Pace{Every: s.Every, Limit: limit}
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.URL + " " + strings.Join(s.Paths, " ") }

// Peer names whom the source asks.
func (s *Settings) Peer() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "its url"
	}
	return address(u)
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return s.MaxSize * unit.Size(max(1, len(s.Paths))) }

func (s *Settings) isSecure() bool { return strings.HasPrefix(strings.ToLower(s.URL), "coaps:") }

// address returns host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case strings.EqualFold(u.Scheme, "coaps"):
		port = "5684"
	default:
		port = "5683"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	return errors.Join(s.checkURL(), s.checkPaths(), s.checkPSK(), s.checkNumbers())
}

func (s *Settings) checkURL() error {
	const want = "want a URL such as coap://10.0.0.7/temperature"
	if s.URL == "" {
		return errors.New("url: missing, " + want)
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		return errors.New("url: not a URL; " + want)
	case strings.HasPrefix(u.Scheme, "coap+") || strings.HasPrefix(u.Scheme, "coaps+"):
		return errors.New("url: CoAP over TCP and WebSocket is not spoken here; " + want)
	case u.Scheme != "coap" && u.Scheme != "coaps":
		err := errors.New("url: the scheme is neither coap nor coaps; " + want)
		if whole, bad := url.Parse("coap://" + s.URL); bad == nil && whole.Hostname() != "" && whole.User == nil && !strings.Contains(s.URL, "://") {
			return advice.Instead(err, whole.String())
		}
		return err
	case u.Hostname() == "":
		return errors.New("url: it names no host; " + want)
	case u.User != nil:
		return errors.New("url: CoAP has no user and password; a key goes under psk: {identity, key}")
	case u.Fragment != "":
		return errors.New("url: what follows # is never sent; leave it out")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && isGroup(ip) {
		return fmt.Errorf("url: %s is a group; one device is asked, and groups never", ip)
	}
	_, err = optionsOf(u.EscapedPath(), u.RawQuery)
	return within("url", err)
}

func within(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// isGroup reports whether more than one may listen at an address.
func isGroup(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (s *Settings) checkPaths() error {
	var errs []error
	u, err := url.Parse(s.URL)
	if len(s.Paths) > 0 && err == nil && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		errs = append(errs, errors.New("paths: url has a path too; write all of them under paths, and the device alone in url"))
	}
	if len(s.Paths) > maxPaths {
		errs = append(errs, fmt.Errorf("paths: %d of them, want at most %d; give others a source of their own", len(s.Paths), maxPaths))
	}
	seen := map[string]bool{}
	for i, path := range s.Paths { // not shown: there may be a secret in its query
		switch _, err := splitPath(path); {
		case err != nil:
			errs = append(errs, within(fmt.Sprintf("paths: number %d", i+1), err))
		case seen[path]:
			errs = append(errs, fmt.Errorf("paths: number %d stands there before", i+1))
		}
		seen[path] = true
	}
	return errors.Join(errs...)
}

func (s *Settings) checkPSK() error {
	switch {
	case s.PSK == nil && s.isSecure():
		return errors.New("psk: missing, coaps needs psk: {identity: NAME, key: {file: PATH}}; certificates are not spoken here")
	case s.PSK == nil:
		return nil
	case !s.isSecure():
		return errors.New("psk: is for coaps, and url says coap, which nobody encrypts")
	}
	var errs []error
	if s.PSK.Identity == "" || len(s.PSK.Identity) > 128 {
		errs = append(errs, errors.New("psk.identity: want 1 to 128 bytes"))
	}
	if s.PSK.Key.IsZero() {
		errs = append(errs, errors.New("psk.key: missing, want {file: PATH} or {env: NAME}"))
	}
	return errors.Join(errs...)
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	if s.PSK == nil || !strings.HasSuffix(setting, "key") {
		return nil
	}
	_, err := s.PSK.bytes(text)
	return err
}

// bytes returns the key that a text is.
func (p *PSK) bytes(text string) ([]byte, error) {
	key := []byte(text)
	if p.Hex {
		var err error
		if key, err = hex.DecodeString(strings.ReplaceAll(text, " ", "")); err != nil {
			return nil, errors.New("psk.key: it is no hexadecimal, and hex says so")
		}
	}
	if len(key) == 0 || len(key) > maxPSK {
		return nil, fmt.Errorf("psk.key: %d bytes, want 1 to %d", len(key), maxPSK)
	}
	return key, nil
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Accept == "" || slices.Contains(s.Accept.Words(), string(s.Accept)), "accept: %q: want %s", s.Accept, strings.Join(s.Accept.Words(), ", "))
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	want(s.Every == 0 || !s.Observe, "every: a device that is observed says itself when something is new; leave it out, or observe")
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.Expect == 0 || s.Observe, "expect: is for observe: true; what is polled is expected when it is asked")
	want(s.Timeout >= 100*time.Millisecond && s.Timeout <= 10*time.Minute, "timeout: %s: want 100ms to 10m", unit.FormatDuration(s.Timeout))
	want(s.HandshakeTimeout >= 100*time.Millisecond && s.HandshakeTimeout <= 2*time.Minute, "handshake_timeout: %s: want 100ms to 2m", unit.FormatDuration(s.HandshakeTimeout))
	want(s.AckTimeout >= 50*time.Millisecond && s.AckTimeout <= time.Minute, "ack_timeout: %s: want 50ms to 1m", unit.FormatDuration(s.AckTimeout))
	want(s.Ping >= time.Second && s.Ping <= time.Hour, "ping: %s: want 1s to 1h", unit.FormatDuration(s.Ping))
	want(s.Renew == 0 || s.Renew >= time.Second && s.Renew <= 24*time.Hour, "renew: %s: want 0s, or 1s to 24h", unit.FormatDuration(s.Renew))
	want(s.Renew == 0 || s.Observe, "renew: is for observe: true; what is polled is asked anyway")
	want(s.MaxSize > 0 && s.MaxSize <= sizeLimit, "max_size: %s: want 1B to %s", s.MaxSize, sizeLimit)
	return errors.Join(errs...)
}
