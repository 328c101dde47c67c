package serial

import (
	"fmt"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// sealed puts a checksum behind a sentence.
func sealed(text string) string {
	var sum byte
	for _, b := range []byte(text[1:]) {
		sum ^= b
	}
	return fmt.Sprintf("%s*%02X", text, sum)
}

func TestSentencesAreTakenAtTheirChecksum(t *testing.T) {
	for _, c := range []struct{ raw, address, unfit, at, err string }{
		{"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47", "GPGGA", "", "", ""},
		{"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A", "GPRMC", "", "1994-03-23T12:35:19Z", ""},
		{sealed("$GNRMC,235959.250,A,,,,,,,311226,,,A"), "GNRMC", "", "2026-12-31T23:59:59.25Z", ""},
		{sealed("$GNRMC,235960.000,A,,,,,,,311226,,,A"), "GNRMC", "", "", ""},
		{sealed("$GPRMC,,V,,,,,,,,,,N"), "GPRMC", "the receiver says V: it has no position", "", ""},
		{sealed("$GPGLL,,,,,123519,V"), "GPGLL", "the receiver says V: it has no position", "", ""},
		{sealed("$GPGGA,,,,,,0,,,,,,,,"), "GPGGA", "the receiver says quality 0: it has no position", "", ""},
		{sealed("$GPZDA,201530.00,04,07,2002,00,00"), "GPZDA", "", "2002-07-04T20:15:30Z", ""},
		{sealed("$GPZDA,201530.00,31,02,2002,00,00"), "GPZDA", "", "", ""},
		{sealed("$GPZDA"), "GPZDA", "", "", ""},
		{sealed("$PGRME,15.0,M"), "PGRME", "", "", ""},
		{sealed("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0"), "AIVDM", "", "", ""},
		{"$GPGGA,1*4f", "", "", "", "a sentence of NMEA whose checksum is wrong"},
		{"$GPGGA,1", "", "", "", "a sentence of NMEA without a checksum"},
		{"$GPGGA,1*4", "", "", "", "a sentence of NMEA without a checksum"},
		{"$GPGGA,1*4Z", "", "", "", "a sentence of NMEA without a checksum"},
		{sealed("$gpgga,1"), "", "", "", "a sentence of NMEA without an address"},
		{sealed("$,1"), "", "", "", "a sentence of NMEA without an address"},
		{sealed("$GPGGA,\x01"), "", "", "", "a sentence of NMEA with characters that are none"},
		{"", "", "", "", "a sentence of NMEA begins with a dollar sign, or an exclamation mark"},
	} {
		s, err := parseSentence([]byte(c.raw))
		said := ""
		if err != nil {
			said = err.Error()
		}
		at := ""
		if i := s.instant(); !i.IsZero() {
			at = i.Format(time.RFC3339Nano)
		}
		if said != c.err || s.address != c.address || s.unfit() != c.unfit || at != c.at {
			t.Errorf("%q is %q, %q, %q, %q; want %q, %q, %q, %q", c.raw, s.address, s.unfit(), at, said, c.address, c.unfit, c.at, c.err)
		}
	}
}

func FuzzNMEA(f *testing.F) {
	f.Add([]byte("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"))
	f.Add([]byte(sealed("$GNRMC,235959.250,A,,,,,,,311226,,,A")))
	f.Add([]byte(sealed("$GPZDA,201530.00,04,07,2002,00,00")))
	fuzztest.Run(f, func(t *testing.T, raw []byte) {
		s, err := parseSentence(raw)
		if err != nil {
			s, err = parseSentence([]byte(sealed("$" + string(raw)))) // behind the checksum
		}
		if err == nil && (s.address == "" || len(s.address) > longestAddress) {
			t.Errorf("%q has the address %q", raw, s.address)
		}
		_, _ = s.unfit(), s.instant()
	})
}
