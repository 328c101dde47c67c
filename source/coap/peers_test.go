//go:build integration

package coap

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/peertest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// TestAnObservationOutlivesAQuickRestart has nothing but Max-Age tell that the device forgot it: it answers pings as before.
func TestAnObservationOutlivesAQuickRestart(t *testing.T) {
	t.Parallel()
	port := peertest.UDPPort(t)
	device, say := aiocoap(t, port)
	src, _ := opened(t, *settings(fmt.Sprintf("coap://127.0.0.1:%d/value", port), func(s *Settings) { s.Observe, s.Ping = true, 3*time.Second }))
	observe(t, src)
	device.Restart() // kill -9, and again
	say(t, `{"n":2}`)
	const maxAge, margin = 2 * time.Second, 20 * time.Second // for a busy machine
	ctx, cancel := context.WithTimeout(t.Context(), maxAge+15*time.Second+margin)
	defer cancel()
	begun := time.Now()
	for {
		b, err := src.Observe(ctx)
		if ctx.Err() != nil {
			t.Fatalf("nothing new came; the last was %v, %v", b.Readings, err)
		}
		if err == nil && strings.Contains(string(b.Readings[0].Body), `"n":2`) {
			break
		}
	}
	t.Logf("observed again after %s", time.Since(begun))
}

func TestThirtyOfAHundredDatagramsMayBeLost(t *testing.T) {
	t.Parallel()
	port := peertest.UDPPort(t)
	libcoap(t, port, "-l", "30%")
	src, _ := opened(t, *settings(fmt.Sprintf("coap://127.0.0.1:%d/time", port), func(s *Settings) { s.Timeout, s.AckTimeout = time.Minute, 200*time.Millisecond }))
	lost := 0
	for range 20 {
		if _, err := src.Observe(t.Context()); err != nil {
			lost++ // all five of one request: 1 of 400
			t.Log(err)
		}
	}
	if lost > 2 {
		t.Errorf("%d of 20 exchanges came to nothing", lost)
	}
}

func TestAWrongKeyOrIdentityIsSuspectedInTime(t *testing.T) {
	t.Parallel()
	strict, loose := peertest.UDPPort(t), peertest.UDPPort(t)
	aiocoap(t, strict, identity, key)
	libcoap(t, loose)
	for name, c := range map[string]struct {
		port int
		psk  PSK
		path string
	}{
		"key, aiocoap":      {strict, PSK{Identity: identity, Key: secret.New("another")}, "value"},
		"identity, aiocoap": {strict, PSK{Identity: "another", Key: secret.New(key)}, "value"},
		"key, libcoap":      {loose, PSK{Identity: identity, Key: secret.New("another")}, "time"},
		"nobody there":      {peertest.UDPPort(t), PSK{Identity: identity, Key: secret.New(key)}, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := *settings(fmt.Sprintf("coaps://127.0.0.1:%d/%s", c.port+1, c.path), func(s *Settings) { s.HandshakeTimeout = 2 * time.Second })
			s.PSK = &c.psk
			src, _ := opened(t, s)
			begun := time.Now()
			_, err := src.Observe(t.Context())
			want := "PSK or identity?"
			if name == "nobody there" {
				want = "connection refused"
			}
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "another") {
				t.Errorf("got %v", err)
			}
			t.Logf("%v, after %s", err, time.Since(begun))
		})
	}
}

func TestADeviceSaysWhatItHas(t *testing.T) {
	t.Parallel()
	first, second := peertest.UDPPort(t), peertest.UDPPort(t)
	libcoap(t, first)
	aiocoap(t, second, identity, key)
	for url, want := range map[string]Found{
		fmt.Sprintf("coap://127.0.0.1:%d/ignored?x=1", first): {Path: "/time", Title: "Internal Clock", Types: []string{"ticks"}, Interfaces: []string{"clock"}, Formats: []string{"text/plain; charset=utf-8"}, Observable: true},
		fmt.Sprintf("coaps://127.0.0.1:%d", second+1):         {Path: "/value", Observable: true},
	} {
		found, all, err := Discover(t.Context(), *settings(url, func(s *Settings) { s.Paths = []string{"/x"} }), 100)
		if err != nil || !all {
			t.Fatalf("%s: %v, all %v", url, err, all)
		}
		seen := false
		for _, f := range found {
			if f.Path == want.Path {
				seen = true
				if fmt.Sprint(f) != fmt.Sprint(want) {
					t.Errorf("%s: got %+v, want %+v", url, f, want)
				}
			}
		}
		if !seen {
			t.Errorf("%s: got %+v", url, found)
		}
		if few, all, err := Discover(t.Context(), *settings(url, nil), 1); len(few) != 1 || all || err != nil {
			t.Errorf("%s: got %v, all %v, %v; want one of several", url, few, all, err)
		}
	}
}

func TestFormatsOfARealDevice(t *testing.T) {
	t.Parallel()
	port := peertest.UDPPort(t)
	aiocoap(t, port)
	for _, c := range []struct{ path, accept, media, body, wrong string }{
		{path: "senml", accept: "senml+json", media: "application/senml+json", body: `[{"n":"t","u":"Cel","v":21.5}]`},
		{path: "senml", accept: "senml+cbor", media: "application/senml+cbor", body: "\x81\xa3\x00\x61t\x01\x63Cel\x02\xf9\x4d\x60"},
		{path: "senml", accept: "text", wrong: "4.06"},
		{path: "slow", media: "text/plain; charset=utf-8", body: "21.5"},
		{path: "tagged", media: "text/plain; charset=utf-8", body: "4"},
		{path: "big", media: "text/plain; charset=utf-8", body: strings.Repeat("x", 10_000)},
		{path: "nothing", wrong: "4.04"},
	} {
		src, _ := opened(t, *settings(fmt.Sprintf("coap://127.0.0.1:%d/%s", port, c.path), func(s *Settings) { s.Accept = Format(c.accept) }))
		for range 2 {
			b, err := src.Observe(t.Context())
			switch {
			case c.wrong != "":
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("%+v: got %v, %v", c, b.Readings, err)
				}
			case err != nil || string(b.Readings[0].Body) != c.body || b.Readings[0].ContentType != c.media || b.Readings[0].Quality != dodona.Good:
				t.Errorf("%+v: got %v, %v", c, b.Readings, err)
			}
		}
	}
	small, _ := opened(t, *settings(fmt.Sprintf("coap://127.0.0.1:%d/big", port), func(s *Settings) { s.MaxSize = 4096 }))
	if b, err := small.Observe(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than max_size (4KiB)") {
		t.Errorf("got %v, %v; want it refused", b.Readings, err)
	}
}
