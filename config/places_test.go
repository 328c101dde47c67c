package config_test

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/sink/evm"
	"github.com/dodona-oracle/dodona/sink/webhook"
	"github.com/dodona-oracle/dodona/source/file"
	"github.com/dodona-oracle/dodona/source/http"
)

const plainNode = `
sources: {s: {file: {path: a.json}}}
feeds: {f: {every: 1s, from: [s]}}
`

// mistakesOf returns what is wrong with a text, for the kinds of sources and sinks that people have most.
func mistakesOf(t *testing.T, text string) string {
	t.Helper()
	_, err := config.Load(strings.NewReader(text), "f.yaml", config.Kinds{file.Kind, http.Kind, evm.Kind, webhook.Kind})
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestASettingAtTheTopIsToldAllOfItsPlaces(t *testing.T) {
	for line, want := range map[string]string{
		"proxy: http://p.example:3128":      `"proxy" is set for each that needs it: in modules, in a source's http, in a sink's evm or webhook`,
		"http_proxy: http://p.example:3128": `it is called "proxy" here, and is set for each that needs it: in modules, in a source's http`,
		"ca: ca.pem":                        `"ca" is set for each that needs it: in modules, in a source's http, in a sink's evm or webhook`,
		"timeout: 5s":                       `"timeout" is set for each that needs it: in a source's http, in a sink's evm or webhook`,
		"interval: 5s":                      `it is called "every" here, and is set for each that needs it: in anchor, in a source's file or http, in a feed`,
		"listen: 127.0.0.1:8080":            `"listen" is set for each that needs it: in journal, in api`,
		"key: {file: key}":                  `"key" is set for each that needs it: in node, in a sink's evm`,
		"unit: USD":                         `"unit" is set for each that needs it: in a point, in a feed`,
		"points: {p: /p}":                   `"points" is set for each that needs it: in a source, in a feed`,
		"data_dir: /var/lib/dodona":         `it is called "data" here, and belongs to node: node: {data: …}`,
		"max_line: 1KiB":                    `"max_line" belongs to a source's file: sources: {NAME: {file: {max_line: …}}}`,
		"deviation: 1%":                     `"deviation" belongs to a sink: sinks: {NAME: {deviation: …}}`,
		"token: hunter2hunter2":             `"bearer" here, and belongs to a source's http: sources: {NAME: {http: {bearer: …}}}; or it is called "secret" here`,
		"storage: {}":                       `it is called "journal" here`,
	} {
		if got := mistakesOf(t, line+plainNode); !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got:\n%s", line, want, got)
		}
	}
}

func TestASettingBesideNoKindIsToldAllKindsThatHaveIt(t *testing.T) {
	for text, want := range map[string]string{
		"sinks: {k: {timeout: 5s}}" + plainNode:                                    `"timeout" belongs to the kind: evm: {timeout: …} or webhook: {timeout: …}`,
		"sources: {s: {every: 5s, value: /p}}\nfeeds: {f: {every: 1s, from: [s]}}": `"every" belongs to the kind: file: {every: …} or http: {every: …}`,
	} {
		if got := mistakesOf(t, text); !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got:\n%s", text, want, got)
		}
	}
}

func TestAWordThatIsNothingToYAMLIsToldSo(t *testing.T) {
	for text, want := range map[string]string{
		"node: {data: ~}" + plainNode:            "~ alone means nothing (null) in YAML, and no home folder either: write the path out",
		"node: {data: null}" + plainNode:         "null alone means nothing in YAML: write a value, or leave the key out",
		"api: {tokens: [{file: ~}]}" + plainNode: "~ alone means nothing (null) in YAML, and no home folder",
		"sources: {s: {file: {path: a.json}, value: ~}}\nfeeds: {f: {every: 1s, from: [s]}}": "~ alone means nothing in YAML",
	} {
		if got := mistakesOf(t, text); !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got:\n%s", text, want, got)
		}
	}
	if got := mistakesOf(t, "node: {data: }"+plainNode); strings.Contains(got, "means nothing") || !strings.Contains(got, "node.data has no value") {
		t.Errorf("a value that is missing is told as a word that somebody wrote:\n%s", got)
	}
}

func TestAPointThatIsAloneIsNamed(t *testing.T) {
	got := mistakesOf(t, "sources: {s: {file: {path: a.json}, points: {p: /p}}}\nfeeds: {f: {every: 1s, from: [s]}}")
	if !strings.Contains(got, `the point of source "s" is called s.p`) || !strings.Contains(got, "ask for s.p") {
		t.Errorf("want the name of the only point, got:\n%s", got)
	}
}

func TestAUserInAWebhooksURLIsToldWhereItBelongs(t *testing.T) {
	got := mistakesOf(t, "sinks: {w: {webhook: {url: 'https://bob:hunter2@h.example/x'}}}"+plainNode)
	if !strings.Contains(got, "user and password belong under basic:") || strings.Contains(got, "hunter2") {
		t.Errorf("want where they belong, and no password, got:\n%s", got)
	}
}

func TestQueriesOfOtherLanguagesAreShownAndPasswordsAreNot(t *testing.T) {
	for pointer, shown := range map[string]bool{
		`$[?(@.symbol=="BTCUSD")].price`:         true,
		`$.data[?(@['symbol']=="BTCUSD")].price`: true,
		`$..rows[?(@.a==5&&@.b==6)].price`:       true,
		`$.list[(@.length-1)].price`:             true,
		`item[@id="3"].price`:                    true,
		`https://bob:hunter2@h.example/price`:    false,
		`bob:price@h.example`:                    false,
		`$bob[?(price@h.example`:                 false,
		`$[?(@.a==1)]bob:price@h.example`:        false,
		`bob:price@[::1]/x`:                      false,
	} {
		got := mistakesOf(t, "sources: {s: {file: {path: a.json}, value: '"+strings.ReplaceAll(pointer, "'", "''")+"'}}\nfeeds: {f: {every: 1s, from: [s]}}")
		message, _, _ := strings.Cut(got, ": must begin")
		if got == "" || strings.Contains(message, "•••") == shown || !shown && strings.Contains(message, "hunter2") {
			t.Errorf("%s: shown whole is to be %v, got:\n%s", pointer, shown, got)
		}
	}
}

func TestNoKeyIsToBeMadeAtAPathThatIsProbablyAnother(t *testing.T) {
	t.Chdir(t.TempDir())
	for path, made := range map[string]bool{"keys/node": true, "file:///keys/node": false, "<path to key>": false} {
		read, err := config.LoadFor(strings.NewReader("node: {key: {file: '"+path+"'}}"+plainNode), "f.yaml", config.Kinds{file.Kind}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, w := range read.Warnings {
			said.WriteString(w.Message + ": " + w.Hint + "\n")
		}
		if got := said.String(); !strings.Contains(got, "a node does not start without it") || strings.Contains(got, "dodona key new") != made {
			t.Errorf("%s: a command that makes the key is to be told: %v, got:\n%s", path, made, got)
		}
	}
}
