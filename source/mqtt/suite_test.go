//go:build integration

package mqtt_test

import (
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/mqtt"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

const patience = 30 * time.Second

// logged are the lines by which a broker tells who has subscribed.
var logged = []string{"log_type error", "log_type warning", "log_type subscribe"}

// eventually waits until done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	within(t, patience, what, done)
}

func within(t *testing.T, patience time.Duration, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !done(); {
		select {
		case <-limit:
			t.Fatalf("after %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// settings are those of a source that is tested.
func settings(broker string) *mqtt.Settings {
	s := mqtt.Kind.Settings().(*mqtt.Settings)
	s.URL, s.ClientID, s.Topics = broker, "subject", []string{"plant/#"}
	s.KeepAlive, s.ConnectTimeout = time.Second, 2*time.Second
	s.Complete()
	return s
}

// pub publishes with a program of the broker's own.
func pub(t *testing.T, b *mosquittotest.Broker, args ...string) {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-h", u.Hostname(), "-p", u.Port(), "-q", "1"}, args...)
	if out, err := exec.Command(peertest.Debian(t, "mosquitto_pub"), args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub %v: %v: %s", args, err, out)
	}
}

func TestSuite(t *testing.T) {
	for _, version := range []mqttc.Version{mqttc.Five, mqttc.Three} {
		t.Run(string(version), func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Subject { return subject(t, version) })
		})
	}
}

func subject(t *testing.T, version mqttc.Version) sourcetest.Subject {
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	b.Kill()
	s := settings(b.URL)
	s.Version = version
	told := func() bool { return strings.Contains(b.Output(), "subject 1 plant/#") } // since it was started last
	say := func(t *testing.T, body string) {
		t.Helper()
		eventually(t, "nobody has subscribed", told)
		pub(t, b, "-t", "plant/boiler", "-m", body)
	}
	return sourcetest.Subject{
		Kind: mqtt.Kind, Settings: s,
		Start: func(*testing.T) { b.Restart() },
		Stop:  func(*testing.T) { b.Stop() },
		Say:   func(t *testing.T, n int) { say(t, sourcetest.Body(n)) },
		Faults: sourcetest.Faults{
			Freeze: func(*testing.T) { b.Freeze() },
			Thaw:   func(*testing.T) { b.Thaw() },
			Kill:   func(*testing.T) { b.Kill() },
			Flood: func(t *testing.T, n int) {
				var lines strings.Builder
				for i := range n {
					fmt.Fprintln(&lines, sourcetest.Fat(i+1))
				}
				u, err := url.Parse(b.URL)
				if err != nil {
					t.Fatal(err)
				}
				flood := exec.Command(peertest.Debian(t, "mosquitto_pub"), "-h", u.Hostname(), "-p", u.Port(), "-q", "1", "-t", "plant/boiler", "-l")
				flood.Stdin = strings.NewReader(lines.String())
				if out, err := flood.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			},
		},
	}
}

// TestWhatStandsBetweenSourceAndBroker tries what a network does.
func TestWhatStandsBetweenSourceAndBroker(t *testing.T) {
	sourcetest.RunFaults(t, func(t *testing.T) sourcetest.Subject {
		s := subject(t, mqttc.Five)
		own := s.Settings.(*mqtt.Settings)
		relay := nettest.NewRelay(t, strings.TrimPrefix(own.URL, "mqtt://"))
		own.URL = "mqtt://" + relay.Address
		s.Faults = sourcetest.Faults{
			Vanish: func(*testing.T) { relay.Freeze() },
			Drip:   func(*testing.T) { relay.Drip(time.Second) },
			Flow:   func(*testing.T) { relay.Resume() },
		}
		return s
	})
}
