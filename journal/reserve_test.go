package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/bus"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// TestLimitsMayBeLowered: a node starts with whatever limits it is given, and its streams have them then.
func TestLimitsMayBeLowered(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, c := range [][4]unit.Size{ // MiB of RAW and PROOF, before and after
		{4096, 256, 1024, 256}, {1024, 64, 256, 64}, {256, 16, 32, 16}, {256, 16, 64, 16}, {2048, 64, 1024, 64}, {256, 256, 64, 256}, {256, 256, 32, 256}, {1024, 256, 256, 256}, // raw
		{256, 256, 256, 32}, {64, 4096, 64, 16}, // proof
		{256, 256, 128, 128}, {256, 256, 64, 64}, {1024, 1024, 256, 256}, {4096, 4096, 1, 1}, // both
		{4096, 16, 16, 512}, {16, 4096, 4096, 16}, {1, 1, 4096, 4096}, // one up, the other down; both up
	} {
		t.Run(fmt.Sprintf("RAW %d to %d, PROOF %d to %d MiB", c[0], c[2], c[1], c[3]), func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Node: "gw-1"}
			cfg.Raw.Bytes, cfg.Proof.Bytes = c[0]*unit.MiB, c[1]*unit.MiB
			if err := open(t, cfg).Close(); err != nil {
				t.Fatal(err)
			}
			cfg.Raw.Bytes, cfg.Proof.Bytes = c[2]*unit.MiB, c[3]*unit.MiB
			j := open(t, cfg)
			for _, l := range j.lanes {
				if info, err := l.stream.Info(t.Context()); err != nil || info.Config.MaxBytes != int64(l.limits.Bytes) {
					t.Errorf("stream %s may take %d bytes, %v; want %s", l.streamName, info.Config.MaxBytes, err, l.limits.Bytes)
				}
			}
		})
	}
}

// TestLimitsMayBeLoweredByAHub that keeps another network's streams too, and finds that one of them lost something before its own are changed.
func TestLimitsMayBeLoweredByAHub(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, listens := range []bool{true, false} {
		for what, spoil := range map[string]func(t *testing.T, stream, before string) error{
			"nothing": func(*testing.T, string, string) error { return nil },
			"a loss": func(t *testing.T, stream, before string) error {
				blocks := filepath.Join(stream, "msgs")
				return errors.Join(os.RemoveAll(blocks), os.CopyFS(blocks, os.DirFS(before)))
			},
			"damaged settings": func(_ *testing.T, stream, _ string) error {
				return os.WriteFile(filepath.Join(stream, "meta.inf"), []byte("{"), 0o640)
			},
		} {
			t.Run(fmt.Sprintf("listens %t, %s", listens, what), func(t *testing.T) {
				cfg := Config{Dir: t.TempDir(), Node: "srv", Listen: "127.0.0.1:0", Network: dodona.Digest{9}}
				h := open(t, cfg)
				a := joinAs(t, h, "gw-1", dodona.Digest{7})
				appendEvents(t, a, "before", 3, 10)
				stream, before := filepath.Join(streamsDir(cfg.Dir), a.net.stream(streamProof)), filepath.Join(t.TempDir(), "before")
				copyLive(t, before, filepath.Join(stream, "msgs"))
				appendEvents(t, a, "lost", 3, 10)
				if err := errors.Join(a.Close(), h.Close(), spoil(t, stream, before)); err != nil {
					t.Fatal(err)
				}
				cfg.Raw, cfg.Proof = Limits{Bytes: minStreamBytes}, Limits{Bytes: minStreamBytes}
				if !listens {
					cfg.Listen = ""
				}
				for range 2 {
					if err := open(t, cfg).Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestARefusedChangeOfAStreamSaysWhatToDo: what the server kept for its streams is more than it may by now.
func TestARefusedChangeOfAStreamSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	start := func(bytes int64) *server.Server {
		s, err := server.NewServer(&server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, JetStreamMaxStore: bytes, StoreDir: dir, MaxPayload: bus.MaxPayload,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(time.Minute) {
			t.Fatal("the server does not start")
		}
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		return s
	}
	s := start(8 << 30)
	cfg := Config{Dir: t.TempDir(), Node: "gw-1", URL: "nats://" + s.Addr().String()}
	j := open(t, cfg)
	older := j.lanes[streamProof].stream.CachedInfo().Config
	older.Subjects = older.Subjects[1:] // as a version made it that knew fewer topics
	if _, err := j.js.UpdateStream(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	cfg.URL = "nats://" + start(1<<20).Addr().String()
	j, err := Open(t.Context(), cfg)
	if err == nil {
		_ = j.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "has no room for a stream of 256MiB: raise max_file there") {
		t.Errorf("a server elsewhere: %v", err)
	}
	lone := open(t, Config{Dir: t.TempDir(), Raw: Limits{Bytes: 32 * unit.MiB}})
	err = lone.roomFor("PROOF-07", 1<<20, &jetstream.APIError{ErrorCode: codeNoStorage, Description: "insufficient storage"})
	for _, want := range []string{"has no room for stream PROOF-07 of 1MiB", "raise journal.raw.bytes (32MiB) or journal.proof.bytes (256MiB)", "insufficient storage"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("its own server: %v; want that it says %q", err, want)
		}
	}
}
