package mqttc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A Refused is what a broker refused, with its reason code.
type Refused struct {
	What string // "the connection"
	Code byte
	Why  string // as the broker says it, if it does

	version Version
}

// Error says what was refused and why, in words.
func (r *Refused) Error() string {
	text := fmt.Sprintf("the broker refuses %s: %s", r.What, Words(r.version, r.Code))
	if r.Why != "" {
		text += " (it says: " + plain.Line(r.Why, 200) + ")"
	}
	return text
}

// hopeless are the codes after which trying again soon mends nothing: somebody has to change something.
var hopeless = map[byte]bool{0x81: true, 0x82: true, 0x84: true, 0x85: true, 0x86: true, 0x87: true, 0x8A: true, 0x8C: true, 0x8E: true, 0x8F: true, 0x9A: true, 0x9B: true, 0x9D: true, 0x9E: true, 0xA1: true, 0xA2: true}

// Hopeless reports whether trying again soon mends nothing.
func (r *Refused) Hopeless() bool {
	if r.version == Three {
		return r.Code == 1 || r.Code == 2 || r.Code == 4 || r.Code == 5 || r.Code == 0x80
	}
	return hopeless[r.Code]
}

// IsHopeless reports whether err is a refusal after which trying again soon mends nothing.
func IsHopeless(err error) bool {
	var r *Refused
	return errors.As(err, &r) && r.Hopeless()
}

// words are the reason codes of MQTT 5, and words311 those of 3.1.1.
var words = map[byte]string{
	0x00: "success", 0x04: "goodbye with the will", 0x10: "nobody has subscribed to the topic",
	0x80: "it does not say why", 0x81: "a packet that it cannot read", 0x82: "a packet that the protocol does not allow",
	0x83: "a reason of its own", 0x84: "it does not speak this version of MQTT", 0x85: "this client id is not allowed",
	0x86: "user name or password is wrong", 0x87: "not allowed for this user or certificate", 0x88: "it is not available", 0x89: "it is busy",
	0x8A: "this client is banned", 0x8B: "it is shutting down", 0x8C: "another way of authentication is wanted", 0x8D: "no packet came within the keep-alive",
	0x8E: "another connection came with the same client id; each needs its own", 0x8F: "the topic filter is not allowed", 0x90: "the topic is not allowed",
	0x91: "the packet's id is in use", 0x92: "the packet's id is not known", 0x93: "more messages than its receive maximum", 0x94: "the topic's alias is not known",
	0x95: "the packet is too large", 0x96: "too many messages in a short time", 0x97: "its quota is used up", 0x98: "its operator ended it",
	0x99: "the payload is not what its format says", 0x9A: "it keeps no messages (retain)", 0x9B: "it does not support this QoS; qos: 0 goes, with which what is on its way when a connection breaks is lost", 0x9C: "another server is to be used for now",
	0x9D: "the server has moved for good", 0x9E: "it does not support shared subscriptions", 0x9F: "connections come too fast",
	0xA0: "the longest time for a connection is over", 0xA1: "it does not support subscription ids", 0xA2: "it does not support wildcards in topics",
}

var words311 = map[byte]string{
	1: "it does not speak this version of MQTT", 2: "this client id is not allowed", 3: "it is not available", 4: "user name or password is wrong",
	5: "not allowed for this user or certificate", 0x80: "it does not say why",
}

// Words says what a reason code means.
func Words(v Version, code byte) string {
	of := words
	if v == Three {
		of = words311
	}
	if text := of[code]; text != "" {
		return text
	}
	return fmt.Sprintf("reason code 0x%02x", code)
}

// errTold marks what a broker said before it ended the connection.
var errTold = errors.New("")

// A toldError is what a broker said before it ended the connection.
type toldError struct{ *Refused }

func (e toldError) Error() string {
	return strings.Replace(e.Refused.Error(), "the broker refuses the connection", "the broker ended the connection", 1)
}
func (e toldError) Unwrap() []error { return []error{e.Refused, errTold} }
