package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// TestAServerThatCannotKeepTheJournalIsToldWhy: it has no JetStream, or no room for a stream.
func TestAServerThatCannotKeepTheJournalIsToldWhy(t *testing.T) {
	for want, o := range map[string]server.Options{
		"has no JetStream for this account":                        {},
		"has no room for a stream of 256MiB: raise max_file there": {JetStream: true, JetStreamMaxStore: 64 << 20},
	} {
		o.Host, o.Port, o.NoSigs, o.NoLog, o.StoreDir, o.MaxPayload = "127.0.0.1", server.RANDOM_PORT, true, true, t.TempDir(), maxRecordBytes
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
