//go:build integration

package snmp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/durable"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	hello  = "1.3.6.1.4.1.8072.1.3.2.3.1.1.5.104.101.108.108.111" // nsExtendOutput1Line."hello"
	level  = "1.3.6.1.4.1.8072.1.3.2.3.1.1.5.108.101.118.101.108" // "level"
	ifName = "1.3.6.1.2.1.31.1.1.1.1"
	inOct  = "1.3.6.1.2.1.31.1.1.1.6"
	inOld  = "1.3.6.1.2.1.2.2.1.10"
)

// A snmpd is Debian's, with a folder of its own.
type snmpd struct {
	*peertest.Process
	dir  string
	port int
}

// startSNMPD starts one; more are lines of its configuration.
func startSNMPD(t *testing.T, more ...string) *snmpd {
	t.Helper()
	d := prepareSNMPD(t, more...)
	d.Process = peertest.Start(t, d.command(t))
	return d
}

func prepareSNMPD(t *testing.T, more ...string) *snmpd {
	t.Helper()
	d := &snmpd{dir: t.TempDir(), port: peertest.UDPPort(t)}
	d.say(t, "hello", "")
	d.say(t, "level", "21.50")
	d.configure(t, more...)
	return d
}

func (d *snmpd) configure(t *testing.T, more ...string) {
	t.Helper()
	lines := append([]string{
		"agentAddress udp:127.0.0.1:" + strconv.Itoa(d.port),
		"rocommunity s3cret", "rouser u256 priv", "rouser u512 priv", "rouser u1 auth", "rouser u0 noauth", "rouser u5 priv", "rouser u224 priv", "rouser u384 priv",
		`createUser u224 SHA-224 "password-a" AES "password-x"`, `createUser u384 SHA-384 "password-a" AES-192 "password-x"`,
		`createUser u256 SHA-256 "password-a" AES "password-x"`, `createUser u512 SHA-512 "password-a" AES-256 "password-x"`,
		`createUser u1 SHA "password-a"`, `createUser u5 MD5 "password-a" DES "password-x"`, "createUser u0",
		"extend -cacheTime 1 hello /bin/cat " + filepath.Join(d.dir, "hello"), "extend -cacheTime 1 level /bin/cat " + filepath.Join(d.dir, "level"),
	}, more...)
	if err := os.WriteFile(filepath.Join(d.dir, "snmpd.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *snmpd) command(t *testing.T) peertest.Command {
	return peertest.Command{
		Name: peertest.Debian(t, "snmpd"),
		Args: []string{"-f", "-Lo", "-I", "-smux", "-C", "-c", filepath.Join(d.dir, "snmpd.conf"), "-p", filepath.Join(d.dir, "pid")},
		Env:  []string{"MIBS=", "SNMP_PERSISTENT_DIR=" + filepath.Join(d.dir, "state")}, ReadyLine: "NET-SNMP version",
	}
}

// say makes a thing that the device tells.
func (d *snmpd) say(t *testing.T, name, text string) {
	t.Helper()
	if err := durable.Write(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settings ask it by v2c for what extensions say.
func (d *snmpd) settings(change func(*Settings)) *Settings {
	s := Kind.Settings().(*Settings)
	s.Address = "127.0.0.1:" + strconv.Itoa(d.port)
	s.Community = secret.New("s3cret")
	s.Timeout = 20 * time.Second // a busy machine is no silent device
	s.OIDs = map[string]Variable{"level": {OID: level}, "uptime": {OID: sysUpTime, Scale: decimal("0.01"), Unit: "s"}}
	if change != nil {
		change(s)
	}
	s.Complete()
	return s
}

func decimal(text string) dodona.Decimal {
	d, err := dodona.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func user(name string, auth Auth, priv Priv) *User {
	u := &User{Name: name, Auth: auth, Priv: priv}
	if auth != "" {
		u.AuthPassword = secret.New("password-a")
	}
	if priv != "" {
		u.PrivPassword = secret.New("password-x")
	}
	return u
}

// by sets a user.
func by(u *User) func(*Settings) {
	return func(s *Settings) { s.User, s.Community = u, secret.String{} }
}

func opened(t *testing.T, s *Settings, env source.Env) dodona.Source {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatalf("check: %v", err)
	}
	env.Source = "device"
	o, err := Kind.Open(t.Context(), s, env)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// observed makes one exchange and returns its points.
func observed(t *testing.T, s *Settings, o dodona.Source) map[string]dodona.Point {
	t.Helper()
	b, err := o.Observe(t.Context())
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	return points(t, s, b.Readings)
}

func points(t *testing.T, s *Settings, readings []dodona.Reading) map[string]dodona.Point {
	t.Helper()
	rules, err := Kind.Rules(s)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := Kind.Decode(rules)
	if err != nil {
		t.Fatal(err)
	}
	dodona.SortReadings(readings)
	r, err := decoder.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]dodona.Point{}
	for _, p := range r.Points {
		if _, twice := all[p.ID]; twice && s.Listen == "" {
			t.Errorf("point %s came twice", p.ID)
		}
		all[p.ID] = p
	}
	return all
}

func TestSuiteAgainstSNMPD(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		d := prepareSNMPD(t)
		s := d.settings(func(s *Settings) {
			s.Timeout, s.Retries = 2*time.Second, 0
			s.OIDs = map[string]Variable{"hello": {OID: hello}}
		})
		return sourcetest.Subject{
			Kind: Kind, Settings: s,
			Say: func(t *testing.T, n int) {
				t.Helper()
				d.say(t, "hello", sourcetest.Body(n))
			},
			Start: func(t *testing.T) {
				if d.Process == nil {
					d.Process = peertest.Start(t, d.command(t))
					return
				}
				d.Restart()
			},
			Stop: func(*testing.T) {
				if d.Process != nil {
					d.Kill()
				}
			},
			Faults: sourcetest.Faults{Kill: func(*testing.T) { d.Kill() }, Freeze: func(*testing.T) { d.Freeze() }, Thaw: func(*testing.T) { d.Thaw() }},
		}
	})
}

// TestALossyNetworkIsReadAllTheSame: one datagram in three is lost.
func TestALossyNetworkIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	relay := nettest.NewPacketRelay(t, "127.0.0.1:"+strconv.Itoa(d.port))
	relay.Lose(3)
	for _, change := range []func(*Settings){nil, by(user("u256", "sha-256", "aes"))} {
		s := d.settings(func(s *Settings) {
			if change != nil {
				change(s)
			}
			s.Address, s.Timeout, s.Retries = relay.Address, 500*time.Millisecond, 10
		})
		o := opened(t, s, source.Env{})
		for range 5 {
			if got := observed(t, s, o); got["level"].Value.String() != "21.5" {
				t.Errorf("%+v", got)
			}
		}
	}
}

func TestEachVersionAndUserIsRead(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	for name, change := range map[string]func(*Settings){
		"v1":                 func(s *Settings) { s.Version = "1" },
		"v2c":                nil,
		"v3 in clear":        by(user("u0", "", "")),
		"v3 SHA":             by(user("u1", "sha", "")),
		"v3 MD5 DES":         by(user("u5", "md5", "des")),
		"v3 SHA-256 AES":     by(user("u256", "sha-256", "aes")),
		"v3 SHA-224 AES":     by(user("u224", "sha-224", "aes")),
		"v3 SHA-384 AES-192": by(user("u384", "sha-384", "aes-192")),
		"v3 SHA-512 AES-256": by(user("u512", "sha-512", "aes-256")),
	} {
		s := d.settings(change)
		got := observed(t, s, opened(t, s, source.Env{}))
		if got["level"].Value.String() != "21.5" || got["level"].Quality != dodona.Good || got["uptime"].Quality != dodona.Good {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

var errNone = errors.New("none")

func failure(t *testing.T, s *Settings) error {
	t.Helper()
	o := opened(t, s, source.Env{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := o.Observe(ctx); err != nil {
		return err
	}
	return errNone
}

func TestWhatRefusesIsToldFromWhatIsSilent(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	patient := d.settings
	short := func(change func(*Settings)) *Settings { // for what is silent
		return d.settings(func(s *Settings) {
			s.Timeout, s.Retries = 300*time.Millisecond, 1
			if change != nil {
				change(s)
			}
		})
	}
	wrong := func(u *User, auth, priv string) *User {
		if auth != "" {
			u.AuthPassword = secret.New(auth)
		}
		if priv != "" {
			u.PrivPassword = secret.New(priv)
		}
		return u
	}
	nobody := patient(nil)
	nobody.Address = "127.0.0.1:" + strconv.Itoa(peertest.UDPPort(t))
	missing := patient(nil)
	missing.Community = secret.String{File: filepath.Join(t.TempDir(), "none")}
	for name, c := range map[string]struct {
		s         *Settings
		want      string
		permanent bool
	}{
		"another community":   {short(func(s *Settings) { s.Community = secret.New("other") }), "no answer from " + short(nil).Address + " in 300ms, asked 2 times: it is not there, or community is not its own", false},
		"an unknown user":     {patient(by(user("nobody", "sha-256", "aes"))), `knows no user "nobody": check user.name`, true},
		"auth_password":       {patient(by(wrong(user("u256", "sha-256", "aes"), "password-b", ""))), `refuses user "u256": check user.auth and user.auth_password`, true},
		"another auth":        {patient(by(user("u256", "sha-512", "aes"))), `refuses user "u256"`, true},
		"priv_password":       {short(by(wrong(user("u256", "sha-256", "aes"), "", "password-y"))), "check user.priv and user.priv_password", false},
		"less than it wants":  {patient(by(user("u256", "sha-256", ""))), "", false},
		"nobody there":        {nobody, "nobody listens at " + nobody.Address + " (connection refused)", false},
		"a secret that lacks": {missing, "community: read secret", false},
	} {
		err := failure(t, c.s)
		if c.want == "" { // authorizationError or a report, as the device likes
			continue
		}
		if !strings.Contains(err.Error(), c.want) || dodona.IsPermanent(err) != c.permanent {
			t.Errorf("%s: got %v (permanent: %v), want %s", name, err, dodona.IsPermanent(err), c.want)
		}
		for _, secret := range []string{"password-", "s3cret"} {
			if strings.Contains(err.Error(), secret+"a") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v shows a secret", name, err)
			}
		}
	}
}

// TestADeviceIsFoundAgainAfterItsRestart, with the same engine id and with another one.
func TestADeviceIsFoundAgainAfterItsRestart(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t, "exactEngineID 0x80001f888001020304")
	s := d.settings(by(user("u256", "sha-256", "aes")))
	o := opened(t, s, source.Env{})
	for i, engine := range []string{"80001f888001020304", "80001f888001020305", "80001f888001020304"} {
		if i > 0 {
			d.Kill()
			if err := os.RemoveAll(filepath.Join(d.dir, "state")); err != nil { // where users are kept by their engine
				t.Fatal(err)
			}
			d.configure(t, "exactEngineID 0x"+engine)
			d.Restart()
		}
		if got := observed(t, s, o); got["level"].Value.String() != "21.5" {
			t.Errorf("after restart %d: %+v", i, got)
		}
	}
}

func TestAFrozenDeviceCostsItsTimeoutAndIsReadAfterwards(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]func(*Settings){"v2c": nil, "v3": by(user("u256", "sha-256", "aes"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startSNMPD(t)
			s := d.settings(func(s *Settings) {
				s.Timeout, s.Retries = 5*time.Second, 1
				if version != nil {
					version(s)
				}
			})
			o := opened(t, s, source.Env{})
			observed(t, s, o)
			d.Freeze()
			frozen := time.Now()
			if _, err := o.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer from "+s.Address+" in 5s, asked 2 times; it answered before") {
				t.Errorf("a frozen device: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second-time.Since(frozen))
			defer cancel()
			for ctx.Err() == nil {
				_, _ = o.Observe(ctx)
			}
			d.Thaw()
			waitFor(t, func() error { _, err := o.Observe(t.Context()); return err })
		})
	}
}

func waitFor(t *testing.T, f func() error) {
	t.Helper()
	until := time.Now().Add(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestOneVariableThatIsNotThereIsOneBadPoint(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	for _, version := range []Version{"1", "2c"} {
		s := d.settings(func(s *Settings) {
			s.Version, s.MaxOIDs = version, 3
			for i := range 9 {
				s.OIDs[fmt.Sprintf("none%d", i)] = Variable{OID: "1.3.6.1.4.1.8072.1.3.2.3.1.1.3.1.1." + strconv.Itoa(i)}
				s.OIDs[fmt.Sprintf("up%d", i)] = Variable{OID: sysUpTime}
			}
		})
		got := observed(t, s, opened(t, s, source.Env{}))
		for point, p := range got {
			want := dodona.Good
			if strings.HasPrefix(point, "none") {
				want = dodona.Bad
			}
			if p.Quality != want || want == dodona.Bad && !strings.Contains(p.Reason, "the device has no such") && !strings.Contains(p.Reason, "no such object") {
				t.Errorf("v%s: %s is %+v", version, point, p)
			}
		}
		if len(got) != len(s.OIDs) {
			t.Errorf("v%s: %d points of %d", version, len(got), len(s.OIDs))
		}
	}
}

func TestRowsAreFoundByWhatStandsInThem(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	s := d.settings(func(s *Settings) {
		s.Names = map[string]string{"ifName": ifName, "ifHCInOctets": inOct, "ifIndex": "1.3.6.1.2.1.2.2.1.1"}
		s.OIDs = map[string]Variable{
			"index": {OID: "ifIndex", Row: &Row{"ifName", "lo"}},
			"in":    {OID: "ifHCInOctets", Row: &Row{"ifName", "lo"}},
			"rate":  {OID: "ifHCInOctets", Row: &Row{"ifName", "lo"}, As: "rate"},
			"delta": {OID: inOld, Row: &Row{"ifName", "lo"}, As: "delta"},
			"none":  {OID: "ifHCInOctets", Row: &Row{"ifName", "eth77"}},
		}
	})
	o := opened(t, s, source.Env{})
	first := observed(t, s, o)
	if first["index"].Value.String() != "1" || first["in"].Quality != dodona.Good || first["in"].Value.Sign() <= 0 {
		t.Errorf("lo is %+v, %+v", first["index"], first["in"])
	}
	if p := first["none"]; p.Quality != dodona.Bad || !strings.Contains(p.Reason, `no row says "eth77"`) {
		t.Errorf("a row that there is not: %+v", p)
	}
	if p := first["rate"]; p.Quality != dodona.Bad || !strings.Contains(p.Reason, "read once so far") {
		t.Errorf("the first rate is %+v", p)
	}
	requests := 0
	waitFor(t, func() error {
		got := observed(t, s, o)
		if requests = o.(*poller).requests; requests != 1 {
			t.Errorf("rows that are known, and one that there is not, take %d requests", requests)
		}
		if got["rate"].Quality != dodona.Good || got["rate"].Value.Sign() <= 0 || got["delta"].Quality != dodona.Good {
			return fmt.Errorf("rate %+v, delta %+v", got["rate"], got["delta"])
		}
		return nil
	})
}

func TestACounterGoesOnAfterARestartOfThisNodeAndNotAfterOneOfTheDevice(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	s := d.settings(func(s *Settings) {
		s.OIDs = map[string]Variable{"delta": {OID: inOct + ".1", As: "delta"}}
	})
	b, err := opened(t, s, source.Env{}).Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the device's clock counts hundredths
	again, err := opened(t, s, source.Env{Cursor: b.Cursor}).Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := points(t, s, again.Readings)["delta"]; p.Quality != dodona.Good || p.Value.Sign() < 0 {
		t.Errorf("after a restart of the node: %+v", p)
	}
	other := d.settings(func(o *Settings) { o.OIDs, o.Address = s.OIDs, "localhost:"+strconv.Itoa(d.port) })
	if p := observed(t, other, opened(t, other, source.Env{Cursor: b.Cursor}))["delta"]; p.Quality != dodona.Bad {
		t.Errorf("what another device said was taken: %+v", p)
	}
	// It was up for longer than the clocks may differ by, so that its restart shows.
	back := time.Now().Add(-time.Hour)
	o := opened(t, s, source.Env{Cursor: rewound(t, again.Cursor, back)})
	if p := observed(t, s, o)["delta"]; p.Quality != dodona.Bad || !strings.Contains(p.Reason, "started anew") {
		t.Errorf("after a restart of the device: %+v", p)
	}
}

// rewound is a cursor that is as old as at.
func rewound(t *testing.T, cursor []byte, at time.Time) []byte {
	t.Helper()
	p := &poller{settings: Settings{}, plan: planOf(map[string]rule{"d": {OID: inOct + ".1", As: asDelta}})}
	var address string
	if _, rest, found := strings.Cut(string(cursor), `"address":"`); found {
		address, _, _ = strings.Cut(rest, `"`)
	}
	p.settings.Address = address
	p.recall(cursor)
	for i := range p.before {
		p.before[i].Received = at
	}
	return p.remember()
}

func TestAWalkHasItsEnd(t *testing.T) {
	t.Parallel()
	d := startSNMPD(t)
	for _, version := range []Version{"1", "2c"} {
		s := d.settings(func(s *Settings) { s.Version = version })
		found, more, err := Scan(t.Context(), *s, "1.3.6.1.2.1.2.2.1", MaxWalk)
		if err != nil || more || len(found) < 20 {
			t.Errorf("v%s: %d variables, more: %v, %v", version, len(found), more, err)
		}
		few, more, err := Scan(t.Context(), *s, "1.3.6.1.2.1.2.2.1", 7)
		if err != nil || !more || len(few) != 7 || few[0] != found[0] {
			t.Errorf("v%s: %d variables of seven, more: %v, %v", version, len(few), more, err)
		}
	}
}

// trap sends a notification with the program of net-snmp, and returns what that says of it.
func trap(t *testing.T, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, peertest.Debian(t, "snmptrap"), args...)
	c.Env = append(os.Environ(), "MIBS=", "SNMP_PERSISTENT_DIR="+t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
