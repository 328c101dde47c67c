//go:build integration

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/contracts"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/calldata"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink"
)

// exchanged is a node that delivers answers and anchors, by the file of its key.
const exchanged = `node: {name: gw, data: ./data, key: {file: %s}}
network: {name: plant}
api: {listen: "127.0.0.1:0"}
anchor: {every: 1s}
sources: {walk: {sim: {every: 100ms}}}
feeds: {walk: {decimals: 2, every: 500ms, from: [walk]}}
sinks:
  main:
    evm: {rpc: [%q], poll: 100ms, confirmations: 1, contract: %q, anchor: %q, key: {hex: %q}}
    feeds: [walk]
    anchors: true
`

// shownSink is what the status of a node says of its sink.
type shownSink struct {
	sink.Status
	Detail struct {
		Planned  int
		Troubles map[string]string
	} `json:"detail"`
}

func sinkOf(t *testing.T, p *process) (s shownSink, err error) {
	t.Helper()
	body, err := get(p.url + "/v1/status")
	var status struct{ Sinks []shownSink }
	if err == nil {
		err = json.Unmarshal(body, &status)
	}
	if err == nil && len(status.Sinks) != 1 {
		err = fmt.Errorf("the status has %d sinks: %s", len(status.Sinks), body)
	}
	if err != nil {
		return s, err
	}
	return status.Sinks[0], nil
}

// TestAnotherKeyAndBackLeavesNoDamage exchanges the key of a node that delivers to a real chain: that is refused, then meant, then undone.
func TestAnotherKeyAndBackLeavesNoDamage(t *testing.T) {
	t.Parallel()
	chain := anviltest.Start(t, "--block-time", "1")
	dir := t.TempDir()
	deploy := func(name string, network dodona.Network, quorum dodona.Quorum, subject calldata.Subject) dodona.Address {
		artifact, err := contracts.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return chain.Deploy(append(artifact.Bytecode[:len(artifact.Bytecode):len(artifact.Bytecode)], calldata.NewECDSA(network.ID(), subject, quorum)...))
	}
	networks := make(map[string]dodona.Network)
	quorums := make(map[string]dodona.Quorum)
	for _, name := range []string{"first", "other"} {
		key, err := sign.NewKey()
		if err == nil {
			err = sign.WriteRaw(filepath.Join(dir, name), key)
		}
		if err != nil {
			t.Fatal(err)
		}
		quorums[name] = dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}}
		networks[name] = dodona.Network{Name: "plant", First: quorums[name].Digest()}
	}
	feed := dodona.Feed{Name: "walk", Kind: dodona.Number, Decimals: 2}
	contract := deploy(contracts.FeedECDSA, networks["first"], quorums["first"], feed.ID())
	anchors := deploy(contracts.AnchorECDSA, networks["first"], quorums["first"], calldata.PeriodSubject(1000))
	start := func(key string, flags ...string) *process {
		file := filepath.Join(dir, "gw.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, exchanged, key, chain.URL, contract, anchors, anvilKey), 0o600); err != nil {
			t.Fatal(err)
		}
		return launch(t, dir, append([]string{"run", file}, flags...)...)
	}
	held := func() dodona.Round {
		word, err := chain.Storage(t.Context(), contract, dodona.Digest{}, ethrpc.Latest)
		if err != nil {
			t.Fatal(err)
		}
		round, _ := calldata.ParseFeedWord(word)
		return round
	}
	delivers := func(p *process) {
		t.Helper()
		before := held()
		var begun uint64
		eventually(t, patience, func() error {
			s, err := sinkOf(t, p)
			if begun == 0 {
				begun = s.Delivered + 1
			}
			if err == nil && (held() <= before || s.Delivered < begun+4 || s.State != sink.OK || len(s.Detail.Troubles) > 0 || s.Detail.Planned > 8) {
				err = fmt.Errorf("answers and anchors do not go: %+v", s)
			}
			return err
		})
	}

	p := start("first")
	p.awaitURL()
	delivers(p)
	_ = p.stop()

	p = start("other")
	err := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
		t.Fatalf("another key: %v, want exit code %d; it said:\n%s", err, exitUsage, p.stderr)
	}
	for name := range networks {
		if said := p.stderr.String(); !strings.Contains(said, networks[name].ID().String()) || !strings.Contains(said, quorums[name].Members[0].String()) || !strings.Contains(said, "--new-network") {
			t.Errorf("it does not name key and network of both:\n%s", said)
		}
	}

	p = start("other", "--new-network")
	p.awaitURL()
	eventually(t, patience, func() error {
		s, err := sinkOf(t, p)
		if err == nil && (s.State != sink.Stuck || s.Dead < 2 || s.Detail.Planned != 1 || s.Detail.Troubles["contract walk"] == "" || s.Detail.Troubles["network"] == "") {
			err = fmt.Errorf("not yet: %+v", s)
		}
		for _, name := range []string{"contract walk", "network"} { // beside them there may be one for nonces that the first sink gave
			said := s.Detail.Troubles[name]
			if err == nil && (!strings.Contains(said, "belongs to network "+networks["first"].ID().String()) || !strings.Contains(said, "signs for network "+networks["other"].ID().String())) {
				t.Fatalf("it does not name both networks: %s", said)
			}
		}
		return err
	})
	stood := held()
	_ = p.stop()

	p = start("first", "--new-network")
	p.awaitURL()
	delivers(p)
	if held() <= stood {
		t.Error("the contract has nothing newer than before")
	}
	// Every round of the first key that the journal answers for is proved, those before the exchange too.
	body, err := get(p.url + "/v1/feeds/walk/latest")
	if err != nil {
		t.Fatal(err)
	}
	var answer dodona.Answer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Network.ID() != networks["first"].ID() {
		t.Fatalf("the newest answer is of another network: %v", err)
	}
	for _, round := range []dodona.Round{stood, answer.Attestation.Report.Round} {
		eventually(t, patience, func() error {
			_, err := get(fmt.Sprintf("%s/v1/feeds/walk/rounds/%d/proof", p.url, uint64(round)))
			return err
		})
	}
	if s, err := sinkOf(t, p); err != nil || s.Dead > 0 || s.Foreign > 0 {
		t.Errorf("something of the other network came along: %+v, %v", s, err)
	}
	if code := p.stop(); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}
