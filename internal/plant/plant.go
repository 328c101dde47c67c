// Package plant is a small simulated plant: a boiler behind Modbus TCP, a flow meter behind CoAP, a power meter and a pump behind an MQTT
// broker (the pump speaks Sparkplug B), and a press behind OPC UA, with faults on command. It is for demos and for people without devices, and no peer of tests: what it
// speaks was written by those who read it.
//
// Nothing of it listens before [Start], and all that strangers make it keep is bounded.
package plant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// Config says where the plant listens and how it goes.
type Config struct {
	Host   string // empty for 127.0.0.1
	Modbus int    // the ports; 0 for a free one
	CoAP   int
	MQTT   int
	OPCUA  int

	Seed  uint64        // the same seed gives the same values at the same instants
	Every time.Duration // from one value to the next; 0 for a second
	Log   *slog.Logger  // nil for none
}

// The protocols.
const (
	Modbus = "modbus"
	CoAP   = "coap"
	MQTT   = "mqtt"
	OPCUA  = "opcua"
)

// A Device is one simulated device.
type Device struct {
	Name     string // such as boiler
	Protocol string
	Address  string // host and port
	Points   []Point
}

// A Point is a value that a device has.
type Point struct {
	Name  string // such as temperature
	Unit  string // a UCUM code; empty for none
	Where string // in the words of the protocol, such as "holding register 40001, int16, x 0.1"
}

// A Plant runs until Close.
type Plant struct {
	log     *slog.Logger
	world   world
	parts   []part
	devices []Device // with the addresses that the parts have
	halt    context.CancelFunc
	workers sync.WaitGroup
}

// A part is a server that stands for devices of one protocol.
type part interface {
	// devices returns those that it stands for.
	devices() []Device
	// fault makes one of them faulty, or with an empty name the part whole; [Plug] mends it.
	fault(device string, f Fault)
	// run serves until ctx ends, and returns when nothing of it runs any more.
	run(ctx context.Context)
}

// Start starts a plant. It ends with ctx or by Close, which must be called in either case.
func Start(ctx context.Context, c Config) (*Plant, error) {
	c.Host, c.Every = cmp.Or(c.Host, "127.0.0.1"), cmp.Or(c.Every, time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Every < 10*time.Millisecond || c.Every > time.Hour {
		return nil, fmt.Errorf("start plant: a value every %s: want 10ms to 1h", c.Every)
	}
	p := &Plant{log: c.Log, world: world{seed: c.Seed, every: c.Every}}
	ctx, p.halt = context.WithCancel(ctx)
	for _, start := range []func(context.Context, Config, world) (part, error){startModbus, startCoAP, startMQTT, startOPCUA} {
		made, err := start(ctx, c, p.world)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start plant: %w", err), p.Close())
		}
		p.parts = append(p.parts, made)
		p.devices = append(p.devices, made.devices()...)
		p.workers.Go(func() { made.run(ctx) })
	}
	return p, nil
}

// Devices returns the devices of the plant, always in the same order.
func (p *Plant) Devices() []Device { return slices.Clone(p.devices) }

// Fault makes a device faulty, or mends it with [Plug]. The name of a protocol stands for all that speaks it: of mqtt for the broker too, which
// a device there does not take with it. A fault takes the place of the one before.
func (p *Plant) Fault(name string, f Fault) error {
	if !slices.Contains(Faults(), f) {
		return fmt.Errorf("no fault is called %s: want one of %s", plain.Quote(string(f), 30), listed(Faults()))
	}
	if !p.Has(name) {
		return fmt.Errorf("nothing in the plant is called %s: want one of %s", plain.Quote(name, 30), listed(p.names()))
	}
	for _, part := range p.parts {
		for _, d := range part.devices() {
			if d.Name == name {
				part.fault(name, f)
			}
		}
		if part.devices()[0].Protocol == name {
			part.fault("", f)
		}
	}
	p.log.Info("fault", "at", name, "fault", string(f))
	return nil
}

// Has reports whether a device or a protocol of the plant has a name.
func (p *Plant) Has(name string) bool { return slices.Contains(p.names(), name) }

// names returns whatever can be faulty.
func (p *Plant) names() (names []string) {
	for _, d := range p.devices {
		names = append(names, d.Name)
	}
	for _, d := range p.devices {
		if !slices.Contains(names, d.Protocol) {
			names = append(names, d.Protocol)
		}
	}
	return names
}

// Close ends the plant, and returns when nothing of it runs any more. It may be called twice.
func (p *Plant) Close() error {
	p.halt()
	p.workers.Wait()
	return nil
}

// address returns what net wants to listen at.
func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
