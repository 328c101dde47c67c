package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
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

// TestAKeyIsWrittenAsItIs: every way to write one names one key, in the two-line form, of a node and of a sink.
func TestAKeyIsWrittenAsItIs(t *testing.T) {
	const one = "0x0000000000000000000000000000000000000000000000000000000000000001"
	for text, want := range map[string]keyfile.Key{
		one:                                     {Hex: secret.New(one)},
		"'" + one + "'":                         {Hex: secret.New(one)},
		"{hex: '" + one + "'}":                  {Hex: secret.New(one)},
		"{env: KEY}":                            {Hex: secret.String{Env: "KEY"}},
		"{hex: {env: KEY}}":                     {Hex: secret.String{Env: "KEY"}},
		"{file: k}":                             {File: "k"},
		"{hex: {file: k}}":                      {Hex: secret.String{File: "k"}},
		"{file: k, password: {file: w}}":        {File: "k", Password: secret.String{File: "w"}},
		"{hex: {file: k}, password: {file: w}}": {Hex: secret.String{File: "k"}, Password: secret.String{File: "w"}},
	} {
		long, err := config.Load(strings.NewReader(fmt.Sprintf(keyed, text)), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		short, err := config.Load(strings.NewReader("endpoint: https://a.example/\nsignature_key: "+text+"\n"), "f.yaml", shipped())
		if err != nil {
			t.Errorf("%s: in the two-line form: %v", text, err)
			continue
		}
		for where, got := range map[string]keyfile.Key{"node": long.Node.Key, "sink": long.Sinks[0].Settings.(*evm.Settings).Key, "two lines": short.Node.Key} {
			if got.File != want.File || !got.Hex.Same(want.Hex) || !got.Password.Same(want.Password) {
				t.Errorf("%s: %s: got file %q, hex %v, password %v", text, where, got.File, got.Hex, got.Password)
			}
		}
	}
}

// TestAMistakeOfAKeyNamesWhatWasWritten, never a setting of the long form that nobody wrote, and nothing of the key.
func TestAMistakeOfAKeyNamesWhatWasWritten(t *testing.T) {
	const one = "0000000000000000000000000000000000000000000000000000000000000001"
	for text, want := range map[string]string{
		"abc":                            "2:16: signature_key: not a secp256k1 key: want 64 hex digits, got 3 characters",
		"keys/k.json":                    "2:16: signature_key: not a secp256k1 key",
		"":                               "2:1: signature_key has no value",
		"{}":                             "2:1: signature_key is empty",
		"[" + one + "]":                  "2:16: signature_key: want {file: PATH}",
		"{file: '" + one + "'}":          "2:23: signature_key.file: that is a key, not the path of a file",
		"{file: k, env: KEY}":            "signature_key: a key file is given too",
		"{password: {env: W}}":           "2:17: signature_key.password: opens nothing",
		"{env: KEY, password: {env: W}}": "signature_key.password: goes with a key file",
		"{fiel: k}":                      "2:17: signature_key: unknown key \"fiel\"",
		"{env: 'no name'}":               "signature_key: that is not the name of an environment variable",
		"{file: }":                       "signature_key.file",
	} {
		_, err := config.Load(strings.NewReader("endpoint: https://a.example/\nsignature_key: "+text+"\n"), "f.yaml", shipped())
		if err == nil {
			t.Errorf("%s: no mistake", text)
			continue
		}
		if said := err.Error(); !strings.Contains(said, want) || strings.Contains(said, "node.key") || strings.Contains(said, one) || strings.Contains(said, ".hex") {
			t.Errorf("%s: got\n%s\nwant %s", text, said, want)
		}
	}
}

// TestWhatAStartWouldRefuseOfAKeyFileIsAMistake where the file is, and a warning where it is not. What is no key costs a sink, not the node.
func TestWhatAStartWouldRefuseOfAKeyFileIsAMistake(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	digits := strings.Repeat("46", 32)
	for _, c := range []struct {
		path, want string
		mends      bool // of a sink: it waits until the file is another one
	}{
		{file("raw", digits, 0o600), "", false},
		{file("raw0x", "0x"+digits+"\n", 0o600), "", false},
		{file("keystore", `{"version":3}`, 0o600), "keystore is an encrypted keystore, and no password is configured to open it", false},
		{file("open", digits, 0o644), "open has mode 0644: others may read or change it; run: chmod 600 ", false},
		{file("empty", "", 0o600), "empty holds no key: it is empty", true},
		{file("pem", "-----BEGIN PRIVATE KEY-----\n", 0o600), "pem holds no key: it is PEM", true},
		{file("short", digits[:62], 0o600), "short holds no key: it has 62 hex digits", true},
		{file("binary", digits[:32], 0o600), "binary holds no key: it has 32 bytes", true},
		{file("large", strings.Repeat("f", 64), 0o600), "the 64 hex digits in ", true},
		{dir, "is a directory", true},
	} {
		for at, text := range map[string]string{
			"signature_key.file:":           "endpoint: https://a.example/\nsignature_key: {file: " + c.path + "}\n",
			"node.key.file:":                fmt.Sprintf(keyed, "{file: "+c.path+"}"),
			`sink "chain": key.file:`:       fmt.Sprintf(keyed, "{file: "+c.path+"}"),
			`9:13: sink "chain": key.hex: `: fmt.Sprintf(keyed, "{hex: {file: "+c.path+"}}"),
		} {
			_, err := config.LoadFor(strings.NewReader(text), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...), nil)
			if c.mends {
				at = strings.Replace(at, `"chain": `, `"chain": warning: `, 1)
			}
			if c.want == "" {
				if err != nil {
					t.Errorf("%s: %v", c.path, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), digits[:30]) {
				t.Errorf("%s: got %v, want %s … %s", c.path, err, at, c.want)
			}
			if strings.HasPrefix(at, "signature_key") && err != nil && strings.Contains(err.Error(), "node.key") {
				t.Errorf("%s: names a setting that nobody wrote: %v", c.path, err)
			}
			if _, err := config.Load(strings.NewReader(text), "f.yaml", append(shipped(), config.KindsOf(evm.Kind)...)); err != nil {
				t.Errorf("%s: elsewhere: %v", c.path, err)
			}
		}
	}
}

// TestWhatIsNotThereForAKeyIsAWarning: it may be where the node will run. What is there and of no use is a mistake.
func TestWhatIsNotThereForAKeyIsAWarning(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, mode := range map[string]os.FileMode{"k.json": 0o600, "word": 0o600, "open": 0o644} {
		if err := os.WriteFile(name, []byte(`{"version":3}`), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DODONA_TEST_WORD", "battery staple")
	t.Setenv("DODONA_TEST_KEY", strings.Repeat("46", 32))
	for key, c := range map[string]struct {
		want    string // what is said; empty: nothing
		mistake bool
	}{
		"{file: none.json}":                                 {"2:23: warning: signature_key.file: there is no file none.json", false},
		"{file: k.json, password: {file: none}}":            {"2:31: warning: signature_key.password: there is no file none", false},
		"{file: k.json, password: {env: DODONA_TEST_NONE}}": {"2:31: warning: signature_key.password: environment variable DODONA_TEST_NONE is not set", false},
		"{env: DODONA_TEST_NONE}":                           {"2:1: warning: signature_key: environment variable DODONA_TEST_NONE is not set", false},
		"{file: k.json, password: {file: open}}":            {"2:31: signature_key.password: read secret: open has mode 0644", true},
		"{env: DODONA_TEST_WORD}":                           {"2:1: signature_key: environment variable DODONA_TEST_WORD holds no key: want 64 hex digits", true},
		"{file: k.json, password: {file: word}}":            {"", false},
		"{file: k.json, password: {env: DODONA_TEST_WORD}}": {"", false},
		"{env: DODONA_TEST_KEY}":                            {"", false},
	} {
		loaded, err := config.LoadFor(strings.NewReader("endpoint: https://a.example/\nsignature_key: "+key+"\nvalue: /price\n"), "f.yaml", shipped(), nil)
		if (err != nil) != c.mistake {
			t.Errorf("%s: %v", key, err)
			continue
		}
		said := fmt.Sprint(err)
		if err == nil {
			var b strings.Builder
			_ = strict.WriteWarnings(&b, loaded.Warnings)
			said = b.String()
		}
		if c.want == "" && said != "" || !strings.Contains(said, c.want) || strings.Contains(said, "battery") || strings.Contains(said, "node.key") {
			t.Errorf("%s: got\n%s\nwant %q", key, said, c.want)
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
