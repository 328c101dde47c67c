package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/node"
)

// TestMain lets the test's program compile modules, as the demo starts itself to do.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == compileWorker {
		os.Exit(module.CompileWorker(os.Stdin, os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestDemoKeepsItsPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node and servers for seconds")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // of a slow machine; elsewhere ten seconds are enough
	defer cancel()
	enough := func(s sums) bool { return s.Attested >= 6 && s.Module >= 3 && s.Onchain >= 2 && s.Anchors >= 1 }
	sums, err := run(ctx, flags{json: true, listen: "127.0.0.1:0", seed: 1, enough: enough})
	if err != nil {
		t.Fatal(err)
	}
	got := sums.sums()
	if !sums.good() || !enough(got) || got.Gas == 0 || got.Verified != got.Attested || got.P99 <= 0 {
		t.Errorf("%+v: %v", got, sums.complaint())
	}
	if got.Rounds != got.Attested+got.Missed {
		t.Errorf("%+v: rounds do not add up", got)
	}
}

// TestTheJudgeBites: a check that cannot fail is none.
func TestTheJudgeBites(t *testing.T) {
	m := newMarket(1)
	before := time.Now()
	honest := m.quote()
	answer := func(price cents) node.Outcome {
		value, err := price.decimal().Rescale(8)
		if err != nil {
			t.Fatal(err)
		}
		a := &dodona.Answer{Feed: dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}}
		a.Attestation.Report = dodona.Report{Feed: a.Feed.ID(), Round: dodona.RoundAt(before), Value: value}
		return node.Outcome{Round: dodona.RoundAt(before), Answer: a}
	}
	judged := newTally(m)
	judged.judge(answer(honest))
	if len(judged.beyond) != 0 {
		t.Errorf("an honest answer is judged %v", judged.beyond)
	}
	judged.judge(answer(honest * 10))
	if len(judged.beyond) != 1 {
		t.Error("the liar's answer passes")
	}
	judged.add(answer(honest)) // nobody signed it
	if s := judged.sums(); s.Attested != 1 || s.Verified != 0 || judged.good() {
		t.Errorf("an unsigned answer: %+v, good %v", s, judged.good())
	}
	if newTally(m).good() {
		t.Error("nothing attested passes")
	}
}

func TestPercentile(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(100-i)*time.Millisecond)
	}
	if got := percentile(d, 50); got != 51 {
		t.Errorf("p50 = %v, want 51", got)
	}
	if got := percentile(d, 99); got != 100 {
		t.Errorf("p99 = %v, want 100", got)
	}
	if got := percentile(nil, 99); got != 0 {
		t.Errorf("p99 of nothing = %v", got)
	}
}
