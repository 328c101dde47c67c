package journal

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestAServerThatCannotKeepTheJournalIsToldWhy: it has no JetStream, or no room for a stream.
func TestAServerThatCannotKeepTheJournalIsToldWhy(t *testing.T) {
	for want, o := range map[string]server.Options{
		"has no JetStream for this account":                        {},
		"has no room for a stream of 256MiB: raise max_file there": {JetStream: true, JetStreamMaxStore: 64 << 20},
	} {
		o.Host, o.Port, o.NoSigs, o.NoLog, o.StoreDir, o.MaxPayload = "127.0.0.1", server.RANDOM_PORT, true, true, t.TempDir(), bus.MaxPayload
		s, err := server.NewServer(&o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(time.Minute) {
			t.Fatal("the server does not start")
		}
		j, err := Open(t.Context(), Config{Dir: t.TempDir(), Node: "gw-1", URL: "nats://" + s.Addr().String()})
		if err == nil {
			_ = j.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want that it %s", err, want)
		}
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// TestAServerWithLessRoomThanIsConfiguredIsNoEnd: somebody made the streams with lower limits, and the server has not the room of those that are
// configured here. They are freed by those that they have.
func TestAServerWithLessRoomThanIsConfiguredIsNoEnd(t *testing.T) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, JetStreamMaxStore: 32 << 20, StoreDir: t.TempDir(), MaxPayload: bus.MaxPayload,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	var told logtest.Text
	at := func(bytes unit.Size) Config {
		return Config{
			Dir: t.TempDir(), Node: "gw-1", URL: "nats://" + s.Addr().String(), Raw: Limits{Bytes: bytes}, Proof: Limits{Bytes: bytes},
			Log: slog.New(slog.NewTextHandler(&told, nil)),
		}
	}
	first, err := Open(t.Context(), at(unit.MiB))
	if err == nil {
		err = first.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), at(64*unit.MiB))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for n := range 30 {
		if err := appendWithin(t, j, dodona.Record{Topic: dodona.TopicReading, Key: "x", ID: strconv.Itoa(n), Body: make([]byte, 100<<10)}); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
	if n := told.Times("the stream does not get its limit"); n != 1 {
		t.Errorf("that is told %d times, want once", n)
	}
}

// TestAServerThatGoesAwayAtTheStartIsAskedAgain: the connection is cut at each kind of question that a start asks, once.
func TestAServerThatGoesAwayAtTheStartIsAskedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	server := open(t, Config{Listen: "127.0.0.1:0", Node: "srv"})
	for _, question := range []string{"$JS.API.STREAM.INFO.RAW ", "$JS.API.STREAM.INFO.PROOF-"} {
		url, cut := cutAt(t, server.Addr().String(), question)
		open(t, Config{Node: "gw-1", URL: url}).Close()
		if !cut.Load() {
			t.Errorf("a start does not ask %s", question)
		}
	}
}

// cutAt relays connections to a server, and cuts the first one that asks a question.
func cutAt(t *testing.T, server, question string) (url string, cut *atomic.Bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	cut = new(atomic.Bool)
	relay := func(client net.Conn) {
		defer client.Close()
		to, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer to.Close()
		go func() {
			_, _ = io.Copy(client, to)
			client.Close()
		}()
		for buf := make([]byte, 64<<10); ; {
			n, err := client.Read(buf)
			if err != nil || bytes.Contains(buf[:n], []byte(question)) && cut.CompareAndSwap(false, true) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client)
		}
	}()
	return "nats://" + l.Addr().String(), cut
}
