//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/journal"
)

// What the field costs, beside what it costs Telegraf: one after the other on the same load, by turns, since the machine may be shared.
// Only the time that a process computed and the memory that it had are compared, and what it delivered is counted.

const (
	fieldWarm   = 5 * time.Second  // after which nothing is new any more
	fieldTurn   = 20 * time.Second // that is measured
	fieldTurns  = 3                // of each; the middle one is told
	fieldUnits  = 20
	fieldEach   = 50 // registers of a unit
	fieldRate   = 2000
	fieldTopics = 100 // each of which says something twenty times a second
	fieldPoints = 5   // of a feed
)

// A cost is what a program took in one turn.
type cost struct {
	cpu    time.Duration
	points int
	rss    int64 // at its peak, bytes
}

func (c cost) perThousand() float64 { return float64(c.cpu.Microseconds()) / float64(c.points) } // ms for 1,000 points

// A contestant runs once, for a warm-up and a turn.
type contestant struct {
	name string
	run  func(b *testing.B) cost
}

// race lets all run by turns, and tells the middle cost of each.
func race(b *testing.B, all ...contestant) {
	for b.Loop() {
		costs := map[string][]cost{}
		for range fieldTurns {
			for _, c := range all {
				costs[c.name] = append(costs[c.name], c.run(b))
			}
		}
		for _, c := range all {
			of := costs[c.name]
			slices.SortFunc(of, func(a, b cost) int { return int(a.perThousand()*1000) - int(b.perThousand()*1000) })
			middle := of[len(of)/2]
			b.Logf("%s: of one core %.2f %%, %.0f points/s, %d turns: %v", c.name, 100*middle.cpu.Seconds()/fieldTurn.Seconds(), float64(middle.points)/fieldTurn.Seconds(), len(of), of)
			b.ReportMetric(middle.perThousand(), "ms-CPU/1000-points-"+c.name)
			b.ReportMetric(100*middle.cpu.Seconds()/fieldTurn.Seconds(), "%core-"+c.name)
			slices.SortFunc(of, func(a, b cost) int { return int(a.rss - b.rss) })
			b.ReportMetric(float64(of[len(of)/2].rss)/(1<<20), "MiB-peak-"+c.name)
			b.ReportMetric(float64(middle.points)/fieldTurn.Seconds(), "points/s-"+c.name)
		}
	}
}

// measure takes what a process does between two counts of its points.
func measure(b *testing.B, pid int, points func() int) cost {
	time.Sleep(fieldWarm)
	before, from := cpuOf(b, pid), points()
	time.Sleep(fieldTurn)
	return cost{cpuOf(b, pid) - before, points() - from, peakOf(b, pid)}
}

// cpuOf returns how long a process computed, by the kernel's account.
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name before may have spaces
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ
}

// peakOf returns the most resident memory that a process had, in bytes.
func peakOf(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// dodonaOn runs a node on a configuration, until the returned function, which also returns its data folder.
func dodonaOn(b *testing.B, config string) (p *process, data string) {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "gateway.yaml")
	if err := os.WriteFile(file, []byte("node: {name: gw, data: ./data, memory: 64MiB}\nnetwork: {name: bench}\n"+config), 0o600); err != nil {
		b.Fatal(err)
	}
	p = launch(b, dir, "run", file, "--listen", "127.0.0.1:0")
	p.awaitURL()
	return p, filepath.Join(dir, "data")
}

// A sourceCount is what a node tells of a source.
type sourceCount struct {
	Name                                   string
	State                                  string
	Exchanges, Failures, Readings, Dropped int
}

// sourcesOf returns what a node tells of its sources.
func sourcesOf(t testing.TB, p *process) []sourceCount {
	t.Helper()
	var list struct{ Sources []sourceCount }
	body, err := get(p.url + "/v1/sources")
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
	return list.Sources
}

// telegrafOn runs Telegraf with one input, which writes what it reads to a file that is not flushed to the disk, and returns its process and
// that file.
func telegrafOn(b *testing.B, input string) (pid int, out string, stop func()) {
	b.Helper()
	program, err := filepath.Abs("../../.cache/telegraf/telegraf")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		b.Skip("NOT TESTED HERE: Telegraf is not there: scripts/telegraf.sh makes it")
	}
	dir := b.TempDir()
	out = filepath.Join(dir, "out")
	config := fmt.Sprintf("[agent]\n  interval = \"1s\"\n  flush_interval = \"1s\"\n  omit_hostname = true\n  quiet = true\n[[outputs.file]]\n  files = [%q]\n  data_format = \"influx\"\n%s", out, input)
	file := filepath.Join(dir, "telegraf.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	p := peertest.Start(b, peertest.Command{Name: program, Args: []string{"--config", file}})
	return p.Pid(), out, p.Stop
}

// fieldsIn counts the values in what Telegraf wrote: a line has its tags, then a space, then its fields.
func fieldsIn(t testing.TB, file string) (n int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if parts := bytes.SplitN(line, []byte(" "), 3); len(parts) == 3 {
			n += bytes.Count(parts[1], []byte("="))
		}
	}
	return n
}

// BenchmarkFieldModbus reads 1,000 registers of 20 units each second. A node signs them all as 20 feeds of 50, or journals them all and signs one feed.
func BenchmarkFieldModbus(b *testing.B) {
	peer := filepath.Join(b.TempDir(), "peer")
	if out, err := exec.Command("sh", "-c", `gcc -O1 -o "$1" ../../source/modbus/testdata/peer.c $(pkg-config --cflags --libs libmodbus)`, "sh", peer).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	port := peertest.Port(b)
	peertest.Start(b, peertest.Command{Name: peer, Args: []string{strconv.Itoa(port)}, ReadyLine: "listening"})
	node := func(feeds int) func(b *testing.B) cost {
		return func(b *testing.B) cost {
			p, _ := dodonaOn(b, plantSource(port)+plantFeeds(feeds))
			defer p.stop()
			return measure(b, p.cmd.Process.Pid, func() int { return sourcesOf(b, p)[0].Exchanges * fieldUnits * fieldEach })
		}
	}
	race(b,
		contestant{"20-feeds", node(fieldUnits)}, contestant{"1-feed", node(1)},
		contestant{"telegraf", func(b *testing.B) cost {
			pid, out, stop := telegrafOn(b, plantInput(port))
			defer stop()
			return measure(b, pid, func() int { return fieldsIn(b, out) })
		}},
	)
}

// plantSource is the Modbus source of a configuration.
func plantSource(port int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "sources:\n  plant:\n    modbus:\n      address: 127.0.0.1:%d\n      order: CDAB\n      gap: 5\n      registers:\n", port)
	for unit := range fieldUnits {
		for n := range fieldEach {
			kind := "type: float32"
			if n%2 == 1 {
				kind = "type: int16, scale: 0.1"
			}
			fmt.Fprintf(&text, "        u%02d-%02d: {unit_id: %d, holding: %d, %s, unit: W}\n", unit+1, n, unit+1, 3*n, kind)
		}
	}
	return text.String()
}

// plantFeeds are feeds of one unit each.
func plantFeeds(feeds int) string {
	var text strings.Builder
	text.WriteString("feeds:\n")
	for unit := range feeds {
		fmt.Fprintf(&text, "  unit%d: {unit: W, decimals: 1, every: 1s, stale: 10s, from: [", unit+1)
		for n := range fieldEach {
			fmt.Fprintf(&text, "plant.u%02d-%02d, ", unit+1, n)
		}
		text.WriteString("]}\n")
	}
	return text.String()
}

// plantInput is the same for Telegraf, with as few requests.
func plantInput(port int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "[[inputs.modbus]]\n  name = \"plant\"\n  controller = \"tcp://127.0.0.1:%d\"\n  timeout = \"10s\"\n  configuration_type = \"request\"\n", port)
	for unit := range fieldUnits {
		fmt.Fprintf(&text, "[[inputs.modbus.request]]\n  slave_id = %d\n  byte_order = \"CDAB\"\n  register = \"holding\"\n  optimization = \"max_insert\"\n  optimization_max_register_fill = 5\n  fields = [\n", unit+1)
		for n := range fieldEach {
			kind := `type = "FLOAT32"`
			if n%2 == 1 {
				kind = `type = "INT16", scale = 0.1, output = "FLOAT64"`
			}
			fmt.Fprintf(&text, "    {address = %d, name = \"u%02d-%02d\", %s},\n", 3*n, unit+1, n, kind)
		}
		text.WriteString("  ]\n")
	}
	return text.String()
}

// BenchmarkFieldMQTT takes 2,000 messages a second of 100 topics from mosquitto, QoS 1, and counts them at both ends: what was published is in the
// journal. A node signs the latest of all topics each second, as 20 feeds of 5 points.
func BenchmarkFieldMQTT(b *testing.B) {
	var sent, lost atomic.Int64
	broker := func(b *testing.B) *mosquittotest.Broker {
		return mosquittotest.Start(b, mosquittotest.Options{Lines: []string{"max_inflight_messages 0"}})
	}
	race(b,
		contestant{"dodona", func(b *testing.B) cost {
			m := broker(b)
			defer m.Stop()
			p, data := dodonaOn(b, meters(m.URL))
			eventually(b, patience, func() error {
				if s := sourcesOf(b, p); s[0].Exchanges == 0 && s[0].State != "ok" {
					return fmt.Errorf("it does not listen: %+v\n%s", s, p.stderr)
				}
				return nil
			})
			published := load(b, m.URL)
			c := measure(b, p.cmd.Process.Pid, func() int { return sourcesOf(b, p)[0].Readings })
			n := published()
			sent.Add(int64(n))
			eventually(b, patience, func() error {
				if s := sourcesOf(b, p)[0]; s.Readings < n {
					return fmt.Errorf("%d of %d messages came: %+v\n%s", s.Readings, n, s, p.stderr)
				}
				return nil
			})
			time.Sleep(3 * time.Second) // the last of them are in a round
			p.stop()
			kept, answers := counted(b, data)
			lost.Add(int64(n - kept))
			b.Logf("published %d, journaled %d, %d answers signed", n, kept, answers)
			if kept != n {
				b.Errorf("%d messages were published, and the journal has %d", n, kept)
			}
			return c
		}},
		contestant{"telegraf", func(b *testing.B) cost {
			m := broker(b)
			defer m.Stop()
			pid, out, stop := telegrafOn(b, fmt.Sprintf("[[inputs.mqtt_consumer]]\n  servers = [%q]\n  topics = [\"plant/#\"]\n  qos = 1\n  data_format = \"json\"\n",
				strings.Replace(m.URL, "mqtt://", "tcp://", 1)))
			defer stop()
			time.Sleep(3 * time.Second) // it says nothing when it has subscribed
			published := load(b, m.URL)
			c := measure(b, pid, func() int { return fieldsIn(b, out) })
			n := published()
			time.Sleep(3 * time.Second) // its last flush
			b.Logf("telegraf: published %d, in its file %d", n, fieldsIn(b, out))
			return c
		}},
	)
	b.ReportMetric(float64(sent.Load()), "messages-sent")
	b.ReportMetric(float64(lost.Load()), "messages-lost")
}

// meters is a configuration with one point for each topic, and feeds of five of them each, which sign the latest.
func meters(broker string) string {
	var points, feeds strings.Builder
	for n := range fieldTopics {
		fmt.Fprintf(&points, "      p%02d: {item: plant/%d, pointer: /t, unit: W}\n", n, n)
		if n%fieldPoints == 0 {
			fmt.Fprintf(&feeds, "  meters%d: {unit: W, decimals: 1, every: 1s, stale: 10s, from: [", n/fieldPoints)
		}
		fmt.Fprintf(&feeds, "meters.p%02d, ", n)
		if n%fieldPoints == fieldPoints-1 {
			feeds.WriteString("]}\n")
		}
	}
	return fmt.Sprintf("sources:\n  meters:\n    mqtt: {url: %q, topics: [\"plant/#\"]}\n    points:\n%sfeeds:\n%s", broker, points.String(), feeds.String())
}

// load publishes messages at the rate of the benchmark, until the returned function ends it and says how many the broker has taken.
func load(b *testing.B, broker string) (published func() int) {
	b.Helper()
	var s mqttc.Settings
	s.Default()
	s.URL = broker
	conn, err := new(mqttc.Dialer).Dial(b.Context(), mqttc.Config{Settings: s, ClientID: "publisher", Clean: true})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	type ended struct {
		n   int
		err error
	}
	end := make(chan ended, 1)
	go func() {
		var last func(context.Context) error
		began, n := time.Now(), 0
		for ctx.Err() == nil {
			for due := int(time.Since(began).Seconds() * fieldRate); n < due && ctx.Err() == nil; n++ {
				payload := fmt.Appendf(nil, `{"t":%d}`, n)
				wait, err := conn.Send(b.Context(), mqttc.Message{Topic: "plant/" + strconv.Itoa(n%fieldTopics), Payload: payload, QoS: 1})
				if err != nil {
					end <- ended{n, err}
					return
				}
				last = wait
			}
			time.Sleep(10 * time.Millisecond)
		}
		end <- ended{n, last(b.Context())}
	}()
	return func() int {
		cancel()
		e := <-end
		_ = conn.Close()
		if e.err != nil {
			b.Fatal(e.err)
		}
		return e.n
	}
}

// counted returns how many different messages the journal in a folder has, and how many signed answers.
func counted(b *testing.B, data string) (kept, answers int) {
	b.Helper()
	bodies := map[string]bool{}
	if err := journal.Kept(b.Context(), data, dodona.TopicReading, func(_ string, r dodona.Record) {
		var x dodona.Exchange
		if err := json.Unmarshal(r.Body, &x); err != nil {
			b.Fatal(err)
		}
		for _, reading := range x.Readings {
			bodies[string(reading.Body)] = true
		}
	}); err != nil {
		b.Fatal(err)
	}
	if err := journal.Kept(b.Context(), data, dodona.TopicData, func(string, dodona.Record) { answers++ }); err != nil {
		b.Fatal(err)
	}
	return len(bodies), answers
}
