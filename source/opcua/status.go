package opcua

import (
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plain"
)

// A statusError is a status that is not good, with what the server said beside it.
type statusError struct {
	code ua.StatusCode
	told string
}

func (e statusError) Error() string {
	said := "the server says " + statusName(e.code)
	if e.told != "" {
		said += ": " + plain.Line(e.told, 200)
	}
	return said + remedies[e.code&0xffff0000]
}

// remedies say what to do about a status that a person must mend.
var remedies = map[ua.StatusCode]string{
	ua.StatusBadSecurityChecksFailed:       "; have it trust our certificate (dodona source trust shows its thumbprint), or see its log",
	ua.StatusBadCertificateUntrusted:       "; have it trust our certificate (dodona source trust shows its thumbprint)",
	ua.StatusBadCertificateUseNotAllowed:   "; it wants another certificate of ours than it was shown",
	ua.StatusBadUserAccessDenied:           "; check user and password, or cert and key",
	ua.StatusBadIdentityTokenRejected:      "; check user and password, or cert and key",
	ua.StatusBadIdentityTokenInvalid:       "; check user and password, or cert and key",
	ua.StatusBadTooManySessions:            "; sessions that others left end by themselves after a while",
	ua.StatusBadTCPEndpointURLInvalid:      "; check the path of endpoint",
	ua.StatusBadSecurityPolicyRejected:     "; check security and policy",
	ua.StatusBadSecurityModeRejected:       "; check security and policy",
	ua.StatusBadUserSignatureInvalid:       "; check cert and key",
	ua.StatusBadIdentityChangeNotSupported: "; check user and password, or cert and key",
}

// hopeless reports whether a status will hardly mend by itself.
func (e statusError) hopeless() bool {
	_, found := remedies[e.code&0xffff0000]
	return found && e.code&0xffff0000 != ua.StatusBadTooManySessions
}

// graded returns err as permanent if it is a status that will hardly mend by itself.
func graded(err error) error {
	for e := err; e != nil; {
		if status, is := e.(statusError); is {
			if status.hopeless() {
				return dodona.Permanent(err)
			}
			return err
		}
		wrapping, is := e.(interface{ Unwrap() error })
		if !is {
			return err
		}
		e = wrapping.Unwrap()
	}
	return err
}

// statusName returns the name of a status without its bits of information, such as BadSensorFailure.
func statusName(code ua.StatusCode) string {
	if d, known := ua.StatusCodes[code&0xffff0000]; known && d.Name != "OK" {
		if name := strings.TrimPrefix(d.Name, "Status"); name != "" {
			return name
		}
	}
	return [...]string{"Good", "Uncertain", "Bad", "Bad"}[code>>30] + subcode(code)
}

func subcode(code ua.StatusCode) string {
	if code&0x3fff0000 == 0 {
		return ""
	}
	return fmt.Sprintf(" (0x%08X)", uint32(code&0xffff0000))
}

// qualityOf returns the quality that a status means: its two highest bits (Part 4, 7.39).
func qualityOf(code ua.StatusCode) dodona.Quality {
	return [...]dodona.Quality{dodona.Good, dodona.Uncertain, dodona.Bad, dodona.Bad}[code>>30]
}

// overflowed reports whether the server's queue was full and lost values before this one (Part 4, 7.39: info type DataValue, bit Overflow).
func overflowed(code ua.StatusCode) bool { return code&0x0c00 == 0x0400 && code&0x0080 != 0 }
