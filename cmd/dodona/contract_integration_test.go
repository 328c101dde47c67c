//go:build integration

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/anviltest"
	"github.com/dodona-oracle/dodona/internal/calldata/signed"
	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/secp"
)

// anvilKey is the key of anvil's first account, known to everybody and rich on every anvil.
const anvilKey = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

// deployAnswers writes an answer of each scheme and returns them by file.
func deployAnswers(t *testing.T, dir string, round dodona.Round) map[string]dodona.Answer {
	seed := dodona.Keccak256([]byte("deploy"))
	key, err := secp.ParsePrivateKey(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	group, err := key.GroupKey()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]dodona.Answer{}
	for name, quorum := range map[string]dodona.Quorum{
		"ecdsa": {Scheme: "ecdsa", K: 1, Members: []dodona.Address{key.Address()}},
		"frost": {Scheme: "frost", Members: []dodona.Address{}, Key: &group},
	} {
		a := dodona.Answer{Network: dodona.Network{Name: "demo", First: quorum.Digest()}, Quorum: quorum}
		a.Feed = dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 2}
		a.Attestation.Report = dodona.Report{Feed: a.Feed.ID(), Round: round, Value: dodona.NewInt192(4321855)}
		digest := a.Attestation.Report.Digest(a.Network.ID())
		sig := key.Sign(digest)
		if quorum.Key != nil {
			if sig, err = key.SignSchnorr(digest); err != nil {
				t.Fatal(err)
			}
		}
		a.Attestation.Signatures = []dodona.Signature{sig}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		out[filepath.Join(dir, name+".json")] = a
	}
	return out
}

// TestContractsAreDeployedAndShown runs the two commands against a real anvil, and sends what a sink would.
func TestContractsAreDeployedAndShown(t *testing.T) {
	chain := anviltest.Start(t)
	dir := t.TempDir()
	t.Setenv("DODONA_PASSWORD", "word")
	keyPath := filepath.Join(dir, "key.json")
	command := func(stdin string, args ...string) (string, string, int) {
		var out, talk bytes.Buffer
		code := execute(t.Context(), args, terminal{in: strings.NewReader(stdin), out: &out, err: &talk})
		return out.String(), talk.String(), code
	}
	if _, talk, code := command(anvilKey, "key", "import", keyPath); code != 0 {
		t.Fatal(talk)
	}
	head, err := chain.Header(t.Context(), ethrpc.Latest)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := hex.DecodeString(anvilKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := secp.ParsePrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	answers := deployAnswers(t, dir, dodona.Round(head.Time*1000))
	for _, file := range slices.Sorted(maps.Keys(answers)) {
		answer := answers[file]
		feed, adapter := "", ""
		for _, kind := range []string{"feed", "hub", "anchor", "adapter"} {
			args := []string{"contract", "deploy", kind, "--answer", file, "--key", keyPath, "--rpc", chain.URL}
			if kind == "adapter" {
				args = append(args, "--feed", feed)
			}
			out, talk, code := command("", args...)
			if code != 0 {
				t.Fatalf("deploy %s: %s%s", kind, out, talk)
			}
			address := strings.TrimSpace(out)
			if kind == "feed" {
				feed = address
			}
			if kind == "adapter" {
				adapter = address
				continue
			}
			out, talk, code = command("", "contract", "show", address, "--rpc", chain.URL, "--json")
			var s shown
			if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
				t.Fatalf("show %s: %v, %s%s", kind, err, out, talk)
			}
			if s.Kind != kind || s.Network == nil || *s.Network != answer.Network.ID() || *s.Quorum != answer.Quorum.Digest() || s.Value != nil {
				t.Errorf("show %s: %s", kind, out)
			}
		}
		update, err := signed.Update(answer)
		if err != nil {
			t.Fatal(err)
		}
		var to dodona.Address
		if err := to.UnmarshalText([]byte(feed)); err != nil {
			t.Fatal(err)
		}
		nonce, err := chain.Nonce(t.Context(), raw.Address(), ethrpc.Pending)
		if err != nil {
			t.Fatal(err)
		}
		tx := ethrpc.Transaction{ChainID: anviltest.ChainID, Nonce: nonce, Tip: 1e9, FeeCap: 100e9, Gas: 200_000, To: &to, Data: update}
		signed, hash := tx.Sign(raw)
		if err := chain.Send(t.Context(), signed); err != nil {
			t.Fatal(err)
		}
		if receipt, err := mined(t.Context(), chain.Client, hash); err != nil || !receipt.OK {
			t.Fatalf("%s: the update: %+v, %v", file, receipt, err)
		}
		out, talk, code := command("", "contract", "show", feed, "--rpc", chain.URL)
		if code != 0 || !strings.Contains(out, "4321855 without the feed's decimals") || !strings.Contains(out, answer.Feed.ID().String()) {
			t.Errorf("show after an update: %s%s", out, talk)
		}
		if out, talk, code := command("", "contract", "show", feed, "--answer", file, "--rpc", chain.URL); code != 0 || !strings.Contains(out, "value     43,218.55 USD, round") {
			t.Errorf("show with an answer of the feed: %s%s", out, talk)
		}
		if out, talk, code := command("", "contract", "show", adapter, "--rpc", chain.URL); code != 0 || !strings.Contains(out, "kind      adapter") || !strings.Contains(out, "name      btc.usd") || !strings.Contains(out, "value     43,218.55, round") {
			t.Errorf("show an adapter: %s%s", out, talk)
		}
	}
	for _, args := range [][]string{
		{"contract", "show", "0x" + strings.Repeat("11", 20), "--rpc", chain.URL},                                                                                        // no code
		{"contract", "show", "0x" + strings.Repeat("11", 20)},                                                                                                            // no chain
		{"contract", "show", "btc", "--rpc", chain.URL},                                                                                                                  // no address
		{"contract", "deploy", "feed", "--answer", keyPath, "--key", keyPath, "--rpc", chain.URL},                                                                        // a broken file
		{"contract", "deploy", "adapter", "--answer", filepath.Join(dir, "ecdsa.json"), "--key", keyPath, "--rpc", chain.URL},                                            // no feed
		{"contract", "deploy", "adapter", "--feed", "0x" + strings.Repeat("11", 20), "--answer", filepath.Join(dir, "ecdsa.json"), "--key", keyPath, "--rpc", chain.URL}, // no code there
		{"contract", "deploy", "anchor", "--period", "1us", "--answer", filepath.Join(dir, "ecdsa.json"), "--key", keyPath, "--rpc", chain.URL},                          // another period
	} {
		if out, talk, code := command("", args...); code == 0 {
			t.Errorf("%q: %s%s", args, out, talk)
		}
	}
}
