// Package serial observes a device on a serial line that speaks a protocol of its own: a scale, a meter, a receiver of satellites. Each frame that comes is a
// reading.
//
// A device either speaks by itself, or is asked: with requests each exchange sends them one after the other, and takes one frame as the answer of each.
// They are the only thing this kind ever writes, and nothing else in Dodona writes to a device: what is sent is what the configuration says, so send
// nothing that changes a device.
//
// The port is opened for this source alone. A device that is unplugged is opened again by its path when it is back; what it said meanwhile is a gap, counted as one dropped
// reading with its length and its cause, and told in the first reading behind it. What came before the source listened is not taken: a frame of which only the end came is
// dropped and counted. A serial line cannot be told to wait, so that at most 1,024 frames (256 KiB) wait while the journal takes nothing; older ones are dropped and counted.
//
// An answer that comes too late is never taken for that of the next request: after a time-out what still comes is thrown away, until the line was silent for twice the time-out,
// and the request after that must have one answer alone within the whole time-out. An answer that is later than three time-outs is not told from the next one; begins tells one request's from another's.
//
// Faults that are dropped and counted by their cause: a frame that began before the source listened, that pauses for longer than silence, in which another one begins, or that does not end within
// max_frame; bytes between frames; a sentence of NMEA whose checksum is wrong or missing, or with characters that are none; an answer that was not asked for, that does not begin as it should, or one of several.
// A request without an answer is a bad reading of its item, beside the good ones of the others. A sentence RMC or GLL that says V, and GGA of quality 0, is a bad reading: the receiver has no position.
// Positions themselves are not offered as points: latitude and longitude are degrees and minutes in one column (4807.038) with their hemisphere in the next, and a value is one column.
package serial

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dodona-oracle/dodona/internal/registers"
	"github.com/dodona-oracle/dodona/internal/tags"
	"github.com/dodona-oracle/dodona/internal/tty"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

// Kind is the kind "serial". It is pushed for a device that speaks by itself, and polled for one that is asked.
var Kind = source.Decoding(source.NewPushed("serial", open), Settings.rules, decoder)

// Settings say which line, how frames are told apart on it, and what is asked.
type Settings struct {
	tty.Settings `yaml:",inline"`
	// Frame is how a frame is told from the next: line (it ends in end, which is left out), delimited (from start to end, both in it), length (of so many bytes),
	// silence (it ends when nothing comes) or nmea (sentences of NMEA 0183 with a checksum, each an item called by its address, such as GPRMC). Default: line.
	Frame Framing `yaml:"frame,omitempty"`
	// Start is what a delimited frame begins with, or one of a length: a text such as "\x02", or bytes such as 0x0210. Default: none.
	Start Bytes `yaml:"start,omitempty"`
	// End is what a line or a delimited frame ends in, such as "\r" or 0x03. Default: "\n" for lines, before which a "\r" is left out too.
	End Bytes `yaml:"end,omitempty"`
	// Trailer is how many bytes behind end belong to a delimited frame, such as 1 for a check character. Default: 0.
	Trailer int `yaml:"trailer,omitempty"`
	// Length of each frame in bytes, its start included. Default: none; required with frame: length.
	Length int `yaml:"length,omitempty"`
	// Silence is the pause that ends a frame, and for other frames the pause within one after which it is given up. Default: 0s, none, but 50ms for silence and for length without start.
	Silence time.Duration `yaml:"silence,omitempty"`
	// MaxFrame is the longest frame; a longer one is dropped and counted. At most 64KiB. Default: 4KiB.
	MaxFrame unit.Size `yaml:"max_frame,omitempty"`
	// Requests are what the device is asked in each exchange, by name, which is the item of the answer. Default: none, the device speaks by itself.
	Requests map[string]Request `yaml:"requests,omitempty"`
	// Every is the least time between two exchanges of requests. Default: 0s, one for each instant a feed asks for.
	Every time.Duration `yaml:"every,omitempty"`
	// Timeout of the answer to a request. Default: 1s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Expect is how often a device that speaks by itself should: after three times that in silence the source is stale, and the port is opened again. Default: 0s, unknown.
	Expect time.Duration `yaml:"expect,omitempty"`
	// Registers are the points of binary frames, by name, or a file that has them: {file: tags.csv}. Default: none; value and points beside the kind take points of texts.
	Registers tags.Map[Register] `yaml:"registers,omitempty"`
}

// A Request is what a device is asked.
type Request struct {
	// Send is what is written: a text such as "SI\r\n", or bytes such as 0x0501. Required.
	Send Bytes `yaml:"send"`
	// Begins is what the answer begins with; anything else is dropped, and the answer waited for. Default: none, anything is an answer.
	Begins Bytes `yaml:"begins,omitempty"`
}

// Shorthand names the setting that a single text stands for.
func (Request) Shorthand() string { return "send" }

// A Register is where a point stands in a frame.
type Register struct {
	// Item that has the point: the name of a request. Default: every item.
	Item string `yaml:"item,omitempty" json:"item,omitempty"`
	// At is the first byte of the value in the frame, from 0. Default: 0.
	At               int `yaml:"at,omitempty" json:"at,omitempty"`
	registers.Format `yaml:",inline"`
	// Unit of the point: a UCUM code such as kg. Default: none.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
}

// Framing is how frames are told apart.
type Framing string

// The ways.
const (
	line      Framing = "line"
	delimited Framing = "delimited"
	length    Framing = "length"
	silence   Framing = "silence"
	nmea      Framing = "nmea"
)

// Words returns the ways to tell frames apart.
func (Framing) Words() []string {
	return []string{string(line), string(delimited), string(length), string(silence), string(nmea)}
}

const (
	frameLimit     = 64 * unit.KiB
	mostRequests   = 64
	longestRequest = 1 << 10
	longestMark    = 16 // of start and end
	defaultSilence = 50 * time.Millisecond
)

// Default fills in the defaults.
func (s *Settings) Default() {
	s.Settings.Complete()
	s.Frame = line
	s.MaxFrame = 4 * unit.KiB
	s.Timeout = time.Second
}

// Complete fills in the defaults that follow from other settings.
func (s *Settings) Complete() {
	s.Settings.Complete()
	if s.Frame == line && s.End == "" {
		s.End = "\n"
	}
	if s.Silence == 0 && (s.Frame == silence || s.Frame == length && s.Start == "") {
		s.Silence = defaultSilence
	}
}

// Pushed reports whether the device speaks by itself.
func (s *Settings) Pushed() bool { return len(s.Requests) == 0 }

// Pace says how fast the source goes.
func (s *Settings) Pace() source.Pace {
	if s.Pushed() {
		return source.Pace{Expect: s.Expect, Of: "frame"}
	}
	return source.Pace{Every: s.Every, Limit: time.Duration(len(s.Requests)) * (2 + calmTimeouts) * s.Timeout}
}

// Largest returns how many bytes one exchange may bring.
func (s *Settings) Largest() unit.Size {
	if s.Pushed() {
		return maxBatchBytes + s.MaxFrame
	}
	return unit.Size(len(s.Requests)) * s.MaxFrame
}

// Peer names whom the source asks.
func (s *Settings) Peer() string { return s.Device }

// Asks says what the source asks, to tell one from another.
func (s *Settings) Asks() string { return fmt.Sprint(s.Device, s.Requests) }

// Check says what is wrong with the settings. It does not look at the port.
func (s *Settings) Check() error {
	return errors.Join(s.Settings.Check(), s.checkFrames(), s.checkRequests(), s.checkRegisters())
}

func (s *Settings) checkFrames() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	of := func(frames ...Framing) bool { return slices.Contains(frames, s.Frame) }
	want(slices.Contains(Framing("").Words(), string(s.Frame)), "frame: %.20q: want line, delimited, length, silence or nmea", s.Frame)
	want(s.Start == "" || of(delimited, length), "start: only frames of delimited and length have one")
	want(s.Start != "" || !of(delimited), "start: missing, want what a frame begins with, such as \"\\x02\"")
	want(s.End == "" || of(line, delimited), "end: only lines and delimited frames have one")
	want(s.End != "" || !of(delimited), "end: missing, want what a frame ends in, such as \"\\x03\"")
	want(len(s.Start) <= longestMark, "start: %d bytes, at most %d", len(s.Start), longestMark)
	want(len(s.End) <= longestMark, "end: %d bytes, at most %d", len(s.End), longestMark)
	want(s.Trailer >= 0 && s.Trailer <= longestMark, "trailer: %d: want 0 to %d", s.Trailer, longestMark)
	want(s.Trailer == 0 || of(delimited), "trailer: only delimited frames have one")
	want(s.Length == 0 || of(length), "length: only frames of length have one")
	want(!of(length) || s.Length > len(s.Start) && s.Length <= int(s.MaxFrame), "length: %d: want more than start has, and at most max_frame (%s)", s.Length, s.MaxFrame)
	want(s.Silence >= 0 && s.Silence <= time.Minute, "silence: %s: want 0s to 1m", unit.FormatDuration(s.Silence))
	want(s.MaxFrame > 0 && s.MaxFrame <= frameLimit, "max_frame: %s: want more than 0B and at most %s", s.MaxFrame, frameLimit)
	return errors.Join(errs...)
}

func (s *Settings) checkRequests() error {
	var errs []error
	want := func(good bool, format string, args ...any) {
		if !good {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(len(s.Requests) <= mostRequests, "requests: %d, at most %d", len(s.Requests), mostRequests)
	for _, name := range slices.Sorted(maps.Keys(s.Requests)) {
		r := s.Requests[name]
		want(r.Send != "", "requests.%s.send: missing, want what is written, such as \"SI\\r\\n\"", name)
		want(len(r.Send) <= longestRequest, "requests.%s.send: %d bytes, at most %d", name, len(r.Send), longestRequest)
		want(len(r.Begins) <= longestMark, "requests.%s.begins: %d bytes, at most %d", name, len(r.Begins), longestMark)
	}
	asks := !s.Pushed()
	want(s.Every >= 0, "every: %s: want 0s or more", unit.FormatDuration(s.Every))
	want(s.Every == 0 || asks, "every: the device speaks by itself; with requests it is asked")
	want(s.Expect >= 0, "expect: %s: want 0s or more", unit.FormatDuration(s.Expect))
	want(s.Expect == 0 || !asks, "expect: the device is asked, as often as every and the feeds say")
	want(s.Timeout >= 10*time.Millisecond && s.Timeout <= time.Minute, "timeout: %s: want 10ms to 1m", unit.FormatDuration(s.Timeout))
	return errors.Join(errs...)
}

func (s *Settings) checkRegisters() error {
	var errs []error
	for _, point := range slices.Sorted(maps.Keys(s.Registers)) {
		r := s.Registers[point]
		if err := r.check(int(frameLimit)); err != nil {
			errs = append(errs, fmt.Errorf("registers.%s.%w", point, err))
		}
		if _, known := s.Requests[r.Item]; r.Item != "" && !s.Pushed() && !known {
			errs = append(errs, fmt.Errorf("registers.%s.item: %.40q: there is no such request", point, r.Item))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) rules() map[string]Register {
	rules := make(map[string]Register, len(s.Registers))
	for point, r := range s.Registers {
		r.Format = r.Normal()
		rules[point] = r
	}
	return rules
}
