//go:build integration

package websocket

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
	"github.com/dodona-oracle/dodona/source"
	"github.com/dodona-oracle/dodona/source/sourcetest"
)

// A node pumps a source and remembers what came.
type node struct {
	*source.Pump
	t *testing.T

	mu    sync.Mutex
	all   []dodona.Reading
	drops []string
}

func run(t *testing.T, s *Settings) *node {
	t.Helper()
	if err := Kind.Check(s); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t}
	n.Pump = source.NewPump(source.Config{
		Name: "plant", Kind: Kind, Settings: s, Version: "test", Backoff: backoff.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		Append: func(_ context.Context, b dodona.Batch) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.all = append(n.all, b.Readings...)
			return nil
		},
		Lost: func(_ context.Context, _ uint64, cause string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.drops = append(n.drops, cause)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return n
}

func (n *node) readings() []dodona.Reading {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]dodona.Reading(nil), n.all...)
}

func (n *node) dropped() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.drops, "\n")
}

// until waits for something, for as long as a busy machine may need.
func (n *node) until(what string, done func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			n.t.Fatalf("%s does not happen; %d readings, drops %q, status %+v", what, len(n.readings()), n.dropped(), n.Status())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (n *node) awaitBody(part string) (found dodona.Reading) {
	n.t.Helper()
	n.until("a reading with "+part, func() bool {
		for _, r := range n.readings() {
			if strings.Contains(string(r.Body), part) {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

func TestASubscriptionIsSentAgainAndTheGapIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ how, why string }{
		{"close?code=1012", "closed the connection: 1012"},
		{"terminate", "ended without a word"},
	} {
		p := newPeer(t)
		p.start(t)
		p.tell("say", sourcetest.Body(1)) // comes right behind the acknowledgement
		n := run(t, settings(p.address()))
		if first := n.awaitBody(sourcetest.Mark(1)); strings.Contains(first.Detail, "gap") {
			t.Errorf("%s: the first reading is %q, want no gap", c.how, first.Detail)
		}
		p.tell(c.how, "")
		n.until("a second subscription", func() bool { return p.seen().Subscribes == 2 })
		p.tell("say", sourcetest.Body(2))
		after := n.awaitBody(sourcetest.Mark(2))
		behind := 0
		for _, r := range n.readings() {
			if strings.Contains(r.Detail, "the first behind a gap of") {
				behind++
			}
		}
		n.until("a gap", func() bool { return n.dropped() != "" })
		if got := n.dropped(); behind != 1 || !strings.Contains(got, "a gap of ") || !strings.Contains(got, c.why) || n.Status().Dropped != 1 {
			t.Errorf("%s: told is %q, dropped %d, readings behind a gap: %d, the last %q; want one gap, because the server %s", c.how, got, n.Status().Dropped, behind, after.Detail, c.why)
		}
		n.until("a pong for each subscription", func() bool { return len(p.seen().Pongs) == 2 })
		for _, r := range n.readings() {
			if strings.Contains(string(r.Body), "op") {
				t.Errorf("%s is a reading, want neither acknowledgements nor pings", r.Body)
			}
		}
	}
}

func TestAGapOverARestartIsTold(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	p.tell("say", sourcetest.Body(1))
	var told []string
	opened, err := Kind.Open(t.Context(), settings(p.address()), source.Env{
		Cursor:  []byte(time.Now().Add(-90 * time.Second).UTC().Format(time.RFC3339Nano)),
		Dropped: func(_ uint64, cause string) { told = append(told, cause) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for {
		b, err := opened.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Readings) == 0 {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, string(b.Cursor)); err != nil || !at.Equal(b.Readings[0].Received) {
			t.Errorf("cursor %q, want when the last message came (%s)", b.Cursor, b.Readings[0].Received)
		}
		break
	}
	if len(told) != 1 || !strings.Contains(told[0], "a gap of") {
		t.Errorf("told is %q, want one gap", told)
	}
}

func TestNobodyIsToldSecrets(t *testing.T) {
	t.Parallel()
	const token = "s3cret-t0ken"
	p := newPeer(t, "TOKEN="+token)
	p.start(t)
	s := settings(p.address())
	s.Headers = map[string]secret.String{"X-Api-Key": secret.New(token)}
	s.Secrets = map[string]secret.String{"token": secret.New(token)}
	s.Subscribe[0].Send = `{"op":"subscribe","id":1,"token":"{{token}}"}`
	n := run(t, s)
	n.until("a subscription", func() bool { return p.seen().Subscribes == 1 })
	p.tell("close?code=1008", "") // its reason has the token
	n.until("the gap", func() bool { return n.dropped() != "" })
	p.tell("refuse?on=1", "") // and so has the refusal
	p.tell("terminate", "")
	n.until("a refusal", func() bool { return strings.Contains(n.Status().LastError, "is refused") })
	if told := n.Status().LastError + n.dropped(); strings.Contains(told, token) || !strings.Contains(told, "1008") {
		t.Errorf("told is %q, want why without the token", told)
	}
	s = settings(p.address())
	s.Query = map[string]secret.String{"key": secret.New("another-t0ken")}
	n = run(t, s)
	n.until("an error", func() bool { return n.Status().LastError != "" })
	if got := n.Status().LastError; !strings.Contains(got, "401") || strings.Contains(got, "another") {
		t.Errorf("without the header the error is %q, want a 401 without the URL", got)
	}
}

func TestAnAcknowledgementThatDoesNotComeIsTold(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	p.tell("mute?on=1", "")
	s := settings(p.address())
	s.Timeout = 200 * time.Millisecond
	n := run(t, s)
	n.until("an error", func() bool {
		return strings.Contains(n.Status().LastError, "subscribe[0]: no acknowledgement in 200ms")
	})
	p.tell("mute?on=0", "")
	p.tell("say", sourcetest.Body(3))
	n.awaitBody(sourcetest.Mark(3))
}

func TestWhatIsTooLargeIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	s := settings(p.address())
	s.MaxMessage, s.Compression, s.Subprotocols = 1024, true, []string{"plant.v1"}
	s.Heartbeat = Heartbeat{Send: `{"op":"heartbeat"}`, Every: 100 * time.Millisecond}
	n := run(t, s)
	n.until("a subscription", func() bool { return p.seen().Subscribes == 1 })
	p.tell("say", strings.Repeat(" ", 3<<20)+sourcetest.Body(1)) // a few KiB, compressed
	p.tell("binary", "\x00\x01")
	p.tell("say", sourcetest.Body(2))
	n.awaitBody(sourcetest.Mark(2))
	n.until("a heartbeat", func() bool { return p.seen().Heartbeats > 1 })
	all := n.readings()
	if len(all) != 2 || all[0].ContentType != "application/octet-stream" || all[1].ContentType != "application/json" || n.Status().Dropped != 1 || !strings.Contains(n.Status().LastDrop, "max_message (1KiB)") {
		t.Errorf("readings %v, dropped %d (%s); want the binary and the second one, and one drop", all, n.Status().Dropped, n.Status().LastDrop)
	}
	if got := p.seen(); fmt.Sprint(got.Protocols) != "[plant.v1]" || !strings.Contains(fmt.Sprint(got.Extensions), "permessage-deflate") || got.Connections != 1 {
		t.Errorf("the server saw %+v, want one connection with protocol and compression", got)
	}
}

func TestMessagesAreTakenAndToldApart(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	s := settings(p.address())
	s.Item, s.Take = "/s", []matches{{"/type": "trade"}}
	n := run(t, s)
	n.until("a subscription", func() bool { return p.seen().Subscribes == 1 })
	for _, said := range []string{`{"type":"info","s":"X"}`, `{"type":"trade","s":"A","n":1}`, `no json`, `{"type":"trade","s":"B","n":2}`, `{"type":"trade","n":3}`} {
		p.tell("say", said)
	}
	n.awaitBody(sourcetest.Mark(3))
	var items []string
	for _, r := range n.readings() {
		items = append(items, r.Item)
	}
	if got := fmt.Sprintf("%q", items); got != `["A" "B" ""]` {
		t.Errorf("items are %s, want A, B and none", got)
	}
}

// TestAServerThatEndsEachConnectionIsNotFlooded: each stood, which the pump takes for a success.
func TestAServerThatEndsEachConnectionIsNotFlooded(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	n := run(t, settings(p.address()))
	begun := time.Now()
	for i := 1; i <= 5; i++ {
		n.until("a subscription", func() bool { return p.seen().Subscribes == i })
		p.tell("terminate", "")
	}
	if took := time.Since(begun); took < 700*time.Millisecond {
		t.Errorf("five connections in %s, want longer pauses between them", took)
	}
}

func TestAServerIsTrustedByItsAuthorityAndShownACertificate(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.start(t)
	ours, theirs := nettest.NewAuthority(t, t.TempDir(), "ours"), nettest.NewAuthority(t, t.TempDir(), "theirs")
	cert, key := ours.Files(t, "gw-7", x509.ExtKeyUsageClientAuth)
	front := ours.Front(t, time.Hour, p.address())
	s := settings(front)
	s.URL, s.CA = "wss://"+front+"/stream", theirs.File
	n := run(t, s)
	n.until("an error", func() bool { return strings.Contains(n.Status().LastError, "certificate") })
	s = settings(front)
	s.URL, s.CA = "wss://"+front+"/stream", ours.File
	n = run(t, s)
	n.until("an error", func() bool { return n.Status().LastError != "" }) // it wants a certificate of us
	s = settings(front)
	s.URL, s.CA, s.TLS.Cert, s.TLS.Key = "wss://"+front+"/stream", ours.File, cert, key
	n = run(t, s)
	n.until("a subscription", func() bool { return p.seen().Subscribes == 1 })
	p.tell("say", sourcetest.Body(1))
	if r := n.awaitBody(sourcetest.Mark(1)); !strings.HasPrefix(r.Detail, "wss "+front) {
		t.Errorf("detail %q", r.Detail)
	}
}
