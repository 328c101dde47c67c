package main

import (
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

// TestEveryKindSaysWhichOfItsSettingsArePaths: of each that this build has, one that a shell would have read differently is warned of.
func TestEveryKindSaysWhichOfItsSettingsArePaths(t *testing.T) {
	text := `
sources:
  f: {file: {path: ~/a.json}}
  h: {http: {url: "https://api.example", ca: ~/ca.pem, bearer: {file: ~/token}}}
feeds: {f: {decimals: 1, every: 1s, from: [f]}}
sinks:
  e: {evm: {rpc: ["https://rpc.example"], contract: "0x00000000000000000000000000000000000000aa", key: {file: ~/key.json, password: {file: ~/password}}}}
  w: {webhook: {url: "https://hook.example", secret: {file: ~/secret}}}
`
	read, err := config.Load(strings.NewReader(text), "paths.yaml", allKinds())
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, w := range read.Warnings {
		if strings.Contains(w.Message, " is taken as it stands: ~") {
			said++
		}
	}
	if want := strings.Count(text, "~"); said != want {
		t.Errorf("%d of %d paths are warned of: %+v", said, want, read.Warnings)
	}
}
