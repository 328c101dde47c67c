//go:build integration

package mqtt_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source/mqtt"
)

// TestTahusEdgeNode observes the edge node of Eclipse Tahu, which has a port of its own mind, 1883: it runs in a network of its own, whose one way
// out is a socket in a folder. It waits for its primary host.
func TestTahusEdgeNode(t *testing.T) {
	t.Parallel()
	jar := peertest.Jar(t, "tahu-edge-compat-1.0.21")
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED HERE: the edge node of Tahu wants a network of its own, which root alone can make")
	}
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	way := filepath.Join(t.TempDir(), "s")
	through(t, way, b.URL)
	s := mqtt.Kind.Settings().(*mqtt.Settings)
	s.URL, s.ClientID = b.URL, "subject"
	s.Sparkplug = new(mqtt.Sparkplug)
	s.Sparkplug.Default()
	s.Sparkplug.Groups, s.Sparkplug.Host = []string{"G2"}, "IamHost"
	s.Complete()
	k := &kept{}
	p, _ := pump(t, s, k)
	tahu := peertest.Start(t, peertest.Command{
		Name: "unshare", Args: []string{"-n", "sh", "-c", `ip link set lo up; socat TCP-LISTEN:1883,bind=127.0.0.1,reuseaddr,fork UNIX-CONNECT:"$0" & exec java -Xmx128m -Djava.net.preferIPv4Stack=true -cp "$1" org.eclipse.tahu.edge.SparkplugEdgeNode`, way, jar},
		Ready: func(context.Context) error { return nil },
	})
	eventually(t, "the edge node and its device are not born", func() bool { return k.has("G2/E2//") && k.has("G2/E2/D2//") })
	born := k.count()
	eventually(t, "nothing comes after the births", func() bool { return k.count() > born })
	items := map[string]bool{}
	for _, r := range k.all() {
		items[r.Item] = true
		if r.Quality == dodona.Good && r.SourceTime.IsZero() {
			t.Errorf("%s has no time", r.Item)
		}
	}
	good := 0
	s.Metrics = map[string]mqtt.Metric{}
	for item := range items { // each as a rule would name it
		group, edge, device, name := split(item)
		s.Metrics[strings.ToLower(strings.NewReplacer("/", "-", " ", "-", "_", "-").Replace(item))] = mqtt.Metric{Group: group, Edge: edge, Device: device, Metric: name}
	}
	for _, made := range points(t, s, k.all()) {
		last := made[len(made)-1]
		if last.Quality == dodona.Good {
			good++
		}
	}
	if good == 0 {
		t.Error("no metric of Tahu gives a good point")
	}
	if got := p.Status(); got.Dropped > 0 {
		t.Errorf("dropped %d: %s", got.Dropped, got.LastDrop)
	}
	tahu.Kill()
	eventually(t, "its death is not told", func() bool {
		all := k.all()
		return strings.Contains(all[len(all)-1].Detail, "offline: NDEATH of edge node G2/E2")
	})
}

// split returns what an item names.
func split(item string) (group, edge, device, name string) {
	of, name, _ := strings.Cut(item, "//")
	parts := strings.Split(of, "/")
	if len(parts) == 3 {
		device = parts[2]
	}
	return parts[0], parts[1], device, name
}

// has reports whether a reading came whose item begins so.
func (k *kept) has(prefix string) bool {
	for _, r := range k.all() {
		if strings.HasPrefix(r.Item, prefix) {
			return true
		}
	}
	return false
}

// through leads a socket in a folder to a broker.
func through(t *testing.T, path, broker string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				to, err := net.Dial("tcp", strings.TrimPrefix(broker, "mqtt://"))
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(to, conn)
					_ = to.Close()
				}()
				_, _ = io.Copy(conn, to)
			}()
		}
	}()
}

func TestAPeerThatKeepsFewRulesIsUnderstood(t *testing.T) {
	t.Parallel()
	python := peertest.Sparkplug(t)
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: logged})
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := sparkplugged(b)
	s.Metrics = map[string]mqtt.Metric{
		"temp": {Group: "G", Edge: "E", Device: "D", Metric: "temp"}, "load": {Group: "G", Edge: "E", Metric: "load"},
	}
	s.Sparkplug.Rebirth = false // its client ends at the command, with a TypeError
	k := &kept{}
	p, _ := pump(t, s, k)
	subscribed(t, b)
	wrapper := peertest.Start(t, peertest.Command{Name: python, Args: []string{"testdata/wrapper.py", u.Port()}, ReadyLine: "born"})
	eventually(t, "its values do not come", func() bool {
		of := points(t, s, k.all())
		return len(of["temp"]) > 25 && len(of["load"]) > 25
	})
	nan := 0
	for id, made := range points(t, s, k.all()) {
		for _, point := range made {
			switch {
			case strings.Contains(point.Reason, "NaN"):
				nan++
			case point.Quality == dodona.Bad && !strings.Contains(point.Reason, "offline"):
				t.Errorf("%s is bad: %s", id, point.Reason)
			case point.Quality == dodona.Good && id == "temp":
				t.Errorf("%s is good, though no birth has its name", id)
			}
		}
	}
	if nan == 0 {
		t.Error("NaN is a number")
	}
	t.Logf("dropped %d: %s", p.Status().Dropped, p.Status().LastDrop)
	wrapper.Kill()
	within(t, 2*patience, "its death, which has another bdSeq than its birth, is not told", func() bool {
		made := points(t, s, k.all())["load"]
		return strings.Contains(made[len(made)-1].Reason, "offline")
	})
}
