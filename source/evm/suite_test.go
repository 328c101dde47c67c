//go:build integration

package evm

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// aggregator is the code of a contract that answers decimals() with its slot 5, and anything else with its slots 0 to 4; while slot 6 is not 0
// it reverts with Error("paused").
var aggregator = strings.Join([]string{
	"5f3560e01c8063313ce56714603557", // decimals()? to 35
	"600654603f57",                   // paused? to 3f
	"5f545f52600154602052600254604052600354606052600454608052" + "60a05ff3",
	"5b6005545f5260205ff3", // 35
	"5b6308c379a060e01b5f52602060045260066024526570617573656460d01b60445260645ffd", // 3f
}, "")

var contractAt = dodona.Address{19: 0xc0}

// A chain is anvil with the contract, which can be killed and frozen.
type chain struct {
	t       *testing.T
	port    int
	process *peertest.Process
	client  *ethrpc.Client
	slots   [7]*big.Int
}

func newChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{t: t, port: peertest.Port(t)}
	var err error
	if c.client, err = ethrpc.NewClient(ethrpc.Options{URLs: []string{c.url()}, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for i := range c.slots {
		c.slots[i] = new(big.Int)
	}
	return c
}

func (c *chain) url() string { return fmt.Sprintf("http://127.0.0.1:%d", c.port) }

func (c *chain) address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *chain) start(t *testing.T) {
	t.Helper()
	if c.process == nil {
		c.process = peertest.Start(t, peertest.Command{
			Name: anviltest.Program(t), Args: []string{"--port", fmt.Sprint(c.port), "--silent", "--hardfork", "osaka"}, Dir: t.TempDir(), Ready: peertest.Dial(c.port),
		})
	} else {
		c.process.Restart()
	}
	c.do("anvil_setCode", contractAt.String(), "0x"+aggregator)
	for i := range c.slots {
		c.set(i, c.slots[i])
	}
}

func (c *chain) kill(*testing.T) {
	if c.process != nil {
		c.process.Kill()
	}
	c.client.Close()
}

func (c *chain) do(method string, params ...any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.client.Call(ctx, nil, method, params...); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// set fills a slot of the contract, from the next block on at the latest.
func (c *chain) set(slot int, value *big.Int) {
	c.t.Helper()
	c.slots[slot] = value
	raw := make([]byte, 32)
	unsigned := new(big.Int).And(value, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)))
	unsigned.FillBytes(raw)
	c.do("anvil_setStorageAt", contractAt.String(), fmt.Sprintf("0x%064x", slot), "0x"+hex.EncodeToString(raw))
	c.do("anvil_mine", "0x1")
}

// round has the contract answer as an aggregator does.
func (c *chain) round(round, answer, updated, in int64) {
	c.t.Helper()
	for i, n := range []int64{round, answer, updated, updated, in, 8} {
		c.set(i, big.NewInt(n))
	}
}

func settingsOf(url string) *Settings {
	s := Kind.Settings().(*Settings)
	s.RPC, s.ChainID, s.Contract, s.Preset = []string{url}, anviltest.ChainID, contractAt, chainlink
	s.Timeout = 2 * time.Second
	return s
}

func TestSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		c := newChain(t)
		c.slots[3], c.slots[5] = big.NewInt(time.Now().Unix()), big.NewInt(8)
		relay := nettest.NewRelay(t, c.address())
		s := settingsOf("http://" + relay.Address)
		return sourcetest.Subject{
			Kind: Kind, Settings: s, Start: c.start, Stop: c.kill,
			Say:    func(_ *testing.T, n int) { c.set(1, big.NewInt(int64(n))) },
			Marked: func(n int) string { return fmt.Sprintf(`"answer":"%d"`, n) },
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { c.process.Freeze() },
				Thaw:   func(*testing.T) { c.process.Thaw() },
				Kill:   c.kill,
				Vanish: func(*testing.T) { relay.Freeze() },
				Drip:   func(*testing.T) { relay.Drip(time.Second) },
				Flow:   func(*testing.T) { relay.Resume() },
				Late:   func(*testing.T) { relay.Late() },
			},
		}
	})
}
