package calldata

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// refusals are the errors of the contracts, and Solidity's own two, by their declarations; what each says is for people.
var refusals = []struct{ declaration, means string }{
	{"BadEncoding()", "the bytes are not the one encoding of an update"},
	{"BadProof()", "the signatures are not those of the contract's quorum"},
	{"FutureRound(uint64)", "the round is ahead of the block's clock"},
	{"OldRound(uint64)", "the contract holds a newer round"},
	{"StaleRound(uint64)", "the round is older than the reader allows"},
	{"OtherRound(uint64)", "it is not the round that the reader asked for"},
	{"OtherValue()", "it is not the value that the contract holds"},
	{"NoAnswer()", "there is no answer"},
	{"NoPlace()", "the hub has no such page or place"},
	{"BadEpoch(uint64)", "the rotation is not of the next epoch"},
	{"NotYet(uint64)", "the rotation's notice is not over"},
	{"BadWindow()", "the window of the anchor is empty or off its grid"},
	{"NotAnchored()", "no anchor covers it"},
	{"BadKey()", "the key is none that the contract can check"},
	{"OtherFeed(bytes32)", "the contract is another feed's"},
	{"Error(string)", ""},
	{"Panic(uint256)", "an assertion of the contract failed"},
}

// A Refusal is what a contract reverted with.
type Refusal struct {
	Name     string // of the error, such as FutureRound; empty if it is none that is known
	Argument uint64 // its first argument where that is a number
	text     string
}

// String says in a line why a contract refuses.
func (r Refusal) String() string { return r.text }

// ParseRefusal reads the data of a revert: four bytes of a selector and its arguments (Solidity's ABI). Whatever the bytes
// are, the answer is a line that may be shown.
func ParseRefusal(data []byte) Refusal {
	if len(data) == 0 {
		return Refusal{text: "it gives no reason"}
	}
	if len(data) < 4 {
		return Refusal{text: "a reason of " + fmt.Sprint(len(data)) + " bytes, 0x" + hex.EncodeToString(data)}
	}
	for _, known := range refusals {
		if [4]byte(data) != selector(known.declaration) {
			continue
		}
		name, parameters, _ := strings.Cut(known.declaration, "(")
		r := Refusal{Name: name, text: name + ": " + known.means}
		switch parameters {
		case "uint64)", "uint256)":
			if n, fits := number(data[4:]); fits {
				r.Argument, r.text = n, fmt.Sprintf("%s(%d): %s", name, n, known.means)
			}
		case "string)":
			r.text = message(data[4:])
		}
		return r
	}
	return Refusal{text: "an error that is none of Dodona's contracts, 0x" + hex.EncodeToString(data[:4])}
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
