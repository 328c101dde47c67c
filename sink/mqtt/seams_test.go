//go:build integration

package mqtt_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/sink"
	"github.com/dodona-oracle/dodona/sink/mqtt"
)

// TestTwoWithOneClientIDDoNotThrowEachOtherOutForEver: a broker lets in whoever comes last. Both say what is the matter, dial ever more rarely, and all that
// both have to say arrives.
func TestTwoWithOneClientIDDoNotThrowEachOtherOutForEver(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: lossless})
	l := listen(t, b, "listener", "edge/#")
	same := func(s *mqtt.Settings) { s.ClientID = "same" }
	runs := []*run{begin(t, settings(b, same), "boiler"), begin(t, settings(b, same), "press")}
	begun := time.Now()
	stuck := func(r *run) bool {
		s := r.loop.Status()
		return s.State == sink.Stuck && strings.Contains(s.LastError, `client id "same" too`)
	}
	said := 0
	until(t, "one says what is the matter", func() bool {
		if time.Since(begun) > time.Duration(said)*100*time.Millisecond {
			said++
			runs[0].say("boiler")
			runs[1].say("press")
		}
		return stuck(runs[0]) || stuck(runs[1])
	})
	dialled := func() int { return strings.Count(b.Output(), "as same ") }
	before := dialled()
	time.Sleep(5 * time.Second)
	if n := dialled() - before; n > 40 {
		t.Errorf("%d connections in five seconds", n)
	}
	t.Logf("%d connections until it was said, %d in the five seconds after", before, dialled()-before)
	runs[1].stop()
	until(t, "all of the other has come", func() bool {
		got, _ := heard(t, l.all(), "edge/adapter/modbus/boiler/data")
		return len(got) == int(runs[0].said.Load())
	})
}

// TestAMessageThatABrokerDoesNotAllowHoldsTheSinkAndFloodsNobody: what is behind it goes once, and not with every try; nothing becomes a dead letter for a right
// that is missing, and all goes once the broker gives it.
func TestAMessageThatABrokerDoesNotAllowHoldsTheSinkAndFloodsNobody(t *testing.T) {
	t.Parallel()
	rights := filepath.Join(t.TempDir(), "acl")
	allow := func(topics ...string) {
		t.Helper()
		if err := os.WriteFile(rights, []byte("topic readwrite "+strings.Join(topics, "\ntopic readwrite ")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Dir(rights), 0o755); err != nil {
		t.Fatal(err)
	}
	allow("edge/gateway/#", "edge/adapter/modbus/boiler/#")
	b := mosquittotest.Start(t, mosquittotest.Options{Lines: append([]string{"acl_file " + rights}, lossless...)})
	l := listen(t, b, "listener", "edge/#")
	r := begin(t, settings(b, nil), "boiler", "press")
	until(t, "the listener is back", func() bool { return len(l.all()) > 0 }) // with rights, this broker keeps nothing for one who is not there
	r.say("boiler")
	const boiler, press = "edge/adapter/modbus/boiler/data", "edge/adapter/modbus/press/data"
	has := func(topic string, n int) func() bool {
		return func() bool { got, _ := heard(t, l.all(), topic); return len(got) >= n }
	}
	until(t, "what is allowed goes", has(boiler, 1))
	r.say("press", "boiler", "boiler", "boiler")
	until(t, "the sink is stuck, and tried some times", func() bool { s := r.loop.Status(); return s.State == sink.Stuck && s.Attempt > 5 })
	s := r.loop.Status()
	// This broker says which message it refuses, and ends the connection: the one may be read before the other, or not at all.
	why := strings.Contains(s.LastError, "a message that it does not allow") || strings.Contains(s.LastError, "refuses a message to "+press+": not allowed")
	if s.Dead > 0 || s.Delivered > 1 || !why {
		t.Errorf("status %+v", s)
	}
	if _, again := heard(t, l.all(), boiler); again > 3 {
		t.Errorf("%d came again while one was refused %d times", again, s.Attempt)
	}
	allow("edge/#")
	if err := syscall.Kill(b.Pid(), syscall.SIGHUP); err != nil { // it reads the rights again
		t.Fatal(err)
	}
	until(t, "the refused one has come", has(press, 1))
	until(t, "all has come", has(boiler, 4))
	until(t, "the sink is well", func() bool { s := r.loop.Status(); return s.State == sink.OK && s.Delivered == 5 })
}

// TestASinkTakesARenewedCertificateAtItsNextConnection: the broker knows it by its certificate, which is read from the files each time it is dialled.
func TestASinkTakesARenewedCertificateAtItsNextConnection(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Mutual: true, Lines: lossless})
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "gw-7.pem"), filepath.Join(folder, "gw-7.key")
	renew := func(a *nettest.Authority, name string) {
		t.Helper()
		from, of := a.Files(t, name, x509.ExtKeyUsageClientAuth)
		for to, file := range map[string]string{cert: from, key: of} {
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	l := listen(t, b, "listener", "edge/#")
	renew(nettest.NewAuthority(t, folder, "another-ca"), "stranger")
	r := begin(t, settings(b, func(s *mqtt.Settings) {
		s.URL, s.CA, s.TLS = b.Secured, b.CA, httpc.Certificate{Cert: cert, Key: key}
	}), "boiler")
	const topic = "edge/adapter/modbus/boiler/data"
	has := func(n int) func() bool {
		return func() bool { got, _ := heard(t, l.all(), topic); return len(got) >= n }
	}
	r.say("boiler")
	until(t, "a certificate of a stranger is refused, and that is told", func() bool {
		s := r.loop.Status()
		return s.Attempt > 1 && s.LastError != "" && s.State != sink.OK
	})
	t.Logf("it says %s", r.loop.Status().LastError)
	renew(b.Authority, "first-name")
	until(t, "it goes with one that is known", has(1))
	until(t, "the broker knows it by its name", func() bool { return strings.Contains(b.Output(), "u'first-name'") })
	renew(b.Authority, "second-name")
	b.Stop()
	b.Restart()
	r.say("boiler")
	until(t, "it goes on", has(2))
	until(t, "the broker knows it by its new name", func() bool { return strings.Contains(b.Output(), "u'second-name'") })
}
