//go:build !no.sim

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	sim "github.com/dodona-oracle/dodona/internal/plant"
	"github.com/dodona-oracle/dodona/internal/table"
	"github.com/dodona-oracle/dodona/internal/unit"
)

type simCommand struct {
	Host   string        `help:"The address of this machine to listen at; anybody who reaches it reads the plant." default:"127.0.0.1"`
	Modbus uint16        `help:"The port of the boiler; 0 for a free one." default:"10502" placeholder:"PORT"`
	CoAP   uint16        `name:"coap" help:"The port of the flow meter." default:"15683" placeholder:"PORT"`
	MQTT   uint16        `name:"mqtt" help:"The port of the broker, with the power meter and the pump." default:"11883" placeholder:"PORT"`
	OPCUA  uint16        `name:"opcua" help:"The port of the press." default:"14840" placeholder:"PORT"`
	Seed   uint64        `help:"The same seed has the same values at the same instants." default:"1"`
	Every  time.Duration `help:"The time from one value to the next." default:"1s"`
	Fault  []string      `help:"A fault, such as 'unplug boiler after 20s for 30s'; may be given several times." placeholder:"ORDER" sep:"none"`
	Config bool          `help:"Print the configuration of a node that reads all of the plant, and start nothing."`
	JSON   bool          `name:"json" help:"Print JSON: the devices, and then each fault on a line of its own."`
}

// maxOrders is how many orders may wait for their time.
const maxOrders = 100

// Run simulates a plant until it is interrupted, with faults as they are ordered.
func (c simCommand) Run(ctx context.Context, term terminal) error {
	orders := make([]sim.Order, len(c.Fault))
	for i, text := range c.Fault {
		var err error
		if orders[i], err = sim.ParseOrder(text); err != nil {
			return failure{exitUsage, fmt.Errorf("--fault: %w", err)}
		}
	}
	if len(orders) > maxOrders {
		return failure{exitUsage, fmt.Errorf("--fault: %d orders, want at most %d", len(orders), maxOrders)}
	}
	if c.Every < 10*time.Millisecond || c.Every > time.Hour {
		return failure{exitUsage, fmt.Errorf("--every %s: want 10ms to 1h", unit.FormatDuration(c.Every))}
	}
	if c.Config {
		return c.print(term)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	p, err := sim.Start(ctx, sim.Config{
		Host: c.Host, Modbus: int(c.Modbus), CoAP: int(c.CoAP), MQTT: int(c.MQTT), OPCUA: int(c.OPCUA), Seed: c.Seed, Every: c.Every,
	})
	if err != nil {
		return failure{exitUsage, fmt.Errorf("%w; another port is said by --modbus, --coap, --mqtt and --opcua, and 0 is a free one", err)}
	}
	defer p.Close() // which has nothing to say
	for _, o := range orders {
		if !p.Has(o.Name) {
			return failure{exitUsage, fmt.Errorf("--fault: %w", p.Fault(o.Name, o.Fault))}
		}
	}
	s := &simulation{plant: p, term: term, json: c.JSON}
	if err := s.introduce(); err != nil {
		return err
	}
	now := time.Now()
	for _, o := range orders {
		s.plan(o, now)
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	term.say("the plant has stopped")
	return nil
}

// print prints the configuration for the ports that are known before anything listens.
func (c simCommand) print(term terminal) error {
	ports := map[string]uint16{"boiler": c.Modbus, "flow": c.CoAP, "power": c.MQTT, "pump": c.MQTT, "press": c.OPCUA}
	var devices []sim.Device
	for name, port := range ports {
		if port == 0 {
			return failure{exitUsage, errors.New("--config: a free port is known once the plant runs: start it, and say config there")}
		}
		devices = append(devices, sim.Device{Name: name, Address: net.JoinHostPort(c.Host, strconv.Itoa(int(port)))})
	}
	_, err := io.WriteString(term.out, sim.Configuration(devices))
	return err
}

// A simulation is a plant that takes orders.
type simulation struct {
	plant *sim.Plant
	term  terminal
	json  bool
	due   []dueOrder // what waits for its time
}

// A dueOrder is a fault, or the end of one.
type dueOrder struct {
	sim.Order
	at time.Time
}

type simDevices struct {
	Devices []simDevice `json:"devices"`
}

type simDevice struct {
	Name     string     `json:"name"`
	Protocol string     `json:"protocol"`
	Address  string     `json:"address"`
	Points   []simPoint `json:"points"`
}

type simPoint struct {
	Name  string `json:"name"`
	Unit  string `json:"unit,omitempty"`
	Where string `json:"where"`
}

type simFault struct {
	Time  time.Time `json:"time"`
	Name  string    `json:"name"`
	Fault sim.Fault `json:"fault"`
}

func printLine(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", plain.JSON(text))
	return err
}

// introduce says what there is, and what can be done with it.
func (s *simulation) introduce() error {
	if s.json {
		var all simDevices
		for _, d := range s.plant.Devices() {
			points := make([]simPoint, len(d.Points))
			for i, p := range d.Points {
				points[i] = simPoint(p)
			}
			all.Devices = append(all.Devices, simDevice{d.Name, d.Protocol, d.Address, points})
		}
		return printLine(s.term.out, all)
	}
	list := table.Table{Columns: []table.Column{{Name: "device"}, {Name: "protocol"}, {Name: "listens at", Whole: true}, {Name: "points", Rank: 1, Least: 20}}}
	for _, d := range s.plant.Devices() {
		var points []string
		for _, p := range d.Points {
			points = append(points, strings.TrimSpace(p.Name+" "+p.Unit))
		}
		list.Rows = append(list.Rows, table.Row{Cells: []table.Cell{{Text: d.Name, Style: table.Bold}, {Text: d.Protocol}, {Text: d.Address}, {Text: strings.Join(points, ", ")}}})
	}
	if err := s.term.table(list); err != nil {
		return err
	}
	s.term.say("a node on it: dodona sim --config > plant.yaml, and dodona run plant.yaml beside this; here: unplug boiler, plug boiler, help; stop with Ctrl-C")
	return nil
}

// run carries out orders until ctx ends.
func (s *simulation) run(ctx context.Context) error {
	lines := make(chan string)
	go hear(ctx, s.term.in, lines) // as long as nobody types a line, nothing ends it but the process
	for {
		var wait <-chan time.Time
		if len(s.due) > 0 {
			wait = time.After(time.Until(s.due[0].at))
		}
		select {
		case <-ctx.Done():
			return nil
		case line, open := <-lines:
			if !open {
				lines = nil
			} else if err := s.take(line); err != nil {
				return err
			}
		case <-wait:
			next := s.due[0]
			s.due = s.due[1:]
			if err := s.carryOut(next.Order); err != nil {
				return err
			}
		}
	}
}

// hear hands on what is typed, line by line. In the background the terminal is another job's; it is looked at again, for the time when this one has it.
func hear(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	if in == nil {
		return
	}
	ignoreBackground()
	const most = 1000 // bytes of a line
	for {
		scan := bufio.NewScanner(in)
		scan.Buffer(make([]byte, 0, most), most)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
		if !errors.Is(scan.Err(), syscall.EIO) {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// take does what a line says; one that makes no sense is told of.
func (s *simulation) take(line string) error {
	switch strings.TrimSpace(line) {
	case "":
		return nil
	case "help", "?":
		for _, f := range sim.Faults() {
			fmt.Fprintf(s.term.err, "  %-6s NAME [after TIME] [for TIME]   %s\n", f, f.Meaning())
		}
		fmt.Fprintln(s.term.err, "  config                              print the configuration of a node that reads all of it")
		s.term.say("NAME is a device or a protocol; mqtt is the broker")
		return nil
	case "config":
		_, err := io.WriteString(s.term.out, sim.Configuration(s.plant.Devices()))
		return err
	}
	o, err := sim.ParseOrder(line)
	if err == nil && !s.plant.Has(o.Name) {
		err = s.plant.Fault(o.Name, o.Fault)
	}
	if err == nil && len(s.due) >= maxOrders {
		err = fmt.Errorf("%d orders wait already", maxOrders)
	}
	if err != nil {
		s.term.say("%s", plain.Lines(err.Error(), maxLine))
		return nil
	}
	if o.After > 0 {
		s.plan(o, time.Now())
		return nil
	}
	return s.carryOut(o)
}

// plan lets an order wait for its time.
func (s *simulation) plan(o sim.Order, now time.Time) {
	s.due = append(s.due, dueOrder{o, now.Add(o.After)})
	slices.SortStableFunc(s.due, func(a, b dueOrder) int { return a.at.Compare(b.at) })
}

// carryOut makes something faulty, or mends it. What was to end a fault before is forgotten.
func (s *simulation) carryOut(o sim.Order) error {
	if err := s.plant.Fault(o.Name, o.Fault); err != nil {
		return err
	}
	s.due = slices.DeleteFunc(s.due, func(d dueOrder) bool { return d.Name == o.Name && d.Fault == sim.Plug && d.After == 0 })
	now, undo := time.Now(), ""
	switch {
	case o.For > 0:
		s.due = append(s.due, dueOrder{sim.Order{Fault: sim.Plug, Name: o.Name}, now.Add(o.For)})
		slices.SortStableFunc(s.due, func(a, b dueOrder) int { return a.at.Compare(b.at) })
		undo = " for " + unit.FormatDuration(o.For)
	case o.Fault != sim.Plug:
		undo = "; plug " + o.Name + " mends it"
	}
	if s.json {
		return printLine(s.term.out, simFault{now.UTC(), o.Name, o.Fault})
	}
	_, err := fmt.Fprintf(s.term.out, "%s  %s %s: %s%s\n", now.UTC().Truncate(time.Second).Format(time.RFC3339), o.Fault, o.Name, o.Fault.Meaning(), undo)
	return err
}
