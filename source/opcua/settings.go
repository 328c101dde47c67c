// Package opcua observes nodes of an OPC UA server over opc.tcp: it subscribes to them, or reads them when a feed asks.
//
// A reading is the DataValue of one node (Part 6, 5.2.2.17), byte for byte as the server sent it: its item is the node id, or the browse path, as the
// configuration has it; its quality is what the two highest bits of the status code say; its source time is the device's own. Points are made
// of these bytes alone, exactly: integers as they are, Float and Double as the shortest decimal that reads back as the same bits, Boolean as 0 or
// 1, DateTime as Unix seconds, StatusCode as its number, and String and LocalizedText where they are a number. A point whose quality is not good
// has the name of the status as its reason, such as BadSensorFailure; its time is that of arrival unless time says otherwise.
//
// Whom Dodona believes is settled before it says who it is. Its own certificate is made once, in opcua/own below the node's data folder, and
// dodona source trust FILE NAME shows its thumbprint, for whoever runs the server. A server's certificate that nobody trusts yet is put into opcua/rejected and named with
// its thumbprint; dodona source trust FILE NAME THUMBPRINT moves it to opcua/trusted. An authority's certificate that is put there vouches for
// those that it signed. A certificate must be in time (also in the middle of a session), name the application and the host, and have an RSA key of 2048 to 4096 bits
// (those of elliptic curves are for policies that nobody here speaks). The security policies Basic128Rsa15 and Basic256 can be broken and are not spoken.
//
// A subscription tells of changes alone, so what has not changed for refresh is read again: a feed knows that it still stands, and a node that
// vanished or came back is noticed. A server that neither notifies nor sends a sign of life for three keep-alive periods is left and asked anew, whatever its connection
// looks like. One bad node is a bad reading, and the others go on. What a server's queue lost is counted as dropped: raise queue. What changed
// while the connection was down is lost but for the last value.
//
// Paths are looked up when a session begins; what has no node yet (BadNoMatch, and BadNodeIDUnknown where the server lacks the namespace) is looked for again every half minute.
//
// There is no opc.https: the OPC Foundation has deprecated that transport, few devices have it, and none has it alone. Nor are there reverse connections, events, history
// and methods; nothing is ever written.
//
// Of a node, its reading and its point are bad with the reason, and the log names it once when it goes bad and once when it is well: every status whose two highest bits say bad; a value that is NaN or
// an infinity, null, a text that is no number, an array without index or an index beyond it, a structure whose type is not known, a ByteString without type, a number that enum does not know, bytes that are no DataValue.
// Counted as dropped: what the server says that its queue lost (the overflow bit of a status), and notifications whose numbers show that they did not come.
// Of the source as a whole, it fails, the connection is closed, and another is made after a pause that grows: no answer within timeout or connect_timeout, a silent subscription, a
// message that is larger than max_size, nested more than 100 deep, out of order, not signed as it should be, of another channel, certificate or policy than was agreed on, or that cannot be read. What a person must mend is tried
// more slowly: a certificate that is expired, not trusted, of another host or application, or with a key that is not RSA; a password or certificate of ours that the server refuses; a security
// policy that it does not offer.
//
// dodona source scan opcua 192.0.2.7 security=None lists the variables of a server with their values, from Objects down; --of Plant/Boiler those below a
// node alone. What is no number is shown behind a #. A server that wants a certificate is scanned as a source of a configuration, once its own is
// trusted: dodona source scan FILE NAME.
package opcua

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "opcua". It is pushed by a subscription, and polled without one.
var Kind = source.Scanning(source.Decoding(source.Trusting(source.NewPushed("opcua", open), shown, accept, ownThumbprint), Settings.rules, decoder), "nodes", scan)

// Settings say which server to ask, for what, and how to know it.
type Settings struct {
	// Endpoint of the server, such as opc.tcp://10.0.0.5:4840/path. Required.
	Endpoint string `yaml:"endpoint"`
	// Security of messages: SignAndEncrypt, Sign, or None, with which anybody on the way reads and changes them. Default: SignAndEncrypt.
	Security Security `yaml:"security,omitempty"`
	// Policy: Aes256_Sha256_RsaPss, Aes128_Sha256_RsaOaep, Basic256Sha256, or best, the first of them that the server offers. Default: best.
	Policy Policy `yaml:"policy,omitempty"`
	// User whom the server knows. Default: none, an anonymous one.
	User string `yaml:"user,omitempty"`
	// Password of the user, best as {file: PATH} or {env: NAME}. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// PasswordUnprotected sends the password although security is None, so that whoever poses as the server can have it. Default: false.
	PasswordUnprotected bool `yaml:"password_unprotected,omitempty"`
	// Cert is a PEM or DER file with a certificate of the user, instead of a name and a password. Default: none.
	Cert string `yaml:"cert,omitempty" path:"true"`
	// Key is a PEM file with that certificate's RSA key, not encrypted. Default: the file of cert.
	Key string `yaml:"key,omitempty" path:"true"`
	// ServerName is the host that the server's certificate must name, where that is not the one of endpoint; any for whichever it names.
	// Default: the host of endpoint.
	ServerName string `yaml:"server_name,omitempty"`
	// Follow the address that the server says it has, instead of the one of endpoint. Behind a network address translation it is wrong. Default: false.
	Follow bool `yaml:"follow,omitempty"`
	// Nodes are the points, by name; or {file: tags.csv}, a file with a line for each. Required.
	Nodes tags.Map[Node] `yaml:"nodes"`
	// Read says how: subscribe, where the server tells of changes, or poll, where nodes are read when a feed asks. Default: subscribe.
	Read Read `yaml:"read,omitempty"`
	// Every is the least time between two reads with read: poll, also after one that failed. Default: 0s, one read for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Publishing is how often the server sends what changed; it may revise that. Default: 1s.
	Publishing time.Duration `yaml:"publishing,omitempty"`
	// Sampling is how often the server looks whether a node changed; it may revise that. Default: 0s, that of publishing.
	Sampling time.Duration `yaml:"sampling,omitempty"`
	// Queue is how many values of a node the server keeps between two publishings, 1 to 10000. Default: 10.
	Queue uint32 `yaml:"queue,omitempty"`
	// Discard says what goes when a queue is full: oldest or newest. Default: oldest.
	Discard Discard `yaml:"discard,omitempty"`
	// KeepAlive is after how long without a change the server gives a sign of life; three times that without one, and it is left and asked
	// anew. Default: 5s.
	KeepAlive time.Duration `yaml:"keep_alive,omitempty"`
	// Refresh is after how long without a change a node is read all the same; 0s for never. Default: 10s.
	Refresh time.Duration `yaml:"refresh,omitempty"`
	// Depth of browsing below Objects, for nodes that are named by path: 1 to 32. Default: 10.
	Depth int `yaml:"depth,omitempty"`
	// MaxNodes is how many nodes all paths may find, and how many are looked at per level while browsing; what is beyond is passed over, and said. At most 10000.
	// Default: 1000.
	MaxNodes int `yaml:"max_nodes,omitempty"`
	// Timeout of a request. Default: 5s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout is how long everything up to an open session may take. Default: 10s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// MaxSize is how large a message of the server may be; a larger one is an error. 64KiB to 4MiB. Default: 1MiB.
	MaxSize unit.Size `yaml:"max_size,omitempty"`
}

// Security is how messages are secured.
type Security string

// The securities.
const (
	securityBoth Security = "SignAndEncrypt"
	securitySign Security = "Sign"
	securityNone Security = "None"
)

// Words returns the securities.
func (Security) Words() []string {
	return []string{string(securityBoth), string(securitySign), string(securityNone)}
}

// Policy is the end of a security policy's URI.
type Policy string

const bestPolicy Policy = "best"

// Words returns the policies.
func (Policy) Words() []string {
	return []string{string(bestPolicy), string(policies[0]), string(policies[1]), string(policies[2])}
}

// Read is how nodes are read.
type Read string

// How nodes are read.
const (
	readSubscribe Read = "subscribe"
	readPoll      Read = "poll"
)

// Words returns how nodes can be read.
func (Read) Words() []string { return []string{string(readSubscribe), string(readPoll)} }

// Discard is what goes when a queue is full.
type Discard string

// What goes when a queue is full.
const (
	discardOldest Discard = "oldest"
	discardNewest Discard = "newest"
)

// Words returns what can go.
func (Discard) Words() []string { return []string{string(discardOldest), string(discardNewest)} }

const (
	anyHost   = "any"
	sizeLimit = 4 * unit.MiB
	leastSize = 64 * unit.KiB
	mostNodes = 10000
)

// Default fills in the defaults.
func (s *Settings) Default() {
	*s = Settings{
		Security: securityBoth, Policy: bestPolicy, Read: readSubscribe, Publishing: time.Second, Queue: 10, Discard: discardOldest,
		KeepAlive: 5 * time.Second, Refresh: 10 * time.Second, Depth: 10, MaxNodes: 1000,
		Timeout: 5 * time.Second, ConnectTimeout: 10 * time.Second, MaxSize: unit.MiB,
	}
}

// Pushed reports whether the server tells of changes.
func (s *Settings) Pushed() bool { return s.Read != readPoll }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Refresh, Limit: s.ConnectTimeout + s.Timeout}
	}
	return source.Pace{Every: s.Every, Limit: s.ConnectTimeout + s.Timeout}
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return s.MaxSize }

// Peer names whom the source asks.
func (s *Settings) Peer() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return "its endpoint"
	}
	return u.Host
}

// Asks says what the source asks.
func (s *Settings) Asks() string { return s.Endpoint }

func (s *Settings) mode() ua.MessageSecurityMode {
	switch s.Security {
	case securityNone:
		return ua.MessageSecurityModeNone
	case securitySign:
		return ua.MessageSecurityModeSign
	}
	return ua.MessageSecurityModeSignAndEncrypt
}

// policies returns those that will do, the best first.
func (s *Settings) policies() []Policy {
	switch {
	case s.Security == securityNone:
		return []Policy{"None"}
	case s.Policy == bestPolicy:
		return policies
	}
	return []Policy{s.Policy}
}

func (s *Settings) tokenKind() ua.UserTokenType {
	switch {
	case s.User != "":
		return ua.UserTokenTypeUserName
	case s.Cert != "":
		return ua.UserTokenTypeCertificate
	}
	return ua.UserTokenTypeAnonymous
}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	errs := []error{s.checkEndpoint(), s.checkSecurity(), httpc.CheckServerName(s.ServerName)}
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Read == readSubscribe || s.Read == readPoll, "read: %q: want subscribe or poll", s.Read)
	want(s.Discard == discardOldest || s.Discard == discardNewest, "discard: %q: want oldest or newest", s.Discard)
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", unit.FormatDuration(s.Every))
	want(s.Every == 0 || s.Read == readPoll, "every: with read: subscribe the server tells of changes; set publishing and sampling instead, or read: poll")
	want(s.Publishing >= 10*time.Millisecond && s.Publishing <= time.Hour, "publishing: %s: want 10ms to 1h", unit.FormatDuration(s.Publishing))
	want(s.Sampling >= 0 && s.Sampling <= time.Hour, "sampling: %s: want 0s to 1h", unit.FormatDuration(s.Sampling))
	want(s.Queue >= 1 && s.Queue <= 10000, "queue: %d: want 1 to 10000", s.Queue)
	want(s.KeepAlive >= 100*time.Millisecond && s.KeepAlive <= 10*time.Minute, "keep_alive: %s: want 100ms to 10m", unit.FormatDuration(s.KeepAlive))
	want(s.Refresh == 0 || s.Refresh >= 100*time.Millisecond, "refresh: %s: want 0s, or at least 100ms", unit.FormatDuration(s.Refresh))
	want(s.Depth >= 1 && s.Depth <= 32, "depth: %d: want 1 to 32", s.Depth)
	want(s.MaxNodes >= 1 && s.MaxNodes <= mostNodes, "max_nodes: %d: want 1 to %d", s.MaxNodes, mostNodes)
	want(s.Timeout > 0 && s.Timeout <= 10*time.Minute, "timeout: %s: want more than 0s and at most 10m", unit.FormatDuration(s.Timeout))
	want(s.ConnectTimeout > 0 && s.ConnectTimeout <= 10*time.Minute, "connect_timeout: %s: want more than 0s and at most 10m", unit.FormatDuration(s.ConnectTimeout))
	want(s.MaxSize >= leastSize && s.MaxSize <= sizeLimit, "max_size: %s: want %s to %s", s.MaxSize, leastSize, sizeLimit)
	want(len(s.Nodes) > 0, "nodes: missing, want the points by name, such as {temperature: {id: \"ns=2;s=Boiler.T\", unit: Cel}}")
	want(len(s.Nodes) <= mostNodes, "nodes: %d of them, want at most %d", len(s.Nodes), mostNodes)
	for _, name := range slices.Sorted(maps.Keys(s.Nodes)) {
		if err := s.Nodes[name].check(); err != nil {
			errs = append(errs, fmt.Errorf("nodes.%s.%w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Settings) checkEndpoint() error {
	u, err := url.Parse(s.Endpoint)
	switch {
	case s.Endpoint == "":
		return errors.New("endpoint: missing, want the server's, such as opc.tcp://10.0.0.5:4840")
	case err == nil && (u.Scheme == "opc.https" || u.Scheme == "https"):
		return errors.New("endpoint: opc.https is not offered (the OPC Foundation has deprecated it); want the server's endpoint of opc.tcp")
	case err != nil || u.Scheme != "opc.tcp" || u.Hostname() == "":
		err := errors.New("endpoint: want a URL that begins with opc.tcp, such as opc.tcp://10.0.0.5:4840")
		if whole, bad := url.Parse("opc.tcp://" + s.Endpoint); bad == nil && whole.Hostname() != "" && whole.User == nil && !strings.Contains(s.Endpoint, "://") {
			return advice.Instead(err, whole.String())
		}
		return err
	case u.User != nil:
		return errors.New("endpoint: user and password do not belong there: see user and password, which can come from a file")
	}
	return nil
}

func (s *Settings) checkSecurity() error {
	var errs []error
	if !slices.Contains(Security("").Words(), string(s.Security)) {
		errs = append(errs, fmt.Errorf("security: %q: want %s", s.Security, strings.Join(Security("").Words(), ", ")))
	}
	if !slices.Contains(Policy("").Words(), string(s.Policy)) {
		errs = append(errs, fmt.Errorf("policy: %q: want %s", s.Policy, strings.Join(Policy("").Words(), ", ")))
	}
	switch {
	case s.Security == securityNone && s.Policy != bestPolicy:
		errs = append(errs, fmt.Errorf("policy: %s: with security: None there is none", s.Policy))
	case s.Security == securityNone && s.Cert != "":
		errs = append(errs, errors.New("cert: with security: None nobody knows who the server is, so nothing is signed for it; want security: Sign or SignAndEncrypt"))
	case s.Security == securityNone && s.User != "" && !s.PasswordUnprotected:
		errs = append(errs, errors.New("password: with security: None whoever poses as the server can have it; want security: Sign or SignAndEncrypt, or password_unprotected: true"))
	}
	switch {
	case s.User != "" && s.Cert != "":
		errs = append(errs, errors.New("cert: user is given too; a session has one of them"))
	case s.User == "" && !s.Password.IsZero():
		errs = append(errs, errors.New("password: whose is missing; set user"))
	case s.Key != "" && s.Cert == "":
		errs = append(errs, errors.New("key: its certificate is missing; set cert"))
	}
	return errors.Join(errs...)
}

// sorted returns the nodes in the order of their points' names.
func (s *Settings) sorted() (list []Node) {
	for _, name := range slices.Sorted(maps.Keys(s.Nodes)) {
		list = append(list, s.Nodes[name])
	}
	return list
}
