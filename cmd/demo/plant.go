package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/plant"
)

// exchangesOf is the name of the price servers, as a device.
const exchangesOf = "exchanges"

// A measured feed is one whose value a device of the plant has.
type measured struct {
	feed, protocol string
	address        string // that stands in the configuration for the device's
	low, high      int64  // what the device can have, in the feed's unit
}

// plantFeeds are those of [example] that devices answer.
var plantFeeds = []measured{
	{"boiler.temperature", plant.Modbus, "127.0.0.1:10502", 60, 100},
	{"flow.rate", plant.CoAP, "127.0.0.1:15683", 1, 5},
	{"power.total", plant.MQTT, "127.0.0.1:11883", 400, 3600},
}

// can reports whether a value is one that the device of a feed can have; known is false for a feed of no device.
func can(feed string, value dodona.Decimal) (fine, known bool) {
	i := slices.IndexFunc(plantFeeds, func(m measured) bool { return m.feed == feed })
	if i < 0 {
		return false, false
	}
	whole := func(n int64) dodona.Decimal { return dodona.NewInt192(n).Decimal(0) }
	return value.Cmp(whole(plantFeeds[i].low)) >= 0 && value.Cmp(whole(plantFeeds[i].high)) <= 0, true
}

// devices are the simulated devices, and the price servers beside them, each of which has a plug.
type devices struct {
	plant  *plant.Plant
	market *market // nil when the real exchanges are asked

	mu        sync.Mutex
	unplugged map[string]bool
}

// A device is how one of them stands, for the page.
type device struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	Points   string `json:"points"` // in words
	Plugged  bool   `json:"plugged"`
}

// startDevices starts the plant on free ports. Close ends it.
func startDevices(ctx context.Context, seed uint64, m *market) (*devices, error) {
	p, err := plant.Start(ctx, plant.Config{Seed: seed})
	if err != nil {
		return nil, err
	}
	return &devices{plant: p, market: m, unplugged: map[string]bool{}}, nil
}

func (d *devices) close() { _ = d.plant.Close() } // it ends, whatever it says

// list returns the devices that the configuration asks.
func (d *devices) list() (list []device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.plant.Devices() {
		if !slices.ContainsFunc(plantFeeds, func(m measured) bool { return m.of(p) }) {
			continue
		}
		words := make([]string, len(p.Points))
		for i, point := range p.Points {
			words[i] = strings.TrimSpace(point.Name + " " + point.Unit)
		}
		list = append(list, device{p.Name, p.Protocol, p.Address, strings.Join(words, ", "), !d.unplugged[p.Name]})
	}
	if d.market != nil {
		list = append(list, device{exchangesOf, "http", "127.0.0.1", "price USD of coingecko, kraken and binance", !d.unplugged[exchangesOf]})
	}
	return list
}

// of reports whether a device of the plant answers the feed: of several that speak its protocol the one whose name the feed has.
func (m measured) of(d plant.Device) bool {
	name, _, _ := strings.Cut(m.feed, ".")
	return d.Protocol == m.protocol && d.Name == name
}

// addresses returns what to write into the configuration: pairs of an address there and the device's.
func (d *devices) addresses() (pairs []string, err error) {
	for _, m := range plantFeeds {
		i := slices.IndexFunc(d.plant.Devices(), m.of)
		if i < 0 {
			return nil, fmt.Errorf("the plant has no device for %s", m.feed)
		}
		pairs = append(pairs, m.address, d.plant.Devices()[i].Address)
	}
	return pairs, nil
}

var errNoDevice = errors.New("no such device")

// named returns the device that somebody means by its name or its protocol.
func (d *devices) named(name string) (device, error) {
	list := d.list()
	words := make([]string, 0, 2*len(list))
	for _, one := range list {
		if name == one.Name || name == one.Protocol {
			return one, nil
		}
		words = append(words, one.Protocol)
	}
	return device{}, fmt.Errorf("%w: %q: want one of %s", errNoDevice, name, strings.Join(words, ", "))
}

// plug pulls the plug of a device, or puts it in again.
func (d *devices) plug(name string, in bool) error {
	one, err := d.named(name)
	if err != nil {
		return err
	}
	if one.Name == exchangesOf {
		d.market.plug(in)
	} else {
		fault := plant.Unplug
		if in {
			fault = plant.Plug
		}
		at := one.Name
		if one.Protocol == plant.MQTT { // the broker too, as when its cable is pulled
			at = one.Protocol
		}
		if err := d.plant.Fault(at, fault); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unplugged[one.Name] = !in
	return nil
}

// feedsOf returns the feeds that a device answers.
func feedsOf(one device) (feeds []string) {
	if one.Name == exchangesOf {
		return []string{"btc.usd", "btc.kusd"}
	}
	for _, m := range plantFeeds {
		if m.protocol == one.Protocol {
			feeds = append(feeds, m.feed)
		}
	}
	return feeds
}

// protocolOf returns what brings the values of a feed.
func protocolOf(feed string) string {
	if i := slices.IndexFunc(plantFeeds, func(m measured) bool { return m.feed == feed }); i >= 0 {
		return plantFeeds[i].protocol
	}
	return "http"
}
