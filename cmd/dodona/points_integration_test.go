//go:build integration

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/journal"
	"github.com/dodona-oracle/dodona/sink"
)

const (
	pointsKey    = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
	pointsSigner = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
)

// A machine is a device that writes a number a line, from 1.
type machine struct {
	name string
	file *os.File
	said int
}

// TestTwoNodesPassPointsOnThroughKills: one node publishes what its machines say, another one reads it from the broker. Each of the three is killed ten
// times under load. Nothing is lost, the values of each machine come in order, and what comes again has the same id, marked as sent again where its node sent it so.
func TestTwoNodesPassPointsOnThroughKills(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"max_inflight_messages 0"}})
	between := nettest.NewRelay(t, strings.TrimPrefix(b.URL, "mqtt://"))
	dir := t.TempDir()
	machines := []*machine{{name: "boiler"}, {name: "press"}, {name: "meter"}}
	from := fmt.Sprintf("node: {name: gw-a, data: ./a, key: {hex: %q}}\napi: {listen: \"127.0.0.1:0\"}\nsources:\n", pointsKey)
	for _, m := range machines {
		var err error
		if m.file, err = os.OpenFile(filepath.Join(dir, m.name+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			t.Fatal(err)
		}
		defer m.file.Close()
		from += fmt.Sprintf("  %s: {file: {path: %q, format: lines, every: 50ms}, value: {pointer: /n}}\n", m.name, m.file.Name())
	}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	sender := write("a.yaml", from+fmt.Sprintf("sinks: {plant: {mqtt: {url: \"mqtt://%s\", keep_alive: 5s, timeout: 5s}}}\n", between.Address))
	reader := write("b.yaml", fmt.Sprintf(`node: {name: gw-b, data: ./b, key: {hex: %q}}
api: {listen: "127.0.0.1:0"}
sources: {plant: {mqtt: {url: %q, topics: [edge/adapter/#], session: 1h, keep_alive: 5s}, value: {pointer: /value}}}
`, pointsKey, b.URL))
	run := func(file string) *process {
		p := launch(t, dir, "run", file)
		p.awaitURL()
		return p
	}
	reads := run(reader) // first, so that the broker has its session
	eventually(t, patience, func() error {
		if !strings.Contains(b.Output(), "as gw-b-plant ") {
			return fmt.Errorf("the reader has no session: %s", reads.stderr)
		}
		return nil
	})
	b.Stop() // which writes the session down
	b.Restart()
	sends := run(sender)

	var mu sync.Mutex
	say := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range machines {
			m.said++
			if _, err := fmt.Fprintf(m.file, "{\"n\": %d}\n", m.said); err != nil {
				t.Error(err)
			}
		}
	}
	stop, spoken := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(spoken)
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				say()
			}
		}
	}()
	kill := func(p *process) {
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait() // it was killed
	}
	received := func() (n uint64) {
		var answer struct {
			Sources []struct {
				Exchanges uint64 `json:"exchanges"`
			} `json:"sources"`
		}
		eventually(t, patience, func() error { return getJSON(reads.url+"/v1/sources", &answer) })
		for _, s := range answer.Sources {
			n += s.Exchanges
		}
		return n
	}
	for range 10 {
		kill(sends)
		sends = run(sender)
		kill(reads)
		reads = run(reader)
		eventually(t, patience, func() error {
			if received() < 3 {
				return fmt.Errorf("nothing arrives: %s", reads.stderr)
			}
			return nil
		})
		// With a kill this broker forgets what it has acknowledged and the reader has not: so it dies with as much under way as may be, none of it
		// acknowledged, once the reader has all that was.
		between.Delay(time.Minute)
		had, since := received(), time.Now()
		eventually(t, patience, func() error {
			if n := received(); n != had {
				had, since = n, time.Now()
			}
			if time.Since(since) < 300*time.Millisecond {
				return fmt.Errorf("%d came", had)
			}
			return nil
		})
		b.Kill()
		between.Resume()
		between.Cut()
		b.Restart()
	}
	close(stop)
	<-spoken
	eventually(t, patience, func() error {
		var answer struct {
			Sinks []struct {
				Waiting   int    `json:"waiting"`
				State     string `json:"state"`
				LastError string `json:"lastError"`
			} `json:"sinks"`
		}
		if err := getJSON(sends.url+"/v1/status", &answer); err != nil {
			return err
		}
		text, err := os.ReadFile(machines[0].file.Name())
		if err != nil || len(answer.Sinks) != 1 || answer.Sinks[0].Waiting > 0 || answer.Sinks[0].State != "ok" {
			return fmt.Errorf("of %d lines something waits: %+v, %v", strings.Count(string(text), "\n"), answer, err)
		}
		return nil
	})
	var said map[string][]sink.ObservationEvent
	for try := 0; ; try++ { // what the sink has delivered its reader may still be reading
		time.Sleep(500 * time.Millisecond)
		reads.stop()
		said = observationsIn(t, filepath.Join(dir, "b"))
		missing := false
		for _, m := range machines {
			events := said[m.name]
			missing = missing || len(events) == 0 || events[len(events)-1].Value.String() != fmt.Sprint(m.said)
		}
		if !missing || try == 20 {
			break
		}
		reads = run(reader)
	}
	again, marked := 0, 0
	for _, m := range machines {
		ids, last := map[string]string{}, 0
		for _, e := range said[m.name] {
			value := e.Value.String()
			if of, known := ids[e.ID]; known {
				if again++; e.Resent {
					marked++
				}
				if of != value {
					t.Fatalf("%s: id %s is of %s and of %s", m.name, e.ID, of, value)
				}
				continue
			}
			if ids[e.ID] = value; value != fmt.Sprint(last+1) {
				t.Fatalf("%s: %s comes behind %d", m.name, value, last)
			}
			last++
		}
		if last != m.said {
			t.Errorf("%s: %d values came, want %d", m.name, last, m.said)
		}
		t.Logf("%s: %d values", m.name, last)
	}
	t.Logf("%d came again, %d of them marked by their node", again, marked)
	if marked == 0 {
		t.Error("thirty kills, and nothing is marked as sent again")
	}
	sends.stop()
}

// observationsIn returns what a node read from a broker, by device, in order, from its journal.
func observationsIn(t *testing.T, data string) map[string][]sink.ObservationEvent {
	t.Helper()
	var signer dodona.Address
	if err := signer.UnmarshalText([]byte(pointsSigner)); err != nil {
		t.Fatal(err)
	}
	quorum := dodona.Quorum{Scheme: "ecdsa", K: 1, Members: []dodona.Address{signer}}
	network := dodona.Network{Name: "local", First: quorum.Digest()}
	j, err := journal.Open(context.Background(), journal.Config{Dir: data, Node: "gw-b", Network: network.ID()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	all := map[string][]sink.ObservationEvent{}
	for rec, err := range j.Scan(context.Background(), dodona.TopicReading, "plant", nil) {
		if err != nil {
			t.Fatal(err)
		}
		var exchange dodona.Exchange
		if err := json.Unmarshal(rec.Body, &exchange); err != nil {
			t.Fatal(err)
		}
		for _, r := range exchange.Readings {
			var e sink.ObservationEvent
			if err := json.Unmarshal(r.Body, &e); err != nil || e.Value == nil || r.Item != "edge/adapter/file/"+e.Device+"/data" {
				t.Fatalf("%s: %s: %v", r.Item, r.Body, err)
			}
			all[e.Device] = append(all[e.Device], e)
		}
	}
	return all
}

func getJSON(url string, answer any) error {
	body, err := get(url)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}
