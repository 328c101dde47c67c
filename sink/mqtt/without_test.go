//go:build integration

package mqtt_test

import (
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/mqtt"
)

// hear starts mosquitto_sub at a broker that takes QoS 0 alone, or keeps nothing, and returns what it hears.
func hear(t *testing.T, b *mosquittotest.Broker, topic string) *listener {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	return listenBy(t, b, exec.Command(peertest.Debian(t, "mosquitto_sub"), "-p", u.Port(), "-q", "1", "-i", "listener", "-t", topic, "-F", "%r\t%t\t%p"), "listener")
}

// TestABrokerThatLacksWhatASinkAsksForGetsAllPoints: one that keeps no messages, or takes QoS 0 alone, in both versions. It is said once what is
// done without.
func TestABrokerThatLacksWhatASinkAsksForGetsAllPoints(t *testing.T) {
	t.Parallel()
	for _, version := range []mqttc.Version{mqttc.Auto, mqttc.Five, mqttc.Three} {
		for _, c := range []struct {
			name   string
			broker mosquittotest.Options
			set    func(*mqtt.Settings)
			note   string
		}{
			{"no retain", mosquittotest.Options{Lines: []string{"retain_available false"}}, func(*mqtt.Settings) {}, "the broker keeps no messages (retain): who comes later does not hear whether this sink is there"},
			{"retain", mosquittotest.Options{Lines: []string{"retain_available false"}}, func(s *mqtt.Settings) { s.Retain = true }, "the broker keeps no messages (retain): retain does nothing, and who"},
			{"no QoS", mosquittotest.Options{Listener: []string{"max_qos 0"}}, func(s *mqtt.Settings) { s.QoS = 0 }, "the broker takes no QoS above 0: whether this sink is there is said with QoS 0"},
			{"neither", mosquittotest.Options{Lines: []string{"retain_available false"}, Listener: []string{"max_qos 0"}}, func(s *mqtt.Settings) { s.QoS = 0 }, "the broker keeps no messages (retain) and takes no QoS above 0: who"},
			{"Sparkplug", mosquittotest.Options{Listener: []string{"max_qos 0"}}, func(s *mqtt.Settings) { s.QoS, s.Format = 0, mqtt.Sparkplug }, "the broker takes no QoS above 0: whether"},
			{"nobody misses it", mosquittotest.Options{Lines: []string{"retain_available false"}}, func(s *mqtt.Settings) { s.Status = "none" }, ""},
		} {
			t.Run(c.name+" "+string(version), func(t *testing.T) {
				t.Parallel()
				b := mosquittotest.Start(t, c.broker)
				l := hear(t, b, "#")
				r := begin(t, settings(b, func(s *mqtt.Settings) { s.Version = version; c.set(s) }), "boiler", "press")
				for range 20 {
					r.say("boiler", "press")
				}
				until(t, "all is delivered", func() bool { s := r.loop.Status(); return s.Delivered == 40 && s.State == sink.OK })
				s := r.loop.Status()
				if s.Dead > 0 || !strings.HasPrefix(s.Note, c.note) || (c.note == "") != (s.Note == "") {
					t.Errorf("note %q, want %q; status %+v", s.Note, c.note, s)
				}
				if c.name == "Sparkplug" {
					until(t, "the births and the points have come", func() bool {
						return slices.ContainsFunc(l.all(), func(line string) bool { return strings.Contains(line, "\tspBv1.0/Dodona/DDATA/gw-7/press\t") })
					})
				} else {
					for _, d := range []string{"boiler", "press"} {
						topic := "edge/adapter/modbus/" + d + "/data"
						until(t, "all of "+d+" has come", func() bool { got, _ := heard(t, l.all(), topic); return len(got) == 20 })
					}
				}
				if c.name == "no retain" || c.name == "no QoS" {
					until(t, "it says that it is there", func() bool {
						return slices.ContainsFunc(l.all(), func(line string) bool { return strings.Contains(line, `{"online":true,`) })
					})
					r.stop()
					until(t, "it says that it goes", func() bool {
						return slices.ContainsFunc(l.all(), func(line string) bool { return strings.Contains(line, `{"online":false,`) })
					})
				}
			})
		}
	}
}

// TestQoSThatABrokerDoesNotTakeIsNotTakenOffPoints: with less, what is on its way when a connection breaks would be lost, which is for people to say.
func TestQoSThatABrokerDoesNotTakeIsNotTakenOffPoints(t *testing.T) {
	t.Parallel()
	for _, version := range []mqttc.Version{mqttc.Five, mqttc.Three} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			b := mosquittotest.Start(t, mosquittotest.Options{Listener: []string{"max_qos 0"}})
			r := begin(t, settings(b, func(s *mqtt.Settings) { s.Version = version }), "boiler")
			r.say("boiler")
			until(t, "the sink says what to do", func() bool {
				s := r.loop.Status()
				return s.State == sink.Stuck && strings.Contains(s.LastError, "a message of QoS 1") && strings.Contains(s.LastError, "qos: 0")
			})
			if s := r.loop.Status(); s.Dead > 0 || s.Delivered > 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// TestAMessageThatIsLargerThanTheBrokerTakesIsADeadLetterAtOnce with both sizes, and what is before and behind it goes over the same connection.
func TestAMessageThatIsLargerThanTheBrokerTakesIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"max_packet_size 600"}})
	l := hear(t, b, "edge/#")
	large := "meter-" + strings.Repeat("m", 300)
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.Version = mqttc.Five }))
	const of = 5
	for range of {
		r.say("boiler", large, "boiler")
	}
	until(t, "all is delivered or refused", func() bool { s := r.loop.Status(); return s.Delivered == 2*of && s.Dead == of })
	topic := "edge/adapter/modbus/boiler/data"
	until(t, "what is small has come", func() bool { got, _ := heard(t, l.all(), topic); return len(got) == 2*of })
	s := r.loop.Status()
	if s.Failures > 0 {
		t.Errorf("%d tries failed, want none: %s", s.Failures, s.LastError)
	}
	for _, d := range s.DeadLetters {
		if !strings.Contains(d.Detail, "refused 1 time: ") || !strings.Contains(d.Detail, " bytes, and the broker takes packets of 600 at most") {
			t.Errorf("the letter says %s", d.Detail)
		}
	}
	if n := strings.Count(b.Output(), "as gw-7-plant "); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
	for _, line := range l.all() {
		if strings.Contains(line, `"resent":true`) {
			t.Errorf("it was not sent before: %s", line)
		}
	}
}

// TestMetricsThatDoNotFitOnePacketGoInSeveral, and births that are too large hold the sink, which says so: no observation is refused for them.
func TestMetricsThatDoNotFitOnePacketGoInSeveral(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"max_packet_size 500"}})
	l := hear(t, b, "spBv1.0/#")
	sparkplugged := func(s *mqtt.Settings) { s.Format = mqtt.Sparkplug }
	r := begin(t, settings(b, sparkplugged), "boiler")
	for range 100 {
		r.say("boiler")
	}
	until(t, "all is delivered", func() bool { s := r.loop.Status(); return s.Delivered == 100 })
	if s := r.loop.Status(); s.Dead > 0 || s.Failures > 0 {
		t.Errorf("status %+v", s)
	}
	until(t, "the birth has come", func() bool {
		return slices.ContainsFunc(l.all(), func(line string) bool { return strings.Contains(line, "\tspBv1.0/Dodona/DBIRTH/gw-7/boiler\t") })
	})
	r.stop()

	var many []string
	for n := range 50 {
		many = append(many, fmt.Sprintf("%s-%d", strings.Repeat("p", 20), n))
	}
	held := beginWith(t, settings(b, sparkplugged), func(env *sink.Env) {
		for _, point := range many {
			env.Described = append(env.Described, sink.Described{Point: point, Device: "boiler", Protocol: "modbus"})
		}
	})
	held.say("boiler")
	until(t, "the sink says that the births are too large", func() bool {
		s := held.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, "DBIRTH/gw-7/boiler\" has ") && strings.Contains(s.LastError, "500 at most")
	})
	if s := held.loop.Status(); s.Dead > 0 {
		t.Errorf("status %+v", s)
	}
}
