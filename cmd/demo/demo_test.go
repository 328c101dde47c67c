package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
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
	enough := func(s sums) bool {
		return s.Attested >= 6 && s.Module >= 3 && s.Onchain >= 2 && s.Anchors >= 1 && len(s.Protocols) == 4
	}
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

// TestAnUnpluggedDeviceLeavesAGapWithItsCauseAndAnswersAgain: the run ends when it does, however slow the machine is.
func TestAnUnpluggedDeviceLeavesAGapWithItsCauseAndAnswersAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a node and servers for seconds")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // of a slow machine; elsewhere ten seconds are enough
	defer cancel()
	judged, err := run(ctx, flags{
		json: true, listen: "127.0.0.1:0", seed: 1, unplug: "modbus", duration: 10 * time.Second,
		enough: func(s sums) bool { return s.Unplugged.Recovered },
	})
	if err != nil {
		t.Fatal(err)
	}
	g := judged.sums().Unplugged
	if g == nil || g.Device != "boiler" || g.Protocol != "modbus" || !slices.Equal(g.Feeds, []string{"boiler.temperature"}) {
		t.Fatalf("%+v", g)
	}
	if g.Rounds < 1 || !strings.Contains(g.Cause, "boiler.temperature failed: ") || g.Until.Before(g.From) || !g.Recovered || g.AfterMS < 0 || !judged.good() {
		t.Errorf("%+v: %v", g, judged.complaint())
	}
}

func TestWhatCannotBeUnpluggedIsRefusedWithWhatCan(t *testing.T) {
	_, err := run(t.Context(), flags{json: true, listen: "127.0.0.1:0", unplug: "opcua-of-a-neighbour"})
	if err == nil || !strings.Contains(err.Error(), "want one of modbus, coap, mqtt, http") {
		t.Errorf("%v", err)
	}
}

// TestAnOutageIsJudgedByItsGapAndItsEnd: neither a plug that nobody missed nor a feed that stays silent passes.
func TestAnOutageIsJudgedByItsGapAndItsEnd(t *testing.T) {
	boiler := dodona.Feed{Name: "boiler.temperature", Kind: dodona.Number, Unit: "Cel", Decimals: 1}
	round := func(r dodona.Round, missed string) node.Outcome {
		o := node.Outcome{Round: r, Bundle: &dodona.Bundle{Feed: boiler, Round: r, Missed: missed}}
		if missed == "" {
			o.Answer = &dodona.Answer{Feed: boiler}
		}
		return o
	}
	o := newOutage(device{Name: "boiler", Protocol: "modbus"}, 0)
	o.add(round(1000, "before it began"))
	o.begun = 2000
	if err := o.left().complaint(); err == nil || o.left().Rounds != 0 {
		t.Errorf("nothing was missed: %+v, %v", o.left(), err)
	}
	o.add(round(2000, "cut"))
	o.add(round(3000, "cut still"))
	o.add(node.Outcome{Round: 3000, Bundle: &dodona.Bundle{Feed: dodona.Feed{Name: "btc.usd"}, Missed: "of another feed"}})
	o.mended = 3500
	o.add(round(3000, "")) // late, of before
	if g := o.left(); g.Rounds != 2 || g.Cause != "cut" || g.Recovered || g.complaint() == nil {
		t.Errorf("two were missed, and it does not answer yet: %+v, %v", g, g.complaint())
	}
	o.add(round(4000, ""))
	if g := o.left(); g.Rounds != 2 || !g.Recovered || g.complaint() != nil || !g.From.Equal(time.UnixMilli(2000)) || !g.Until.Equal(time.UnixMilli(3000)) {
		t.Errorf("it answers: %+v, %v", g, g.complaint())
	}
}

// TestNobodyPullsAPlugFromAnotherSite: the front asks for what a page of another site cannot send, and answers under its own names alone.
func TestNobodyPullsAPlugFromAnotherSite(t *testing.T) {
	d, err := startDevices(t.Context(), 1, newMarket(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	f := &front{devices: d}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /demo/devices/{name}/{what}", f.plug)
	for _, c := range []struct {
		host, header, path string
		status             int
		plugged            bool
	}{
		{"127.0.0.1:8080", "", "/demo/devices/boiler/unplug", http.StatusForbidden, true},
		{"rebound.example:8080", "me", "/demo/devices/boiler/unplug", http.StatusMisdirectedRequest, true},
		{"127.0.0.1:8080", "me", "/demo/devices/kettle/unplug", http.StatusNotFound, true},
		{"127.0.0.1:8080", "me", "/demo/devices/boiler/explode", http.StatusNotFound, true},
		{"localhost:8080", "me", "/demo/devices/boiler/unplug", http.StatusOK, false},
		{"[::1]:8080", "me", "/demo/devices/boiler/plug", http.StatusOK, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://"+c.host+c.path, nil)
		if c.header != "" {
			r.Header.Set("Dodona-Request", c.header)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		boiler, err := d.named("boiler")
		if w.Code != c.status || err != nil || boiler.Plugged != c.plugged {
			t.Errorf("POST %s to %s with %q: %d, plugged %v, %v: %s; want %d, %v", c.path, c.host, c.header, w.Code, boiler.Plugged, err, w.Body, c.status, c.plugged)
		}
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

// TestADemoOfDaysRemembersTheNewestAnswers: each look at the percentiles sorts what is remembered.
func TestADemoOfDaysRemembersTheNewestAnswers(t *testing.T) {
	days := newTally(nil)
	for took := range time.Duration(3 * mostKept) {
		days.attested++
		days.keep(took)
	}
	if len(days.kept) != mostKept || slices.Min(days.kept) != 2*mostKept {
		t.Errorf("%d are remembered, the oldest is number %d; want the newest %d", len(days.kept), slices.Min(days.kept), mostKept)
	}
}
