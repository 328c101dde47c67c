//go:build integration

package evm

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/source"
)

func opened(t *testing.T, s *Settings) dodona.Source {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	o, err := Kind.Open(t.Context(), s, source.Env{Source: "oracle", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func asked(t *testing.T, o dodona.Source) (r dodona.Reading, d document, err error) {
	t.Helper()
	b, err := o.Observe(t.Context())
	if err != nil {
		return r, d, err
	}
	if len(b.Readings) != 1 {
		t.Fatalf("%d readings", len(b.Readings))
	}
	if err := json.Unmarshal(b.Readings[0].Body, &d); err != nil {
		t.Fatal(err)
	}
	return b.Readings[0], d, nil
}

func TestARoundOfChainlinkIsExact(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.start(t)
	updated := time.Now().Add(-time.Hour).Truncate(time.Second)
	big80, _ := new(big.Int).SetString("110680464442257320247", 10)
	c.round(1, 6_700_012_345_678, updated.Unix(), 1)
	c.set(0, big80)
	c.set(4, big80)
	s := settingsOf(c.url())
	o := opened(t, s)
	r, d, err := asked(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if d.Result["roundId"] != "110680464442257320247" || d.Result["answer"] != "6700012345678" || d.Value != "67000.12345678" || d.Decimals != "8" || d.Chain != "31337" {
		t.Errorf("document %s", r.Body)
	}
	if !r.SourceTime.Equal(updated) || r.Quality != dodona.Good || len(d.Raw) != 2+5*64 || len(d.Block.Hash) != 66 || d.Block.Number == "0" {
		t.Errorf("reading %+v of block %+v, want the time of the answer (%s)", r, d.Block, updated)
	}
	c.set(1, big.NewInt(-5))
	if r, d, err = asked(t, o); err != nil || d.Value != "-0.00000005" || d.Result["answer"] != "-5" || r.Quality != dodona.Bad || !strings.Contains(r.Detail, "the answer is -5") {
		t.Errorf("below zero: %+v, %+v, %v; want it exact and bad", r, d, err)
	}
	s.AnyAnswer = true
	o = opened(t, s)
	if r, d, err = asked(t, o); err != nil || d.Value != "-0.00000005" || r.Quality != dodona.Good {
		t.Errorf("below zero, as it may be: %+v, %+v, %v", r, d, err)
	}
	c.set(4, big.NewInt(7))
	if r, _, err = asked(t, o); err != nil || r.Quality != dodona.Uncertain || !strings.Contains(r.Detail, "the answer of an earlier one") {
		t.Errorf("of an earlier round: %+v, %v", r, err)
	}
	c.set(3, new(big.Int))
	if r, _, err = asked(t, o); err != nil || r.Quality != dodona.Bad || !strings.Contains(r.Detail, "updatedAt is no time") || !r.SourceTime.IsZero() {
		t.Errorf("not complete: %+v, %v", r, err)
	}
	c.set(6, big.NewInt(1))
	if _, _, err = asked(t, o); err == nil || !strings.Contains(err.Error(), "refuses latestRoundData(): ") || !strings.Contains(err.Error(), "paused") {
		t.Errorf("reverted: %v, want the contract's reason", err)
	}
}

func TestTheBlockIsTheOneThatIsNamed(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.start(t)
	c.round(1, 100, time.Now().Unix(), 1)
	c.do("anvil_mine", "0x80")
	c.set(1, big.NewInt(200))
	number := map[Tag]int{}
	for tag, want := range map[Tag]string{latest: "200", finalized: "100"} {
		s := settingsOf(c.url())
		s.Block = tag
		_, d, err := asked(t, opened(t, s))
		if err != nil || d.Result["answer"] != want || d.Block.Tag != tag {
			t.Errorf("%s: %+v, %v; want %s", tag, d, err, want)
		}
		if _, err := fmt.Sscan(d.Block.Number, new(int)); err == nil {
			n := 0
			_, _ = fmt.Sscan(d.Block.Number, &n)
			number[tag] = n
		}
	}
	if number[finalized] >= number[latest] {
		t.Errorf("blocks %v, want the final one before the latest", number)
	}
	// the chain goes back, and on in another way
	o := opened(t, settingsOf(c.url()))
	if _, _, err := asked(t, o); err != nil {
		t.Fatal(err)
	}
	c.do("anvil_reorg", 2, []any{})
	r, _, err := asked(t, o)
	if err != nil || !strings.Contains(r.Detail, "reorganisation") {
		t.Errorf("after a reorganisation: %+v, %v", r, err)
	}
	c.do("anvil_rollback", 5)
	if r, _, err = asked(t, o); err != nil || r.Quality != dodona.Uncertain || !strings.Contains(r.Detail, "was read before") {
		t.Errorf("a block before the last one: %+v, %v", r, err)
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.start(t)
	c.round(1, 100, time.Now().Unix(), 1)
	for name, x := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"another chain": {func(s *Settings) { s.ChainID = 1 }, "chain"},
		"no contract":   {func(s *Settings) { s.Contract = dodona.Address{19: 1, 0: 9} }, "there is no contract at this address of the chain"},
		"another view": {func(s *Settings) {
			s.Preset, s.Call = "", "read()(uint256 a,uint256 b,uint256 c,uint256 d,uint256 e,uint256 f)"
		}, "none of this signature: f: it is too short"},
		"another type": {func(s *Settings) { s.Preset, s.Call = "", "read()(uint256 a,bool b)" }, "none of this signature: b: it is no bool"},
	} {
		s := settingsOf(c.url())
		x.change(s)
		if _, _, err := asked(t, opened(t, s)); err == nil || !strings.Contains(err.Error(), x.want) || !dodona.IsPermanent(err) {
			t.Errorf("%s: %v, want %q, and that it will hardly mend", name, err, x.want)
		}
	}
	s := settingsOf(c.url())
	s.Preset, s.Call, s.Time = "", "read()(uint80 round, int256 answer, uint256 started, uint256 at)", "at"
	r, d, err := asked(t, opened(t, s))
	if err != nil || d.Result["answer"] != "100" || d.Value != "" || r.SourceTime.IsZero() {
		t.Errorf("a call by its signature: %+v, %v", d, err)
	}
	s = settingsOf(c.url())
	s.Preset = api3
	c.set(0, big.NewInt(1))
	c.set(1, big.NewInt(time.Now().Unix()))
	if _, d, err = asked(t, opened(t, s)); err != nil || d.Value != "0.000000000000000001" {
		t.Errorf("api3: %+v, %v", d, err)
	}
}

// TestOurOwnAdapterIsAnAggregator: a feed of Dodona's that nothing was delivered to says so.
func TestOurOwnAdapterIsAnAggregator(t *testing.T) {
	t.Parallel()
	c := anviltest.Start(t)
	deploy := func(name string, arguments []byte) dodona.Address {
		a, err := contracts.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return c.Deploy(append(a.Bytecode, arguments...))
	}
	feed := dodona.Feed{Name: "btc.usd", Kind: "number", Unit: "USD", Decimals: 8}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{anviltest.Key(t).Address()}}
	of := deploy(contracts.FeedECDSA, calldata.NewECDSA(dodona.Digest{1}, calldata.Subject(feed.ID()), quorum))
	adapter := deploy(contracts.Adapter, calldata.NewAdapter(of, feed))
	s := settingsOf(c.URL)
	s.Contract = adapter
	if _, _, err := asked(t, opened(t, s)); err == nil || !strings.Contains(err.Error(), `refuses latestRoundData(): Error("No data present")`) {
		t.Errorf("before an answer: %v", err)
	}
	s = settingsOf(c.URL)
	s.Contract, s.Preset, s.Call = adapter, "", "description()(string)"
	_, d, err := asked(t, opened(t, s))
	if text, _ := d.Result["0"].(string); err != nil || !strings.Contains(text, "btc.usd") {
		t.Errorf("description: %+v, %v", d, err)
	}
}
