package mqttc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Settings say which broker, and how to come in.
type Settings struct {
	// URL of the broker: mqtt://HOST (port 1883), mqtts://HOST (TLS, port 8883), ws://HOST/PATH or wss://HOST/PATH (over WebSocket). User
	// and password do not belong here. Required.
	URL string `yaml:"url"`
	// Version of MQTT: 5, 3.1.1, or auto: 5, and 3.1.1 with a broker that does not speak 5. Default: auto.
	Version Version `yaml:"version,omitempty"`
	// ClientID is that by which the broker knows the session; {node} stands for the node's name and {name} for that of the source or sink. No
	// two connections to a broker may have the same: the later one throws the earlier one out. Default: {node}-{name}.
	ClientID string `yaml:"client_id,omitempty"`
	// User name; {client_id}, {node} and {name} stand for what they say. Default: none.
	User string `yaml:"user,omitempty"`
	// Password of the user, best as {file: PATH} or {env: NAME}; it is read anew for each connection. Default: none.
	Password secret.String `yaml:"password,omitempty"`
	// CA is a PEM file with the certificates to trust instead of the system's. It is read anew for each connection.
	// Default: the system's, which SSL_CERT_FILE and SSL_CERT_DIR can name.
	CA string `yaml:"ca,omitempty" path:"true"`
	// TLS says what is shown to a broker that asks for a certificate, and whom its own must name; the files are read anew for each connection.
	// Default: nothing, and the host of url.
	TLS httpc.Certificate `yaml:"tls,omitempty"`
	// ALPN are the protocols to offer in the TLS handshake, such as [x-amzn-mqtt-ca] for AWS IoT Core on port 443. Default: none.
	ALPN []string `yaml:"alpn,omitempty"`
	// KeepAlive is after how long without a packet the broker is pinged; it has 10 s to answer. A broker may name another time.
	// Default: 30s.
	KeepAlive time.Duration `yaml:"keep_alive,omitempty"`
	// ConnectTimeout is how long the connection with its handshakes may take, and subscribing. Default: 10s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// Session is how long the broker keeps subscriptions, and what comes for them, while there is no connection. With 0s, or clean: true,
	// what is published meanwhile is lost. A broker of 3.1.1 keeps them as long as it likes. Default: 1d.
	Session time.Duration `yaml:"session,omitempty"`
	// Clean begins each connection with a new session. Default: false.
	Clean bool `yaml:"clean,omitempty"`
	// ReceiveMaximum is how many messages of QoS 1 and 2 the broker may send before the first of them is in the journal. Default: 256.
	ReceiveMaximum int `yaml:"receive_maximum,omitempty"`
}

// A Version is one of MQTT.
type Version string

// The versions.
const (
	Auto  Version = "auto"
	Five  Version = "5"
	Three Version = "3.1.1"
)

// Words returns the versions.
func (Version) Words() []string { return []string{string(Auto), string(Five), string(Three)} }

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Version = Auto
	s.ClientID = "{node}-{name}"
	s.KeepAlive = 30 * time.Second
	s.ConnectTimeout = 10 * time.Second
	s.Session = 24 * time.Hour
	s.ReceiveMaximum = 256
}

const (
	urlExample  = "mqtts://broker.example:8883"
	maxText     = 1024 // bytes of a client id and of a user
	maxReceive  = 65_535
	maxKeep     = 18 * time.Hour // 65,535 s is what the protocol takes
	maxSession  = 60 * 24 * time.Hour
	minKeep     = time.Second
	leastDial   = 100 * time.Millisecond
	mostDial    = 25 * time.Second // less than an open may take
	maxProtocol = 255              // bytes of a name in ALPN
)

// schemes are those of brokers, with their ports.
var schemes = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}

// means are what people write for a scheme.
var means = map[string]string{"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts", "http": "ws", "https": "wss", "mqtt+ssl": "mqtts", "mqtt+ws": "ws", "mqtt+wss": "wss"}

// Check says what is wrong with the settings. It neither dials nor reads files.
func (s *Settings) Check() error {
	return errors.Join(s.checkURL(), s.checkNames(), s.checkTLS(), s.checkNumbers())
}

func (s *Settings) checkURL() error {
	if s.URL == "" {
		return fmt.Errorf("url: missing, want one such as %s", urlExample)
	}
	if strings.Contains(s.URL, "@") {
		return errors.New("url: user and password do not belong in the URL, where everybody reads them; they are settings of their own: user: and password: {file: PATH}")
	}
	scheme, rest, found := strings.Cut(s.URL, "://")
	if !found {
		err := fmt.Errorf("url: the scheme is missing: want one such as %s", urlExample)
		if u, bad := url.Parse("mqtt://" + s.URL); bad == nil && u.Hostname() != "" && !strings.ContainsAny(s.URL, " ?#") {
			return advice.Instead(err, "mqtt://"+s.URL)
		}
		return err
	}
	if _, known := schemes[scheme]; !known {
		err := fmt.Errorf("url: scheme %.20q: want mqtt, mqtts, ws or wss", scheme)
		if meant := means[strings.ToLower(scheme)]; meant != "" {
			return advice.Instead(err, meant+"://"+rest)
		}
		return err
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("url: not a URL: want one such as %s", urlExample)
	case (scheme == "mqtt" || scheme == "mqtts") && strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("url: %s has no path; topics are a setting of their own", scheme)
	case u.RawQuery != "" && scheme[0] == 'm', u.Fragment != "":
		return errors.New("url: ends with the port; options are settings of their own")
	}
	return httpc.CheckPort("url", u)
}

func (s *Settings) checkNames() error {
	var errs []error
	if s.Version != "" && !slices.Contains(Version("").Words(), string(s.Version)) {
		errs = append(errs, fmt.Errorf("version: %.20q: want auto, 5 or 3.1.1", string(s.Version)))
	}
	if len(s.ClientID) > maxText {
		errs = append(errs, fmt.Errorf("client_id: %d bytes, want at most %d", len(s.ClientID), maxText))
	}
	if len(s.User) > maxText {
		errs = append(errs, fmt.Errorf("user: %d bytes, want at most %d", len(s.User), maxText))
	}
	if s.User == "" && !s.Password.IsZero() {
		errs = append(errs, errors.New("user: missing, though there is a password"))
	}
	for setting, text := range map[string]string{"client_id": s.ClientID, "user": s.User} {
		if err := checkTemplate(setting, text); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// secured reports whether the broker is reached over TLS.
func (s *Settings) secured() bool {
	return strings.HasPrefix(s.URL, "mqtts://") || strings.HasPrefix(s.URL, "wss://")
}

func (s *Settings) checkTLS() error {
	errs := []error{httpc.Route{CA: s.CA, TLS: s.TLS}.Check()}
	if !s.secured() && s.URL != "" {
		for setting, given := range map[string]bool{"ca": s.CA != "", "tls": s.TLS != httpc.Certificate{}, "alpn": len(s.ALPN) > 0} {
			if given {
				errs = append(errs, fmt.Errorf("%s: goes with mqtts:// or wss://, and the url has neither", setting))
			}
		}
	}
	for _, name := range s.ALPN {
		if name == "" || len(name) > maxProtocol {
			errs = append(errs, fmt.Errorf("alpn: a name has 1 to %d bytes", maxProtocol))
		}
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
	want(s.KeepAlive >= minKeep && s.KeepAlive <= maxKeep, "keep_alive: %s: want 1s to 18h", unit.FormatDuration(s.KeepAlive))
	want(s.ConnectTimeout >= leastDial && s.ConnectTimeout <= mostDial, "connect_timeout: %s: want 100ms to 25s", unit.FormatDuration(s.ConnectTimeout))
	want(s.Session >= 0 && s.Session <= maxSession, "session: %s: want 0s to 1440h", unit.FormatDuration(s.Session))
	want(s.ReceiveMaximum >= 1 && s.ReceiveMaximum <= maxReceive, "receive_maximum: %d: want 1 to %d", s.ReceiveMaximum, maxReceive)
	return errors.Join(errs...)
}

// Peer names the broker, without what may be a secret.
func (s *Settings) Peer() string {
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		return "its url"
	}
	return address(u)
}

// Broker names the broker as [Settings.Peer], and the same for each name of this machine, so that two who mean one broker can be told.
func (s *Settings) Broker() string {
	host, port, err := net.SplitHostPort(s.Peer())
	if err != nil {
		return s.Peer()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// Exclusive returns what no two units of one configuration may share: the broker and the client id, which one of them would lose to the
// other. It is empty where the id holds the unit's name.
func (s *Settings) Exclusive() string {
	if strings.Contains(s.ClientID, "{name}") || s.ClientID == "" {
		return ""
	}
	return "client_id " + s.ClientID + " at " + s.Peer()
}
