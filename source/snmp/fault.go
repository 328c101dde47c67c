package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

var (
	errBroken = errors.New("the SNMP library panicked; this is a bug, please report it")
	// Fault (exchange): an answer is of another request or device.
	errForeign = errors.New("what answers is no answer to the request")
)

// An unreadable is an answer of which something cannot be decoded: the library gives up the whole of it.
type unreadable struct{ why string }

func (u unreadable) Error() string { return "what is answered cannot be decoded: " + u.why }

// undecoded tells an answer that the library could not decode from what else went wrong. The library has no error of its own for it.
func undecoded(err error) error {
	text, is := strings.CutPrefix(firstLine(err), "error in unmarshalResponse: ")
	if !is {
		return err
	}
	text = strings.TrimPrefix(text, "error decoding value: ")
	return unreadable{plain.Line(strings.Replace(text, " err: ", ", ", 1), 200)}
}

// The reports of RFC 3414, by their number in usmStats.
const (
	reportLevel    = 1
	reportWindow   = 2
	reportUser     = 3
	reportEngine   = 4
	reportDigest   = 5
	reportDecipher = 6
)

// explain says why a device was not read, as far as SNMP tells, and what to look at.
func (s *session) explain(ctx context.Context, settings Settings, err error) error {
	who := settings.Address
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	report := s.reportOf(err)
	user := ""
	if settings.User != nil {
		user = plain.Quote(settings.User.Name, 32)
	}
	switch report {
	case reportUser:
		return dodona.Permanent(fmt.Errorf("%s knows no user %s: check user.name", who, user))
	case reportDigest:
		// Fault (exchange): user or password is wrong.
		return dodona.Permanent(fmt.Errorf("%s refuses user %s: check user.auth and user.auth_password", who, user))
	case reportLevel:
		return dodona.Permanent(fmt.Errorf("%s does not let user %s in with this auth and priv: check user.auth and user.priv", who, user))
	case reportDecipher:
		return dodona.Permanent(fmt.Errorf("%s cannot decipher what user %s sends: check user.priv and user.priv_password", who, user))
	case reportWindow, reportEngine:
		// Fault (exchange): the clock or the engine id of a device jumped.
		return fmt.Errorf("%s takes itself for another since it was found (%s); it is looked for anew", who, map[byte]string{reportWindow: "its time", reportEngine: "its engine id"}[report])
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at %s (connection refused)", who)
	case isTimeout(err):
		return s.silent(settings, user)
	}
	if broken, is := errors.AsType[unreadable](err); is {
		// Fault (exchange): nothing of what a device answers can be decoded.
		return fmt.Errorf("what %s answers cannot be decoded: %s", who, broken.why)
	}
	return fmt.Errorf("ask %s: %s", who, plain.Line(firstLine(err), 200))
}

// silent says what may be wrong where nothing answers.
func (s *session) silent(settings Settings, user string) error {
	// Fault (exchange): a device does not answer in time.
	text := fmt.Sprintf("no answer from %s in %s, asked %s", settings.Address, unit.FormatDuration(settings.Timeout), unit.Count(settings.Retries+1, "time"))
	switch {
	case s.knows:
		return errors.New(text + "; it answered before")
	case settings.Version != "3":
		return errors.New(text + ": it is not there, or community is not its own: then a device is silent too")
	case s.engine() && settings.User.Priv != "":
		return fmt.Errorf("%s; it says who it is, but not what user %s asks: check user.priv and user.priv_password", text, user)
	case s.engine():
		return fmt.Errorf("%s; it says who it is, but not what user %s asks: its access rules may leave this user or context out", text, user)
	}
	return errors.New(text)
}

// reportOf returns the report by which a device refused, as the library says or the last datagram does.
func (s *session) reportOf(err error) byte {
	for known, report := range map[error]byte{
		gosnmp.ErrUnknownUsername: reportUser, gosnmp.ErrWrongDigest: reportDigest, gosnmp.ErrUnknownSecurityLevel: reportLevel,
		gosnmp.ErrDecryption: reportDecipher, gosnmp.ErrNotInTimeWindow: reportWindow, gosnmp.ErrUnknownEngineID: reportEngine,
	} {
		if errors.Is(err, known) {
			return report
		}
	}
	if s.lib.Version == gosnmp.Version3 {
		return s.wire.report()
	}
	return 0
}

// isTimeout reports whether nothing came in time. The library wraps what it makes of a time-out, not the time-out.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, gosnmp.ErrMaxRetriesExceeded)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line, _, _ = strings.Cut(line, " Stack:")
	return line
}

// errorNames are what a device says instead of values.
func errorName(e gosnmp.SNMPError) string {
	return strings.ToLower(e.String()[:1]) + e.String()[1:]
}
