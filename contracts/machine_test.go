package contracts_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/params"

	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/calldata"
)

// osaka is the fork that mainnet has: the default of the simulated chain mixes prices of two forks.
func osaka() *params.ChainConfig {
	c := *params.AllDevChainProtocolChanges
	c.AmsterdamTime, c.BogotaTime = nil, nil
	return &c
}

// amsterdam is the fork after it.
func amsterdam() *params.ChainConfig {
	c := osaka()
	c.AmsterdamTime = new(uint64)
	return c
}

// A machine is an EVM without a chain around it: thousands of calls a second.
type machine struct {
	config *runtime.Config
}

func newMachine(t testing.TB, fork *params.ChainConfig, time uint64) *machine {
	t.Helper()
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	if err != nil {
		t.Fatal(err)
	}
	return &machine{&runtime.Config{ChainConfig: fork, State: db, Time: time, BlockNumber: big.NewInt(1), GasLimit: 16_000_000}}
}

// deploy returns the address of a new contract.
func (m *machine) deploy(t testing.TB, name string, args []byte) common.Address {
	t.Helper()
	address, err := m.tryDeploy(name, args)
	if err != nil {
		t.Fatalf("deploy %s: %v", name, err)
	}
	return address
}

func (m *machine) tryDeploy(name string, args []byte) (common.Address, error) {
	artifact, err := contracts.Load(name)
	if err != nil {
		return common.Address{}, err
	}
	ret, address, _, err := runtime.Create(append(bytes.Clone(artifact.Bytecode), args...), m.config)
	return address, explained(ret, err)
}

// create deploys code that is no artifact of ours.
func (m *machine) create(t testing.TB, code, args []byte) common.Address {
	t.Helper()
	ret, address, _, err := runtime.Create(append(bytes.Clone(code), args...), m.config)
	if err != nil {
		t.Fatal(explained(ret, err))
	}
	return address
}

// send is a transaction: what it stores stays, unless it fails.
func (m *machine) send(to common.Address, data []byte) (ret []byte, err error) {
	ret, _, err = runtime.Call(to, data, m.config)
	return ret, explained(ret, err)
}

// call is an eth_call: nothing stays.
func (m *machine) call(to common.Address, data []byte) (ret []byte, err error) {
	before := m.config.State.Snapshot()
	ret, err = m.send(to, data)
	m.config.State.RevertToSnapshot(before)
	return ret, err
}

func (m *machine) slot(at common.Address, slot int64) common.Hash {
	return m.config.State.GetState(at, common.BigToHash(big.NewInt(slot)))
}

// errorNames are the errors that contracts revert with, by selector.
var errorNames = func() map[[4]byte]string {
	names := map[[4]byte]string{}
	for _, e := range []string{
		"NoAnswer()", "OldRound(uint64)", "FutureRound(uint64)", "StaleRound(uint64)", "OtherRound(uint64)", "OtherValue()",
		"BadEncoding()", "BadProof()", "BadKey()", "BadWindow()", "NotAnchored()", "NoPlace()", "BadEpoch(uint64)", "NotYet(uint64)",
	} {
		names[calldata.Selector(e)] = e
	}
	return names
}()

// A revert is why a contract refused.
type revert string

func (r revert) Error() string { return string(r) }

func explained(ret []byte, err error) error {
	if err == nil || !errors.Is(err, vm.ErrExecutionReverted) {
		return err
	}
	if len(ret) == 0 {
		return revert("empty")
	}
	if len(ret) >= 4 {
		if name, found := errorNames[[4]byte(ret)]; found {
			return revert(name)
		}
	}
	return revert(fmt.Sprintf("%x", ret))
}
