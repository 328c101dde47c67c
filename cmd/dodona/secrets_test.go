package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sign"
)

// secretSettings are all settings that are secrets, and a configuration around each.
var secretSettings = map[string]string{
	"http headers":              "sources: {a: {http: {url: 'https://a.example/', headers: {Cookie: %s}}}}",
	"coap psk.key":              "sources: {a: {coap: {url: 'coaps://a.example/', psk: {identity: i, key: %s}}}}",
	"http query":                "sources: {a: {http: {url: 'https://a.example/', query: {key: %s}}}}",
	"http bearer":               "sources: {a: {http: {url: 'https://a.example/', bearer: %s}}}",
	"http basic.password":       "sources: {a: {http: {url: 'https://a.example/', basic: {user: u, password: %s}}}}",
	"http proxy.password":       "sources: {a: {http: {url: 'https://a.example/', proxy: {url: 'http://proxy.example:3128', user: u, password: %s}}}}",
	"websocket headers":         "sources: {a: {websocket: {url: 'wss://a.example/', headers: {Cookie: %s}}}}",
	"websocket query":           "sources: {a: {websocket: {url: 'wss://a.example/', query: {key: %s}}}}",
	"http oauth2.client_secret": "sources: {a: {http: {url: 'https://a.example/', oauth2: {token_url: 'https://a.example/t', client_id: c, client_secret: %s}}}}",
	"http oauth2.params":        "sources: {a: {http: {url: 'https://a.example/', oauth2: {token_url: 'https://a.example/t', client_id: c, client_secret: {file: key.json}, params: {audience: %s}}}}}",
	"opcua password":            "sources: {a: {opcua: {endpoint: 'opc.tcp://a.example', user: u, password: %s, nodes: {p: 'ns=2;s=a'}}}}",
	"snmp community":            "sources: {a: {snmp: {address: a.example, community: %s, oids: {p: 1.3.6.1.2.1.1.3.0}}}}",
	"snmp user.auth_password":   "sources: {a: {snmp: {address: a.example, user: {name: u, auth: sha-256, auth_password: %s}, oids: {p: 1.3.6.1.2.1.1.3.0}}}}",
	"snmp user.priv_password":   "sources: {a: {snmp: {address: a.example, user: {name: u, auth: sha-256, auth_password: {file: key.json}, priv: aes, priv_password: %s}, oids: {p: 1.3.6.1.2.1.1.3.0}}}}",
	"snmp users.auth_password":  "sources: {a: {snmp: {listen: '127.0.0.1:16200', users: [{name: u, auth: sha-256, auth_password: %s}], oids: {p: 1.3.6.1.2.1.1.3.0}}}}",
	"snmp users.priv_password":  "sources: {a: {snmp: {listen: '127.0.0.1:16200', users: [{name: u, auth: sha-256, auth_password: {file: key.json}, priv: aes, priv_password: %s}], oids: {p: 1.3.6.1.2.1.1.3.0}}}}",
	"sql password":              "sources: {a: {sql: {driver: postgres, host: a.example, database: d, user: u, password: %s, query: 'SELECT 1 AS a'}}}",
	"websocket bearer":          "sources: {a: {websocket: {url: 'wss://a.example/', bearer: %s}}}",
	"websocket basic.password":  "sources: {a: {websocket: {url: 'wss://a.example/', basic: {user: u, password: %s}}}}",
	"websocket secrets":         "sources: {a: {websocket: {url: 'wss://a.example/', secrets: {token: %s}, subscribe: ['{{token}}']}}}",
	"websocket proxy.password":  "sources: {a: {websocket: {url: 'wss://a.example/', proxy: {url: 'http://proxy.example:3128', user: u, password: %s}}}}",
	"mqtt password":             "sinks: {a: {mqtt: {url: 'mqtts://a.example/', user: u, password: %s}}}",
	"webhook secret":            "sinks: {a: {webhook: {url: 'https://a.example/', secret: %s}}}",
	"webhook basic.password":    "sinks: {a: {webhook: {url: 'https://a.example/', basic: {user: u, password: %s}}}}",
	"webhook headers":           "sinks: {a: {webhook: {url: 'https://a.example/', headers: {Authorization: %s}}}}",
	"webhook proxy.password":    "sinks: {a: {webhook: {url: 'https://a.example/', proxy: {url: 'http://proxy.example:3128', user: u, password: %s}}}}",
	"evm rpc_secret":            "sinks: {a: {evm: {rpc_secret: [%s], contract: '0x00000000000000000000000000000000000000c0'}}}",
	"evm proxy.password":        "sinks: {a: {evm: {rpc: ['https://a.example/'], contract: '0x00000000000000000000000000000000000000c0', proxy: {url: 'http://proxy.example:3128', user: u, password: %s}}}}",
	"api tokens":                "api: {tokens: [%s]}",
	"modules proxy.password":    "modules: {proxy: {url: 'http://proxy.example:3128', user: u, password: %s}}",
	"node key.password":         "node: {key: {file: key.json, password: %s}}",
	"node key.hex":              "node: {key: {hex: %s}}",
	"evm key.password":          "sinks: {a: {evm: {rpc: ['https://a.example/'], contract: '0x00000000000000000000000000000000000000c0', key: {file: key.json, password: %s}}}}",
	"evm key.hex":               "sinks: {a: {evm: {rpc: ['https://a.example/'], contract: '0x00000000000000000000000000000000000000c0', key: {hex: %s}}}}",
}

// secretsIn lists the settings of a type that are secrets, with words in front.
func secretsIn(t reflect.Type, name string) (list []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[secret.String]():
		return []string{name}
	case t.Kind() != reflect.Struct || t != reflect.TypeFor[keyfile.Key]() && strict.ShapeOf(t) != strict.ShapeStruct:
		return nil
	}
	for _, f := range strict.Fields(t) {
		between := "."
		if !strings.Contains(name, " ") {
			between = " "
		}
		list = append(list, secretsIn(f.Type, name+between+f.Name)...)
	}
	return list
}

// besideAKey goes to a folder with a keystore, key.json.
func besideAKey(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	key, err := sign.NewKey()
	if err == nil {
		err = sign.WriteKeystore("key.json", key, "a password")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsNoSecretIsRefusedWhereOneStands: a file or a variable that is empty, or no line of text, is told by its name before anything is sent
// with it, wherever a secret may stand.
func TestWhatIsNoSecretIsRefusedWhereOneStands(t *testing.T) {
	besideAKey(t)
	var all []string
	for _, kind := range allKinds() {
		all = append(all, secretsIn(reflect.TypeOf(kind.Settings()), kind.Name())...)
	}
	for _, f := range strict.Fields(reflect.TypeFor[config.Config]()) {
		all = append(all, secretsIn(f.Type, f.Name)...)
	}
	for _, name := range all {
		if secretSettings[name] == "" {
			t.Errorf("%s is a secret: is it looked at?", name)
		}
	}
	bad := map[string]string{
		"":                        " is empty",
		"\n":                      " is empty",
		" \n":                     " holds nothing but blanks",
		"swordfish\nswordfish2\n": " has 2 lines",
		"s\x00w\x00o\x00r\x00":    " is UTF-16 text",
		"swordfish\x00":           " holds the control character U+0000",
	}
	for name, around := range secretSettings {
		if !slices.Contains(all, name) {
			t.Errorf("%s is no secret", name)
		}
		for content, want := range bad {
			if err := os.WriteFile("token", []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			ways := map[string]string{"token": "{file: token}"}
			if !strings.Contains(content, "\x00") {
				t.Setenv("SOME_TOKEN", content)
				ways["environment variable SOME_TOKEN"] = "{env: SOME_TOKEN}"
			}
			for from, written := range ways {
				said, _ := saysOf(t, "f.yaml", fmt.Sprintf(around, written)+"\n")
				told := strings.Contains(said, from+want) || strings.HasSuffix(name, ".hex") && strings.Contains(said, from+" holds no key")
				if !told || strings.Contains(said, "swordfish") {
					t.Errorf("%s: %s with %q: check says\n%s", name, written, content, said)
				}
			}
		}
	}
}

// TestWhatIsNotThereIsWorthAWord, and no mistake: it may be where the node will run.
func TestWhatIsNotThereIsWorthAWord(t *testing.T) {
	t.Chdir(t.TempDir())
	for written, want := range map[string]string{
		"{file: nowhere}":       "warning: bearer: there is no file nowhere",
		"{env: DODONA_NOTHING}": "warning: bearer: environment variable DODONA_NOTHING is not set",
	} {
		said, _ := saysOf(t, "f.yaml", fmt.Sprintf(secretSettings["http bearer"], written)+"\nfeeds: {f: {from: [a]}}\n")
		if !strings.Contains(said, want) || !strings.HasSuffix(said, "no mistakes\n") {
			t.Errorf("%s: check says\n%s", written, said)
		}
	}
}

// TestAFileThatIsNoSecretCostsItsUnitAlone: a power cut leaves empty files, and a node that does not start for one is not started again. Without
// tokens the API would be open to all, and what stands in the configuration is mended there.
func TestAFileThatIsNoSecretCostsItsUnitAlone(t *testing.T) {
	besideAKey(t)
	t.Setenv("DODONA_TEST_EMPTY", "")
	if err := os.WriteFile("empty", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const feeds = "\nfeeds: {f: {from: [a]}}\n"
	for _, c := range []struct {
		name, written, want string
		starts              bool
	}{
		{"http bearer", "{file: empty}", "warning: bearer: empty is empty", true},
		{"http bearer", "{env: DODONA_TEST_EMPTY}", "warning: bearer: environment variable DODONA_TEST_EMPTY is empty", true},
		{"http bearer", "'Bearer swordfish'", "is sent in front of it", false},
		{"api tokens", "{file: empty}", "api.tokens: empty is empty", false},
		{"evm key.hex", "{file: empty}", "warning: key.hex: empty holds no key: it is empty", true},
		{"evm key.hex", "{env: DODONA_TEST_EMPTY}", "warning: key: environment variable DODONA_TEST_EMPTY is empty", true},
		{"evm key.password", "{file: empty}", "warning: key.password: empty is empty", true},
		{"node key.password", "{file: empty}", "node.key.password: empty is empty", false},
	} {
		text := fmt.Sprintf(secretSettings[c.name], c.written) + feeds
		if !strings.HasPrefix(c.name, "http") {
			text += "sources: {a: {http: {url: 'https://a.example/'}, value: /p}}\n"
		}
		said, _ := saysOf(t, "f.yaml", text)
		if starts := strings.Contains(said, "no mistakes"); starts != c.starts || !strings.Contains(said, c.want) {
			t.Errorf("%s: %s: check says\n%s", c.name, c.written, said)
		}
	}
}

// TestASecretThatOthersMayTouchIsWorthAWord wherever a file may hold one; of a key, which signs, it is a mistake.
func TestASecretThatOthersMayTouchIsWorthAWord(t *testing.T) {
	besideAKey(t)
	contents := map[string]string{"webhook secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwFp3fS7ZQ", "evm rpc_secret": "https://swordfish.example/1"}
	for name, around := range secretSettings {
		content := cmp.Or(contents[name], "swordfish-swordfish-1")
		if strings.HasSuffix(name, ".hex") {
			content = strings.Repeat("46", 32)
		}
		for mode, exposed := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o644: true, 0o620: true, 0o666: true} {
			if err := errors.Join(os.RemoveAll("token"), os.WriteFile("token", []byte(content+"\n"), 0o600), os.Chmod("token", mode)); err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() == 0 && mode == 0o640 {
				continue // root has handed it to a group
			}
			said, _ := saysOf(t, "f.yaml", fmt.Sprintf(around, "{file: token}")+"\n")
			what := fmt.Sprintf("token has mode %04o: others may read or change it", mode)
			told := strings.Contains(said, what) && strings.Contains(said, "chmod 600 token")
			warned := strings.Contains(said, "warning: ") && slices.ContainsFunc(strings.Split(said, "\n"), func(l string) bool { return strings.Contains(l, "warning: ") && strings.Contains(l, what) })
			if told != exposed || warned != (exposed && !strings.Contains(name, " key.")) || strings.Contains(said, "swordfish") {
				t.Errorf("%s of mode %04o: check says\n%s", name, mode, said)
			}
		}
	}
}

// TestSecretsAreWhatTheirPeersTake: what is told by the text alone is told before it is sent.
func TestSecretsAreWhatTheirPeersTake(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ setting, content, want string }{
		{"http bearer", "Bearer swordfish", "bearer: the word Bearer is sent in front of it"},
		{"webhook secret", "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret: it begins otherwise than with whsec_"},
		{"webhook secret", `"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`, "secret: quotes"},
		{"webhook secret", "swordfish", "secret: 9 characters"},
		{"evm rpc_secret", "swordfish.example/1", "rpc_secret[0]: no URL"},
		{"api tokens", "swordfish", "api.tokens: a token has at least 16 characters, and this has 9"},
	} {
		if err := os.WriteFile("token", []byte(c.content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		said, _ := saysOf(t, "f.yaml", fmt.Sprintf(secretSettings[c.setting], "{file: token}")+"\n")
		if !strings.Contains(said, c.want) || strings.Contains(said, "swordfish") || strings.Contains(said, "MfKQ9") {
			t.Errorf("%s of %q: check says\n%s", c.setting, c.content, said)
		}
	}
}

// TestCheckOpensAKeystoreWithItsPassword as a start does: a wrong one is a mistake of a node, and costs a sink alone.
func TestCheckOpensAKeystoreWithItsPassword(t *testing.T) {
	besideAKey(t)
	for name, text := range map[string]string{"right": "a password", "wrong": "another password"} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const plain = "\nsources: {s: {sim: {seed: 7}}}\nfeeds: {f: {from: [s]}}\n"
	const why = "key.json: the password does not open this keystore"
	for name, of := range map[string]string{"node key.password": "node.key.file: read key ", "evm key.password": `sink "a": warning: key.file: read key `} {
		for file, wrong := range map[string]bool{"right": false, "wrong": true} {
			if err := os.WriteFile("f.yaml", []byte(fmt.Sprintf(secretSettings[name], "{file: "+file+"}")+plain), 0o600); err != nil {
				t.Fatal(err)
			}
			_, out, talk := said(t, "check", "f.yaml")
			said := out + talk
			if strings.Contains(said, of+why) != wrong || strings.Contains(said, "no mistakes") == (wrong && strings.HasPrefix(name, "node")) {
				t.Errorf("%s, the %s one: check says\n%s", name, file, said)
			}
		}
	}
}
