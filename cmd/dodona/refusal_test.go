package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

func TestWhyAContractRefusesIsSaidInWords(t *testing.T) {
	for want, err := range map[string]error{
		"the contract refuses: BadProof: the signatures are not":                        &ethrpc.Error{Code: 3, Message: "execution reverted: custom error 0x7ca55c77"},
		"the contract refuses: Panic(0x11): a number is out of its range":               &ethrpc.Error{Code: 3, Data: []byte(`"0x4e487b71` + strings.Repeat("0", 62) + `11"`)},
		"the contract refuses: an error that is none of Dodona's contracts, 0xdeadbeef": &ethrpc.Error{Code: 3, Data: []byte(`"0xdeadbeef"`)},
		"it would be reverted, and nobody says why":                                     &ethrpc.Error{Code: 3, Message: "execution reverted"},
		"connection refused": errors.New("connection refused"),
		"nonce too low":      &ethrpc.Error{Code: -32000, Message: "nonce too low"},
	} {
		if got := refusal(fmt.Errorf("eth_estimateGas: %w", err)).Error(); !strings.Contains(got, want) {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
