package serial

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// A sentence is one of NMEA 0183 whose checksum is right.
type sentence struct {
	address string // of talker and type, such as GPRMC
	fields  []string
}

// parseSentence reads $ADDRESS,…*HH or !ADDRESS,…*HH without its end of line.
func parseSentence(raw []byte) (s sentence, err error) {
	at := bytes.LastIndexByte(raw, '*')
	switch {
	case len(raw) == 0 || raw[0] != '$' && raw[0] != '!':
		return s, errors.New("a sentence of NMEA begins with a dollar sign, or an exclamation mark")
	case at < 0 || len(raw)-at != len("*HH"):
		// Fault (dropped): a sentence of NMEA has no checksum.
		return s, errors.New("a sentence of NMEA without a checksum")
	}
	var said [1]byte
	if _, err := hex.Decode(said[:], raw[at+1:]); err != nil {
		return s, errors.New("a sentence of NMEA without a checksum")
	}
	var sum byte
	for _, b := range raw[1:at] {
		if b < ' ' || b > '~' {
			return s, errors.New("a sentence of NMEA with characters that are none")
		}
		sum ^= b
	}
	if sum != said[0] {
		// Fault (dropped): a sentence of NMEA is damaged.
		return s, errors.New("a sentence of NMEA whose checksum is wrong")
	}
	fields := strings.Split(string(raw[1:at]), ",")
	if !isAddress(fields[0]) {
		return s, errors.New("a sentence of NMEA without an address")
	}
	return sentence{fields[0], fields[1:]}, nil
}

const longestAddress = 16

func isAddress(text string) bool {
	if text == "" || len(text) > longestAddress {
		return false
	}
	for _, c := range []byte(text) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// kind returns the three letters behind the talker; nothing for sentences of a maker's own.
func (s sentence) kind() string {
	if len(s.address) != 5 || s.address[0] == 'P' {
		return ""
	}
	return s.address[2:]
}

// field returns one field, counted from 1 as in manuals; nothing if there is none.
func (s sentence) field(n int) string {
	if n > len(s.fields) {
		return ""
	}
	return s.fields[n-1]
}

// unfit returns why the receiver does not vouch for what it says, or nothing.
func (s sentence) unfit() string {
	switch {
	case s.kind() == "RMC" && s.field(2) == "V", s.kind() == "GLL" && s.field(6) == "V":
		return "the receiver says V: it has no position"
	case s.kind() == "GGA" && s.field(6) == "0":
		return "the receiver says quality 0: it has no position"
	}
	return ""
}

// instant returns the time that a sentence with a date says; zero if it says none.
func (s sentence) instant() time.Time {
	switch s.kind() {
	case "RMC":
		date := s.field(9)
		if len(date) != 6 {
			return time.Time{}
		}
		century := "20"
		if date[4] >= '8' { // GPS began in 1980
			century = "19"
		}
		return instantOf(s.field(1), century+date[4:], date[2:4], date[:2])
	case "ZDA":
		return instantOf(s.field(1), s.field(4), s.field(3), s.field(2))
	}
	return time.Time{}
}

func instantOf(clock, year, month, day string) time.Time {
	whole, fraction, _ := strings.Cut(clock, ".")
	if len(whole) != 6 || len(year) != 4 || len(month) != 2 || len(day) != 2 || len(fraction) > 9 {
		return time.Time{}
	}
	text := year + "-" + month + "-" + day + "T" + whole[:2] + ":" + whole[2:4] + ":" + whole[4:]
	at, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		return time.Time{}
	}
	nanoseconds, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}
	}
	return at.Add(time.Duration(nanoseconds))
}
