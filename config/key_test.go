package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/sign"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// keyed is a node and a sink that name their keys, both in the same way.
const keyed = `node: {key: %[1]s}
sources: {a: {http: {url: "https://a.example/"}}}
feeds: {f: {kind: number, every: 10s, from: [a]}}
sinks:
  chain:
    evm:
      rpc: ["https://rpc.example"]
      contract: "0x00000000000000000000000000000000000000c0"
      key: %[1]s
`

// TestAKeyIsRefusedBeforeItIsNeeded compares what reads a configuration with what opens a key.
func TestAKeyIsRefusedBeforeItIsNeeded(t *testing.T) {
	const one = "0000000000000000000000000000000000000000000000000000000000000001"
	for _, hex := range []string{
		one, "0x" + one, "0X" + one, one[1:], one + "00", "zz", strings.Repeat("0", 64), strings.Repeat("f", 64),
		"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
	} {
		_, opened := sign.Open("key", keyfile.Key{Hex: secret.New(hex)})
		_, err := config.Load(strings.NewReader(fmt.Sprintf(keyed, "{hex: '"+hex+"'}")), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...))
		if (err == nil) != (opened == nil) {
			t.Errorf("%s: the configuration says %v, the key %v", hex, err, opened)
		}
		if err == nil {
			continue
		}
		for _, want := range []string{"node.key.hex: not a secp256k1 key", `f.yaml:9:18: sink "chain": key.hex: not a secp256k1 key`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", hex, err, want)
			}
		}
	}
}

func TestAKeyIsNamedInOneWay(t *testing.T) {
	for key, want := range map[string]string{
		"{file: k.json, hex: {env: KEY}}":          "key.hex: a key file is given too; a %s has one key",
		"{password: {env: WORD}, hex: {env: KEY}}": "key.password: goes with a key file, not with hex",
	} {
		_, err := config.Load(strings.NewReader(fmt.Sprintf(keyed, key)), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...))
		if err == nil {
			t.Errorf("%s: no mistake", key)
			continue
		}
		for _, owner := range []string{"node", "sink"} {
			if said := strings.ReplaceAll(want, "%s", owner); !strings.Contains(err.Error(), said) {
				t.Errorf("%s: got %v, want %s", key, err, said)
			}
		}
	}
}

// TestAKeyBesideAKindIsNotToldOfASink: `value` and `points` belong beside the kind of a source, and nowhere in a sink.
func TestAKeyBesideAKindIsNotToldOfASink(t *testing.T) {
	text := strings.Replace(fmt.Sprintf(keyed, "{file: k.json}"), "      key:", "      points: {}\n      key:", 1)
	text = strings.Replace(text, `"https://a.example/"}`, `"https://a.example/", points: {}}`, 1)
	_, err := config.Load(strings.NewReader(text), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...))
	if err == nil || strings.Count(err.Error(), "belongs beside") != 1 || !strings.Contains(err.Error(), "belongs beside http:") || !strings.Contains(err.Error(), `sink "chain": unknown key "points"`) {
		t.Errorf("got %v", err)
	}
}
