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
	return said + remedies[e.code&0xffff0000] + hints[e.code&0xffff0000]
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

// hints say what a person can do about a status that may as well mend by itself.
var hints = map[ua.StatusCode]string{
	ua.StatusBadServiceUnsupported:         "; if it knows no subscriptions, set read: poll",
	ua.StatusBadTooManySubscriptions:       "; those that others left end by themselves after a while, or set read: poll",
	ua.StatusBadTooManyMonitoredItems:      "; name fewer nodes, or set read: poll",
	ua.StatusBadServerHalted:               "; it is stopped, or stopping",
	ua.StatusBadShutdown:                   "; it is stopping",
	ua.StatusBadTimeout:                    "; it, or the device behind it, takes longer than timeout",
	ua.StatusBadResponseTooLarge:           "; name fewer nodes in a source, or raise max_size",
	ua.StatusBadEncodingLimitsExceeded:     "; name fewer nodes in a source, or raise max_size",
	ua.StatusBadTCPMessageTooLarge:         "; name fewer nodes in a source, or raise max_size",
	ua.StatusBadTCPNotEnoughResources:      "; it has too many connections",
	ua.StatusBadMaxConnectionsReached:      "; it has too many connections",
	ua.StatusBadSecureChannelIDInvalid:     "; it has forgotten the connection, and a new one is made",
	ua.StatusBadSessionIDInvalid:           "; it has forgotten the session, and a new one is made",
	ua.StatusBadSessionClosed:              "; it has ended the session, and a new one is made",
	ua.StatusBadCertificateHostNameInvalid: "; it does not take the host in our certificate; see its log",
	ua.StatusBadCertificateTimeInvalid:     "; our certificate is out of time for it: are both clocks right?",
	ua.StatusBadInvalidTimestamp:           "; are both clocks right?",
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

// meanings are what the statuses of a value mean to who reads it, and what to do. One that is not here has a name that says enough.
var meanings = map[ua.StatusCode]string{
	ua.StatusBadNodeIDUnknown:                        "the server has no such node; dodona source scan lists those it has",
	ua.StatusBadNodeIDInvalid:                        "the server takes no such id; dodona source scan lists those it has",
	ua.StatusBadNoMatch:                              "nothing has such a path below Objects; dodona source scan lists what there is",
	ua.StatusBadAttributeIDInvalid:                   "the node is no variable, so it has no value; dodona source scan lists those that have one",
	ua.StatusBadNotReadable:                          "the node may not be read (its access level)",
	ua.StatusBadUserAccessDenied:                     "the user may not read it; check user, or its rights in the server",
	ua.StatusBadSecurityModeInsufficient:             "it is shown to who encrypts alone; set security: SignAndEncrypt",
	ua.StatusBadWaitingForInitialData:                "the server has had no value from the device yet",
	ua.StatusBadNoData:                               "the server has no value",
	ua.StatusBadDataUnavailable:                      "the server has no value",
	ua.StatusBadNotConnected:                         "the server has no connection to the device",
	ua.StatusBadNoCommunication:                      "the device does not answer the server",
	ua.StatusBadCommunicationError:                   "the device does not answer the server",
	ua.StatusBadDeviceFailure:                        "the device says that it failed",
	ua.StatusBadSensorFailure:                        "the sensor failed",
	ua.StatusBadOutOfService:                         "the device or the value was taken out of service",
	ua.StatusBadConfigurationError:                   "the server is set up wrongly for this node; see its log",
	ua.StatusUncertainLastUsableValue:                "the device gives no new value; this is the last",
	ua.StatusUncertainNoCommunicationLastUsableValue: "the device does not answer the server; this is the last value",
	ua.StatusUncertainSubstituteValue:                "somebody set it by hand, or the server did, in place of what the device says",
	ua.StatusUncertainInitialValue:                   "it is what the server began with, not what the device says",
	ua.StatusUncertainSensorNotAccurate:              "the sensor is at an end of its range, or not calibrated",
	ua.StatusUncertainEngineeringUnitsExceeded:       "it is outside the range that the node has",
}

// reasonOf says why a value is not good: the name of its status, and what that means.
func reasonOf(code ua.StatusCode) string {
	name := statusName(code)
	if means := meanings[code&0xffff0000]; means != "" {
		return name + ": " + means
	}
	return name
}

// qualityOf returns the quality that a status means: its two highest bits (Part 4, 7.39).
func qualityOf(code ua.StatusCode) dodona.Quality {
	return [...]dodona.Quality{dodona.Good, dodona.Uncertain, dodona.Bad, dodona.Bad}[code>>30]
}

// overflowed reports whether the server's queue was full and lost values before this one (Part 4, 7.39: info type DataValue, bit Overflow).
func overflowed(code ua.StatusCode) bool { return code&0x0c00 == 0x0400 && code&0x0080 != 0 }
