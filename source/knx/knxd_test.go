//go:build integration

package knx

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
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
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

const isolated = "DODONA_TEST_NETNS"

// TestMain runs the tests in a network of their own: knxd listens on every address there is, and multicast must stay in here.
func TestMain(m *testing.M) {
	if os.Getenv(isolated) == "" {
		for _, how := range []string{"-n", "-rn"} { // as root, or as root of a user namespace
			if exec.Command("unshare", how, "true").Run() == nil {
				os.Exit(inside(how))
			}
		}
	}
	goleak.VerifyTestMain(m)
}

// inside runs this program once more in a network of its own, and returns its exit code.
func inside(how string) int {
	const network = `ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo src 127.0.0.1 && exec "$0" "$@"`
	c := exec.Command("unshare", append([]string{how, "sh", "-c", network}, os.Args...)...)
	c.Env = append(os.Environ(), isolated+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A knxd is Debian's, without a bus: what one client says the others hear.
type knxd struct {
	*peertest.Process
	port int
	args string
}

func startKNXD(t *testing.T) *knxd {
	t.Helper()
	d := prepareKNXD(t)
	d.start(t)
	return d
}

func prepareKNXD(t *testing.T) *knxd {
	t.Helper()
	if os.Getenv(isolated) == "" {
		t.Skip("NOT TESTED HERE: KNX, for want of a network namespace (run as root, with unshare and ip)")
	}
	d := &knxd{port: peertest.UDPPort(t), args: filepath.Join(t.TempDir(), "knxd.ini")}
	config := fmt.Sprintf(`[main]
addr = 1.0.1
client-addrs = 1.0.2:8
connections = server,bus
[server]
server = ets_router
port = %d
interface = lo
tunnel = tunnel
router = router
[tunnel]
[router]
[bus]
driver = dummy
`, d.port)
	if err := durable.Write(d.args, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *knxd) start(t *testing.T) {
	t.Helper()
	if d.Process != nil {
		d.Restart()
		return
	}
	d.Process = peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "knxd"), Args: []string{d.args}, Ready: peertest.TakenUDP(d.port)})
}

// A client is xknx on a tunnel of a knxd.
type client struct {
	t       *testing.T
	control net.Conn
}

func (d *knxd) client(t *testing.T) *client {
	t.Helper()
	python := peertest.Python(t)
	port := peertest.UDPPort(t)
	peertest.Start(t, peertest.Command{Name: python, Args: []string{"testdata/client.py", strconv.Itoa(d.port), strconv.Itoa(port)}, ReadyLine: "ready"})
	c, err := net.Dial("udp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c}
}

// tell tells the client a command, and returns what it answers.
func (c *client) tell(format string, args ...any) string {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.control, format, args...); err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, 100)
	if err := c.control.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		c.t.Fatal(err)
	}
	n, err := c.control.Read(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b[:n])
}

// settings are a tunnel through it.
func (d *knxd) settings(change func(*Settings)) *Settings {
	s := Kind.Settings().(*Settings)
	s.Gateway = "127.0.0.1:" + strconv.Itoa(d.port)
	s.Timeout = 10 * time.Second
	s.Groups = map[string]Group{"temperature": {Address: "1/2/3", DPT: "9.001"}, "light": {Address: "1/2/4", DPT: "1.001"}, "level": {Address: "1/2/5", DPT: "5.001"}}
	if change != nil {
		change(s)
	}
	return s
}

func opened(t *testing.T, s *Settings, env source.Env) dodona.Source {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatalf("check: %v", err)
	}
	env.Source = "bus"
	o, err := Kind.Open(t.Context(), s, env)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// connected makes the first call, which connects.
func connected(t *testing.T, o dodona.Source) {
	t.Helper()
	waitFor(t, func() error {
		b, err := o.Observe(t.Context())
		if err == nil && len(b.Readings) > 0 {
			t.Fatalf("it begins with %+v", b)
		}
		return err
	})
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

// next returns the points of what comes next.
func next(t *testing.T, s *Settings, o dodona.Source) map[string]dodona.Point {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, err := o.Observe(ctx)
		if err != nil {
			t.Fatalf("observe: %v", err)
		}
		if len(b.Readings) > 0 {
			return points(t, s, b.Readings)
		}
	}
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
	r, err := decoder.Apply(t.Context(), dodona.Call{Readings: readings})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]dodona.Point{}
	for _, p := range r.Points {
		all[p.ID] = p
	}
	return all
}

// TestSuiteAgainstKNXD has the source read its group, and xknx answer: what is said before the source has its tunnel is then heard too.
func TestSuiteAgainstKNXD(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		d := prepareKNXD(t)
		s := d.settings(func(s *Settings) {
			s.Groups = map[string]Group{"said": {Address: "1/2/9", DPT: "16.000", Read: time.Second}}
			s.Timeout, s.Silence, s.Heartbeat = 2*time.Second, 2*time.Second, 2*time.Second
		})
		var who *client
		return sourcetest.Subject{
			Kind: Kind, Settings: s,
			Start: func(t *testing.T) {
				t.Helper()
				d.start(t)
				who = nil
			},
			Stop: func(*testing.T) {
				if d.Process != nil {
					d.Kill()
				}
			},
			Say: func(t *testing.T, n int) {
				t.Helper()
				if who == nil {
					who = d.client(t)
				}
				text := make([]byte, 14)
				copy(text, "{"+sourcetest.Mark(n)+"}")
				who.tell("answer 1/2/9 %s", hex.EncodeToString(text))
			},
			Faults: sourcetest.Faults{
				Freeze: func(*testing.T) { d.Freeze() },
				Thaw: func(*testing.T) {
					d.Thaw()
					who = nil // whose tunnel may be gone
				},
				Kill: func(*testing.T) { d.Kill() },
			},
		}
	})
}

func TestTelegramsThroughATunnel(t *testing.T) {
	t.Parallel()
	d := startKNXD(t)
	who := d.client(t)
	s := d.settings(nil)
	o := opened(t, s, source.Env{})
	connected(t, o)
	who.tell("write 1/2/3 0c1a")
	if p := next(t, s, o)["temperature"]; p.Value.String() != "21" || p.Unit != "Cel" || p.Quality != dodona.Good {
		t.Errorf("temperature: %+v", p)
	}
	who.tell("write 3/3/3 0c1a") // nobody's
	who.tell("bit 1/2/4 1")
	if p := next(t, s, o)["light"]; p.Value.String() != "1" || p.Quality != dodona.Good {
		t.Errorf("light: %+v", p)
	}
	who.tell("write 1/2/5 80")
	if p := next(t, s, o)["level"]; p.Value.String() != "50.1961" || p.Unit != "%" {
		t.Errorf("level: %+v", p)
	}
	who.tell("write 1/2/5 8080")
	if p := next(t, s, o)["level"]; p.Quality != dodona.Bad || !strings.Contains(p.Reason, "the telegram has 2 bytes, and values of type 5.001 have 1") {
		t.Errorf("level of two bytes: %+v", p)
	}
	for n := range 300 { // numbers of telegrams wrap after 256
		who.tell("write 1/2/3 %04x", n)
		if p := next(t, s, o)["temperature"]; p.Value.Cmp(integer(0)) < 0 || p.Quality != dodona.Good {
			t.Fatalf("telegram %d: %+v", n, p)
		}
	}
}

func TestAGroupIsReadWhereItIsToBeRead(t *testing.T) {
	t.Parallel()
	d := startKNXD(t)
	who := d.client(t)
	who.tell("answer 1/2/3 0c1a")
	s := d.settings(func(s *Settings) {
		s.Groups["temperature"] = Group{Address: "1/515", DPT: "9.*", Unit: "Cel", Read: time.Second}
	})
	o := opened(t, s, source.Env{})
	connected(t, o)
	for range 3 {
		if p := next(t, s, o)["temperature"]; p.Value.String() != "21" {
			t.Errorf("temperature: %+v", p)
		}
	}
	if got := who.tell("reads 1/2/4"); got != "0" {
		t.Errorf("a group that nobody reads was read %s times", got)
	}
}

func TestTelegramsOfRouters(t *testing.T) {
	t.Parallel()
	d := startKNXD(t)
	who := d.client(t)
	who.tell("answer 1/2/3 0c1a")
	s := d.settings(func(s *Settings) {
		s.Routing, s.Gateway, s.Interface = "224.0.23.12:"+strconv.Itoa(d.port), "", "lo"
		s.Groups["level"] = Group{Address: "1/2/5", DPT: "5.001", Read: time.Hour} // nobody answers
	})
	o := opened(t, s, source.Env{})
	connected(t, o)
	who.tell("write 1/2/3 0c1a")
	if p := next(t, s, o)["temperature"]; p.Value.String() != "21" {
		t.Errorf("temperature: %+v", p)
	}
	waitFor(t, func() error {
		if who.tell("reads 1/2/5") == "0" {
			return errors.New("its read did not arrive")
		}
		return nil
	})
	asking := d.settings(func(a *Settings) {
		a.Routing, a.Gateway, a.Interface = s.Routing, "", s.Interface
		a.Groups = map[string]Group{"temperature": {Address: "1/2/3", DPT: "9.001", Read: time.Second}}
	})
	o = opened(t, asking, source.Env{})
	connected(t, o)
	if p := next(t, asking, o)["temperature"]; p.Value.String() != "21" {
		t.Errorf("an answer to its own read: %+v", p)
	}
}

func TestAScanTellsWhoSpoke(t *testing.T) {
	t.Parallel()
	d := startKNXD(t)
	who := d.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	said := make(chan struct{})
	go func() {
		defer close(said)
		for {
			who.tell("write 1/2/3 0c1a")
			who.tell("bit 1/2/4 1")
			who.tell("write 1/2/5 01")
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	found, err := Scan(ctx, *d.settings(nil), 2)
	close(stop)
	<-said
	if err != nil || len(found) != 2 || found[0].Address == "" || found[0].Times == 0 || found[0].From == "" {
		t.Errorf("found %+v, %v", found, err)
	}
	if ctx.Err() != nil {
		t.Error("it listened until its time was over")
	}
}

// failed waits until the source fails.
func failed(t *testing.T, o dodona.Source, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		if _, err := o.Observe(ctx); err != nil {
			return err
		}
	}
}

func TestATunnelThatDiedIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		break_ func(*testing.T, *knxd)
		mend   func(*testing.T, *knxd)
		want   []string
	}{
		"killed":  {func(_ *testing.T, d *knxd) { d.Kill() }, func(t *testing.T, d *knxd) { d.start(t) }, []string{"nobody listens", "connection refused"}},
		"stopped": {func(_ *testing.T, d *knxd) { d.Stop() }, func(t *testing.T, d *knxd) { d.start(t) }, []string{"ended the tunnel", "nobody listens"}},
		"frozen": {func(_ *testing.T, d *knxd) { d.Freeze() }, func(_ *testing.T, d *knxd) {
			time.Sleep(25 * time.Second)
			d.Thaw()
		}, []string{"does not acknowledge", "is dead", "does not answer heartbeats"}},
		// A gateway that was started anew gives the channel to whoever comes first, and tells us that it is well.
		"given away": {func(t *testing.T, d *knxd) {
			d.Kill()
			d.start(t)
			d.client(t)
		}, func(*testing.T, *knxd) {}, []string{"does not acknowledge", "is dead", "does not know", "nobody listens"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startKNXD(t)
			s := d.settings(func(s *Settings) { s.Silence, s.Timeout, s.Heartbeat = 2*time.Second, 3*time.Second, 2*time.Second })
			o := opened(t, s, source.Env{})
			connected(t, o)
			c.break_(t, d)
			err := failed(t, o, time.Minute)
			told := false
			for _, want := range c.want {
				told = told || strings.Contains(err.Error(), want)
			}
			if !told {
				t.Errorf("got %v, want one of %q", err, c.want)
			}
			c.mend(t, d)
			who := d.client(t)
			waitFor(t, func() error { // it connects, hears, and is well
				who.tell("write 1/2/3 0c1a")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				b, err := o.Observe(ctx)
				if err == nil && len(b.Readings) == 0 {
					err = errors.New("nothing yet")
				}
				return err
			})
		})
	}
}

func TestNoGatewayAndNoTunnelAreToldApart(t *testing.T) {
	t.Parallel()
	d := startKNXD(t)
	s := d.settings(func(s *Settings) { s.Gateway = "127.0.0.1:" + strconv.Itoa(peertest.UDPPort(t)) })
	if _, err := opened(t, s, source.Env{}).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody listens at "+s.Gateway) {
		t.Errorf("nobody: %v", err)
	}
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s = d.settings(func(s *Settings) { s.Gateway, s.Timeout = silent.LocalAddr().String(), 200*time.Millisecond })
	if _, err := opened(t, s, source.Env{}).Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer from "+s.Gateway+" in 200ms") {
		t.Errorf("silent: %v", err)
	}
	s = d.settings(nil)
	for n := range 20 { // it has eight
		o := opened(t, s, source.Env{})
		if _, err := o.Observe(t.Context()); err != nil {
			if n < 8 || !strings.Contains(err.Error(), "has no tunnel free") {
				t.Errorf("tunnel %d: %v", n, err)
			}
			return
		}
	}
	t.Error("there is always one more tunnel")
}
