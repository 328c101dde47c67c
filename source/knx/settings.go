// Package knx observes what devices of a building say on a KNX bus, through a KNXnet/IP interface (tunnelling) or routers (routing).
//
// A group address is a point. Each telegram that writes a value to it, or answers who read it, is a reading of its own: the cEMI frame as it
// came, its item the group address. The value is decoded by the datapoint type (DPT) that the ETS shows for the group: 1 to 14, 16 to 30, 232 and
// 235, exactly; percent and angles of one byte (5.001, 5.003) are rounded at four decimals, and floats of four bytes (14) are the shortest decimal
// that is that float. A time of day (10) is in seconds since midnight, a date (11) in days since 1970-01-01, and a date with time (19) in seconds
// since then, all as the device's clock shows them where it is: they are values, and when a telegram came is told by this node's clock. A colour
// (232) is the number 0xRRGGBB, and of an energy with its tariff (235) the energy is the value.
//
// Dodona writes nothing to the bus but reads (GroupValue_Read): of groups that have read, and, when nothing came for as long as silence says, one of
// the group called watch, which tells a quiet bus from a tunnel that is dead with every sign of life. With watch: none it sends no telegram at all.
//
// Bad input: a telegram of another size than its type, a float that says of itself that it is invalid (7FFF), a float that is no number, a date
// that there is not, a clock with a fault, and a text without a number are bad points with their reason. What is no KNXnet/IP, comes of another channel or out of sequence, and what comes faster than it is taken
// (1,000 telegrams wait at most) is dropped and counted. Telegrams to other groups are nobody's and not counted.
//
// KNX Secure is not offered: no library for it exists in Go. An interface that wants it refuses the tunnel; put a plain interface beside it,
// reachable from this machine alone. Whoever reaches the interface, or the multicast group, can say anything in any device's name.
//
// dodona source scan knx 192.0.2.7 --wait 10m lists the groups that spoke while it listened, each with its last value. It sends nothing to the bus, so who
// says nothing is not found, and dpt is what values of that size mostly are: the type of a group is what the ETS shows.
package knx

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "knx".
var Kind = source.Scanning(source.Decoding(source.NewPushed("knx", open), Settings.rules, newDecoder), "groups", scan)

// Settings say where the bus is, and which groups are points.
type Settings struct {
	// Gateway is the KNXnet/IP interface to tunnel through, host or host:port. The port is 3671 if none is given. Default: none, there must be routing.
	Gateway string `yaml:"gateway,omitempty"`
	// Routing is the multicast group of KNXnet/IP routers to listen to, such as 224.0.23.12 (port 3671), instead of a gateway. Default: none.
	Routing string `yaml:"routing,omitempty"`
	// Interface is the network interface by which routers are reached, such as eth0. Default: what the system takes for multicast.
	Interface string `yaml:"interface,omitempty"`
	// Individual is the address by which this node reads with routing; no device may have it. A gateway gives one itself. Default: 15.15.255.
	Individual string `yaml:"individual,omitempty"`
	// Groups are the points, by name; or {file: tags.csv}, a table with the columns name, address, dpt and so on. Required.
	Groups tags.Map[Group] `yaml:"groups"`
	// Expect is how often a telegram should come: after three times that without any, the source is stale. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// Silence is after which time without a telegram the way to the bus is tried. At least 1s. Default: 1m.
	Silence time.Duration `yaml:"silence,omitempty"`
	// Watch is the point whose group is read then; none: none is, and after a silence the tunnel is made anew instead. Default: the first of groups, by name.
	Watch string `yaml:"watch,omitempty"`
	// Timeout of whatever the gateway has to answer. Default: 3s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Heartbeat is how often a gateway is asked whether it has the tunnel still. Default: 30s.
	Heartbeat time.Duration `yaml:"heartbeat,omitempty"`
}

// A Group is a point: a group address, and what its values are.
type Group struct {
	// Address of the group, as the ETS shows it: 1/2/3, 1/515 or 2563. Required.
	Address string `yaml:"address"`
	// DPT is the datapoint type, such as 9.001 for a temperature; 9.* where the sub type is not known. Required.
	DPT string `yaml:"dpt"`
	// From is the individual address of the only device whose telegrams count, such as 1.1.20. It is not proved. Default: every device.
	From string `yaml:"from,omitempty"`
	// Read is how often the group is read (GroupValue_Read), and once at the start, for devices that do not speak by themselves. Default: 0s, never.
	Read time.Duration `yaml:"read,omitempty"`
	// Scale is what the value is multiplied by, exactly, such as 0.1. Default: 1.
	Scale dodona.Decimal `yaml:"scale,omitempty"`
	// Offset is what is added after scaling, in the unit of the point. Default: 0.
	Offset dodona.Decimal `yaml:"offset,omitempty"`
	// Unit of the point after scale and offset, a UCUM code such as Cel. Default: that of the datapoint type, if it has one and nothing is scaled.
	Unit string `yaml:"unit,omitempty"`
}

const (
	defaultPort = 3671
	maxGroups   = 1000
	none        = "none"

	leastRead = time.Second
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Individual = "15.15.255"
	s.Silence = time.Minute
	s.Timeout = 3 * time.Second
	s.Heartbeat = 30 * time.Second
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace { return source.Pace{Expect: s.Expect, Of: "telegram"} }

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.Gateway + s.Routing }

// Peer names whom the source asks.
func (s *Settings) Peer() string { return s.Gateway + s.Routing }

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	return errors.Join(s.checkWay(), s.checkTimes(), s.checkGroups())
}

func (s *Settings) checkWay() error {
	var errs []error
	switch {
	case s.Gateway == "" && s.Routing == "":
		errs = append(errs, errors.New("gateway: want the KNXnet/IP interface's host, or host:port; or routing: 224.0.23.12"))
	case s.Gateway != "" && s.Routing != "":
		errs = append(errs, errors.New("routing: a source either tunnels through gateway or listens to routers"))
	case s.Gateway != "":
		if _, err := withPort(s.Gateway); err != nil {
			errs = append(errs, fmt.Errorf("gateway: %w", err))
		}
		if s.Interface != "" {
			errs = append(errs, errors.New("interface: it is for routing; a gateway is found by its address"))
		}
	default:
		if _, err := s.multicast(); err != nil {
			errs = append(errs, fmt.Errorf("routing: %w", err))
		}
	}
	if address, err := parseIndividual(s.Individual); err != nil || address == 0 {
		errs = append(errs, fmt.Errorf("individual: %q: want an address of a device that there is not, such as 15.15.255", s.Individual))
	}
	return errors.Join(errs...)
}

// withPort adds the standard port.
func withPort(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, fmt.Sprint(defaultPort)
	}
	joined := net.JoinHostPort(host, port)
	if host == "" || strings.ContainsAny(host, "/@ :") {
		return "", fmt.Errorf("%q: want host or host:port", address)
	}
	if _, err := net.LookupPort("udp", port); err != nil || port == "0" {
		return "", fmt.Errorf("%q: want host or host:port", address)
	}
	return joined, nil
}

// multicast returns the group of routers.
func (s *Settings) multicast() (netip.AddrPort, error) {
	text := s.Routing
	if !strings.Contains(text, ":") {
		text = fmt.Sprintf("%s:%d", text, defaultPort)
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil || !at.Addr().Is4() || !at.Addr().IsMulticast() || at.Port() == 0 {
		return at, fmt.Errorf("%q: want a multicast address of IPv4, such as 224.0.23.12", s.Routing)
	}
	return at, nil
}

func (s *Settings) checkTimes() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.Silence >= time.Second, "silence: %s: want at least 1s", unit.FormatDuration(s.Silence))
	want(s.Timeout >= 100*time.Millisecond && s.Timeout <= time.Minute, "timeout: %s: want 100ms to 1m", unit.FormatDuration(s.Timeout))
	want(s.Heartbeat >= time.Second && s.Heartbeat <= 100*time.Second, "heartbeat: %s: want 1s to 1m40s; a gateway gives a tunnel up after two minutes", unit.FormatDuration(s.Heartbeat))
	return errors.Join(errs...)
}

func (s *Settings) checkGroups() error {
	if len(s.Groups) == 0 {
		return errors.New("groups: want the points, such as {temperature: {address: 1/2/3, dpt: 9.001}}")
	}
	if len(s.Groups) > maxGroups {
		return fmt.Errorf("groups: %d of them, a source has at most %d", len(s.Groups), maxGroups)
	}
	var errs []error
	for _, point := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[point]
		if _, err := g.rule(); err != nil {
			errs = append(errs, fmt.Errorf("groups.%s.%w", point, err))
		}
		if g.Read != 0 && g.Read < leastRead {
			errs = append(errs, fmt.Errorf("groups.%s.read: %s: want at least %s: the bus takes twenty telegrams a second in all", point, unit.FormatDuration(g.Read), unit.FormatDuration(leastRead)))
		}
	}
	if _, found := s.Groups[s.Watch]; s.Watch != "" && s.Watch != none && !found {
		errs = append(errs, fmt.Errorf("watch: %q is not among groups; want one of them, or none", s.Watch))
	}
	return errors.Join(errs...)
}

// rules are what the readings mean, by point. Mistakes are told by Check.
func (s Settings) rules() map[string]rule {
	rules := map[string]rule{}
	for point, g := range s.Groups {
		rules[point], _ = g.rule()
	}
	return rules
}

// rule returns the rule of a point in the one form.
func (g Group) rule() (r rule, err error) {
	address, err := parseGroup(g.Address)
	if err != nil {
		return r, fmt.Errorf("address: %w", err)
	}
	if _, err := formatOf(g.DPT); err != nil {
		return r, err
	}
	r = rule{Address: groupText(address), DPT: g.DPT, Scale: g.Scale, Offset: g.Offset, Unit: g.Unit}
	if r.Unit == "" && g.Scale.Sign() == 0 {
		r.Unit = subs[g.DPT].unit
	}
	if g.From != "" {
		from, err := parseIndividual(g.From)
		if err != nil {
			return r, fmt.Errorf("from: %w", err)
		}
		r.From = individualText(from)
	}
	return r, nil
}

// watched returns the group that is read after a silence; false: none.
func (s *Settings) watched() (group uint16, is bool) {
	point := s.Watch
	if point == none {
		return 0, false
	}
	if point == "" {
		point = slices.Sorted(maps.Keys(s.Groups))[0]
	}
	group, err := parseGroup(s.Groups[point].Address)
	return group, err == nil
}
