package modbus

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/tty"
	quantity "github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Settings say who is asked, and for what.
type Settings struct {
	// Address of the device or of the gateway before it, as host:port; the port may be left out. A source has one of address, serial and
	// listen. Default: none; the port is 502, or 802 with tls.
	Address string `yaml:"address,omitempty"`
	// Serial is the line that the units are on. A port belongs to one source, which can ask many units. Default: none.
	Serial *tty.Settings `yaml:"serial,omitempty"`
	// Listen is where a device dials in, such as one behind a modem for mobile networks. Default: none.
	Listen *Listen `yaml:"listen,omitempty"`
	// Framing is how requests and answers are put on the line: tcp (each with a transaction) or rtu (each with a checksum). rtu at an address
	// is RTU over TCP, as transparent gateways have it. Default: tcp at an address; rtu on a serial line and of devices that dial in.
	Framing Framing `yaml:"framing,omitempty"`
	// TLS secures the connection to address (Modbus/TCP Security). Default: none.
	TLS *TLS `yaml:"tls,omitempty"`
	// Unit is the id of the unit that has the registers, 0 to 255; a register may name another. On a serial line 1 to 247. Default: 1.
	Unit int `yaml:"unit"`
	// Named are the devices that single units are, by unit id, such as {4: boiler-2}, for whoever is given their points. Default: none; all are
	// the device of the source.
	Named map[string]string `yaml:"devices,omitempty"`
	// Registers are the points, by name, or a file that has them: {file: tags.csv}, with a line for each and the columns name, holding, type and
	// so on. Required.
	Registers tags.Map[Register] `yaml:"registers"`
	// Order of the bytes and words of registers that name none themselves. Default: ABCD.
	Order registers.Order `yaml:"order,omitempty"`
	// Base is the address that the first register has in the device's manual, 0 or 1. Default: 0.
	Base int `yaml:"base,omitempty"`
	// Gap is how many registers (or bits) that nobody wants may be read between two that are wanted, to read both in one request. Default: 0.
	Gap int `yaml:"gap,omitempty"`
	// Holes are addresses that no request may touch to save another, such as [holding/120-129], or 3/holding/120-129 for unit 3 alone. Default: none.
	Holes []string `yaml:"holes,omitempty"`
	// MaxRegisters is how many registers one request asks for at most, 1 to 125: less for devices that take no more. A value that is longer is read whole all the same. Default: 125.
	MaxRegisters int `yaml:"max_registers,omitempty"`
	// MaxBits is how many coils or discrete inputs one request asks for at most, 1 to 2000. Default: 2000.
	MaxBits int `yaml:"max_bits,omitempty"`
	// OneByOne has a request for each register, for devices that know no more. Default: false.
	OneByOne bool `yaml:"one_by_one,omitempty"`
	// Every is the least time between two exchanges, each of which reads all registers, such as 1s. Default: 0s, one for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of one request with its answer. Default: 1s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout is how long the connection alone may take; also how long an exchange waits for a device to dial in. Default: 3s.
	ConnectTimeout time.Duration `yaml:"connect_timeout,omitempty"`
	// Retries of a request that had no answer, within one exchange; a unit that was silent before is asked once. Default: 1.
	Retries int `yaml:"retries"`
	// PauseAfterConnect is how long the device rests before the first request. Default: 0s.
	PauseAfterConnect time.Duration `yaml:"pause_after_connect,omitempty"`
	// Pause between two requests, for slow units and gateways. Default: 0s; on a serial line the three and a half characters of the protocol.
	Pause time.Duration `yaml:"pause,omitempty"`
	// CloseAfterPoll closes the connection after each exchange, for devices that serve one peer at a time. Default: false.
	CloseAfterPoll bool `yaml:"close_after_poll,omitempty"`
	// AnyUnit takes answers over TCP that name another unit than was asked, as some gateways give them. Default: false.
	AnyUnit bool `yaml:"any_unit,omitempty"`
	// AnyTransaction takes answers over TCP that name another transaction than was asked with, as some inverters and bridges give them: always 0,
	// or numbers of their own. The connection is made anew then after every time-out and whenever more came than was asked for; yet what such a device says twice, the second time late, can be taken for its next answer. Default: false.
	AnyTransaction bool `yaml:"any_transaction,omitempty"`
}

// A Framing is how requests and answers are put on a line.
type Framing string

// The framings.
const (
	TCP Framing = "tcp"
	RTU Framing = "rtu"
)

// Words returns the framings.
func (Framing) Words() []string { return []string{"tcp", "rtu"} }

// A Listen says where devices dial in, and what one says first. Whoever can reach the port and knows an id can be that device: let it be
// reached from the modems' own network alone.
type Listen struct {
	// Address to listen at, such as 10.8.0.1:5020. Sources may share it, each with an id of its own. Required.
	Address string `yaml:"address"`
	// ID is what the device sends first, its registration packet, such as its IMEI: a text, or bytes as 0x0102af. It may stand in front of
	// every later packet too. Required.
	ID string `yaml:"id"`
	// Heartbeat is what the device sends now and then, a text or bytes as 0x…; it is dropped. Default: none.
	Heartbeat string `yaml:"heartbeat,omitempty"`
}

// A TLS says whom to trust, and who this is.
type TLS struct {
	// CA is a PEM file with the certificates to trust instead of the system's. It is read for each connection. Default: the system's.
	CA                string `yaml:"ca,omitempty" path:"true"`
	httpc.Certificate `yaml:",inline"`
}

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Unit = 1
	s.MaxRegisters, s.MaxBits = 125, 2000
	s.Timeout, s.ConnectTimeout = time.Second, 3*time.Second
	s.Retries = 1
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	if s.Framing == "" {
		s.Framing = TCP
		if s.Address == "" && (s.Serial != nil || s.Listen != nil) {
			s.Framing = RTU
		}
	}
	if s.Serial != nil {
		s.Serial.Complete()
	}
}

func (s *Settings) points() map[string]Register { return s.Registers }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	return source.Pace{Every: s.Every, Limit: s.limit()}
}

// limit returns how long an exchange may take.
func (s *Settings) limit() time.Duration {
	const most = 10 * time.Minute
	fields, _ := s.fields() // Check tells of mistakes
	requests := time.Duration(len(s.plan(fields)) + 1)
	return min(most, s.ConnectTimeout+requests*time.Duration(s.Retries+1)*(s.Timeout+s.pauseOf()))
}

func (s *Settings) pauseOf() time.Duration { return s.pause() + s.PauseAfterConnect }

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() quantity.Size {
	fields, _ := s.fields() // Check tells of mistakes
	size := 0
	for _, b := range s.plan(fields) {
		size += b.table.size(b.n)
	}
	return quantity.Size(size)
}

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return s.Peer() + " " + strconv.Itoa(s.Unit) }

// Peer names whom the source asks.
func (s *Settings) Peer() string {
	switch {
	case s.Serial != nil:
		return s.Serial.Device
	case s.Listen != nil:
		return "the device that dials in at " + s.Listen.Address
	}
	return s.hostPort()
}

// hostPort returns the address with its port.
func (s *Settings) hostPort() string {
	if _, _, err := net.SplitHostPort(s.Address); err == nil {
		return s.Address
	}
	port := "502"
	if s.TLS != nil {
		port = "802"
	}
	return net.JoinHostPort(strings.Trim(s.Address, "[]"), port)
}

// Devices names the devices of points whose units have names.
func (s *Settings) Devices() map[string]string {
	fields, _ := s.fields() // Check tells of mistakes
	of := map[string]string{}
	for _, f := range fields {
		if name, found := s.Named[strconv.Itoa(int(f.rule.UnitID))]; found {
			of[f.point] = name
		}
	}
	return of
}

// mistakes reports whether a late answer on this line could be taken for that of another request: there are no transactions, or the line is
// kept with a peer that answers late.
func (s *Settings) mistakes() bool { return s.Framing == RTU || s.Listen != nil }

// Check says what is wrong with the settings, without looking at any device.
func (s *Settings) Check() error {
	_, errFields := s.fields()
	return errors.Join(s.checkPeer(), s.checkUnits(), errFields, s.checkPlan(), s.checkTimes())
}

func (s *Settings) checkPeer() error {
	given := 0
	for _, is := range []bool{s.Address != "", s.Serial != nil, s.Listen != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("address: want one of address, serial and listen, such as address: 10.0.0.5:502")
	}
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	framing := cmp.Or(s.Framing, TCP)
	want(slices.Contains(framing.Words(), string(framing)), "framing: %.20q: want tcp or rtu", framing)
	want(s.Serial == nil || framing == RTU || s.Framing == "", "framing: a serial line has rtu")
	want(s.TLS == nil || s.Address != "", "tls: only of a connection to address")
	want(!s.AnyUnit || s.Framing != RTU, "any_unit: an answer in rtu is known by its unit alone")
	want(!s.AnyTransaction || s.Framing != RTU && s.Address != "", "any_transaction: only at an address, with framing tcp")
	if s.Address != "" {
		want(!strings.Contains(s.Address, "/"), "address: %.60q: want host:port, such as 10.0.0.5:502", s.Address)
		_, port, err := net.SplitHostPort(s.hostPort())
		_, errPort := strconv.ParseUint(port, 10, 16)
		want(err == nil && errPort == nil, "address: %.60q: want host:port, such as 10.0.0.5:502", s.Address)
	}
	if s.Serial != nil {
		errs = append(errs, under("serial", s.Serial.Check()))
	}
	if s.TLS != nil {
		errs = append(errs, httpc.Route{TLS: s.TLS.Certificate}.Check())
	}
	return errors.Join(append(errs, under("listen", s.Listen.check()))...)
}

func (l *Listen) check() error {
	if l == nil {
		return nil
	}
	var errs []error
	if _, _, err := net.SplitHostPort(l.Address); err != nil {
		errs = append(errs, fmt.Errorf("address: %.60q: want host:port, such as 10.8.0.1:5020", l.Address))
	}
	for name, text := range map[string]string{"id": l.ID, "heartbeat": l.Heartbeat} {
		b, err := bytesOf(text)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		case len(b) > mostGreeting:
			errs = append(errs, fmt.Errorf("%s: %d bytes, want at most %d", name, len(b), mostGreeting))
		}
	}
	if l.ID == "" {
		errs = append(errs, errors.New("id: want what the device sends first, such as its IMEI"))
	}
	return errors.Join(errs...)
}

// bytesOf reads a text, or bytes that are written as 0x….
func bytesOf(text string) ([]byte, error) {
	digits, found := strings.CutPrefix(text, "0x")
	if !found {
		return []byte(text), nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%.40q: want two hex digits for each byte behind 0x", text)
	}
	return b, nil
}

// registration returns what the device says first.
func (l *Listen) registration() []byte {
	b, _ := bytesOf(l.ID) // as Check has seen
	return b
}

// beats returns what is no answer wherever it stands.
func (l *Listen) beats() [][]byte {
	if l == nil {
		return nil
	}
	beats := [][]byte{l.registration()}
	if b, _ := bytesOf(l.Heartbeat); len(b) > 0 {
		beats = append(beats, b)
	}
	return beats
}

func (s *Settings) checkUnits() error {
	var errs []error
	if s.Unit < 0 || s.Unit > 255 {
		errs = append(errs, fmt.Errorf("unit: %d: want 0 to 255", s.Unit))
	}
	if s.Base != 0 && s.Base != 1 {
		errs = append(errs, fmt.Errorf("base: %d: want 0 or 1", s.Base))
	}
	if len(s.points()) == 0 {
		errs = append(errs, errors.New("registers: want at least one, such as temperature: {holding: 100}"))
	}
	known := map[string]bool{}
	fields, _ := s.fields() // Check tells of mistakes
	for _, f := range fields {
		id := f.rule.UnitID
		known[strconv.Itoa(int(id))] = true
		if s.Framing == RTU && (id < 1 || id > 247) {
			errs = append(errs, fmt.Errorf("registers.%s: unit %d: want 1 to 247, as units on serial lines have", f.point, id))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.Named)) {
		if !known[id] {
			errs = append(errs, fmt.Errorf("devices.%.20s: no register is of this unit", id))
		}
	}
	return errors.Join(errs...)
}

func (s *Settings) checkPlan() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Order == "" || slices.Contains([]string{"ABCD", "DCBA", "BADC", "CDAB"}, string(s.Order)), "order: %.20q: want ABCD, DCBA, BADC or CDAB", s.Order)
	want(s.Gap >= 0 && s.Gap <= 2000, "gap: %d: want 0 to 2000", s.Gap)
	want(s.MaxRegisters >= 1 && s.MaxRegisters <= 125, "max_registers: %d: want 1 to 125", s.MaxRegisters)
	want(s.MaxBits >= 1 && s.MaxBits <= 2000, "max_bits: %d: want 1 to 2000", s.MaxBits)
	for i, text := range s.Holes {
		if _, err := holeOf(text, s.Base); err != nil {
			errs = append(errs, fmt.Errorf("holes[%d]: %w", i, err))
		}
	}
	fields, _ := s.fields() // Check tells of mistakes
	holes := s.holes()
	for _, f := range fields {
		for _, h := range holes {
			first := int(f.rule.At)
			want(!h.covers(f.rule.UnitID, f.rule.Table, first, first+f.rule.entries()), "registers.%s: it stands in one of holes", f.point)
		}
	}
	return errors.Join(errs...)
}

func (s *Settings) checkTimes() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Every == 0 || s.Every >= 10*time.Millisecond, "every: %s: want at least 10ms", quantity.FormatDuration(s.Every))
	want(s.Timeout > 0 && s.Timeout <= time.Minute, "timeout: %s: want more than 0s and at most 1m", quantity.FormatDuration(s.Timeout))
	want(s.ConnectTimeout > 0 && s.ConnectTimeout <= 10*time.Minute, "connect_timeout: %s: want more than 0s and at most 10m", quantity.FormatDuration(s.ConnectTimeout))
	want(s.Retries >= 0 && s.Retries <= 5, "retries: %d: want 0 to 5", s.Retries)
	want(s.Pause >= 0 && s.Pause <= time.Minute, "pause: %s: want at most 1m", quantity.FormatDuration(s.Pause))
	want(s.PauseAfterConnect >= 0 && s.PauseAfterConnect <= time.Minute, "pause_after_connect: %s: want at most 1m", quantity.FormatDuration(s.PauseAfterConnect))
	return errors.Join(errs...)
}
