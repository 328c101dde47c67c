//go:build integration

package opcua

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// everything is what the plants have, as nodes.
func everything(own string) map[string]Node {
	id := func(name string) Node { return Node{ID: own + name} }
	with := func(name string, change func(*Node)) Node {
		n := id(name)
		change(&n)
		return n
	}
	return map[string]Node{
		"double": id("Boiler.T"), "float": id("Boiler.F"), "uint64": id("Boiler.N"), "when": id("Boiler.When"), "text": id("Boiler.Text"), "on": id("Boiler.On"),
		"element": with("Boiler.A", func(n *Node) { n.Index = "1" }), "beyond": with("Boiler.A", func(n *Node) { n.Index = "3" }), "array": id("Boiler.A"),
		"blob": with("Boiler.Blob", func(n *Node) { n.Type = "uint16" }), "bytes": id("Boiler.Blob"),
		"low": with("Boiler.Range", func(n *Node) { n.Field = "Low" }), "high": with("Boiler.Range", func(n *Node) { n.Field = "high" }),
		"broken": id("Broken"), "doubt": id("Doubt"), "nowhere": id("Nowhere"), "label": id("Boiler.Label"),
		"foreign": {ID: "nsu=http://nobody.example/;i=1"},
		"path":    {Path: "Plant/Boiler/Temperature", Scale: decimal("0.1"), Offset: decimal("1")},
		"levels":  {Path: "Plant/Tank*/Level"},
	}
}

func decimal(text string) dodona.Decimal {
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

const wantEverything = `array bad the value is an array of 3; set index
beyond bad the array has the dimensions [3], so there is no element [3]
blob 258
broken bad BadSensorFailure: the sensor failed
bytes bad the value is a ByteString of 2 bytes; set type to say what they are
double 21.5
doubt uncertain 1 UncertainLastUsableValue: the device gives no new value; this is the last
element 2.5
float 0.1
foreign bad BadNodeIDUnknown: the server has no such node; dodona source scan lists those it has
high 120.25
label bad the text "{\"n\":0,\"unit\":\"Cel\"}" is no number
levels 10
levels 20
levels 30
low -5.5
nowhere bad BadNodeIDUnknown: the server has no such node; dodona source scan lists those it has
on 1
path 3.15
text 42.5
uint64 18446744073709551615
when 1796040000`

// described are the points that a kind makes of readings by its settings, a line each.
func pointsOf(t *testing.T, s *Settings, readings []dodona.Reading) string {
	t.Helper()
	rules, err := Kind.Rules(s)
	if err != nil {
		t.Fatal(err)
	}
	made, err := Kind.Decode(rules)
	if err != nil {
		t.Fatal(err)
	}
	dodona.SortReadings(readings)
	result, err := made.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range result.Points {
		line := p.ID + " " + p.Value.String()
		if p.Quality == dodona.Bad {
			line = p.ID + " bad " + p.Reason
		} else if p.Quality != dodona.Good {
			line = p.ID + " " + p.Quality.String() + " " + p.Value.String() + " " + p.Reason
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// collect observes until every item has a reading, and returns the last of each.
func collect(t *testing.T, s *Settings, folder string, items int) []dodona.Reading {
	t.Helper()
	opened, err := Kind.Open(t.Context(), s, env(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := map[string]dodona.Reading{}
	for len(last) < items {
		b, err := opened.Observe(ctx)
		if err != nil {
			t.Fatalf("%d of %d items: %v", len(last), items, err)
		}
		for _, r := range b.Readings {
			last[r.Item] = r
		}
		if b.Ack != nil {
			if err := b.Ack(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	var list []dodona.Reading
	for _, r := range last {
		list = append(list, r)
	}
	return list
}

// items of everything: three tanks, and what several points share.
const itemsOfEverything = 18

func speaksOfEverything(t *testing.T, p *plant) {
	for _, read := range []Read{readPoll, readSubscribe} {
		s := settings(p.endpoint, func(s *Settings) {
			s.Nodes, s.Read, s.Publishing, s.Refresh = everything(plantNS), read, 200*time.Millisecond, time.Second
		})
		readings := collect(t, s, "", itemsOfEverything)
		if got := pointsOf(t, s, readings); got != wantEverything {
			t.Errorf("%s: points\n%s\nwant\n%s", read, got, wantEverything)
		}
		for _, r := range readings {
			known := r.Item == plantNS+"Nowhere" || strings.HasPrefix(r.Item, "nsu=http://nobody")
			if r.ContentType != "application/opcua+uabinary" || r.SourceTime.Year() < 2020 != known || r.Detail == "" {
				t.Errorf("%s: reading %+v: want its content type, a time of its source unless it has none, and a detail", read, r)
			}
		}
	}
}

// TestAsyncua has all that needs one server in Python.
func TestAsyncua(t *testing.T) {
	t.Parallel()
	server := loopbackMaker().make(t)
	elliptic := maker{uri: serverURI, hosts: []string{"127.0.0.1"}, ec: true}.make(t)
	expired := maker{uri: serverURI, hosts: []string{"127.0.0.1"}, from: time.Now().Add(-48 * time.Hour), until: time.Now().Add(-24 * time.Hour)}.make(t)
	others := []plantOptions{{Port: peertest.Port(t), Cert: elliptic.file, Key: elliptic.pem}, {Port: peertest.Port(t), Cert: expired.file, Key: expired.pem}}
	p := asyncua(t, server.file, server.pem, others...)
	t.Run("BadCertificates", func(t *testing.T) {
		folder := trusted(t, elliptic.cert, expired.cert)
		for i, want := range []string{"its key is ECDSA", "it expired at"} {
			s := settings(fmt.Sprintf("opc.tcp://127.0.0.1:%d/plant", others[i].Port), func(s *Settings) { s.Security = securityBoth })
			if _, err := once(t, s, folder); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	})
	t.Run("Values", func(t *testing.T) { speaksOfEverything(t, p) })
	t.Run("PoliciesAndUsers", func(t *testing.T) { speaks(t, p, server) })
	t.Run("NodesBeyondMaxNodesAreTold", func(t *testing.T) { areTold(t, p) })
	t.Run("ANodeThatVanishesAndComesBack", func(t *testing.T) { vanishes(t, p) })
	t.Run("NodesThatComeLater", func(t *testing.T) { comesLater(t, p) })
	t.Run("DeadbandsAndQueues", func(t *testing.T) { deadbands(t, p) })
	t.Run("IsTrustedOnceAPersonSaysSo", func(t *testing.T) { isTrustedOnceAPersonSaysSo(t, p, server) })
}

// TestNodeOPCUA has all that needs one server in JavaScript, which takes long to start.
func TestNodeOPCUA(t *testing.T) {
	t.Parallel()
	server := loopbackMaker().make(t)
	pki := t.TempDir()
	p := nodeOPCUA(t, server.file, server.pem, pki)
	t.Run("PoliciesAndUsers", func(t *testing.T) { speaks(t, p, server) })
	speaksOfEverything(t, p)
	t.Run("Matrix", func(t *testing.T) {
		s := settings(p.endpoint, func(s *Settings) {
			s.Read, s.Nodes = readPoll, map[string]Node{"m": {ID: plantNS + "Boiler.M", Index: "1,2"}, "flat": {ID: plantNS + "Boiler.M", Index: "5"}}
		})
		want := "flat bad the array has the dimensions [2 3], and index names 1 of them\nm 6"
		if got := pointsOf(t, s, collect(t, s, "", 1)); got != want {
			t.Errorf("points %s, want %s", got, want)
		}
	})
	t.Run("ManyNodesWithinItsLimits", func(t *testing.T) {
		for _, read := range []Read{readPoll, readSubscribe} {
			s := settings(p.endpoint, func(s *Settings) { s.Read, s.Nodes = read, map[string]Node{"many": {Path: "Plant/Many/V*"}} })
			if got := collect(t, s, "", 40); len(got) != 40 {
				t.Errorf("%s: %d readings, want 40", read, len(got))
			}
		}
	})
	t.Run("BrowsingIsCapped", func(t *testing.T) {
		s := settings(p.endpoint, func(s *Settings) {
			s.Read, s.MaxNodes, s.Nodes = readPoll, 8, map[string]Node{"many": {Path: "Plant/Many/V*"}}
		})
		if got := collect(t, s, "", 8); len(got) != 8 {
			t.Errorf("%d readings, want the 8 of max_nodes", len(got))
		}
	})
	t.Run("ANodeThatVanishesAndComesBack", func(t *testing.T) { vanishes(t, p) })
	t.Run("SessionsEnd", func(t *testing.T) {
		for range 100 {
			if p.do("sessions") == "0" {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("the server has %s sessions after all sources were closed", p.do("sessions"))
	})
	t.Run("ItsOwnAddressIsFollowedIfTold", func(t *testing.T) { follows(t, p) })
	t.Run("MustTrustUsToo", func(t *testing.T) { mustTrustUsToo(t, p, server, pki) })
}

// areTold finds more than max_nodes, of which no level alone has as many: the standard's own nodes of a server.
func areTold(t *testing.T, p *plant) {
	s := settings(p.endpoint, func(s *Settings) {
		s.Read, s.MaxNodes, s.Nodes = readPoll, 30, map[string]Node{"tanks": {Path: "Plant/*/*"}, "of": {Path: "Server/*"}, "state": {Path: "Server/ServerStatus/*"}, "build": {Path: "Server/ServerStatus/BuildInfo/*"}}
	})
	var log logtest.Text
	e := env(t, "")
	e.Log = slog.New(slog.NewTextHandler(&log, nil))
	opened, err := Kind.Open(t.Context(), s, e)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	b, err := opened.Observe(t.Context())
	if n := len(b.Readings); err != nil || n < s.MaxNodes || n > s.MaxNodes+len(s.Nodes) { // a path of which nothing is left has a reading that says so
		t.Errorf("%d readings, %v; want the %d of max_nodes", n, err, s.MaxNodes)
	}
	if !strings.Contains(log.String(), "no more than max_nodes (30) of the ") || !strings.Contains(log.String(), " that were found: raise depth or max_nodes") {
		t.Errorf("the log says\n%s", log.String())
	}
}

// vanishes removes one of two nodes and puts it back: the other goes on, and both come again.
func vanishes(t *testing.T, p *plant) {
	s := settings(p.endpoint, func(s *Settings) {
		s.Nodes = map[string]Node{"gone": {ID: plantNS + "Gone"}, "level": {ID: plantNS + "Tank1.Level"}}
		s.Publishing, s.KeepAlive, s.Refresh = 100*time.Millisecond, 500*time.Millisecond, time.Second
	})
	opened, err := Kind.Open(t.Context(), s, env(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	await := func(what, item string, is func(dodona.Reading) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			b, err := opened.Observe(ctx)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, r := range b.Readings {
				if r.Item == plantNS+item && is(r) {
					return
				}
			}
		}
	}
	good := func(r dodona.Reading) bool { return r.Quality == dodona.Good }
	await("at first", "Gone", good)
	p.do("remove Gone")
	await("removed", "Gone", func(r dodona.Reading) bool { return r.Quality == dodona.Bad && strings.Contains(r.Detail, "BadNodeID") })
	p.do("set Tank1.Level 77")
	await("the other", "Tank1.Level", func(r dodona.Reading) bool { return good(r) && bytes.Contains(r.Body, []byte{6, 77, 0, 0, 0}) })
	p.do("add Gone 8")
	await("back", "Gone", good)
	for n := range 3 { // by the subscription again, which its detail says
		p.do("set Gone %d", 100+n)
		await("changed", "Gone", func(r dodona.Reading) bool {
			return good(r) && strings.HasPrefix(r.Detail, "subscription") && bytes.Contains(r.Body, []byte{6, byte(100 + n), 0, 0, 0})
		})
	}
}

// comesLater has a path that finds nothing at first, and a node that is there half a minute later.
func comesLater(t *testing.T, p *plant) {
	for n, read := range []Read{readSubscribe, readPoll} {
		name := fmt.Sprint("Late", n)
		s := settings(p.endpoint, func(s *Settings) {
			s.Nodes, s.Read, s.Publishing, s.Refresh = map[string]Node{"late": {Path: "Plant/Boiler/" + name}}, read, 100*time.Millisecond, 500*time.Millisecond
		})
		var ahead atomic.Int64
		e := env(t, "")
		e.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		opened, err := Kind.Open(t.Context(), s, e)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, want := range []string{"late bad BadNoMatch: nothing has such a path below Objects; dodona source scan lists what there is", "late 5"} {
			for got := ""; got != want; {
				b, err := opened.Observe(ctx)
				if err != nil {
					t.Fatalf("%s: %v", want, err)
				}
				got = pointsOf(t, s, b.Readings)
			}
			if want == "late bad BadNoMatch: nothing has such a path below Objects; dodona source scan lists what there is" {
				p.do("add %s 5", name)
				ahead.Add(int64(lookAgain + time.Second))
			}
		}
	}
}

// deadbands has a server tell of changes beyond one alone, and say what its queue lost.
func deadbands(t *testing.T, p *plant) {
	var band Deadband
	if err := band.UnmarshalText([]byte("5")); err != nil {
		t.Fatal(err)
	}
	s := settings(p.endpoint, func(s *Settings) {
		s.Nodes = map[string]Node{"t": {ID: plantNS + "Boiler.T", Deadband: band}, "f": {ID: plantNS + "Boiler.F"}}
		s.Publishing, s.Sampling, s.KeepAlive, s.Refresh = 100*time.Millisecond, 50*time.Millisecond, 500*time.Millisecond, 0
	})
	opened, err := Kind.Open(t.Context(), s, env(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.do("set Boiler.T 20")
	seen := map[string][]string{}
	until := func(node, value string) {
		t.Helper()
		for !slices.Contains(seen[node], value) {
			b, err := opened.Observe(ctx)
			if err != nil {
				t.Fatalf("%s %s: %v; seen %v", node, value, err, seen)
			}
			for _, r := range b.Readings {
				point, value, _ := strings.Cut(pointsOf(t, s, []dodona.Reading{r}), " ")
				seen[point] = append(seen[point], value)
			}
		}
	}
	until("t", "20")
	p.do("set Boiler.T 22")
	p.do("set Boiler.F 1.5")
	until("f", "1.5")
	p.do("set Boiler.T 30")
	until("t", "30")
	if slices.Contains(seen["t"], "22") {
		t.Errorf("with a deadband of 5 the values were %v", seen["t"])
	}
}

// follows has a server behind another address than its own, which only whoever is told to follow leaves.
func follows(t *testing.T, p *plant) {
	d := newDoor(t, addressOf(p))
	d.open(t)
	defer d.shut(t)
	for _, follow := range []bool{false, true} {
		s := settings("opc.tcp://"+d.address+"/plant", func(s *Settings) { s.Read, s.Follow = readPoll, follow })
		opened, err := Kind.Open(t.Context(), s, env(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		if _, err := opened.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.cut()
		_, err = opened.Observe(t.Context())
		if gone := err != nil; gone == follow {
			t.Errorf("follow %v: behind the door that was shut the source says %v", follow, err)
		}
	}
}

// TestCertificates is about whom a source believes.
func TestCertificates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make maker
		want string
	}{
		"untrusted":        {loopbackMaker(), "is not trusted"},
		"elliptic":         {maker{uri: serverURI, hosts: []string{"127.0.0.1"}, ec: true}, "its key is ECDSA"},
		"expired":          {maker{uri: serverURI, hosts: []string{"127.0.0.1"}, from: time.Now().Add(-48 * time.Hour), until: time.Now().Add(-24 * time.Hour)}, "it expired at"},
		"of tomorrow":      {maker{uri: serverURI, hosts: []string{"127.0.0.1"}, from: time.Now().Add(24 * time.Hour), until: time.Now().Add(48 * time.Hour)}, "it is valid from"},
		"of another":       {maker{uri: "urn:somebody:else", hosts: []string{"127.0.0.1"}}, `it is of the application "urn:somebody:else"`},
		"of nobody":        {maker{hosts: []string{"127.0.0.1"}}, "it is of the application"},
		"of another host":  {maker{uri: serverURI, hosts: []string{"plc-7", "10.0.0.5"}}, "it is of plc-7, 10.0.0.5, not of 127.0.0.1"},
		"with a short key": {maker{uri: serverURI, hosts: []string{"127.0.0.1"}, bits: 1024}, "its RSA key has 1024 bits"},
	} {
		made := c.make.make(t)
		j := judge{folder: trusted(t), source: "plant", host: "127.0.0.1", now: time.Now()}
		if name != "untrusted" { // trusted or not, it is bad
			j.folder = trusted(t, made.cert)
		}
		who, err := j.judge(made.cert.Raw, serverURI)
		if who != nil || !dodona.IsPermanent(err) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), thumbprint(made.cert)) {
			t.Errorf("%s: %v, %v; want a permanent error with %q and the thumbprint", name, who, err, c.want)
		}
	}
	elsewhere := maker{uri: serverURI, hosts: []string{"plc-7"}}.make(t)
	j := judge{folder: t.TempDir(), source: "plant", host: "127.0.0.1", now: time.Now()}
	if _, err := j.judge(elsewhere.cert.Raw, serverURI); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "it is of plc-7, not of 127.0.0.1") ||
		!strings.Contains(err.Error(), "not trusted yet either: dodona source trust FILE plant "+thumbprint(elsewhere.cert)) {
		t.Errorf("one of another host that nobody accepted: %v", err)
	}
	if _, err := accept(j.folder, "plant", "00"); err == nil || !strings.Contains(err.Error(), "those that wait are "+thumbprint(elsewhere.cert)) {
		t.Errorf("another thumbprint: %v", err)
	}
	if _, err := accept(j.folder, "plant", thumbprint(elsewhere.cert)); err != nil {
		t.Errorf("one of another host is accepted before its host is named: %v", err)
	}
	if _, err := j.judge(elsewhere.cert.Raw, serverURI); err == nil || strings.Contains(err.Error(), "trusted") {
		t.Errorf("once it is accepted its host is wrong still, and nothing else: %v", err)
	}
	j.host = "plc-7"
	if _, err := j.judge(elsewhere.cert.Raw, serverURI); err != nil {
		t.Errorf("accepted, and named: %v", err)
	}
	root := maker{ca: true}.make(t)
	signed := loopbackMaker()
	signed.by = root
	leaf := signed.make(t)
	j = judge{folder: trusted(t, root.cert), source: "plant", host: "127.0.0.1", now: time.Now()}
	if who, err := j.judge(slices.Concat(leaf.cert.Raw, root.cert.Raw), serverURI); err != nil || !bytes.Equal(who.leaf.Raw, leaf.cert.Raw) {
		t.Errorf("one that a trusted authority signed: %v", err)
	}
	other := maker{ca: true}.make(t)
	j.folder = trusted(t, other.cert)
	if _, err := j.judge(leaf.cert.Raw, serverURI); err == nil || !strings.Contains(err.Error(), "no trusted authority vouches for it") {
		t.Errorf("one that another authority signed: %v", err)
	}
}

// isTrustedOnceAPersonSaysSo walks the whole way: refused, accepted, spoken to, and left when its certificate expires in the middle of a session.
func isTrustedOnceAPersonSaysSo(t *testing.T, p *plant, server *made) {
	folder := t.TempDir()
	s := settings(p.endpoint, func(s *Settings) { s.Security, s.User, s.Password = securityBoth, "edge", secret.New("s3cret") })
	if _, err := once(t, s, folder); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "dodona source trust FILE plant "+thumbprint(server.cert)) {
		t.Fatalf("an untrusted server: %v", err)
	}
	list, err := Kind.Shown(folder, "plant")
	if err != nil || len(list) != 1 || list[0].Thumbprint != thumbprint(server.cert) || list[0].URI != serverURI {
		t.Fatalf("shown are %+v, %v", list, err)
	}
	if _, err := Kind.Accept(folder, "plant", "00"); err == nil {
		t.Error("a thumbprint that nobody showed was accepted")
	}
	if _, err := Kind.Accept(folder, "plant", strings.ToUpper(list[0].Thumbprint)); err != nil {
		t.Fatal(err)
	}
	readings, err := first(t, s, folder)
	if err != nil || len(readings) != 1 || readings[0].Quality != dodona.Good {
		t.Fatalf("a trusted server: %v, %v", readings, err)
	}
	var ahead atomic.Int64
	e := env(t, folder)
	e.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	opened, err := Kind.Open(t.Context(), s, e)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := opened.Observe(ctx); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(2 * time.Hour))
	for err == nil {
		_, err = opened.Observe(ctx)
	}
	if !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "it expired at") {
		t.Errorf("a certificate that expired in the middle of a session: %v", err)
	}
}

// mustTrustUsToo has a server refuse our certificate, which then is put among those that it trusts.
func mustTrustUsToo(t *testing.T, p *plant, server *made, pki string) {
	p.do("strict")
	folder := trusted(t, server.cert)
	s := settings(p.endpoint, func(s *Settings) { s.Security, s.Policy = securityBoth, "Basic256Sha256" })
	if _, err := once(t, s, folder); !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "have it trust our certificate") {
		t.Fatalf("a server that does not trust us: %v", err)
	}
	own, err := Kind.Own(folder, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, ownFolder, ownCert))
	if err != nil {
		t.Fatal(err)
	}
	rejected, err := filepath.Glob(filepath.Join(pki, "rejected", "*"))
	if err != nil || len(rejected) != 1 || !strings.Contains(strings.ToLower(rejected[0]), own.Thumbprint) {
		t.Errorf("the server rejected %q, want the certificate %s", rejected, own.Thumbprint)
	}
	for _, old := range rejected {
		if err := os.Remove(old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(pki, "trusted", "certs", "dodona.der"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for { // until it looks at its folder again
		_, err := once(t, s, folder)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
