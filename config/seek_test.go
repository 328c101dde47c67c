package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/sink/evm"
)

// TestWhatIsNotHereIsSoughtWhereItMayBe: relative paths begin where a node runs, which need not be here. Nobody who has a key is told to make
// another one, which would be another identity.
func TestWhatIsNotHereIsSoughtWhereItMayBe(t *testing.T) {
	beside, home, here := t.TempDir(), t.TempDir(), t.TempDir()
	t.Chdir(here)
	for _, path := range []string{filepath.Join(beside, "k-beside"), filepath.Join(home, "k-home"), filepath.Join(beside, "k-both"), filepath.Join(home, "k-both")} {
		if err := os.WriteFile(path, []byte(strings.Repeat("46", 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	besideIt := "there is one beside the configuration: run from " + beside + ", or write the whole path"
	inHome := "there is one in " + home + ", where unit dodona runs by it"
	neither := " in " + here + ", and none in " + home + ", where unit dodona runs by it\n"
	for _, c := range []struct {
		path, home string
		want       string
		advised    bool // to make a key
	}{
		{"k-beside", "", besideIt, false},
		{"k-none", "", "there is no file k-none in " + here + "\n", true},
		{"k-home", home, inHome, false},
		{"k-both", home, inHome, false},
		{"k-beside", home, neither, false},
		{"k-beside", home, "there is one beside the configuration: write the whole path", false},
		{"k-none", home, neither, true},
		{"k-none", here, "there is no file k-none in " + here + "\n", true},
		{"/no/such/key", home, "there is no file /no/such/key\n", true},
	} {
		for setting, text := range map[string]string{
			"node.key": fmt.Sprintf(keyed, "{file: "+c.path+"}"),
			"bearer":   "sources: {a: {http: {url: 'https://a.example/', bearer: {file: " + c.path + "}}}}\nfeeds: {f: {from: [a]}}\n",
			"tokens":   "api: {tokens: [{file: " + c.path + "}]}\nsources: {a: {http: {url: 'https://a.example/'}}}\nfeeds: {f: {from: [a]}}\n",
		} {
			loaded, err := config.LoadFor(strings.NewReader(text), filepath.Join(beside, "f.yaml"), append(shipped(), config.KindsOf(evm.Kind)...), func() (folder, by string) {
				return c.home, "unit dodona"
			})
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			_ = strict.WriteWarnings(&said, loaded.Warnings) // a builder never fails
			if !strings.Contains(said.String(), c.want) || strings.Contains(said.String(), "dodona key new") != (c.advised && setting == "node.key") {
				t.Errorf("%s: %s, at home in %q:\n%s\nwant %s", setting, c.path, c.home, &said, c.want)
			}
		}
	}
}
