package calldata

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// A known error is one of the contracts, by its declaration: what it says, and what to do about it.
type known struct{ declaration, means, cure string }

// refusals are the errors of the contracts, and Solidity's own two.
var refusals = []known{
	{"BadEncoding()", "the bytes are not the one encoding of an update", "see that the address is the contract that this kind of update is for (`dodona contract show ADDRESS`)"},
	{"BadProof()", "the signatures are not those of the contract's quorum, for its network and feed", "name the contract of this network and feed, or deploy one (`dodona contract show ADDRESS` says whose it is)"},
	{"FutureRound(uint64)", "the round is more than 15 s ahead of the block's clock", "set the node's clock, or wait for a block of now"},
	{"OldRound(uint64)", "the contract holds that round or a newer one", "nothing needs to be done: it is delivered"},
	{"StaleRound(uint64)", "the round is older than the reader allows", "see why no newer one was delivered, or allow more (maxAge)"},
	{"OtherRound(uint64)", "it is not the round that the reader asked for", "give the update of that round"},
	{"OtherValue()", "the contract holds another value of the same round: the quorum signed twice", "stop, and find out who else has its keys"},
	{"NoAnswer()", "nothing was delivered to it yet", "deliver an answer first"},
	{"NoPlace()", "the hub has no such page or place", "open a page for the feeds first"},
	{"BadEpoch(uint64)", "the rotation is not of the next epoch", "sign one for the epoch after that of the contract"},
	{"NotYet(uint64)", "the rotation's notice is not over", "wait until then"},
	{"BadWindow()", "the window of the anchor is empty or off its grid", "deploy it with --period as long as `anchor.every` of the network"},
	{"NotAnchored()", "no anchor covers it", "wait until its window is sealed and delivered, or name the window"},
	{"BadKey()", "the quorum or its key is none that the contract can check", "deploy with an answer of the network, whose quorum has at most 128 members in order"},
	{"OtherFeed(bytes32)", "the contract is another feed's", "give --feed the contract of the answer's feed"},
	{"Error(string)", "", ""},
	{"Panic(uint256)", "", ""},
}

// panics are what Solidity's Panic means, by its number.
var panics = map[uint64]string{
	0x01: "an assertion failed", 0x11: "a number is out of its range", 0x12: "it divides by zero", 0x21: "a number is none of an enumeration",
	0x22: "stored bytes are encoded wrongly", 0x31: "it takes from an empty list", 0x32: "an index is beyond the end", 0x41: "it wants too much memory",
	0x51: "it calls a function that was never set",
}

// A Refusal is what a contract reverted with.
type Refusal struct {
	Name     string // of the error, such as FutureRound; empty if it is none that is known
	Argument uint64 // its first argument where that is a number
	Cure     string // what to do about it; empty where that is not known
	text     string
}

// String says in a line why a contract refuses, and what to do where that is known.
func (r Refusal) String() string {
	if r.Cure == "" {
		return r.text
	}
	return r.text + "; " + r.Cure
}

// ParseRefusal reads the data of a revert: four bytes of a selector and its arguments (Solidity's ABI). Whatever the bytes
// are, the answer is a line that may be shown.
func ParseRefusal(data []byte) Refusal {
	if len(data) == 0 {
		return Refusal{text: "it gives no reason"}
	}
	if len(data) < 4 {
		return Refusal{text: "a reason that is no error's, " + hexOf(data)}
	}
	for _, known := range refusals {
		if [4]byte(data) == selector(known.declaration) {
			return known.read(data[4:])
		}
	}
	return Refusal{text: "an error that is none of Dodona's contracts, " + hexOf(data)}
}

// read reads the arguments of an error.
func (k known) read(arguments []byte) Refusal {
	name, parameters, _ := strings.Cut(k.declaration, "(")
	r := Refusal{Name: name, Cure: k.cure, text: name + ": " + k.means}
	switch n, fits := number(arguments); {
	case parameters == "string)":
		r.text = message(arguments)
	case name == "Panic":
		if r.text = "Panic: the contract's code failed"; fits {
			r.Argument, r.text = n, fmt.Sprintf("Panic(0x%02x): %s", n, cmp.Or(panics[n], "the contract's code failed"))
		}
	case parameters == "uint64)" && fits:
		r.Argument, r.text = n, fmt.Sprintf("%s(%d): %s", name, n, k.means)
	}
	return r
}

// mostShown is how much of a reason that nobody knows is shown: a selector and two words.
const mostShown = 4 + 2*32

// hexOf writes bytes, and how many there are where not all are shown.
func hexOf(data []byte) string {
	if len(data) <= mostShown {
		return "0x" + hex.EncodeToString(data)
	}
	return fmt.Sprintf("0x%x… of %d bytes", data[:mostShown], len(data))
}

func selector(declaration string) [4]byte {
	d := dodona.Keccak256([]byte(declaration))
	return [4]byte(d[:4])
}

func number(arguments []byte) (n uint64, fits bool) {
	if len(arguments) < 32 {
		return 0, false
	}
	v := new(big.Int).SetBytes(arguments[:32])
	return v.Uint64(), v.IsUint64()
}

// message reads the text of Error(string) and makes a stranger's words fit for a line.
func message(arguments []byte) string {
	const words, most = 64, 200
	if len(arguments) < words {
		return "Error: cut short"
	}
	size := binary.BigEndian.Uint64(arguments[words-8 : words])
	text := arguments[words:]
	text = text[:min(uint64(len(text)), size, most)]
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e {
			return '.'
		}
		return r
	}, string(text))
	return fmt.Sprintf("Error(%q)", clean)
}
