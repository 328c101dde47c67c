//go:build integration

package journal

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// appendAll appends records of 100 KiB, and fails if one of them waits for long.
func appendAll(t *testing.T, j *Journal, topic dodona.Topic, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for i := range n {
		if err := j.Append(ctx, dodona.Record{Topic: topic, Key: "x", ID: "more-" + strconv.Itoa(i), Body: make([]byte, 100<<10)}); err != nil {
			t.Fatalf("%d of %d: %v", i, n, err)
		}
	}
}

// TestAStreamThatSomebodyMadeSmallerIsNoEnd: on a server elsewhere a stream may be older than the limits of those who use it.
func TestAStreamThatSomebodyMadeSmallerIsNoEnd(t *testing.T) {
	h := startHub(t, Config{Dir: t.TempDir(), Network: dodona.Digest{7}})
	at := func(node string, bytes unit.Size) Config {
		return Config{Dir: t.TempDir(), Node: node, URL: "nats://" + h.Addr().String(), Raw: Limits{Bytes: bytes}, Proof: Limits{Bytes: bytes}}
	}
	first, err := Open(t.Context(), at("gw-1", 2*unit.MiB))
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, first, "before", 3, 100<<10)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	j := open(t, at("gw-2", 4*unit.MiB))
	for _, topic := range []dodona.Topic{dodona.TopicReading, dodona.TopicEvent} {
		appendAll(t, j, topic, 60)
	}
	if info, err := j.lanes[streamProof].stream.Info(t.Context()); err != nil || info.Config.MaxBytes != int64(4*unit.MiB) {
		t.Errorf("the stream has %d bytes at most, %v, want 4 MiB", info.Config.MaxBytes, err)
	}
	open(t, at("gw-1", 2*unit.MiB)) // who has less goes by the larger
	appendAll(t, j, dodona.TopicEvent, 60)
}

// TestWhatItsOwnerDoesNotFreeIsGivenRoom: all of it may be freed, but the owner leaves less free than what waits elsewhere takes.
func TestWhatItsOwnerDoesNotFreeIsGivenRoom(t *testing.T) {
	for name, larger := range map[string]unit.Size{"with the same limits": 1, "with larger ones": 8} {
		for _, topic := range []dodona.Topic{dodona.TopicReading, dodona.TopicEvent} {
			t.Run(string(topic)+" "+name, func(t *testing.T) {
				t.Parallel()
				h := startHub(t, Config{Dir: t.TempDir(), Raw: fullSoon, Proof: fullSoon})
				limits := Limits{Bytes: larger * fullSoon.Bytes}
				var told logtest.Text
				j := open(t, Config{
					Node: "gw-2", URL: "nats://" + h.Addr().String(), Raw: limits, Proof: limits, Log: slog.New(slog.NewTextHandler(&told, nil)),
				})
				appendAll(t, j, topic, 16)
				if err := appendWithin(t, j, dodona.Record{Topic: topic, Key: "x", ID: "large", Body: make([]byte, 600<<10*larger)}); err != nil {
					t.Fatal(err)
				}
				if told.Times("full disk") > 0 {
					t.Error("it is told that the disk may be full")
				}
			})
		}
	}
}

// TestWhoKeepsNotTheStoreGetsRoomToo: only its owner frees, who cannot while a reader has not finished, and does not know what waits elsewhere.
func TestWhoKeepsNotTheStoreGetsRoomToo(t *testing.T) {
	for name, larger := range map[string]unit.Size{"with the same limits": 1, "with larger ones": 8} {
		t.Run(name, func(t *testing.T) {
			h := startHub(t, Config{Dir: t.TempDir(), Raw: fullSoon, Proof: fullSoon})
			limits := Limits{Bytes: larger * fullSoon.Bytes}
			j := open(t, Config{Node: "gw-2", URL: "nats://" + h.Addr().String(), Raw: limits, Proof: limits})
			appendEvents(t, j, "before", 3, 100<<10)
			for _, err := range j.From(t.Context(), "me", dodona.TopicEvent) {
				if err != nil {
					t.Fatal(err)
				}
				break // and it finishes nothing
			}
			appendAll(t, j, dodona.TopicReceipt, 15)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := j.Append(ctx, dodona.Record{Topic: dodona.TopicReceipt, Key: "x", ID: "large", Body: make([]byte, 300<<10)}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
