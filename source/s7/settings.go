// Package s7 observes controllers of Siemens by S7 communication: data blocks, flags, inputs and outputs of the S7-300, 400, 1200 and 1500, ET 200SP, LOGO! and
// what speaks like them. It only reads.
//
// Each exchange reads all registers, those near each other in one block and many blocks in one telegram, and each block is a reading of its bytes. A register
// that the controller refuses is bad with its reason, and the others of its block are read without it.
//
// What has to be set in TIA Portal, for the S7-1200 and 1500: in the properties of the CPU, Protection & Security, Connection mechanisms: permit access with PUT/GET
// communication from remote partner; and as access level full access (no protection). In the attributes of each data block: switch off optimised block access, because optimised blocks have
// no addresses (the column Offset shows them after compiling). Load both into the controller. Whoever reaches port 102 of such a controller can then also write to it: keep it in a network of
// its own. Where blocks must stay optimised, or access restricted, read the controller by its OPC UA server (kind opcua), which knows users and encryption; S7 communication has neither.
//
// Rack and slot by family: S7-1200, S7-1500 and ET 200SP are rack 0, slot 1 (family: s7-1500, s7-1200); S7-300 rack 0, slot 2; S7-400 rack 0, slot 3, or as its hardware configuration shows;
// WinAC, slot 2 mostly. LOGO! 0BA7 and later, and S7-200 with a CP, have no rack: they are reached by TSAPs (family: logo is 0200 and 0200; else tsap).
//
// Values stand in the order of Siemens, big-endian. A bad register has one of these reasons: no such data block (or an optimised one), an address beyond the end, access denied, a type that the controller does not
// read there, a hardware fault, a string of another length than was declared, digits that are none, a time that is none, NaN. An answer that is late, short, of another question, of another
// size or of more than was asked ends the connection, and nothing of it is a value; so does a controller that negotiates telegrams of less than 64 bytes.
package s7

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/tags"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "s7".
var Kind = source.Decoding(source.NewPolled("s7", open), func(s Settings) map[string]Rule { return s.rules() }, decoder)

// Settings say which controller is asked, and for what.
type Settings struct {
	// Address of the controller or of its communication processor, as host:port; the port, 102, may be left out. Required.
	Address string `yaml:"address"`
	// Family of the controller: s7-1500, s7-1200, s7-300, s7-400 or logo, which says rack and slot. Default: s7-1500.
	Family Family `yaml:"family,omitempty"`
	// Rack of the CPU, 0 to 7. Default: 0.
	Rack int `yaml:"rack,omitempty"`
	// Slot of the CPU, 0 to 31. Default: that of family: 1, of s7-300 2, of s7-400 3.
	Slot *int `yaml:"slot,omitempty"`
	// Role that is taken: pg (a programming device), op (a panel) or basic. A controller has so many connections of each. Default: pg.
	Role Role `yaml:"role,omitempty"`
	// TSAP of both ends instead of rack, slot and role, for LOGO!, S7-200 and gateways: {local: "0200", remote: "0200"}. Default: none; 0200 and 0200 of logo.
	TSAP *TSAP `yaml:"tsap,omitempty"`
	// Registers are the points, by name, or a file that has them: {file: tags.csv}, with a line for each and the columns name, at, type and so on. A text is an
	// address alone: flow: DB1.DBW4. Required.
	Registers tags.Map[Register] `yaml:"registers"`
	// Gap is how many bytes that nobody wants may be read between two values, to read both in one block. Default: 16.
	Gap int `yaml:"gap"`
	// Every is the least time between two exchanges, each of which reads all registers, such as 1s. Default: 0s, one for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of one request with its answer. Default: 2s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout is how long the connection with its negotiation may take. Default: 3s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
}

// A TSAP names both ends of a connection.
type TSAP struct {
	// Local is this end, in four hexadecimal digits. Required.
	Local string `yaml:"local"`
	// Remote is the controller, in four hexadecimal digits. Required.
	Remote string `yaml:"remote"`
}

// Family is a sort of controllers.
type Family string

// Words returns the families.
func (Family) Words() []string { return []string{"s7-1500", "s7-1200", "s7-300", "s7-400", "logo"} }

var slots = map[Family]int{"s7-1500": 1, "s7-1200": 1, "s7-300": 2, "s7-400": 3, "logo": 0}

// Role is what a client is to a controller.
type Role string

// Words returns the roles.
func (Role) Words() []string { return []string{"pg", "op", "basic"} }

var roles = map[Role]uint16{"pg": 1, "op": 2, "basic": 3}

// Shorthand is the setting that a single value stands for.
func (Register) Shorthand() string { return "at" }

const (
	maxPoints = 10_000
	maxBytes  = quantity.MiB
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Family, s.Role = "s7-1500", "pg"
	s.Gap = 16
	s.Timeout, s.ConnectTimeout = 2*time.Second, 3*time.Second
}

// ends returns the TSAPs of both ends.
func (s *Settings) ends() (local, remote uint16) {
	switch {
	case s.TSAP != nil:
		l, _ := strconv.ParseUint(s.TSAP.Local, 16, 16) // Check tells of mistakes
		r, _ := strconv.ParseUint(s.TSAP.Remote, 16, 16)
		return uint16(l), uint16(r)
	case s.Family == "logo":
		return 0x0200, 0x0200
	}
	slot := slots[s.Family]
	if s.Slot != nil {
		slot = *s.Slot
	}
	return 0x0100, roles[s.Role]<<8 | uint16(s.Rack)<<5 | uint16(slot)
}

// endpoint returns the address with its port.
func (s *Settings) endpoint() string {
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return net.JoinHostPort(strings.Trim(s.Address, "[]"), "102")
	}
	return s.Address
}

// rules returns what the registers mean; mistakes are told by Check.
func (s *Settings) rules() map[string]Rule {
	rules := make(map[string]Rule, len(s.Registers))
	for name, register := range s.Registers {
		rules[name], _ = register.rule()
	}
	return rules
}

// blocks returns what the registers want of the controller.
func (s *Settings) blocks() []block {
	var wanted []block
	for _, r := range s.rules() {
		wanted = append(wanted, r.block())
	}
	return wanted
}

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	requests := time.Duration(2*len(telegrams(plan(s.blocks(), s.Gap), leastPDU)) + 1)
	return source.Pace{Every: s.Every, Limit: min(10*time.Minute, s.ConnectTimeout+requests*s.Timeout)}
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string {
	local, remote := s.ends()
	return fmt.Sprint(s.endpoint(), local, remote, plan(s.blocks(), s.Gap))
}

// Peer names whom the source asks.
func (s *Settings) Peer() string { return s.endpoint() }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() quantity.Size {
	total := 0
	for _, b := range plan(s.blocks(), s.Gap) {
		total += b.n
	}
	return quantity.Size(total)
}

var fourDigits = regexp.MustCompile(`^[0-9a-fA-F]{4}$`)

// Check says what is wrong with the settings. It does not dial.
func (s *Settings) Check() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Address != "" && !strings.ContainsAny(s.Address, "/@ "), "address: %q: want HOST or HOST:PORT, such as 10.0.0.8", s.Address)
	want(slices.Contains(s.Family.Words(), string(s.Family)), "family: %q: want one of %s", s.Family, strings.Join(s.Family.Words(), ", "))
	want(slices.Contains(s.Role.Words(), string(s.Role)), "role: %q: want pg, op or basic", s.Role)
	want(s.Rack >= 0 && s.Rack <= 7, "rack: %d: want 0 to 7", s.Rack)
	want(s.Slot == nil || *s.Slot >= 0 && *s.Slot <= 31, "slot: want 0 to 31")
	if s.TSAP != nil {
		want(fourDigits.MatchString(s.TSAP.Local) && fourDigits.MatchString(s.TSAP.Remote), "tsap: want four hexadecimal digits each, such as {local: \"0200\", remote: \"0200\"}")
		want(s.Slot == nil && s.Rack == 0, "tsap: it says rack and slot already")
	}
	want(s.Gap >= 0 && s.Gap <= blockSize, "gap: %d: want 0 to %d", s.Gap, blockSize)
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want 0s, or at least 10ms", quantity.FormatDuration(s.Every))
	want(s.Timeout > 0 && s.Timeout <= time.Minute, "timeout: %s: want more than 0s and at most 1m", quantity.FormatDuration(s.Timeout))
	want(s.ConnectTimeout > 0 && s.ConnectTimeout <= time.Minute, "connect_timeout: %s: want more than 0s and at most 1m", quantity.FormatDuration(s.ConnectTimeout))
	want(len(s.Registers) > 0, "registers: missing, want at least one, such as temperature: {at: DB1.DBD4, type: real}")
	want(len(s.Registers) <= maxPoints, "registers: %d, want at most %d", len(s.Registers), maxPoints)
	for _, name := range slices.Sorted(maps.Keys(s.Registers)) {
		if _, err := s.Registers[name].rule(); err != nil {
			errs = append(errs, under("registers."+name, err))
		}
	}
	if len(errs) == 0 {
		want(s.Largest() <= maxBytes, "registers: they are %s together, want at most %s", s.Largest(), maxBytes)
	}
	return errors.Join(errs...)
}

// under says below which setting each of some mistakes is.
func under(setting string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		var each []error
		for _, e := range joined.Unwrap() {
			each = append(each, fmt.Errorf("%s.%w", setting, e))
		}
		return errors.Join(each...)
	}
	return fmt.Errorf("%s.%w", cmp.Or(setting, "registers"), err)
}
