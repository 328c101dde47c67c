// Package snmp observes what network devices, power supplies and printers tell of themselves by SNMP (v1, v2c, v3): it asks for OIDs, or
// waits for traps and informs.
//
// Each variable is a reading of its own: a VarBindList of one varbind in BER, its item the OID. A variable that the device does not
// have is one bad reading; the others stay good. No SET is ever sent.
//
// A counter is taken as it stands, or as what it grew by since the exchange before (as: delta), or as that in a second (as: rate). Counter32 and
// Counter64 wrap at their size; where the device was started anew (sysUpTime), or says that the counter began anew (since), the point is bad
// for that one exchange. The time is the device's own, from its sysUpTime. So that the evidence holds all of it, an exchange repeats what it needs of
// the one before, as readings whose item ends in " before".
//
// With listen, the source waits for notifications instead. A reading then is the VarBindList of one, its item the sender's address, a slash and the
// notification's OID (snmpTrapOID); a trap of v1 is made into one of v2 as RFC 3584 says. What is refused is counted as dropped, with its
// reason: another community, an unknown user, a message that is not signed by its user, an engine or an address that is not listed, an old
// message sent again, what is no SNMP, and what comes faster than it is taken (1,000 wait at most).
//
// A device that does not answer is told from one that refuses as far as SNMP lets: a wrong community and a wrong priv_password look like silence, an unknown
// user and a wrong auth_password are answered. After a restart, with another engine id or without, a device is found again at the next
// exchange.
//
// SNMP over TCP, DTLS and SSH is not offered, nor are the MD5, SHA and DES of v3 advised: a device that has SHA-256 and AES should use them.
//
// dodona source scan snmp 192.0.2.7 community=public lists the variables of a device below mib-2 with their values, as configuration; --of another OID
// those below it, such as --of 1.3.6.1.4.1 for what its maker adds. --most says how many at most.
package snmp

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "snmp".
var Kind = source.Scanning(source.Decoding(source.NewPolled("snmp", open), Settings.rules, newDecoder), "oids", scan)

// Settings say whom to ask and for what, or what to wait for.
type Settings struct {
	// Address of the device, host or host:port. The port is 161 if none is given. Default: none, there must be listen.
	Address string `yaml:"address,omitempty"`
	// Listen for traps and informs at this address, such as 0.0.0.0:162, instead of asking a device. Default: none, a device is asked.
	Listen string `yaml:"listen,omitempty"`
	// Version of SNMP by which a device is asked: 1, 2c or 3. What is listened for may be of each. Default: 3 if there is a user, else 2c.
	Version Version `yaml:"version,omitempty"`
	// Community of v1 and v2c: a password that goes in clear. What is listened for must have it too. Default: public for a device that is asked, none of v1 and v2c are taken otherwise.
	Community secret.String `yaml:"community,omitempty"`
	// User of v3 by which a device is asked. Default: none.
	User *User `yaml:"user,omitempty"`
	// Users of v3 whose notifications are taken. Default: none.
	Users []User `yaml:"users,omitempty"`
	// From are the addresses, or networks such as 10.0.0.0/8, whose notifications are taken. Default: every address.
	From []string `yaml:"from,omitempty"`
	// Engine is the engine id of this node, in hexadecimal, to whom informs of v3 are sent. Default: made of this machine's name and listen.
	Engine string `yaml:"engine,omitempty"`
	// Context of v3, for devices that have several. Default: none.
	Context string `yaml:"context,omitempty"`
	// Names are what OIDs are called here: {tankLevel: 1.3.6.1.4.1.4711.1.2}. No MIB is read; the usual objects of MIB-II, interfaces, hosts, sensors and
	// UPSs have their names without, such as ifInOctets.2, hrStorageUsed.1 and sysUpTime.0. Default: none more.
	Names map[string]string `yaml:"names,omitempty"`
	// OIDs are the points, by name; or {file: tags.csv}, a table with the columns name, oid and so on. Required.
	OIDs tags.Map[Variable] `yaml:"oids"`
	// Every is the least time between two exchanges, also after one that failed. Default: 0s, one exchange for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Expect is how often a notification should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// Timeout of one request, until it is sent again. Default: 2s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Retries are how often a request is sent again. Default: 2.
	Retries int `yaml:"retries"`
	// MaxOIDs is how many variables one request asks for. A device that says that this is too big gets smaller ones. At most 60. Default: 24.
	MaxOIDs int `yaml:"max_oids,omitempty"`
	// MaxRepetitions is how many rows one request (GETBULK) asks for where a table is searched. At most 100. Default: 20.
	MaxRepetitions int `yaml:"max_repetitions,omitempty"`
}

// A Variable is a point: where its value stands.
type Variable struct {
	// OID of the variable, in numbers or by a name of names: ifInOctets.2. With row it is the column, without the index. In notifications it is found with
	// whatever index. Required.
	OID string `yaml:"oid"`
	// Row is which row of a table is meant, by what stands in another column of it: {column: ifDescr, is: eth0}. Default: none, the OID has its index.
	Row *Row `yaml:"row,omitempty"`
	// As is how a counter is taken: value, delta (since the exchange before) or rate (a second). Default: value.
	As As `yaml:"as,omitempty"`
	// Since is the OID of what changes when the counter begins anew. With row it is a column. Default: ifCounterDiscontinuityTime for
	// counters of interfaces (below 1.3.6.1.2.1.2.2.1 and 1.3.6.1.2.1.31.1.1.1), none for others.
	Since string `yaml:"since,omitempty"`
	// Notification is the OID of the only notification that is meant (snmpTrapOID), such as 1.3.6.1.6.3.1.1.5.3 for linkDown. Default: every one that has the variable.
	Notification string `yaml:"notification,omitempty"`
	// From is the address of the only sender of notifications that is meant. Default: every one.
	From string `yaml:"from,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty"`
	// Offset is what is added after scaling, in the unit of the point. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty"`
	// Unit of the point after scale and offset, a UCUM code such as Cel. Default: none.
	Unit string `yaml:"unit,omitempty"`
	// Decimals of a rate before scaling; it is rounded half to even. Default: 3.
	Decimals uint8 `yaml:"decimals,omitempty"`
}

// Shorthand names the setting that a single word stands for.
func (Variable) Shorthand() string { return "oid" }

// A Row is a row of a table.
type Row struct {
	// Column that says which row it is, in numbers or by a name: ifDescr. Required.
	Column string `yaml:"column"`
	// Is is what stands in that column, to the byte; a number is written out. Required.
	Is string `yaml:"is"`
}

// A User is one of v3.
type User struct {
	// Name of the user. Required.
	Name string `yaml:"name"`
	// Auth is how messages are signed: md5, sha, sha-224, sha-256, sha-384 or sha-512. Default: none, they are not.
	Auth Auth `yaml:"auth,omitempty"`
	// AuthPassword is what signs messages, of at least eight characters. Default: none.
	AuthPassword secret.String `yaml:"auth_password,omitempty"`
	// Priv is how messages are encrypted: des, aes, aes-192, aes-256, or aes-192-c and aes-256-c as Cisco extends their keys. Default: none, they are not.
	Priv Priv `yaml:"priv,omitempty"`
	// PrivPassword is what encrypts them, of at least eight characters. Default: none.
	PrivPassword secret.String `yaml:"priv_password,omitempty"`
	// Engines are the engine ids, in hexadecimal, of the devices whose notifications are taken of this user. Default: every engine.
	Engines []string `yaml:"engines,omitempty"`
}

// A Version of SNMP.
type Version string

// Words returns the versions.
func (Version) Words() []string { return []string{"1", "2c", "3"} }

// As is how a value is taken.
type As string

const (
	asDelta As = "delta"
	asRate  As = "rate"
)

// Words returns the ways.
func (As) Words() []string { return []string{"value", "delta", "rate"} }

// Auth is how messages are signed.
type Auth string

// Words returns the ways.
func (Auth) Words() []string {
	return []string{"md5", "sha", "sha-224", "sha-256", "sha-384", "sha-512"}
}

// Priv is how messages are encrypted.
type Priv string

// Words returns the ways.
func (Priv) Words() []string {
	return []string{"des", "aes", "aes-192", "aes-256", "aes-192-c", "aes-256-c"}
}

// What an exchange may bring: a device with more is one with a mistake in its configuration here.
const (
	maxVariables = 2000
	maxValue     = 8 << 10 // bytes of one value
	maxExchange  = unit.MiB
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Timeout = 2 * time.Second
	s.Retries = 2
	s.MaxOIDs = 24
	s.MaxRepetitions = 20
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	s.Version = s.version()
}

// version is the one by which a device is asked.
func (s *Settings) version() Version {
	switch {
	case s.Version != "":
		return s.Version
	case s.User != nil:
		return "3"
	}
	return "2c"
}

// Pushed reports whether the source waits for notifications.
func (s *Settings) Pushed() bool { return s.Listen != "" }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Listen != "" {
		return source.Pace{Expect: s.Expect, Of: "notification"}
	}
	// A table is searched, and a device that is silent is given up after two requests.
	return source.Pace{Every: s.Every, Limit: s.patience()}
}

// patience is how long an exchange may take.
func (s *Settings) patience() time.Duration {
	return min(4*s.Timeout*time.Duration(s.Retries+1), time.Minute)
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.Address }

// Peer names whom the source asks.
func (s *Settings) Peer() string { return s.Address }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size { return maxExchange }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	return errors.Join(s.checkPeer(), s.checkLogin(), s.checkNumbers(), s.checkNames(), s.checkVariables())
}

func (s *Settings) checkPeer() error {
	var errs []error
	switch {
	case s.Address == "" && s.Listen == "":
		errs = append(errs, errors.New("address: want the device's host, or host:port"))
	case s.Address != "" && s.Listen != "":
		errs = append(errs, errors.New("listen: a source either asks the device at address or waits for notifications; make two of them"))
	case s.Listen != "":
		if _, err := netip.ParseAddrPort(s.Listen); err != nil {
			errs = append(errs, fmt.Errorf("listen: %q: want an address and a port, such as 0.0.0.0:162", s.Listen))
		}
	default:
		if _, _, err := s.target(); err != nil {
			errs = append(errs, fmt.Errorf("address: %w", err))
		}
	}
	for i, from := range s.From {
		if _, err := prefixOf(from); err != nil {
			errs = append(errs, fmt.Errorf("from[%d]: %q: want an address, or a network such as 10.0.0.0/8", i, from))
		}
	}
	if _, err := engineOf(s.Engine); s.Engine != "" && err != nil {
		errs = append(errs, fmt.Errorf("engine: %w", err))
	}
	return errors.Join(errs...)
}

// target returns the device's host and port.
func (s *Settings) target() (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(s.Address)
	if err != nil { // without a port
		host, text = strings.Trim(s.Address, "[]"), "161"
		if strings.Contains(host, ":") {
			if _, err := netip.ParseAddr(host); err != nil {
				return "", 0, errors.New("want host or host:port; an IPv6 address with a port is written [::1]:161")
			}
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/@ ") {
		return "", 0, fmt.Errorf("%q: want host or host:port", s.Address)
	}
	return host, uint16(n), nil
}

func (s *Settings) checkLogin() error {
	var errs []error
	if s.Version != "" && !slices.Contains(Version("").Words(), string(s.Version)) {
		errs = append(errs, fmt.Errorf("version: %q: want 1, 2c or 3", s.Version))
	}
	switch {
	case s.Listen != "":
		if s.User != nil {
			errs = append(errs, errors.New("user: it is for a device that is asked; whose notifications are taken stands in users"))
		}
		if s.Community.IsZero() && len(s.Users) == 0 {
			errs = append(errs, errors.New("listen: community (v1, v2c) or users (v3): one of them must say whose notifications are taken"))
		}
	case s.version() == "3" && s.User == nil:
		errs = append(errs, errors.New("user: v3 has users: want {name: …, auth: sha-256, auth_password: {file: …}}"))
	case s.version() != "3" && s.User != nil:
		errs = append(errs, fmt.Errorf("user: v%s has no users; set version: 3, or take it out", s.Version))
	case s.version() == "3" && !s.Community.IsZero():
		errs = append(errs, errors.New("community: v3 has none; take it out"))
	}
	if s.Listen == "" && len(s.Users)+len(s.From) > 0 {
		errs = append(errs, errors.New("users and from say whose notifications are taken; a device that is asked has user"))
	}
	if err := s.User.check(); err != nil {
		errs = append(errs, fmt.Errorf("user.%w", err))
	}
	seen := map[string]bool{}
	for i := range s.Users {
		if err := s.Users[i].check(); err != nil {
			errs = append(errs, fmt.Errorf("users[%d].%w", i, err))
		}
		if seen[s.Users[i].Name] {
			errs = append(errs, fmt.Errorf("users[%d].name: %q is there twice", i, s.Users[i].Name))
		}
		seen[s.Users[i].Name] = true
	}
	return errors.Join(errs...)
}

func (u *User) check() error {
	switch {
	case u == nil:
		return nil
	case u.Name == "" || len(u.Name) > 32:
		return errors.New("name: want 1 to 32 characters")
	case u.Auth != "" && !slices.Contains(u.Auth.Words(), string(u.Auth)):
		return fmt.Errorf("auth: %q: want %s", u.Auth, strings.Join(u.Auth.Words(), ", "))
	case u.Priv != "" && !slices.Contains(u.Priv.Words(), string(u.Priv)):
		return fmt.Errorf("priv: %q: want %s", u.Priv, strings.Join(u.Priv.Words(), ", "))
	case u.Priv != "" && u.Auth == "":
		return errors.New("priv: SNMP encrypts nothing that is not signed; set auth too")
	case (u.Auth == "") != u.AuthPassword.IsZero():
		return errors.New("auth_password: it belongs to auth; want both or none")
	case (u.Priv == "") != u.PrivPassword.IsZero():
		return errors.New("priv_password: it belongs to priv; want both or none")
	}
	for i, engine := range u.Engines {
		if _, err := engineOf(engine); err != nil {
			return fmt.Errorf("engines[%d]: %w", i, err)
		}
	}
	return nil
}

// CheckSecret says what is wrong with the text of a secret.
func (s *Settings) CheckSecret(setting, text string) error {
	switch {
	case strings.HasSuffix(setting, "password") && len(text) < 8:
		return errors.New("it is shorter than eight characters, which v3 does not allow")
	case setting == "community" && len(text) > 127:
		return errors.New("it is longer than 127 characters")
	}
	return nil
}

func (s *Settings) checkNumbers() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want at least 10ms", unit.FormatDuration(s.Every))
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.Timeout >= 10*time.Millisecond && s.Timeout <= time.Minute, "timeout: %s: want 10ms to 1m", unit.FormatDuration(s.Timeout))
	want(s.Retries >= 0 && s.Retries <= 10, "retries: %d: want 0 to 10", s.Retries)
	want(s.MaxOIDs >= 1 && s.MaxOIDs <= 60, "max_oids: %d: want 1 to 60", s.MaxOIDs)
	want(s.MaxRepetitions >= 1 && s.MaxRepetitions <= 100, "max_repetitions: %d: want 1 to 100", s.MaxRepetitions)
	return errors.Join(errs...)
}

func (s *Settings) checkNames() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Names)) {
		if name == "" || name[0] >= '0' && name[0] <= '9' || strings.Contains(name, ".") {
			errs = append(errs, fmt.Errorf("names: %q: a name has no dot and begins with no digit", name))
		}
		if _, err := parseOID(s.Names[name]); err != nil {
			errs = append(errs, fmt.Errorf("names.%s: %q: %w", name, s.Names[name], err))
		}
	}
	return errors.Join(errs...)
}

func (s *Settings) checkVariables() error {
	if len(s.OIDs) == 0 {
		return errors.New("oids: want the points, such as {uptime: 1.3.6.1.2.1.1.3.0}")
	}
	if len(s.OIDs) > maxVariables {
		return fmt.Errorf("oids: %d of them, a source has at most %d", len(s.OIDs), maxVariables)
	}
	var errs []error
	for _, point := range slices.Sorted(maps.Keys(s.OIDs)) {
		v := s.OIDs[point]
		r, err := v.rule(s.Names)
		if err != nil {
			errs = append(errs, fmt.Errorf("oids.%s.%w", point, err))
			continue
		}
		if s.Listen != "" && (v.As == asDelta || v.As == asRate) {
			errs = append(errs, fmt.Errorf("oids.%s.as: %s needs one exchange after another; a notification is alone", point, v.As))
		}
		if name, how := instance(r.OID); s.Listen == "" && v.Row == nil && name != "" {
			errs = append(errs, fmt.Errorf("oids.%s.oid: %s has no value itself: %s", point, name, how))
		}
		if s.Listen == "" && (v.Notification != "" || v.From != "") {
			errs = append(errs, fmt.Errorf("oids.%s: notification and from are for a source that listens", point))
		}
	}
	return errors.Join(errs...)
}

// rules are what the readings mean, by point. Mistakes are told by Check.
func (s Settings) rules() map[string]rule {
	rules := map[string]rule{}
	for point, v := range s.OIDs {
		rules[point], _ = v.rule(s.Names)
	}
	return rules
}

// The columns of interfaces, and what of them changes when their counters begin anew (RFC 2863).
const (
	ifEntry              = "1.3.6.1.2.1.2.2.1"
	ifXEntry             = "1.3.6.1.2.1.31.1.1.1"
	counterDiscontinuity = "1.3.6.1.2.1.31.1.1.1.19"
)

// rule returns the rule of a point in numbers.
func (v Variable) rule(names names) (r rule, err error) {
	r = rule{Scale: v.Scale, Offset: v.Offset, Unit: v.Unit}
	if r.OID, err = names.resolve(v.OID); err != nil {
		return r, fmt.Errorf("oid: %w", err)
	}
	if v.Row != nil {
		if r.Key, err = names.resolve(v.Row.Column); err != nil {
			return r, fmt.Errorf("row.column: %w", err)
		}
		if r.Is = v.Row.Is; r.Is == "" {
			return r, errors.New("row.is: want what stands in the column")
		}
	}
	if v.As != "" && !slices.Contains(v.As.Words(), string(v.As)) {
		return r, fmt.Errorf("as: %q: want value, delta or rate", v.As)
	}
	if v.From != "" {
		from, err := netip.ParseAddr(v.From)
		if err != nil {
			return r, fmt.Errorf("from: %q: want an address", v.From)
		}
		r.From = from.Unmap().WithZone("").String()
	}
	if v.Notification != "" {
		if r.Notification, err = names.resolve(v.Notification); err != nil {
			return r, fmt.Errorf("notification: %w", err)
		}
	}
	if v.As == asDelta || v.As == asRate {
		r.As = v.As
		r.Since, err = v.since(r, names)
	}
	if v.As == asRate {
		r.Decimals = v.Decimals
	}
	return r, err
}

// since returns what changes when the counter of a rule begins anew.
func (v Variable) since(r rule, names names) (string, error) {
	if v.Since != "" {
		oid, err := names.resolve(v.Since)
		if err != nil {
			return "", fmt.Errorf("since: %w", err)
		}
		return oid, nil
	}
	for _, table := range []string{ifEntry, ifXEntry} {
		column, is := below(table, r.OID)
		if !is {
			continue
		}
		_, index, _ := strings.Cut(column, ".")
		if r.Key != "" {
			return counterDiscontinuity, nil
		}
		if index != "" {
			return counterDiscontinuity + "." + index, nil
		}
	}
	return "", nil
}
