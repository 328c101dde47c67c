// Package tty opens serial ports, RS-232 and RS-485, as connections with deadlines.
package tty

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
)

// Settings say which port, and how characters are sent on its line. They belong into the settings of a kind of source.
type Settings struct {
	// Device is the serial port, such as /dev/ttyUSB0, or better its link in /dev/serial/by-id, which stays when plugs move. Required.
	Device string `yaml:"device" path:"true"`
	// Baud is the speed in bits per second, 50 to 4000000. Default: 9600.
	Baud int `yaml:"baud,omitempty"`
	// DataBits are the bits of a character, 5 to 8. Default: 8.
	DataBits int `yaml:"data_bits,omitempty"`
	// Parity of a character: none, even, odd, mark or space. Default: none.
	Parity Parity `yaml:"parity,omitempty"`
	// StopBits are the bits behind a character: 1, 1.5 or 2. Default: 1.
	StopBits string `yaml:"stop_bits,omitempty"`
	// RS485 has the driver raise RTS while it sends, for transceivers that must be told (Linux; with most adapters for USB, which do so
	// themselves, it is an error). Default: none.
	RS485 RS485 `yaml:"rs485,omitempty"`
}

// A Parity is what the bit behind the data says.
type Parity string

// Words returns the parities.
func (Parity) Words() []string { return []string{"none", "even", "odd", "mark", "space"} }

var parities = []serial.Parity{serial.NoParity, serial.EvenParity, serial.OddParity, serial.MarkParity, serial.SpaceParity}

// An RS485 says when the driver switches the direction of a line.
type RS485 struct {
	// RTS is the level of RTS while sending: high or low. Default: none, the driver switches nothing.
	RTS Level `yaml:"rts,omitempty"`
	// Before is the time between RTS and the first bit, in whole milliseconds. Default: 0s.
	Before time.Duration `yaml:"before,omitempty"`
	// After is the time between the last bit and RTS, in whole milliseconds. Default: 0s.
	After time.Duration `yaml:"after,omitempty"`
}

// A Level is that of a wire.
type Level string

// Words returns the levels.
func (Level) Words() []string { return []string{"high", "low"} }

// Complete fills in the defaults.
func (s *Settings) Complete() {
	s.Baud = cmp.Or(s.Baud, 9600)
	s.DataBits = cmp.Or(s.DataBits, 8)
	s.Parity = cmp.Or(s.Parity, "none")
	s.StopBits = cmp.Or(s.StopBits, "1")
}

// Check says what is wrong with the settings, each mistake beginning with its setting, without looking at the port. Empty ones are the defaults.
func (s Settings) Check() error {
	s.Complete()
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, stops := stopBits[s.StopBits]
	want(s.Device != "", "device: want a serial port, such as /dev/ttyUSB0")
	switch known := strings.HasPrefix(s.Device, "tty") || strings.HasPrefix(s.Device, "serial/"); {
	case known:
		want(false, "device: %.60q: write /dev/%.60s", s.Device, s.Device)
	case runtime.GOOS != "windows" && isOfWindows.MatchString(s.Device):
		want(false, "device: %.60q: that is a port of Windows; here they are called such as /dev/ttyUSB0 (ls /dev/serial/by-id)", s.Device)
	}
	want(s.Baud >= 50 && s.Baud <= 4_000_000, "baud: %d: want 50 to 4000000, such as 9600", s.Baud)
	want(s.DataBits >= 5 && s.DataBits <= 8, "data_bits: %d: want 5 to 8", s.DataBits)
	want(slices.Contains(s.Parity.Words(), string(s.Parity)), "parity: %.20q: want one of %s", s.Parity, strings.Join(s.Parity.Words(), ", "))
	want(stops, "stop_bits: %.20q: want 1, 1.5 or 2", s.StopBits)
	want(s.RS485.RTS == "" || slices.Contains(s.RS485.RTS.Words(), string(s.RS485.RTS)), "rs485.rts: %.20q: want high or low", s.RS485.RTS)
	for name, d := range map[string]time.Duration{"before": s.RS485.Before, "after": s.RS485.After} {
		want(d >= 0 && d <= 100*time.Millisecond && d%time.Millisecond == 0, "rs485.%s: want whole milliseconds, at most 100ms", name)
		want(d == 0 || s.RS485.RTS != "", "rs485.%s: needs rts: high or low", name)
	}
	return errors.Join(errs...)
}

var isOfWindows = regexp.MustCompile(`^(?i)COM[0-9]+:?$`)

var stopBits = map[string]serial.StopBits{"1": serial.OneStopBit, "1.5": serial.OnePointFiveStopBits, "2": serial.TwoStopBits}

// Character returns how long one character takes on the line.
func (s Settings) Character() time.Duration {
	s.Complete()
	bits := 1 + s.DataBits + 1
	if s.Parity != "none" {
		bits++
	}
	if s.StopBits != "1" {
		bits++
	}
	return time.Duration(bits) * time.Second / time.Duration(s.Baud)
}

// A Port is an open serial port. One goroutine may read and another write; Close and SetDeadline may be called by any.
type Port struct {
	port     serial.Port
	release  func()       // of its lock
	deadline atomic.Int64 // Unix nanoseconds; 0: none
	closed   atomic.Bool
}

// Open opens the port for nobody else.
func Open(s Settings) (*Port, error) {
	s.Complete()
	if err := s.Check(); err != nil {
		return nil, err
	}
	release, err := lock(s.Device)
	if err != nil {
		return nil, err
	}
	direct, err := direction(s)
	if err != nil {
		release()
		return nil, err
	}
	defer direct()
	parity := parities[slices.Index(s.Parity.Words(), string(s.Parity))]
	port, err := serial.Open(s.Device, &serial.Mode{BaudRate: s.Baud, DataBits: s.DataBits, Parity: parity, StopBits: stopBits[s.StopBits]})
	if err != nil {
		release()
		return nil, fmt.Errorf("open %s: %w", s.Device, meant(err))
	}
	return &Port{port: port, release: release}, nil
}

var errBusy = errors.New("another program, or another source, has it open")

// meant says of an error what to do.
func meant(err error) error {
	var known *serial.PortError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such port; is the adapter plugged in?")
	case !errors.As(err, &known):
		return err
	case known.Code() == serial.PortBusy:
		return errBusy
	case known.Code() == serial.PermissionDenied:
		return errors.New("permission denied: let this user into the group of the port, mostly dialout")
	}
	return err
}

// patience is how long a read waits before it looks at the deadline again.
const patience = 50 * time.Millisecond

// Read waits for at least one byte. It returns [os.ErrDeadlineExceeded] at the deadline and [fs.ErrClosed] once the port is closed.
func (p *Port) Read(b []byte) (int, error) {
	for {
		wait := patience
		if at := p.deadline.Load(); at != 0 {
			wait = min(wait, time.Until(time.Unix(0, at)))
		}
		if p.closed.Load() {
			return 0, fs.ErrClosed
		}
		if wait <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		if err := p.port.SetReadTimeout(wait); err != nil {
			return 0, p.broken(err)
		}
		n, err := p.port.Read(b)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, p.broken(err)
		}
	}
}

// Write hands b to the driver.
func (p *Port) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m, err := p.port.Write(b[n:])
		n += m
		if err != nil {
			return n, p.broken(err)
		}
	}
	return n, nil
}

// broken says why the port cannot be used.
func (p *Port) broken(err error) error {
	var known *serial.PortError
	switch {
	case p.closed.Load():
		return fs.ErrClosed
	case errors.As(err, &known) && known.Code() == serial.PortClosed:
		return errors.New("the serial port is gone; is the adapter unplugged?")
	}
	return err
}

// SetDeadline sets when Read gives up; the zero time is never. A read that waits sees it within 50 ms.
func (p *Port) SetDeadline(at time.Time) error {
	if at.IsZero() {
		p.deadline.Store(0)
		return nil
	}
	p.deadline.Store(max(at.UnixNano(), 1))
	return nil
}

// Discard drops what came and was not read.
func (p *Port) Discard() error { return p.port.ResetInputBuffer() }

// Close closes the port. Closing again does nothing.
func (p *Port) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	defer p.release()
	return p.port.Close()
}
