//go:build integration

package mqtt_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/sink/mqtt"
)

// An understood is what a host made of a message.
type understood struct {
	Kind    string             `json:"kind"`
	Device  string             `json:"device"`
	Seq     *int               `json:"seq"`
	Metrics map[string]float64 `json:"metrics"` // what is null, or of no number, is 0
}

// TestAHostOfOthersReadsTheSparkplug that the sink writes: births, data, the births again when it asks for them, the death by will when the connection is cut,
// and the births of the next one. The host is mqtt-spb-wrapper's.
func TestAHostOfOthersReadsTheSparkplug(t *testing.T) {
	t.Parallel()
	python := peertest.Sparkplug(t)
	b := mosquittotest.Start(t, mosquittotest.Options{})
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	host := peertest.Start(t, peertest.Command{Name: python, Args: []string{"testdata/host.py", u.Port()}, ReadyLine: "ready"})
	heard := func() (list []understood) {
		for line := range strings.Lines(host.Output()) {
			var m understood
			if json.Unmarshal([]byte(line), &m) == nil {
				list = append(list, m)
			}
		}
		return list
	}
	count := func(kind string) (n int) {
		for _, m := range heard() {
			if m.Kind == kind {
				n++
			}
		}
		return n
	}
	between := nettest.NewRelay(t, strings.TrimPrefix(b.URL, "mqtt://"))
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.URL, s.Format, s.Group = "mqtt://"+between.Address, mqtt.Sparkplug, "Plant" }), "boiler", "press")
	until(t, "the host knows both devices", func() bool { return count("DBIRTH") == 2 })
	r.say("boiler", "press")
	until(t, "it has the data, and the births that it asked for", func() bool { return count("DDATA") == 2 && count("NBIRTH") == 2 && count("DBIRTH") == 4 })
	between.Cut()
	until(t, "it hears of the death by the will", func() bool { return count("NDEATH") == 1 })
	until(t, "it hears of the next births", func() bool { return count("NBIRTH") == 3 && count("DBIRTH") == 6 })
	r.say("boiler")
	until(t, "it has what comes then", func() bool { return count("DDATA") == 3 })
	next, dead := 0, false
	var born float64
	for i, m := range heard() {
		switch m.Kind {
		case "NBIRTH":
			next = 0
			if dead && m.Metrics["bdSeq"] != float64(int(born+1)%256) {
				t.Errorf("born anew with bdSeq %v behind %v", m.Metrics["bdSeq"], born)
			}
			born = m.Metrics["bdSeq"]
		case "NDEATH":
			if dead = true; m.Metrics["bdSeq"] != born {
				t.Errorf("dead with bdSeq %v, born with %v", m.Metrics["bdSeq"], born)
			}
			continue
		}
		if m.Seq == nil || *m.Seq != next {
			t.Errorf("message %d, %s of %s: seq %v, want %d", i, m.Kind, m.Device, m.Seq, next)
		}
		next++
	}
	list := heard()
	if last := list[len(list)-1]; last.Device != "boiler" || last.Metrics["boiler"] != 3 {
		t.Errorf("the host has %+v at last, want 3", last)
	}
}
