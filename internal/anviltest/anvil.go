// Package anviltest starts anvil, the development chain of Foundry, for tests.
package anviltest

import (
	"context"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// ChainID is that of every anvil.
const ChainID = 31337

// A Chain is a running anvil. Its methods fail the test.
type Chain struct {
	*ethrpc.Client
	URL string
	t   testing.TB
	cmd *exec.Cmd
}

// Start starts anvil on a free port of loopback; the test's end stops it. More arguments go to anvil.
func Start(t testing.TB, args ...string) *Chain {
	t.Helper()
	c := &Chain{t: t}
	c.cmd = exec.Command(Program(t), append([]string{"--port", "0", "--hardfork", "osaka"}, args...)...)
	c.cmd.Dir = t.TempDir()
	said := &talk{address: make(chan string, 1)}
	c.cmd.Stdout, c.cmd.Stderr = said, said
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start anvil: %v", err)
	}
	t.Cleanup(c.Stop)
	select {
	case address := <-said.address:
		c.URL = "http://" + address
	case <-time.After(time.Minute):
		c.Stop()
		t.Fatalf("anvil does not say in a minute that it listens:\n%s", said.text)
	}
	var err error
	if c.Client, err = ethrpc.NewClient(ethrpc.Options{URLs: []string{c.URL}, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Client.Close)
	return c
}

// talk is what anvil says until it names the address at which it listens; the rest is dropped.
type talk struct {
	text    []byte
	named   bool
	address chan string
}

var listens = regexp.MustCompile(`Listening on ([0-9.]+:[0-9]+)\s`)

func (l *talk) Write(p []byte) (int, error) {
	if l.named {
		return len(p), nil
	}
	l.text = append(l.text, p...)
	if found := listens.FindSubmatch(l.text); found != nil {
		l.named = true
		l.address <- string(found[1])
	}
	return len(p), nil
}

// Program finds anvil where scripts/contracts.sh installs it.
func Program(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	name := filepath.Join(dir, "contracts", "node_modules", "@foundry-rs", "anvil-"+runtime.GOOS+"-"+runtime.GOARCH, "bin", "anvil")
	if _, err := os.Stat(name); err != nil {
		t.Fatalf("anvil is not installed: scripts/contracts.sh deps")
	}
	return name
}

// Stop ends anvil. It may be called twice.
func (c *Chain) Stop() {
	if c.cmd.Process != nil && c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// Do calls a method of anvil's own, such as anvil_mine.
func (c *Chain) Do(method string, params ...any) {
	c.t.Helper()
	if err := c.Call(context.Background(), nil, method, params...); err != nil {
		c.t.Fatal(err)
	}
}

// Key returns the first of anvil's funded keys.
func Key(t testing.TB) *secp.PrivateKey {
	t.Helper()
	key, err := secp.ParsePrivateKey([]byte("\xac\x09\x74\xbe\xc3\x9a\x17\xe3\x6b\xa4\xa6\xb4\xd2\x38\xff\x94\x4b\xac\xb4\x78\xcb\xed\x5e\xfc\xae\x78\x4d\x7b\xf4\xf2\xff\x80"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// SetBalance gives an address exactly so many gwei.
func (c *Chain) SetBalance(a dodona.Address, gwei uint64) {
	c.t.Helper()
	wei := new(big.Int).Mul(new(big.Int).SetUint64(gwei), big.NewInt(1e9))
	c.Do("anvil_setBalance", a.String(), "0x"+wei.Text(16))
}

// Deploy makes a contract, paid by anvil's first key, and returns its address.
func (c *Chain) Deploy(code []byte) dodona.Address {
	c.t.Helper()
	ctx := context.Background()
	key := Key(c.t)
	nonce, err := c.Nonce(ctx, key.Address(), ethrpc.Latest)
	if err != nil {
		c.t.Fatal(err)
	}
	head, err := c.Header(ctx, ethrpc.Latest)
	if err != nil {
		c.t.Fatal(err)
	}
	raw, hash := ethrpc.Transaction{
		ChainID: ChainID, Nonce: nonce, Tip: 1e9, FeeCap: 2*head.BaseFee + 1e9, Gas: 5_000_000, Data: code,
	}.Sign(key)
	if err := c.Send(ctx, raw); err != nil {
		c.t.Fatal(err)
	}
	c.Do("anvil_mine", "0x1")
	r, err := c.Receipt(ctx, hash)
	if err != nil || !r.OK || r.Contract == nil {
		c.t.Fatalf("deploy: %+v, %v", r, err)
	}
	if *r.Contract != ethrpc.Created(key.Address(), nonce) {
		c.t.Fatalf("deploy: the contract is at %s, computed was %s", r.Contract, ethrpc.Created(key.Address(), nonce))
	}
	return *r.Contract
}

// Pause makes anvil answer nothing until Resume: it keeps its sockets and is not run.
func (c *Chain) Pause() { c.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (c *Chain) Resume() { c.signal(syscall.SIGCONT) }

func (c *Chain) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}
