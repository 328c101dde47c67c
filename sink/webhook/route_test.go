package webhook_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/sinktest"
	"github.com/dodona-oracle/dodona/sink/webhook"
)

// secured starts a server of HTTP/2 with a certificate of its own, and returns the file of that.
func secured(t *testing.T, h http.HandlerFunc) (s *httptest.Server, ca string) {
	t.Helper()
	s = httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, ca
}

// TestAFrozenReceiverCostsOneTry: a balancer forgets an HTTP/2 connection without a word, while new ones work.
func TestAFrozenReceiverCostsOneTry(t *testing.T) {
	s, ca := secured(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	between := nettest.NewRelay(t, s.Listener.Addr().String())
	set := settings("https://" + between.Address + "/hook")
	set.CA, set.Timeout = ca, 2*time.Second
	opened, err := webhook.Kind.Open(t.Context(), set, sink.Env{Sink: "hook", Version: "1.2.3", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.(io.Closer).Close() }()
	send := func() error {
		_, err := opened.Deliver(t.Context(), []dodona.Record{sinktest.Answer(question, 0)})
		return err
	}
	until := func() (failed int) {
		for send() != nil {
			if failed++; t.Context().Err() != nil {
				t.Fatal("nothing is delivered")
			}
		}
		return failed
	}
	until() // a busy machine may need more than one try for its first connection
	before := between.Made()
	between.Freeze()
	if failed := until(); failed == 0 {
		t.Error("a frozen connection took a record")
	}
	if between.Made() == before {
		t.Error("it was delivered over the frozen connection")
	}
}

// TestAProxyThatRefusesStopsTheSinkAndNotTheRecord: what a proxy says of its user is of no record.
func TestAProxyThatRefusesStopsTheSinkAndNotTheRecord(t *testing.T) {
	s, ca := secured(t, func(http.ResponseWriter, *http.Request) {})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer proxy.Close()
	for _, url := range []string{s.URL, "http://receiver.invalid/hook"} {
		set := settings(url)
		set.CA, set.Proxy = ca, httpc.Proxy{URL: proxy.URL}
		j := sinktest.NewJournal()
		loop := sink.New(sink.Config{
			Name: "hook", Kind: webhook.Kind, Settings: set, Journal: j, Reader: "sink-hook",
			Policy: sink.Policy{GiveUp: 2}, Backoff: backoff.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()
		until := func(is func() bool) {
			for begun := time.Now(); !is(); time.Sleep(time.Millisecond) {
				if time.Since(begun) > time.Minute {
					t.Fatalf("%s: status %+v", url, loop.Status())
				}
			}
		}
		until(func() bool { return len(j.All(dodona.TopicIntent, "hook")) > 0 })
		if err := j.Append(ctx, sinktest.Answer(question, 0)); err != nil {
			t.Fatal(err)
		}
		until(func() bool { return loop.Status().Failures > 5 && loop.Status().State == sink.Stuck })
		if said := loop.Status().LastError; !strings.Contains(said, "wants a user and a password (407); set proxy: {url, user, password}") || loop.Status().Dead != 0 {
			t.Errorf("%s: status %+v", url, loop.Status())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestAReceiverThatAsksForACertificateRefusesNoRecord: nginx answers 400 to who shows none, which else speaks of the record.
func TestAReceiverThatAsksForACertificateRefusesNoRecord(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	defer s.Close()
	set := settings(s.URL)
	set.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(set.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := deliver(t, set, sinktest.Answer(question, 0), time.Now())
	if err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "HTTP status 400: the server asks for a client certificate: see tls") {
		t.Errorf("got %v (permanent %t)", err, dodona.IsPermanent(err))
	}
}
