package node

import (
	"context"
	"reflect"
	"testing"

	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// TestAModuleFetchesAsOftenAndAsMuchAsItsManifestAsks: a feed allows hosts, and no more of them than are asked for.
func TestAModuleFetchesAsOftenAndAsMuchAsItsManifestAsks(t *testing.T) {
	asks := manifest.Capabilities{HTTPGet: &manifest.HTTPGet{Hosts: []string{"a.example"}, PerSecond: 5, Bytes: 1000}}
	g := &guest{m: &modules{intake: &intake{}}, look: func(context.Context) (manifest.Found, error) {
		return manifest.Found{Manifest: manifest.Manifest{Format: manifest.Format, Capabilities: asks}}, nil
	}}
	rules := g.choose(t.Context(), feed.Module{
		Name: "counter", Version: "1.0.0", Allow: manifest.Allow{HTTPGet: []string{"b.example", "a.example"}, State: true},
	})
	if g.err != nil || !reflect.DeepEqual(rules.Capabilities, asks) || !reflect.DeepEqual(g.spec.Capabilities, asks) {
		t.Errorf("granted are %+v, by the rules %+v, %v; want %+v", g.spec.Capabilities.HTTPGet, rules.Capabilities.HTTPGet, g.err, asks.HTTPGet)
	}
}
