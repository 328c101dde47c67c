package opcua

import (
	"encoding/binary"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona/source"
)

// TestAMessageIsNoLargerThanWasAgreed, and no smaller than its head; nothing is kept for what it says.
func TestAMessageIsNoLargerThanWasAgreed(t *testing.T) {
	for _, size := range []uint32{0, 7, leastChunk + 1, 1<<32 - 1} {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Write(binary.LittleEndian.AppendUint32([]byte("MSGF"), size)) // its reader may have left
			_ = far.Close()
		}()
		if _, _, err := (&channel{conn: near}).frame(leastChunk); err == nil || !strings.Contains(err.Error(), "it sent a message \"MSGF\" of ") || !strings.Contains(err.Error(), " bytes, want 8 to 8192") {
			t.Errorf("%d bytes: %v", size, err)
		}
		_ = near.Close()
	}
}

// TestAServerThatSaysNoMoreIsLeft: one whose connection stands and that answers no request, and one that tells of no change and gives no sign of life.
func TestAServerThatSaysNoMoreIsLeft(t *testing.T) {
	c, _ := talking(t)
	of := &session{channel: c, client: &client{
		settings: Settings{Endpoint: "opc.tcp://10.0.0.5:4840", Timeout: 50 * time.Millisecond},
		env:      source.Env{Source: "plant", Now: time.Now, Log: slog.New(slog.DiscardHandler), Dropped: func(uint64, string) {}},
	}}
	if _, err := of.call(t.Context(), &ua.ReadRequest{}); err == nil || !strings.Contains(err.Error(), "no answer within timeout (50ms)") {
		t.Errorf("a request: %v", err)
	}
	s := &subscriber{client: of.client, of: of, period: 10 * time.Millisecond, most: outstanding, sign: time.Now()}
	var err error
	for looks := 0; err == nil && looks < 1000; looks++ {
		_, err = s.next(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "no notification and no sign of life for 80ms, though the connection stands; connecting anew") {
		t.Errorf("a subscription: %v", err)
	}
	if len(s.requests) != outstanding {
		t.Errorf("%d requests for notifications are on their way, want %d", len(s.requests), outstanding)
	}
}
