package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/strict"
)

func everything() Capabilities {
	return Capabilities{
		HTTPGet:    &HTTPGet{Hosts: []string{"api.kraken.com", "[2001:db8::1]:8443"}, PerSecond: 5, Bytes: 1000},
		ReadSensor: []string{"boiler-3", "weather"}, Serial: []string{"scale"},
		Files: true, NowMS: true, Random: true, Verify: true, State: true,
	}
}

func TestSentencesAreTheOperatorsView(t *testing.T) {
	got := strings.Join(everything().Sentences(), "\n")
	want := `may GET https://api.kraken.com, ≤ 5/s, ≤ 1000 bytes
may GET https://[2001:db8::1]:8443, ≤ 5/s, ≤ 1000 bytes
may read sensor boiler-3
may read sensor weather
may read and write serial port scale
may read the files of one directory, which you choose
may know the instant of the round
may draw random bytes, the same on every machine
may check ECDSA and Ed25519 signatures
may keep 4 KiB from one round to the next
nothing else`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	plan := Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"api.kraken.com"}}, ReadSensor: []string{"boiler-3"}}
	if got, want := strings.Join(plan.Sentences(), "; "), "may GET https://api.kraken.com, ≤ 2/s, ≤ 64 KiB; may read sensor boiler-3; nothing else"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Capabilities{}).Sentences(); !slices.Equal(got, []string{"may reach nothing but its input"}) {
		t.Errorf("nothing is said as %q", got)
	}
}

// TestEveryCapabilityIsAskedForAndAllowed finds one whose field in Ways says too little.
func TestEveryCapabilityIsAskedForAndAllowed(t *testing.T) {
	everything := Everything()
	for i, one := range everything.all() {
		var c Capabilities
		for _, text := range one.written(one.name) {
			if err := c.Add(text); err != nil {
				t.Errorf("%s: %v", one.name, err)
			}
		}
		if err := c.Check(); err != nil || !slices.Equal(c.Written(), one.written(one.name)) || !c.Has(one.name) || (Capabilities{}).Has(one.name) {
			t.Errorf("%s as %q is %+v, %v", one.name, one.written(one.name), c, err)
		}
		if got := c.Sentences(); len(got) != 2 || !strings.HasPrefix(got[0], "may ") || strings.HasPrefix(got[0], "may  ") {
			t.Errorf("%s is said as %q", one.name, got)
		}
		if got := c.Missing(Capabilities{}); len(got) != 1 || !strings.HasPrefix(got[0], one.name) || !strings.Contains(got[0], "allow: {"+one.name+": ") {
			t.Errorf("%s is missing as %q", one.name, got)
		}
		if got := c.Intersect(everything); !slices.Equal(got.Written(), c.Written()) {
			t.Errorf("%s granted is %+v, want %+v", one.name, got, c)
		}
		if got := c.Intersect(Capabilities{}); !reflect.DeepEqual(got, Capabilities{}) {
			t.Errorf("%s is given without a grant: %+v", one.name, got)
		}
		if _, named := one.shape.(*names); named == (one.names == "") {
			t.Errorf("%s has names of %q", one.name, one.names)
		}
		if tag := reflect.TypeFor[Allow]().Field(i).Tag; tag.Get("yaml") != tag.Get("json") {
			t.Errorf("%s is called otherwise where it is allowed: %s", one.name, tag)
		}
		_, written, _ := strings.Cut(c.Missing(Capabilities{})[0], "write  ")
		var feed struct{ Allow Allow }
		if err := strict.Decode(strings.NewReader(written), "feed.yaml", &feed); err != nil {
			t.Errorf("%s: %v", one.name, err)
		}
		if granted := feed.Allow.Capabilities(); c.Missing(granted) != nil || len(granted.Written()) != 1 {
			t.Errorf("%s is allowed as %q, which grants %+v", one.name, written, granted)
		}
	}
}

func TestMissingSaysWhatToWrite(t *testing.T) {
	if got := everything().Missing(everything()); got != nil {
		t.Errorf("everything is granted, but %q is missing", got)
	}
	granted := everything()
	granted.HTTPGet = &HTTPGet{Hosts: []string{"api.kraken.com:443"}, PerSecond: 2}
	granted.ReadSensor = []string{"boiler-3"}
	granted.State = false
	want := []string{
		"http_get of [2001:db8::1]:8443: write  allow: {http_get: [api.kraken.com:443, \"[2001:db8::1]:8443\"]}",
		"http_get 5 times a second: 2 are granted",
		"read_sensor of weather: write  allow: {read_sensor: [boiler-3, weather]}",
		"state: write  allow: {state: true}",
	}
	if got := everything().Missing(granted); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	asked := Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"a.example"}, Bytes: 1 << 20}}
	got := asked.Intersect(Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"b.example", "a.example:443"}, PerSecond: 1}})
	if want := (HTTPGet{Hosts: []string{"a.example"}, PerSecond: 1, Bytes: 1 << 20}); !reflect.DeepEqual(*got.HTTPGet, want) {
		t.Errorf("got %+v, want %+v", *got.HTTPGet, want)
	}
	if got := asked.Intersect(Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"b.example"}}}); got.HTTPGet != nil {
		t.Errorf("no common host gives %+v", got.HTTPGet)
	}
}

func TestHostsHaveOneSpelling(t *testing.T) {
	check := func(hosts ...string) error { return Capabilities{HTTPGet: &HTTPGet{Hosts: hosts}}.Check() }
	for _, good := range []string{"localhost", "api.kraken.com", "api.kraken.com:8443", "xn--bcher-kva.example", "192.0.2.1", "192.0.2.1:1", "[2001:db8::1]", "[2001:db8::1]:65535"} {
		if err := check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ":443", "*.example", "API.example", "https://a.example", "a.example/x", "a.example:0", "a.example:0443", "a.example:65536", "a.example:",
		"a..b", "a.example.", "-a.example", "a-.example", "bücher.example", "a b", "a@b", "2001:db8::1", "[2001:DB8::1]", "[2001:db8::1", "[fe80::1%eth0]",
		"[192.0.2.1]", strings.Repeat("a.", 127) + "a.example", strings.Repeat("a", 64) + ".example",
	} {
		if check(bad) == nil {
			t.Errorf("%q is a host", bad)
		}
	}
	if check("a.example", "a.example:443") == nil {
		t.Error("a host may stand twice")
	}
}

// TestEveryFlawOfWhatIsAllowedIsTold, each where it stands; of a manifest the first counts.
func TestEveryFlawOfWhatIsAllowedIsTold(t *testing.T) {
	a := Allow{HTTPGet: []string{"a.example", "B.example", "a.example:443", "c.example:99999"}, ReadSensor: []string{"s", "s", "X"}, State: true}
	var got []string
	for _, flaw := range a.Flaws() {
		got = append(got, flaw.Setting+": "+flaw.What)
	}
	want := []string{
		`http_get[1]: http_get names the host "B.example"`, "http_get[2]: http_get names the host a.example:443 twice",
		`http_get[3]: http_get names the host "c.example:99999"`, "read_sensor[1]: read_sensor names s twice",
	}
	if len(got) != 5 || !slices.Equal(got[:4], want) || !strings.HasPrefix(got[4], `read_sensor[2]: read_sensor: name "X"`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if err := a.Capabilities().Check(); err == nil || !strings.Contains(err.Error(), "B.example") {
		t.Errorf("got %v", err)
	}
	if err := (Allow{HTTPGet: []string{"a.example"}, State: true}).Capabilities().Check(); err != nil {
		t.Error(err)
	}
}

func TestSpellingsOfOneHostAreEqual(t *testing.T) {
	for _, same := range [][2]string{
		{"api.kraken.com", "api.kraken.com:443"}, {"API.Kraken.com", "api.kraken.com"}, {"[2001:DB8::1]", "[2001:db8::1]:443"}, {"192.0.2.1", "192.0.2.1:443"},
	} {
		if a, b := Host(same[0]), Host(same[1]); a != b {
			t.Errorf("%s is compared as %s, %s as %s", same[0], a, same[1], b)
		}
		if !(HTTPGet{Hosts: same[:1]}).Allows(same[1]) {
			t.Errorf("%s does not allow %s", same[0], same[1])
		}
	}
	if (HTTPGet{Hosts: []string{"a.example:8443", "b.example"}}).Allows("a.example") {
		t.Error("a port allows another")
	}
}

func TestCapabilitiesAreAddedAsWritten(t *testing.T) {
	var c Capabilities
	for _, text := range []string{
		"http_get=api.kraken.com,[2001:db8::1]:8443", "http_get.perSecond=5", "http_get.bytes=1000", "read_sensor=boiler-3", "read_sensor=weather", "serial=scale",
		"files", "now_ms", "random", "verify", "state",
	} {
		if err := c.Add(text); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(c, everything()) {
		t.Errorf("got %+v, want %+v", c, everything())
	}
	for _, bad := range []string{
		"random.", "files.", "read_sensor.=x", "http_get.=a.b", "http_get.", ".", ".=", // a dot is before a bound
		"", "root", "files=/etc", "http_get.bytes=0", "http_get.perSecond=-1", "http_get.bytes=1e3", "NOW_MS",
	} {
		if err := c.Add(bad); err == nil || !reflect.DeepEqual(c, everything()) {
			t.Errorf("%q is added: %v", bad, err)
		}
	}
}
