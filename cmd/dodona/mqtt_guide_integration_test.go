//go:build integration

package main

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/nettest"
)

// guideOf returns the first configuration of a section of docs/guide/mqtt.md.
func guideOf(t *testing.T, section string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/guide/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## "+section+"\n")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatalf("no configuration below %s", section)
	}
	return text
}

// TestTheGuideOfMQTTRunsAsItStands at mosquitto with the rules of the broker that is rented, but for its address and the files of certificates: what a
// device publishes becomes an answer, and each of its points is published. Without what the broker wants nobody is let in.
func TestTheGuideOfMQTTRunsAsItStands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		section, host string
		cert, key     string
		alpn          []string
		lines         []string // of mosquitto
		rights        string   // of its users
		connects      string   // how mosquitto tells of the sink's connection
		note          string
		without       string // what must not be left out
		refused       string
	}{
		{
			section: "AWS IoT Core", host: "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com:443",
			cert: "gw-7.pem.crt", key: "gw-7-private.pem.key", alpn: []string{"x-amzn-mqtt-ca"},
			lines:    []string{"clientid_prefixes gw-7-", "max_packet_size 131072"},
			rights:   "topic read plant/press/#\ntopic write edge/#\n",
			connects: "as gw-7-cloud (p5,", without: "      alpn: [x-amzn-mqtt-ca]\n", refused: "speaks HTTP and not MQTT",
		},
		{
			section: "Azure Event Grid", host: "plant.westeurope-1.ts.eventgrid.azure.net:8883",
			cert: "gw-7.pem", key: "gw-7.key",
			lines:    []string{"retain_available false", "max_keepalive 1160", "max_packet_size 524288"},
			rights:   "user gw-7\ntopic read plant/press/#\ntopic write edge/#\n",
			connects: "u'gw-7')", note: "the broker keeps no messages (retain)", without: "      tls: {cert: certs/gw-7.pem, key: certs/gw-7.key}\n", refused: "it wants to be shown a certificate; see tls.cert",
		},
	} {
		t.Run(c.section, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rights := filepath.Join(dir, "rights")
			everything := "user outside\ntopic readwrite #\n"
			if !strings.HasPrefix(c.rights, "user ") {
				everything = c.rights + everything // what stands first is for who has no name
			} else {
				everything += c.rights
			}
			if err := os.WriteFile(rights, []byte(everything), 0o644); err != nil {
				t.Fatal(err)
			}
			b := mosquittotest.Start(t, mosquittotest.Options{Lines: append(c.lines, "acl_file "+rights), Listener: []string{"max_qos 1"}})
			u, err := url.Parse(b.URL)
			if err != nil {
				t.Fatal(err)
			}
			certs := filepath.Join(dir, "certs")
			if err := os.Mkdir(certs, 0o700); err != nil {
				t.Fatal(err)
			}
			authority := nettest.NewAuthority(t, certs, "AmazonRootCA1")
			front := authority.Front(t, time.Hour, u.Host, c.alpn...)
			cert, key := authority.Files(t, "device", x509.ExtKeyUsageClientAuth)
			for from, to := range map[string]string{cert: c.cert, key: c.key} {
				if err := os.Rename(from, filepath.Join(certs, to)); err != nil {
					t.Fatal(err)
				}
			}
			guide := guideOf(t, c.section)
			config := strings.ReplaceAll(guide, c.host, front)
			if config == guide {
				t.Fatalf("the page does not name %s", c.host)
			}
			if !strings.Contains(config, "ca: certs/AmazonRootCA1.pem") { // a public authority vouches for the real one
				config = strings.ReplaceAll(config, "      tls: {", "      ca: certs/AmazonRootCA1.pem\n      tls: {")
			}
			config = strings.ReplaceAll(config, "every: 10s", "every: 1s")
			run := func(name, config string) *process {
				home := filepath.Join(dir, name)
				if err := os.MkdirAll(home, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(certs, filepath.Join(home, "certs")); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(home, "gw.yaml"), []byte(config), 0o600); err != nil {
					t.Fatal(err)
				}
				p := launch(t, home, "run", "gw.yaml", "--listen", "127.0.0.1:0")
				p.awaitURL()
				return p
			}

			p := run("as it stands", config)
			o := overhearAs(t, b, "gw-7-outside", "outside")
			said := 0
			o.awaits("each force is an answer, and is published", func() bool {
				if got := len(o.values("edge/adapter/mqtt/press/data")); got < 3 {
					said++
					o.say("plant/press/force", fmt.Sprintf(`{"kN": %d.5, "at": %q}`, 10+said, time.Now().UTC().Format(time.RFC3339Nano)))
				}
				var answer struct {
					Attestation struct{ Report struct{ Round uint64 } }
				}
				return getJSON(p.url+"/v1/feeds/press.force/latest", &answer) == nil && len(o.values("edge/adapter/mqtt/press/data")) >= 3
			})
			var first int
			for n, got := range o.values("edge/adapter/mqtt/press/data") { // what was said before it listened is nobody's
				if n == 0 {
					fmt.Sscanf(got, "%d.5", &first)
				}
				if want := fmt.Sprintf("%d.5", first+n); first <= 10 || got != want {
					t.Errorf("published %q, want %q", got, want)
				}
			}
			if !strings.Contains(b.Output(), c.connects) {
				t.Errorf("mosquitto does not say %q:\n%s", c.connects, b.Output())
			}
			var sinks struct {
				Sinks []struct{ State, Note string }
			}
			if err := getJSON(p.url+"/v1/status", &sinks); err != nil || len(sinks.Sinks) != 1 || sinks.Sinks[0].State != "ok" || !strings.HasPrefix(sinks.Sinks[0].Note, c.note) || (c.note == "") != (sinks.Sinks[0].Note == "") {
				t.Errorf("sinks %+v: %v, want the note %q", sinks, err, c.note)
			}
			p.stop()

			less := strings.ReplaceAll(config, c.without, "")
			if less == config {
				t.Fatalf("the page does not say %q", c.without)
			}
			p = run("without", less)
			eventually(t, patience, func() error {
				var sources struct{ Sources []struct{ LastError string } }
				if err := getJSON(p.url+"/v1/sources", &sources); err != nil {
					return err
				}
				if !strings.Contains(sources.Sources[0].LastError, c.refused) {
					return fmt.Errorf("it says %q, want %q", sources.Sources[0].LastError, c.refused)
				}
				return nil
			})
		})
	}
}
