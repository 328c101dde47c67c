package journal

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/advice"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// Settings are where everything is remembered.
type Settings struct {
	// Durability is when a record counts as kept. Claims are always synced before a signature leaves. Default: batch.
	Durability Durability `yaml:"durability"`
	// URL is a NATS server with JetStream to use instead of the embedded journal, such as nats://10.0.0.2:4222.
	// Several are separated by commas. Default: the embedded journal.
	URL string `yaml:"url,omitempty"`
	// Listen is a loopback address at which the embedded journal serves other processes of this machine, such as
	// 127.0.0.1:4222. Default: no port is opened.
	Listen string `yaml:"listen,omitempty"`
	// Raw limits readings and rounds: large, and kept briefly. Default: 256MiB and 7d.
	Raw Limits `yaml:"raw"`
	// Proof limits observations, claims, attestations and events: small, and kept long. Default: 256MiB and 365d.
	Proof Limits `yaml:"proof"`
	// Readers are what follows the records: validator, sinks, the API. Default: they stay 3d.
	Readers Readers `yaml:"readers"`
}

// Readers are what follows the records of a journal. Records stay until every one has finished them.
type Readers struct {
	// Grace is how long a reader of this node stays that nothing configures any more, such as that of a removed sink, so
	// that it can come back to where it stood. If its stream has no room without it, it goes at once. 0s: always at once. Default: 3d.
	Grace time.Duration `yaml:"grace"`
}

// Limits say how much of a stream is kept. Whichever is reached first drops the oldest records, and counts them.
type Limits struct {
	// Bytes is how much disk the records may take. Default: 256MiB.
	Bytes unit.Size `yaml:"bytes"`
	// Age is how long records are kept. Default: 7d for raw, 365d for proof.
	Age time.Duration `yaml:"age"`
}

const day = 24 * time.Hour

// The limits of streams where nothing else is said.
var (
	rawLimits   = Limits{Bytes: 256 * unit.MiB, Age: 7 * day}
	proofLimits = Limits{Bytes: 256 * unit.MiB, Age: 365 * day}
)

// leastAge is how briefly records may be kept.
const leastAge = time.Minute

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Durability = Batch
	s.Raw, s.Proof = rawLimits, proofLimits
	s.Readers.Grace = 3 * day
}

// Shared reports whether other processes reach the journal.
func (s *Settings) Shared() bool { return s.URL != "" || s.Listen != "" }

// Config returns what they say to a journal that is opened.
func (s *Settings) Config() Config {
	return Config{URL: s.URL, Listen: s.Listen, Durability: s.Durability, Raw: s.Raw, Proof: s.Proof, ReaderGrace: s.Readers.Grace}
}

// Servers returns the addresses of the servers to use instead of the embedded one.
func (s *Settings) Servers() (list []string) {
	if s.URL == "" {
		return nil
	}
	for _, text := range strings.Split(s.URL, ",") {
		list = append(list, strings.TrimSpace(text))
	}
	return list
}

// Check says what is wrong with the settings, without the network.
func (s *Settings) Check() error {
	var errs []error
	for _, text := range s.Servers() {
		errs = append(errs, checkServer(text))
	}
	errs = append(errs, s.checkListen())
	if s.Readers.Grace < 0 {
		errs = append(errs, fmt.Errorf("readers.grace: %s: want 0s or more", unit.FormatDuration(s.Readers.Grace)))
	}
	return errors.Join(append(errs, s.Raw.check("raw"), s.Proof.check("proof"))...)
}

func checkServer(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("url: want an address such as nats://10.0.0.2:4222")
	case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
		return fmt.Errorf("url: scheme %s: want nats, tls, ws or wss", plain.Quote(u.Scheme, 60))
	}
	return httpc.CheckPort("url", u)
}

func (s *Settings) checkListen() error {
	if s.Listen == "" {
		return nil
	}
	switch host, err := loopback.Host(s.Listen); {
	case err != nil:
		return fmt.Errorf("listen: %w", err)
	case !loopback.Is(host):
		return advice.Hint(fmt.Errorf("listen: %s: want a loopback address, such as 127.0.0.1:4222", plain.Quote(s.Listen, 60)), "other machines share a journal by journal.url")
	case s.URL != "":
		return errors.New("listen: goes with the embedded journal, but journal.url names another one")
	}
	return nil
}

func (l Limits) check(name string) error {
	var errs []error
	if l.Bytes < minStreamBytes {
		errs = append(errs, fmt.Errorf("%s.bytes: %s: want at least %s", name, l.Bytes, unit.Size(minStreamBytes)))
	}
	if l.Age < leastAge {
		errs = append(errs, fmt.Errorf("%s.age: %s: want at least %s", name, unit.FormatDuration(l.Age), unit.FormatDuration(leastAge)))
	}
	return errors.Join(errs...)
}
