//go:build integration

package mqtt_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/mqtt"
	"github.com/dodona-oracle/dodona/sink/sinktest"
)

// patience is for a real broker on a busy machine.
const patience = 2 * time.Minute

// lossless has a broker keep on its disk, at once, what it has acknowledged and not delivered: else a kill may lose what it alone has.
var lossless = []string{"max_inflight_messages 0"}

// A listener is mosquitto_sub with a session of its own, which comes back after the broker does.
type listener struct {
	mu    sync.Mutex
	lines []string
}

// listen starts a listener to a topic and returns once the broker knows its session.
func listen(t *testing.T, b *mosquittotest.Broker, name, topic string) *listener {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := listenBy(t, b, exec.Command(peertest.Debian(t, "mosquitto_sub"), "-p", u.Port(), "-q", "1", "-c", "-i", name, "-t", topic, "-k", "5", "-F", "%r\t%t\t%p"), name)
	b.Stop() // which writes its session down: a kill would forget what is younger than a second
	b.Restart()
	return l
}

// listenBy starts a listener, and returns once the broker knows it.
func listenBy(t *testing.T, b *mosquittotest.Broker, cmd *exec.Cmd, name string) *listener {
	t.Helper()
	l := &listener{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			l.mu.Lock()
			l.lines = append(l.lines, scan.Text())
			l.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait() // it was killed
	})
	until(t, "the listener is there", func() bool { return strings.Contains(b.Output(), "as "+name+" ") })
	return l
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// heardAll waits until nothing has come for a while.
func heardAll(t *testing.T, l *listener) {
	t.Helper()
	had, since := len(l.all()), time.Now()
	until(t, "nothing comes any more", func() bool {
		if n := len(l.all()); n != had {
			had, since = n, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for begun := time.Now(); !is(); <-pause.C {
		if time.Since(begun) > patience {
			t.Fatalf("waited %s until %s", patience, what)
		}
	}
}

func settings(b *mosquittotest.Broker, change func(*mqtt.Settings)) *mqtt.Settings {
	s := mqtt.Kind.Settings().(*mqtt.Settings)
	s.URL, s.KeepAlive, s.Timeout = b.URL, 2*time.Second, 2*time.Second
	if change != nil {
		change(s)
	}
	return s
}

// observations makes one observation of a record: its body is a number, and its key the device.
func observations(_ context.Context, rec dodona.Record) ([]sink.ObservationEvent, error) {
	value, err := dodona.ParseDecimal(string(rec.Body))
	if err != nil {
		return nil, err
	}
	e := sink.NewObservation(rec, dodona.Point{ID: rec.Key, Value: value, Unit: "Cel"}, 0, rec.Appended)
	e.Device, e.Protocol = rec.Key, "modbus"
	return []sink.ObservationEvent{e}, nil
}

// A run is a loop of a sink of points.
type run struct {
	t       *testing.T
	journal *sinktest.Journal
	loop    *sink.Loop
	stop    func()
	said    atomic.Int64
}

func begin(t *testing.T, s *mqtt.Settings, devices ...string) *run {
	t.Helper()
	return beginWith(t, s, func(env *sink.Env) {
		for _, d := range devices {
			env.Described = append(env.Described, sink.Described{Point: d, Device: d, Protocol: "modbus", Unit: "Cel"})
		}
	})
}

func beginWith(t *testing.T, s *mqtt.Settings, change func(*sink.Env)) *run {
	t.Helper()
	r := &run{t: t, journal: sinktest.NewJournal()}
	env := sink.Env{Ledger: r.journal, Append: r.journal.Append, Node: "gw-7", Points: observations}
	change(&env)
	r.loop = sink.New(sink.Config{
		Name: "plant", Kind: mqtt.Kind, Settings: s, Journal: r.journal, Reader: "points-plant", Env: env,
		Backoff: backoff.Backoff{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond}, Policy: sink.Policy{Drain: 100_000},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.loop.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	until(t, "the sink has begun", func() bool { return len(r.journal.All(dodona.TopicIntent, "plant")) > 0 })
	return r
}

// say has each device say one more value.
func (r *run) say(devices ...string) {
	r.t.Helper()
	for _, d := range devices {
		n := r.said.Add(1)
		if err := r.journal.Append(context.Background(), dodona.Record{
			Topic: dodona.TopicReading, Key: d, ID: strconv.FormatInt(n, 10), Node: "gw-7", Sequence: uint64(n), Body: strconv.AppendInt(nil, n, 10),
		}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// heard returns the values that came on the topic of a device, each id once, and how many came again; those without the mark that says so are
// faults if they had one before.
func heard(t *testing.T, lines []string, topic string) (values []int, again int) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range lines {
		parts := strings.SplitN(line, "\t", 3)
		if parts[1] != topic {
			continue
		}
		var e sink.ObservationEvent
		if err := json.Unmarshal([]byte(parts[2]), &e); err != nil || e.Value == nil {
			t.Fatalf("%s: %v", line, err)
		}
		if seen[e.ID] {
			again++
			continue
		}
		seen[e.ID] = true
		n, err := strconv.Atoi(e.Value.String())
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, n)
	}
	return values, again
}

// TestNothingIsLostWhileABrokerIsKilledTenTimes under load: each device's values come in order, and what comes again is known by its id.
func TestNothingIsLostWhileABrokerIsKilledTenTimes(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: lossless})
	devices := []string{"boiler", "press", "meter"}
	l := listen(t, b, "listener", "edge/#")
	between := nettest.NewRelay(t, strings.TrimPrefix(b.URL, "mqtt://"))
	r := begin(t, settings(b, func(s *mqtt.Settings) { s.URL, s.Timeout = "mqtt://"+between.Address, 10*time.Second }))
	r.say(devices...)
	until(t, "the listener hears", func() bool { return len(l.all()) >= len(devices) })
	stop, spoken := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(spoken)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				r.say(devices...)
			}
		}
	}()
	for range 10 {
		said := r.said.Load()
		until(t, "the listener hears what is said now", func() bool {
			lines := l.all()
			values, _ := heard(t, lines[max(0, len(lines)-3):], "edge/adapter/modbus/boiler/data")
			return len(values) > 0 && int64(values[0]) > max(said+60, r.said.Load()-30)
		})
		// With a kill a broker forgets what it has acknowledged and a listener has not read yet. So it dies with as much
		// under way as may be, none of it acknowledged, once the listener has read all.
		between.Delay(time.Minute)
		heardAll(t, l)
		b.Kill()
		between.Resume()
		between.Cut()
		b.Restart()
	}
	close(stop)
	<-spoken
	want := map[string][]int{}
	all := int(r.said.Load())
	for n := 1; n <= all; n++ {
		d := devices[(n-1)%len(devices)]
		want[d] = append(want[d], n)
	}
	for _, d := range devices {
		topic := "edge/adapter/modbus/" + d + "/data"
		until(t, "all of "+d+" has come", func() bool { got, _ := heard(t, l.all(), topic); return len(got) >= len(want[d]) })
		got, again := heard(t, l.all(), topic)
		if !slices.Equal(got, want[d]) {
			t.Errorf("%s: %d values, want %d, in order: %v", d, len(got), len(want[d]), got)
		}
		t.Logf("%s: %d values, %d of them again", d, len(got), again)
	}
	if s := r.loop.Status(); s.Failures == 0 || s.Delivered != uint64(all) || s.Dead > 0 {
		t.Errorf("status %+v, want %d delivered after failures", s, all)
	}
}

// TestABrokerThatIsAbsentAtFirstGetsAll, and one that is frozen for 25 s, by a sink that says so meanwhile.
func TestABrokerThatIsAbsentAtFirstGetsAll(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: lossless})
	l := listen(t, b, "listener", "edge/#")
	b.Stop()
	r := begin(t, settings(b, nil))
	r.say("boiler")
	until(t, "the absence is told", func() bool { s := r.loop.Status(); return s.State == sink.Retrying && s.LastError != "" })
	b.Restart()
	const topic = "edge/adapter/modbus/boiler/data"
	has := func(n int) func() bool {
		return func() bool { got, _ := heard(t, l.all(), topic); return len(got) >= n }
	}
	until(t, "it is there", has(1))
	b.Freeze()
	frozen := time.Now()
	for time.Since(frozen) < 25*time.Second {
		r.say("boiler")
		time.Sleep(250 * time.Millisecond)
	}
	if s := r.loop.Status(); s.State != sink.Retrying || s.LastError == "" {
		t.Errorf("frozen for 25 s: %+v", s)
	}
	b.Thaw()
	until(t, "all has come", has(int(r.said.Load())))
	until(t, "the sink is well", func() bool { return r.loop.Status().State == sink.OK })
	got, _ := heard(t, l.all(), topic)
	for i, n := range got {
		if n != i+1 {
			t.Fatalf("%v: want 1 to %d in order", got, r.said.Load())
		}
	}
}

// TestABrokerHearsThatASinkIsThereAndThatItIsNot, over every way in and in both versions.
func TestABrokerHearsThatASinkIsThereAndThatItIsNot(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{TLS: true, Lines: lossless})
	l := listen(t, b, "listener", "#")
	for i, u := range []string{b.URL, b.WebSocket, b.Secured, b.SecuredWS} {
		for _, version := range []string{"5", "3.1.1"} {
			site := fmt.Sprintf("plant-%d-%s", i, strings.ReplaceAll(version, ".", "-"))
			var s mqtt.Settings
			set := settings(b, func(s *mqtt.Settings) {
				s.URL = u
				s.ClientID = fmt.Sprintf("sink-%d-%s", i, version)
				s.Version = mqttc.Version(version)
				if strings.HasPrefix(u, "mqtts") || strings.HasPrefix(u, "wss") {
					s.CA = b.CA
				}
				s.Labels = map[string]string{"site": site}
				s.Topic, s.Status = "{site}/{protocol}/{device_id}/{point}/{node}/{name}", "{site}/here"
			})
			s = *set
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			r := begin(t, set)
			r.say("boiler")
			said := func(what string) func() bool {
				return func() bool {
					return slices.ContainsFunc(l.all(), func(line string) bool { return strings.Contains(line, "\t"+site+what) })
				}
			}
			until(t, "it says that it is there", said("/here\t"+`{"online":true,"node":"gw-7","sink":"plant"}`))
			until(t, "the point has come", said("/modbus/boiler/boiler/gw-7/plant\t"))
			r.stop()
			until(t, "it says that it goes", said("/here\t"+`{"online":false,`))
		}
	}
}

// TestABrokerThatLetsNobodyInMakesTheSinkStuck: no observation is refused for that, and all goes once the password is right.
func TestABrokerThatLetsNobodyInMakesTheSinkStuck(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Password: true})
	s := settings(b, func(s *mqtt.Settings) { s.User, s.Password = "edge", secret.New("not this one") })
	r := begin(t, s)
	r.say("boiler")
	until(t, "the sink is stuck", func() bool { st := r.loop.Status(); return st.State == sink.Stuck && st.Dead == 0 })
	if said := r.loop.Status().LastError; !strings.Contains(said, "the broker refuses the connection") || strings.Contains(said, "not this one") {
		t.Errorf("it says %s", said)
	}
}

// TestAnswersOfFeedsGoWhereFeedsAreNamed passes the suite of all sinks.
func TestAnswersOfFeedsGoWhereFeedsAreNamed(t *testing.T) {
	feed := dodona.Feed{Name: "btc.usd", Kind: dodona.Number, Unit: "USD", Decimals: 8}
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		b := mosquittotest.Start(t, mosquittotest.Options{Lines: lossless})
		l := listen(t, b, "listener", "edge/feeds/#")
		b.Stop()
		return sinktest.Subject{
			Kind: mqtt.Kind, Settings: settings(b, nil), Feed: feed, Feeds: []string{feed.Name},
			Start: func(*testing.T) { b.Restart() }, Stop: func(*testing.T) { b.Kill() },
			Got: func(t *testing.T) (ids []string) {
				seen := map[string]bool{} // what was not acknowledged comes again
				for _, line := range l.all() {
					parts := strings.SplitN(line, "\t", 3)
					var a dodona.Answer
					if err := json.Unmarshal([]byte(parts[2]), &a); err != nil || parts[1] != "edge/feeds/btc.usd" {
						t.Fatalf("%s: %v", line, err)
					}
					if id := a.Attestation.Report.Round.ID(); !seen[id] {
						seen[id] = true
						ids = append(ids, id)
					}
				}
				return ids
			},
		}
	})
}
