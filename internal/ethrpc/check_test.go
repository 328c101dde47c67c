package ethrpc_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
)

// TestACheckBeforeAnAbsenceIsGoodForOneAnswer, or one that answers seldom would be asked for nothing else, and for no more than one.
func TestACheckBeforeAnAbsenceIsGoodForOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		c := stage(t, ethrpc.Options{}, a)
		a.trips = func() error {
			if a.times > 1 {
				return err502
			}
			return nil
		}
		if err := read(t, c); err == nil || fmt.Sprint(a.asked) != "[eth_chainId]" {
			t.Fatalf("%v, %q, want that it answers for its chain only", err, a.asked)
		}
		time.Sleep(3 * time.Minute)
		a.trips = nil
		if err := read(t, c); err != nil {
			t.Errorf("got %v, want the answer", err)
		}
		a.chain = 6
		if err := read(t, c); !errors.Is(err, ethrpc.ErrWrongChain) {
			t.Errorf("got %v, want another chain", err)
		}
		if fmt.Sprint(a.asked) != "[eth_chainId eth_getTransactionCount eth_chainId]" {
			t.Errorf("it was asked %q", a.asked)
		}
	})
}

// TestACheckSinceTheLastRefusalIsGoodForOneAnswer, or one that refuses every other connection would be asked for nothing else.
func TestACheckSinceTheLastRefusalIsGoodForOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		a.trips = func() error {
			if a.times%2 == 0 {
				return syscall.ECONNREFUSED
			}
			return nil
		}
		c := stage(t, ethrpc.Options{Tries: 3}, a)
		for n, want := range []bool{false, true, false, false, true, false} { // the second chain id is asked for after the second refusal
			if err := read(t, c); (err == nil) != want {
				t.Fatalf("request %d: %v", n, err)
			}
			if n > 0 {
				continue
			}
			if id, err := c.ChainID(t.Context()); err != nil || id != 5 { // which is known by now, so that nothing is used up
				t.Fatalf("chain %d, %v", id, err)
			}
		}
		if fmt.Sprint(a.asked) != "[eth_chainId eth_getTransactionCount eth_chainId eth_getTransactionCount]" {
			t.Errorf("it was asked %q", a.asked)
		}
	})
}

// TestWhatIsKnownIsNoAnswer: the chain id need not be asked for again.
func TestWhatIsKnownIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{chain: 5}
		c := stage(t, ethrpc.Options{}, a)
		for range 3 {
			if _, err := c.ChainID(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n, _ := c.Answers(); n != 1 || a.times != 1 {
			t.Errorf("%d answers to %d requests, want one each", n, a.times)
		}
	})
}

// TestWhoAnswersSeldomIsNotAskedForItsChainOnly: what it says of it is good for one answer at least.
func TestWhoAnswersSeldomIsNotAskedForItsChainOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, c := range []struct {
		every time.Duration // an answer
		most  int           // answers of a hundred that go to the chain
	}{
		{10 * time.Second, 5},
		{time.Minute, 21},
		{110 * time.Second, 41},
		{3 * time.Minute, 50},
		{290 * time.Second, 50},
	} {
		t.Run(c.every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := time.Now()
				a := &actor{chain: 5}
				a.trips = func() error {
					if time.Now().Before(next) {
						return err502
					}
					next = time.Now().Add(c.every)
					return nil
				}
				client := stage(t, ethrpc.Options{}, a)
				for len(a.asked) < 100 {
					_ = read(t, client)
					time.Sleep(time.Second)
				}
				n := 0
				for _, method := range a.asked {
					if method == "eth_chainId" {
						n++
					}
				}
				if n > c.most {
					t.Errorf("%d of 100 answers went to the chain, want at most %d", n, c.most)
				}
			})
		})
	}
}

// TestARefusalForItsChainIsLookedInto before anything else is asked of an endpoint: another node may stand behind its address.
func TestARefusalForItsChainIsLookedInto(t *testing.T) {
	for _, words := range []string{"invalid chain id for signer: have 31337 want 31338", "Incorrect ChainId", "invalid sender: chain_id mismatch", "nonce too low"} {
		a := newNode(t, 5)
		a.reply = func(method string) string {
			if method == "eth_sendRawTransaction" {
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":%q}}`, words)
			}
			return `{"jsonrpc":"2.0","id":1,"result":"0x2a"}`
		}
		c := newClient(t, 5, a)
		var said *ethrpc.Error
		if err := c.Send(t.Context(), []byte{2}); !errors.As(err, &said) {
			t.Fatalf("%s: got %v, want what the node says", words, err)
		}
		a.chain = 6
		_, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest)
		if want := words != "nonce too low"; errors.Is(err, ethrpc.ErrWrongChain) != want {
			t.Errorf("%s: got %v, want another chain: %t", words, err, want)
		}
	}
}

// TestConfirmAsksForTheChainAnew, however short a while ago the endpoint said it.
func TestConfirmAsksForTheChainAnew(t *testing.T) {
	a := newNode(t, 5)
	c := newClient(t, 5, a)
	if err := c.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.chain = 6
	if err := c.Confirm(t.Context()); !errors.Is(err, ethrpc.ErrWrongChain) {
		t.Errorf("got %v, want another chain", err)
	}
	a.chain = 5
	if _, err := c.Nonce(t.Context(), dodona.Address{}, ethrpc.Latest); err != nil {
		t.Errorf("back on its chain: %v", err)
	}
}
