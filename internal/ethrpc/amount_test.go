package ethrpc

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestFundsAndFeesAreWrittenInEtherAndGwei(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0 ether", "1": "0.000000000000000001 ether", "931562643972770": "0.00093156264397277 ether",
		"1500000000000000000": "1.5 ether", "1234500000000000000000": "1,234.5 ether", "-1000000000000000000": "-1 ether",
	} {
		wei, _ := new(big.Int).SetString(text, 10)
		if got := Ether(wei); got != want {
			t.Errorf("%s wei is %q, want %q", text, got, want)
		}
	}
	if got := Ether(nil); got != "an unknown amount" {
		t.Errorf("nobody knows how much: %q", got)
	}
	if got := Ether(new(big.Int).Lsh(big.NewInt(1), 255)); !strings.HasSuffix(got, " ether") || len(got) < 60 {
		t.Errorf("the most that a word holds: %q", got)
	}
	for wei, want := range map[uint64]string{0: "0 gwei", 1: "0.000000001 gwei", 30e9: "30 gwei", 1_500_000_000: "1.5 gwei", math.MaxUint64: "18446744073.709551615 gwei"} {
		if got := Gwei(wei); got != want {
			t.Errorf("%d wei is %q, want %q", wei, got, want)
		}
	}
}

// TestAReasonThatIsToldInWordsAloneIsRead: some nodes name the selector and give no data.
func TestAReasonThatIsToldInWordsAloneIsRead(t *testing.T) {
	for message, want := range map[string]string{
		"execution reverted: custom error 0x7ca55c77":                   "7ca55c77",
		"VM Exception: reverted with custom error 0x7ca55c77 (unknown)": "7ca55c77",
		"execution reverted: custom error 7ca55c77:00":                  "",
		"execution reverted, data: \"0x7ca55c77\"":                      "7ca55c77",
		"0x7ca55c77 reverted":                                           "",
		"nonce 0x7ca55c77 is used":                                      "",
		"execution reverted: 0x7ca5":                                    "",
		"execution reverted: 0x7ca55c7":                                 "",
	} {
		if got := (&Error{Code: 3, Message: message}).Revert(); len(want) != 2*len(got) || len(got) > 0 && want != hexText(got) {
			t.Errorf("%q: got %x, want %s", message, got, want)
		}
	}
	e := &Error{Code: 3, Message: "execution reverted: custom error 0x7ca55c77", Data: []byte(`"0x01020304"`)}
	if got := hexText(e.Revert()); got != "01020304" {
		t.Errorf("the data comes first: got %s", got)
	}
}

func hexText(b []byte) string { return new(big.Int).SetBytes(append([]byte{1}, b...)).Text(16)[1:] }
