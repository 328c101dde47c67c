package journal

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// elsewhere starts a server that has so much room for streams.
func elsewhere(t *testing.T, dir string, room unit.Size) (url string, stop func()) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, JetStreamMaxStore: int64(room), StoreDir: dir, MaxPayload: bus.MaxPayload,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	stop = func() { s.Shutdown(); s.WaitForShutdown() }
	t.Cleanup(stop)
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	return "nats://" + s.Addr().String(), stop
}

// TestObserversStopByTheLimitThatTheStreamHas: it was raised here, or another process has a larger one, and the server has no room for that. While a reader is away, observations leave
// room for what it will append.
func TestObserversStopByTheLimitThatTheStreamHas(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	t.Parallel()
	for _, other := range []bool{false, true} {
		url, _ := elsewhere(t, t.TempDir(), 8*unit.MiB)
		var told logtest.Text
		at := func(node string, bytes unit.Size) Config {
			return Config{Dir: t.TempDir(), Node: node, URL: url, Raw: Limits{Bytes: unit.MiB}, Proof: Limits{Bytes: bytes}, Log: slog.New(slog.NewTextHandler(&told, nil))}
		}
		cfg := at("a", 4*unit.MiB)
		j, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if other {
			open(t, at("b", 64*unit.MiB))
		} else {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			cfg.Proof.Bytes = 64 * unit.MiB
			if j, err = Open(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { j.Close() })
		l := j.lanes[streamProof]
		l.keepHouse(t.Context())
		for _, r := range observed(0) {
			if err := j.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		ctx, away := context.WithCancel(t.Context())
		for _, err := range j.From(ctx, "validate", dodona.TopicObservation) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		away()
		n, err := fillUp(t, j, 1)
		if has := j.Status(t.Context()).Streams[1]; has.Bytes > uint64(3*unit.MiB) || has.Limit != uint64(4*unit.MiB) || told.Times("does not get its limit") == 0 {
			t.Errorf("another one has it %t: observers stop at %d (%v), with %d bytes in the stream, of a limit of %d; want room for those who read, in 4 MiB, and that it is told", other, n, err, has.Bytes, has.Limit)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := j.Append(soon, dodona.Record{Topic: dodona.TopicClaim, Key: "report.f0.abc", ID: "0-0xcd", Body: body500}); err != nil {
			t.Error(err)
		}
	}
}

// TestAStartNeedsNoNoteOfItsLimits: a server that has promised more than it has refuses every change.
func TestAStartNeedsNoNoteOfItsLimits(t *testing.T) {
	dir := t.TempDir()
	url, stop := elsewhere(t, dir, 64*unit.MiB)
	cfg := Config{Dir: t.TempDir(), Node: "a", URL: url, Raw: Limits{Bytes: 8 * unit.MiB}, Proof: Limits{Bytes: 8 * unit.MiB}}
	j, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range j.lanes {
		if _, err := l.change(t.Context(), func(cfg *jetstream.StreamConfig, _ *jetstream.StreamInfo) error {
			cfg.Metadata[limitsKey+"a"] = limitsNote{Limits: l.limits, at: time.Now().Add(-2 * limitsAgain)}.String()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	stop()
	var told logtest.Text
	cfg.Log = slog.New(slog.NewTextHandler(&told, nil))
	cfg.URL, _ = elsewhere(t, dir, 12*unit.MiB)
	if j, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	if told.Times("limits of this process are not noted") == 0 {
		t.Error("it is not told")
	}
	appendEvents(t, j, "after", 1, 100)
}

// TestManyStartAtOnce, and each notes its limits in the same streams.
func TestManyStartAtOnce(t *testing.T) {
	const many = 16
	url, _ := elsewhere(t, t.TempDir(), unit.GiB)
	at := func(node string) Config {
		return Config{Dir: t.TempDir(), Node: node, URL: url, Raw: Limits{Bytes: 8 * unit.MiB}, Proof: Limits{Bytes: 8 * unit.MiB}}
	}
	first := open(t, at("first"))
	var starts sync.WaitGroup
	for i := range many {
		cfg := at("gw-" + strconv.Itoa(i))
		starts.Go(func() {
			j, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			for _, l := range j.lanes {
				l.keepHouse(t.Context())
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	for name, l := range first.lanes {
		info, err := l.stream.Info(t.Context())
		if err != nil || lacks(info) || len(notesIn(info.Config.Metadata)) < many {
			t.Errorf("%s, %v: %d notes, lacks something %t; want those of at least %d", name, err, len(notesIn(info.Config.Metadata)), lacks(info), many)
		}
	}
}

// onTheWay hands on to a server, and has something happen once before a message to a subject.
func onTheWay(t *testing.T, url, subject string, happens func()) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	var once sync.Once
	t.Cleanup(func() { l.Close(); conns.Wait() })
	copyAll := func(to, from net.Conn, look func([]byte)) {
		defer to.Close()
		for buf := make([]byte, 256<<10); ; {
			n, err := from.Read(buf)
			look(buf[:n])
			if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	conns.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", url[len("nats://"):])
			if err != nil {
				in.Close()
				return
			}
			conns.Go(func() { copyAll(in, out, func([]byte) {}) })
			conns.Go(func() {
				copyAll(out, in, func(b []byte) {
					if bytes.Contains(b, []byte("PUB "+subject)) {
						once.Do(happens)
					}
				})
			})
		}
	})
	return "nats://" + l.Addr().String()
}

// TestWhatIsFreedWhileOneStartsIsNotLost: another process frees between the look of one that starts and the note of its limits, which it overwrites.
func TestWhatIsFreedWhileOneStartsIsNotLost(t *testing.T) {
	url, _ := elsewhere(t, t.TempDir(), unit.GiB)
	var told logtest.Text
	at := func(node, url string) Config {
		return Config{Dir: t.TempDir(), Node: node, URL: url, Raw: Limits{Bytes: unit.MiB}, Proof: Limits{Bytes: unit.MiB}, Log: slog.New(slog.NewTextHandler(&told, nil))}
	}
	a := open(t, at("a", url))
	l := a.lanes[streamProof]
	l.keepHouse(t.Context())
	appendEvents(t, a, "before", 85, 10<<10)
	var freed uint64
	b := open(t, at("b", onTheWay(t, url, "$JS.API.STREAM.UPDATE."+l.streamName, func() {
		appendEvents(t, a, "more", 10, 10<<10)
		for tries := 0; freed == 0 && tries < 5; tries++ { // a turn that the server does not answer in time frees nothing
			l.keepHouse(t.Context())
			freed = a.Status(t.Context()).Streams[1].Freed
		}
	})))
	begun := time.Now()
	for _, j := range []*Journal{a, b} {
		if lost, err := j.Forgot(t.Context()); err != nil || begun.Sub(lost) < 0 || freed == 0 {
			t.Errorf("node %s: %v; %d were freed, and all of before %s counts as lost; a said: %s", j.cfg.Node, err, freed, lost, told.String())
		}
	}
	if n := told.Times("records are lost"); n > 0 {
		t.Errorf("it is told %d times that records are lost", n)
	}
}

// TestAClockAheadFreesNothing in a stream on a server whose clock is right.
func TestAClockAheadFreesNothing(t *testing.T) {
	url, _ := elsewhere(t, t.TempDir(), unit.GiB)
	limits := Limits{Bytes: 8 * unit.MiB, Age: 24 * time.Hour}
	appendEvents(t, open(t, Config{Node: "a", URL: url, Proof: limits}), "kept", 20, 100)
	b := open(t, Config{Node: "b", URL: url, Proof: limits, Now: func() time.Time { return time.Now().Add(366 * 24 * time.Hour) }})
	b.lanes[streamProof].keepHouse(t.Context())
	if s := b.Status(t.Context()).Streams[1]; s.Records != 20 {
		t.Errorf("%d records are left of 20", s.Records)
	}
}
