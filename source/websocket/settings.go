// Package websocket observes what a WebSocket server sends: each message is a reading.
//
// After every connection the subscribe messages are sent again, one after the other, each once the one before is acknowledged. A connection
// that is silent is asked (ping), and given up if no pong comes: a frozen server keeps its TCP connection open for ever. Whenever a connection takes
// the place of an earlier one there is a gap, for nobody knows what was said meanwhile: it is counted as one dropped reading with its length and
// its cause, recorded as an event, and told in the detail of the first reading behind it. So is a gap over a restart of the node.
//
// While the journal takes nothing, at most 1 MiB of messages waits, and then the server feels it: nothing is dropped here. A message is never
// written but those of subscribe, heartbeat and replies.
//
// No pong, an acknowledgement that does not come, a message that cannot be sent, a closed connection: it is made anew, with back-off, and a gap is told.
// A server that ends each connection soon is left alone for longer and longer.
//
// A subscription that is refused, a status 4xx, a redirect, none of subprotocols: the same, but seldom, for it will hardly mend by itself.
//
// A message above max_message: dropped and counted. Above 64 MiB the connection is given up.
//
// A message that is no JSON, where item or take need one: it has no item, and take does not take it. Bytes that are no UTF-8 in a text are kept as they
// are, and no rule finds a value in them.
package websocket

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "websocket".
var Kind = source.NewPushed("websocket", open)

// Settings say where to connect, what to say, and what of the answers counts.
type Settings struct {
	// URL of the server, ws or wss. A token does not belong here: see query, headers and secrets. Redirects are not followed. Required.
	URL string `yaml:"url"`
	// Headers of the handshake, such as X-API-Key: {file: keys/api}. Their values are secrets and never printed. Default: none.
	Headers map[string]secret.String `yaml:"headers,omitempty"`
	// Query parameters to add to those in url; their values are secrets and never printed. Default: none.
	Query map[string]secret.String `yaml:"query,omitempty"`
	// Basic authentication: user and password. Default: none.
	Basic *httpc.Basic `yaml:"basic,omitempty"`
	// Bearer token, sent as Authorization: Bearer. Default: none.
	Bearer secret.String `yaml:"bearer,omitempty"`
	// Subprotocols to offer, such as [graphql-transport-ws]; the server must choose one of them. Default: none.
	Subprotocols []string `yaml:"subprotocols,omitempty"`
	// Secrets that messages name as {{name}}, such as token: {env: TOKEN} for subscribe: [{send: '{"op":"auth","token":"{{token}}"}'}].
	// They are read anew for each connection. Default: none.
	Secrets map[string]secret.String `yaml:"secrets,omitempty"`
	// Subscribe are the messages to send after each connection, in this order; a text alone is one that nobody acknowledges. Default: none.
	Subscribe []Subscription `yaml:"subscribe,omitempty"`
	// Heartbeat is a message that the server wants now and then, beside pings. Default: none.
	Heartbeat Heartbeat `yaml:"heartbeat,omitempty"`
	// Replies to messages that want one, such as a ping in JSON. What is replied to is no reading. Default: none.
	Replies []Reply `yaml:"replies,omitempty"`
	// Take says which messages are readings: those for which all of one of these maps holds. Acknowledgements never are. Default: all.
	Take []map[string]Match `yaml:"take,omitempty"`
	// Item is where in a message stands what tells one thing from another, as a JSON Pointer, such as /data/symbol. Default: none, all
	// messages are of one item.
	Item string `yaml:"item,omitempty"`
	// Expect is how often messages should come: after three times that without any, the source is stale, and it connects anew. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// Timeout of a connection with its handshake, and again of each acknowledgement and each message that is sent. Default: 10s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Ping is after how long without a message the server is asked for a pong; 0s never. Default: 15s.
	Ping time.Duration `yaml:"ping,omitempty"`
	// Pong is how long it may take; then the connection is given up. Default: 10s.
	Pong time.Duration `yaml:"pong,omitempty"`
	// MaxMessage is the largest message, decompressed; a larger one is dropped and counted. At most 4MiB. Default: 1MiB.
	MaxMessage unit.Size `yaml:"max_message,omitempty"`
	// Unpack says which binary messages are unpacked, where a server compresses each by itself and not the connection: auto, those that begin as gzip or zlib do;
	// deflate, all of them, as raw deflate; or none. What was in them counts, at most max_message. Default: auto.
	Unpack Unpack `yaml:"unpack,omitempty"`
	// Compression offers permessage-deflate, each message by itself. Default: false.
	Compression bool `yaml:"compression,omitempty"`

	httpc.Route `yaml:",inline"`
}

// A Subscription is a message that asks for others.
type Subscription struct {
	// Send is the message, a text. Required.
	Send string `yaml:"send"`
	// Ack is what the message that acknowledges it holds: a map from JSON Pointers to a text, a number, true, false or null, or * for anything.
	// Default: none, nothing is waited for.
	Ack map[string]Match `yaml:"ack,omitempty"`
	// Refused is what the message that refuses it holds. Default: none.
	Refused map[string]Match `yaml:"refused,omitempty"`
}

// Shorthand names the setting that a single text stands for.
func (Subscription) Shorthand() string { return "send" }

// A Heartbeat is a message that is sent again and again.
type Heartbeat struct {
	// Send is the message, a text. Default: none.
	Send string `yaml:"send,omitempty"`
	// Every is the time between two. Default: 20s.
	Every time.Duration `yaml:"every,omitempty"`
}

// A Reply is what a message wants to be answered with.
type Reply struct {
	// When is what the message holds: a map from JSON Pointers to what stands there, or * for anything. Required.
	When map[string]Match `yaml:"when"`
	// Send is the answer, a text. {{/id}} in it is what stands at /id in the message, as it is written there. Required.
	Send string `yaml:"send"`
}

const (
	sizeLimit      = 4 * unit.MiB // of a message; a reading is journaled whole
	leastPing      = 100 * time.Millisecond
	mostMessages   = 64 // to send
	longestMessage = 64 * unit.KiB
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Timeout = 10 * time.Second
	s.Ping = 15 * time.Second
	s.Pong = 10 * time.Second
	s.MaxMessage = unit.MiB
	s.Unpack = unpackAuto
	s.Heartbeat.Every = 20 * time.Second
}

// Pace says how often something should come.
func (s *Settings) Pace() source.Pace {
	return source.Pace{Expect: s.Expect, Limit: s.Timeout, Of: "message"}
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.URL }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return maxBatchBytes + s.MaxMessage }

// Peer names whom the source asks, without what may be a secret.
func (s *Settings) Peer() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "its url"
	}
	return u.Host
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	return errors.Join(
		s.checkURL(),
		s.checkHeaders(),
		s.checkMessages(),
		s.checkMatches(),
		s.checkNumbers(),
		s.Route.Check(),
	)
}

const example = "wss://stream.example.org/v1"

// overHTTP returns the URL of the handshake, which is a request of HTTP.
func overHTTP(text string) (string, bool) {
	for scheme, http := range map[string]string{"ws://": "http://", "wss://": "https://"} {
		if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			return http + text[len(scheme):], true
		}
	}
	return "", false
}

func (s *Settings) checkURL() error {
	if s.URL == "" {
		return fmt.Errorf("url: missing, want one such as %s", example)
	}
	u, found := overHTTP(s.URL)
	if !found {
		scheme, _, hasScheme := strings.Cut(s.URL, "://")
		if !hasScheme {
			return advice.Hint(fmt.Errorf("url: the scheme is missing: want one such as %s", example), "wss:// in front, or ws:// where nothing is encrypted")
		}
		return fmt.Errorf("url: scheme %.20q: want ws or wss", scheme)
	}
	return httpc.CheckURL("url", u, example, "user and password belong under basic:, where the password can come from a file")
}

// reserved are the headers that a handshake has for itself.
var reserved = []string{"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "content-length", "transfer-encoding", "te", "trailer"}

func (s *Settings) checkHeaders() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		lower := strings.ToLower(name)
		switch {
		case lower == "sec-websocket-protocol":
			errs = append(errs, errors.New("headers: Sec-WebSocket-Protocol is given by subprotocols"))
		case slices.Contains(reserved, lower):
			errs = append(errs, fmt.Errorf("headers: %s cannot be set: the handshake has its own", name))
		case lower == "proxy-authorization":
			errs = append(errs, errors.New("headers: Proxy-Authorization would go to the server; the proxy has its own in proxy: {url, user, password}"))
		case !httpc.IsHeaderName(name):
			errs = append(errs, httpc.CheckHeaderName("headers", name))
		case lower == "authorization" && (s.Basic != nil || !s.Bearer.IsZero()):
			errs = append(errs, errors.New("headers: Authorization is given by basic or bearer already"))
		}
	}
	if s.Basic != nil && !s.Bearer.IsZero() {
		errs = append(errs, errors.New("bearer: basic is given too; a request has one of them"))
	}
	for i, name := range s.Subprotocols {
		if !httpc.IsHeaderName(name) {
			errs = append(errs, fmt.Errorf("subprotocols[%d]: %.40q: want a token such as graphql-transport-ws", i, name))
		}
	}
	return errors.Join(append(errs, s.Basic.Check())...)
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	const scheme = "Bearer "
	if setting == "bearer" && len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return errors.New("the word Bearer is sent in front of it; leave that out")
	}
	return nil
}

// checkMessages looks at what is sent.
func (s *Settings) checkMessages() error {
	var errs []error
	check := func(setting, text string, pointers bool) {
		switch {
		case text == "":
			errs = append(errs, fmt.Errorf("%s: missing, want a message", setting))
		case len(text) > int(longestMessage):
			errs = append(errs, fmt.Errorf("%s: %d bytes, at most %s are sent", setting, len(text), longestMessage))
		default:
			errs = append(errs, s.checkTemplate(setting, text, pointers))
		}
	}
	if n := len(s.Subscribe) + len(s.Replies); n > mostMessages {
		errs = append(errs, fmt.Errorf("subscribe: %d messages with the replies, at most %d are sent", n, mostMessages))
	}
	for i, sub := range s.Subscribe {
		check(fmt.Sprintf("subscribe[%d].send", i), sub.Send, false)
	}
	for i, reply := range s.Replies {
		check(fmt.Sprintf("replies[%d].send", i), reply.Send, true)
		if len(reply.When) == 0 {
			errs = append(errs, fmt.Errorf("replies[%d].when: missing, want what the message holds, such as {/op: ping}", i))
		}
	}
	if s.Heartbeat.Send != "" {
		check("heartbeat.send", s.Heartbeat.Send, false)
	}
	return errors.Join(errs...)
}

// checkTemplate refuses names that lead nowhere.
func (s *Settings) checkTemplate(setting, text string, pointers bool) error {
	for _, name := range namesIn(text) {
		_, known := s.Secrets[name]
		switch {
		case known:
		case pointers && strings.HasPrefix(name, "/"):
			if _, err := parsePointer(name); err != nil {
				return fmt.Errorf("%s: {{%s}}: %w", setting, name, err)
			}
		case strings.HasPrefix(name, "/"):
			return fmt.Errorf("%s: {{%s}}: only a reply has a message to take it from", setting, name)
		default:
			return fmt.Errorf("%s: {{%s}}: there is no such name under secrets", setting, name)
		}
	}
	return nil
}

func (s *Settings) checkMatches() error {
	var errs []error
	check := func(setting string, m map[string]Match) {
		for _, place := range slices.Sorted(maps.Keys(m)) {
			if _, err := parsePointer(place); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", setting, err))
			}
		}
	}
	for i, sub := range s.Subscribe {
		check(fmt.Sprintf("subscribe[%d].ack", i), sub.Ack)
		check(fmt.Sprintf("subscribe[%d].refused", i), sub.Refused)
		if len(sub.Refused) > 0 && len(sub.Ack) == 0 {
			errs = append(errs, fmt.Errorf("subscribe[%d].refused: needs ack, or nothing is waited for", i))
		}
	}
	for i, reply := range s.Replies {
		check(fmt.Sprintf("replies[%d].when", i), reply.When)
	}
	for i, m := range s.Take {
		check(fmt.Sprintf("take[%d]", i), m)
		if len(m) == 0 {
			errs = append(errs, fmt.Errorf("take[%d]: empty, want a map such as {/type: trade}", i))
		}
	}
	if _, err := parsePointer(s.Item); s.Item != "" && err != nil {
		errs = append(errs, fmt.Errorf("item: %w", err))
	}
	return errors.Join(errs...)
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.Timeout > 0 && s.Timeout <= 10*time.Minute, "timeout: %s: want more than 0s and at most 10m", unit.FormatDuration(s.Timeout))
	want(s.Ping == 0 || s.Ping >= leastPing, "ping: %s: want 0s (never) or at least 100ms", unit.FormatDuration(s.Ping))
	want(s.Pong > 0, "pong: %s: want more than 0s", unit.FormatDuration(s.Pong))
	want(s.Heartbeat.Send == "" || s.Heartbeat.Every >= leastPing, "heartbeat.every: %s: want at least 100ms", unit.FormatDuration(s.Heartbeat.Every))
	want(slices.Contains(s.Unpack.Words(), string(s.Unpack)), "unpack: %.20q: want auto, deflate or none", string(s.Unpack))
	want(s.MaxMessage > 0 && s.MaxMessage <= sizeLimit, "max_message: %s: want more than 0B and at most %s", s.MaxMessage, sizeLimit)
	return errors.Join(errs...)
}
