package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/examples"
	"github.com/dodona-oracle/dodona/internal/secp"
)

const (
	example = "demo.yaml" // the configuration that the demo runs
	onChain = "btc.usd"   // the feed whose answers go to the chain
)

// A stage is everything around the node: the devices and servers that it asks, the chain that it delivers to, the front that shows it, and
// its configuration.
type stage struct {
	devices *devices
	front   *front
	outage  *outage // nil unless a device is to be unplugged
	market  *market // nil when the real exchanges are asked
	servers *exchanges
	chain   *chain
	config  *config.Config
}

// setUp builds the stage in a folder. close ends it.
func setUp(ctx context.Context, f flags, data string) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	text, err := examples.Files.ReadFile(example)
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(data, examples.Modules); err != nil {
		return nil, fmt.Errorf("write modules: %w", err)
	}
	key, err := secp.Generate(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	period := time.Minute
	if !f.live {
		period = 5 * time.Second
		s.market = newMarket(f.seed)
	}
	if err := s.openPlant(ctx, f); err != nil {
		return nil, err
	}
	replace, err := s.devices.addresses()
	if err != nil {
		return nil, err
	}
	yaml := strings.NewReplacer(append(replace,
		"data: ./data", fmt.Sprintf("data: %q, key: {hex: %q}", data, hex.EncodeToString(key.Bytes())),
		"examples/modules", data+"/modules",
	)...).Replace(string(text))
	if !f.live {
		if s.servers, err = open(s.market); err != nil {
			return nil, err
		}
		// The same file, on local servers and ten times as fast.
		yaml = strings.NewReplacer("every: 10s", "every: 1s", "http: {", "http: {timeout: 400ms, ").Replace(s.servers.hosts.Replace(yaml))
	}
	yaml += fmt.Sprintf("\nanchor: {every: %s}\n", period)
	if err := s.load(yaml); err != nil {
		return nil, err
	}
	if s.chain, err = s.openChain(ctx, key.Address(), period); err != nil {
		return nil, err
	}
	err = s.load(yaml + fmt.Sprintf(`
sinks:
  chain:
    evm: {rpc: [%q], contract: %q, anchor: %q, confirmations: 1, poll: 250ms}
    feeds: [%s]
    anchors: true
`, s.chain.url, dodona.Address(s.chain.feed), dodona.Address(s.chain.anchor), onChain))
	if err != nil {
		return nil, err
	}
	s.config.API.Listen = "127.0.0.1:0"
	s.front, err = openFront(ctx, address(f.listen), s.devices)
	return s, err
}

// openPlant starts the devices, and plans the outage of one.
func (s *stage) openPlant(ctx context.Context, f flags) (err error) {
	if s.devices, err = startDevices(ctx, f.seed, s.market); err != nil || f.unplug == "" {
		return err
	}
	d, err := s.devices.named(f.unplug)
	if err != nil {
		return fmt.Errorf("unplug: %w", err)
	}
	s.outage = newOutage(d, f.duration)
	return nil
}

func (s *stage) load(yaml string) (err error) {
	kinds := append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...)
	s.config, err = config.Load(strings.NewReader(yaml), "examples/"+example, kinds)
	return err
}

// openChain starts the chain with the contracts, whose only signer is the node.
func (s *stage) openChain(ctx context.Context, node dodona.Address, period time.Duration) (*chain, error) {
	feed, found := s.config.Feed(onChain)
	if !found {
		return nil, fmt.Errorf("examples/%s has no feed %s", example, onChain)
	}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{node}}
	network := dodona.Network{Name: s.config.Network.Name, First: quorum.Digest()}
	return openChain(ctx, node, feed.Feed.ID(), period, network, quorum)
}

// feeds returns the names of the feeds, in the order of the configuration.
func (s *stage) feeds() []string {
	names := make([]string, len(s.config.Feeds))
	for i, f := range s.config.Feeds {
		names[i] = f.Feed.Name
	}
	return names
}

// close ends what was started, and waits.
func (s *stage) close() {
	if s.front != nil {
		s.front.close()
	}
	if s.chain != nil {
		s.chain.close()
	}
	if s.servers != nil {
		s.servers.close()
	}
	if s.devices != nil {
		s.devices.close()
	}
}
