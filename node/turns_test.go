package node

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/source"
)

// peers counts how often a source is asked for its peer.
var peers atomic.Int64

type ofOnePeer struct{}

func (*ofOnePeer) Default()     {}
func (*ofOnePeer) Check() error { return nil }
func (*ofOnePeer) Peer() string { peers.Add(1); return "there" }

// TestTurnsAreFoundOnceForAllSources: a start, or a reload, with thousands of sources looks at each of them once, and not at all of them for each.
func TestTurnsAreFoundOnceForAllSources(t *testing.T) {
	const many = 60
	kinds := append(all.Sources(), source.NewPolled("peered", func(context.Context, ofOnePeer, source.Env) (dodona.Source, error) {
		return nil, dodona.ErrNotFound
	}))
	var text strings.Builder
	fmt.Fprintf(&text, "node: {data: %q}\napi: {listen: \"127.0.0.1:0\"}\nfeeds: {f: {from: [s0], every: 1h}}\nsources:\n", filepath.Join(t.TempDir(), "data"))
	for i := range many {
		fmt.Fprintf(&text, "  s%d: {peered: {}, value: /t}\n", i)
	}
	c, err := config.Load(strings.NewReader(text.String()), "test.yaml", append(config.KindsOf(kinds...), config.KindsOf(all.Sinks()...)...))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Config: c, Kinds: kinds, Sinks: all.Sinks()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	stop := run(t, n)
	stop()
	if started, asked := len(n.observer.pumps.all()), peers.Load(); started != many || asked != many {
		t.Errorf("%d sources were started, and asked for their peer %d times; want each once", started, asked)
	}
}
