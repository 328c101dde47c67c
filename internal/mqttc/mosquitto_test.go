//go:build integration

package mqttc_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/secret"
)

const patience = 30 * time.Second

func settings(url string, version mqttc.Version) mqttc.Settings {
	var s mqttc.Settings
	s.Default()
	s.URL, s.Version, s.KeepAlive = url, version, time.Second
	return s
}

// inbox is what a connection received.
type inbox chan mqttc.Message

func (i inbox) next(t *testing.T) mqttc.Message {
	t.Helper()
	select {
	case m := <-i:
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
	}
	return mqttc.Message{}
}

func (i inbox) none(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case m := <-i:
		t.Fatalf("%q came on %s", m.Payload, m.Topic)
	case <-time.After(within):
	}
}

func dial(t *testing.T, cfg mqttc.Config) *mqttc.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := new(mqttc.Dialer).Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receiving(s mqttc.Settings, id string) (mqttc.Config, inbox) {
	got := make(inbox, 1000)
	return mqttc.Config{Settings: s, ClientID: id, Receive: func(m mqttc.Message) { got <- m }}, got
}

func subscribe(t *testing.T, c *mqttc.Conn, s ...mqttc.Subscription) {
	t.Helper()
	if _, err := c.Subscribe(t.Context(), s...); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, c *mqttc.Conn, m mqttc.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
}

// both runs a test with each version.
func both(t *testing.T, test func(t *testing.T, version mqttc.Version)) {
	for _, version := range []mqttc.Version{mqttc.Five, mqttc.Three} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

func TestWhatIsPublishedComesInOrder(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		cfg, got := receiving(settings(b.URL, version), "in")
		in := dial(t, cfg)
		subscribe(t, in, mqttc.Subscription{Filter: "plant/+/#", QoS: 2})
		out := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: "out"})
		if in.Version() != version || in.Resumed() {
			t.Errorf("version %s, resumed %v", in.Version(), in.Resumed())
		}
		for n := range 30 {
			publish(t, out, mqttc.Message{Topic: fmt.Sprintf("plant/%d/t", n%3), Payload: fmt.Append(nil, n), QoS: byte(n % 3), ContentType: "text/plain"})
		}
		for n := range 30 {
			m := got.next(t)
			if string(m.Payload) != fmt.Sprint(n) || m.QoS != byte(n%3) || m.Retained || m.Duplicate {
				t.Fatalf("message %d is %+v", n, m)
			}
			if want := map[mqttc.Version]string{mqttc.Five: "text/plain"}[version]; m.ContentType != want {
				t.Errorf("content type %q, want %q", m.ContentType, want)
			}
			if err := in.Acknowledge(m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWhatIsNotAcknowledgedComesAgain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		for _, qos := range []byte{1, 2} {
			cfg, got := receiving(settings(b.URL, version), fmt.Sprint("in", qos))
			in := dial(t, cfg)
			topic := fmt.Sprint("plant/", qos)
			subscribe(t, in, mqttc.Subscription{Filter: topic, QoS: 2})
			out := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: fmt.Sprint("out", qos)})
			for n := range 3 {
				publish(t, out, mqttc.Message{Topic: topic, Payload: fmt.Append(nil, n), QoS: qos})
			}
			if err := in.Acknowledge(got.next(t)); err != nil {
				t.Fatal(err)
			}
			got.next(t)
			got.next(t)
			publish(t, out, mqttc.Message{Topic: topic, Payload: []byte("3"), QoS: qos}) // the acknowledgement is on its way before it
			got.next(t)
			in.Abort()
			cfg, got = receiving(settings(b.URL, version), fmt.Sprint("in", qos))
			again := dial(t, cfg)
			if !again.Resumed() {
				t.Error("the session was forgotten")
			}
			for n := 1; n <= 3; n++ {
				if m := got.next(t); string(m.Payload) != fmt.Sprint(n) || !m.Duplicate {
					t.Errorf("QoS %d: message %s, duplicate %v; want %d again", qos, m.Payload, m.Duplicate, n)
				}
			}
			got.none(t, 100*time.Millisecond)
		}
	})
}

func TestTheBrokerHoldsBackWhatIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	s := settings(b.URL, mqttc.Five)
	s.ReceiveMaximum = 5
	cfg, got := receiving(s, "in")
	in := dial(t, cfg)
	subscribe(t, in, mqttc.Subscription{Filter: "t", QoS: 1})
	out := dial(t, mqttc.Config{Settings: settings(b.URL, mqttc.Five), ClientID: "out"})
	for n := range 20 {
		publish(t, out, mqttc.Message{Topic: "t", Payload: fmt.Append(nil, n), QoS: 1})
	}
	var held []mqttc.Message
	for range 5 {
		held = append(held, got.next(t))
	}
	got.none(t, 300*time.Millisecond)
	for n := 0; n < 20; n++ {
		if string(held[n].Payload) != fmt.Sprint(n) {
			t.Fatalf("message %d is %q", n, held[n].Payload)
		}
		if err := in.Acknowledge(held[n]); err != nil {
			t.Fatal(err)
		}
		if len(held) < 20 {
			held = append(held, got.next(t))
		}
	}
}

// TestAFrozenBrokerIsGivenUp keep_alive and ten seconds after its last packet, in either version.
func TestAFrozenBrokerIsGivenUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		c := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: "in"})
		b.Freeze()
		begun := time.Now()
		select {
		case <-c.Done():
		case <-time.After(2 * patience):
			t.Fatal("the connection is still believed alive")
		}
		if took := time.Since(begun).Round(time.Millisecond); took < 8*time.Second || !strings.Contains(c.Err().Error(), "no packet from the broker in 11s, though it was pinged: it is frozen, or the way to it is cut") {
			t.Errorf("%s: given up after %s: %v", version, took, c.Err())
		}
		if err := c.Publish(t.Context(), mqttc.Message{Topic: "t", QoS: 1}); err == nil {
			t.Error("published to a broker that is gone")
		}
		b.Thaw()
	})
}

func TestAnEndIsSaidInWords(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Password: true})
	s := settings(b.URL, mqttc.Five)
	s.User, s.Password = "edge", secret.New(mosquittotest.Password)
	cfg := mqttc.Config{Settings: s, ClientID: "one", User: "edge"}
	first := dial(t, cfg)
	dial(t, cfg)
	<-first.Done()
	if err := first.Err(); !strings.Contains(err.Error(), `another one comes with the same client id ("one")`) {
		t.Errorf("thrown out by another one: %v", err)
	}
	for _, version := range []mqttc.Version{mqttc.Auto, mqttc.Five, mqttc.Three} {
		cfg.Settings.Version, cfg.Settings.Password = version, secret.New("wrong")
		_, err := new(mqttc.Dialer).Dial(t.Context(), cfg)
		if err == nil || !dodona.IsPermanent(err) || !strings.Contains(err.Error(), "not allowed for this user or certificate") || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: a wrong password: %v", version, err)
		}
	}
	b.Kill()
	third := settings(b.URL, mqttc.Auto)
	if _, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: third, ClientID: "x"}); err == nil || dodona.IsPermanent(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("no broker: %v", err)
	}
}

func TestARefusedSubscriptionIsNamed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		acl := filepath.Join(b.Folder, "acl")
		if err := os.WriteFile(acl, []byte("topic readwrite allowed/#\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		limited := mosquittotest.Start(t, mosquittotest.Options{Lines: []string{"acl_file " + acl}})
		c := dial(t, mqttc.Config{Settings: settings(limited.URL, version), ClientID: "in"})
		codes, err := c.Subscribe(t.Context(), mqttc.Subscription{Filter: "allowed/a", QoS: 1}, mqttc.Subscription{Filter: "#", QoS: 1})
		t.Logf("%v, %v", codes, err) // mosquitto grants what it then never sends
		if codes[0] != 1 {
			t.Errorf("granted %v", codes)
		}
		if version == mqttc.Three {
			return // it takes what it forbids, and says nothing
		}
		// This broker says so, or closes the connection: "Bad socket read/write", by its log.
		if err := c.Publish(t.Context(), mqttc.Message{Topic: "forbidden", Payload: []byte("x"), QoS: 1}); err == nil {
			t.Error("published where it is not allowed")
		}
	})
}

func TestTheWillIsPublishedUnlessGoodbyeIsSaid(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		cfg, got := receiving(settings(b.URL, version), "in")
		subscribe(t, dial(t, cfg), mqttc.Subscription{Filter: "will", QoS: 1})
		mortal := mqttc.Config{Settings: settings(b.URL, version), ClientID: "mortal", Will: &mqttc.Message{Topic: "will", Payload: []byte("gone"), QoS: 1}}
		if err := dial(t, mortal).Close(); err != nil {
			t.Fatal(err)
		}
		got.none(t, 200*time.Millisecond)
		dial(t, mortal).Abort()
		if m := got.next(t); string(m.Payload) != "gone" {
			t.Errorf("the will is %q", m.Payload)
		}
	})
}

func TestRetainedMessagesSayThatTheyAre(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		out := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: "out"})
		publish(t, out, mqttc.Message{Topic: "t", Payload: []byte("kept"), QoS: 1, Retained: true})
		cfg, got := receiving(settings(b.URL, version), "in")
		in := dial(t, cfg)
		subscribe(t, in, mqttc.Subscription{Filter: "t", QoS: 1, NewOnly: true})
		m := got.next(t)
		if !m.Retained || string(m.Payload) != "kept" {
			t.Errorf("got %+v", m)
		}
		if err := in.Acknowledge(m); err != nil {
			t.Fatal(err)
		}
		publish(t, out, mqttc.Message{Topic: "t", Payload: []byte("live"), QoS: 1, Retained: true})
		if m = got.next(t); m.Retained || string(m.Payload) != "live" {
			t.Errorf("got %+v", m)
		}
		if err := in.Acknowledge(m); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		cfg, got = receiving(settings(b.URL, version), "in")
		again := dial(t, cfg)
		subscribe(t, again, mqttc.Subscription{Filter: "t", QoS: 1, NewOnly: true})
		if version == mqttc.Five {
			got.none(t, 200*time.Millisecond) // the session had the subscription
		}
	})
}

// TestABrokerIsBelievedUntilItsCertificateEnds, also by a connection that stands.
func TestABrokerIsBelievedUntilItsCertificateEnds(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{TLS: true})
	authority := nettest.NewAuthority(t, t.TempDir(), "ours")
	cert, key := authority.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	for scheme, to := range map[string]string{"mqtts://": b.URL, "wss://": b.WebSocket} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			for life := 3 * time.Second; ; life *= 2 { // on a slow machine the handshake may come too late
				s := settings(scheme+authority.Front(t, life, u.Host)+u.Path, mqttc.Five)
				s.CA, s.TLS.Cert, s.TLS.Key = authority.File, cert, key
				cfg, _ := receiving(s, "until-"+scheme[:3])
				c, err := new(mqttc.Dialer).Dial(t.Context(), cfg)
				if err != nil && life < time.Minute && strings.Contains(err.Error(), "expired") {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				select {
				case <-c.Done():
				case <-time.After(2 * life):
					t.Fatal("the connection stands")
				}
				var ended *expiry.Error
				if err := c.Err(); !errors.As(err, &ended) || ended.Who != "plant" {
					t.Errorf("it ended by %v", err)
				}
				return
			}
		})
	}
}

func TestEveryWayIn(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{TLS: true})
	mutual := mosquittotest.Start(t, mosquittotest.Options{Mutual: true, Authority: b.Authority})
	stranger := nettest.NewAuthority(t, t.TempDir(), "stranger")
	cert, key := b.Authority.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	for _, version := range []mqttc.Version{mqttc.Five, mqttc.Three} {
		for _, url := range []string{b.URL, b.Secured, b.WebSocket, b.SecuredWS, mutual.Secured, mutual.SecuredWS} {
			s := settings(url, version)
			if strings.HasPrefix(url, "mqtts") || strings.HasPrefix(url, "wss") {
				s.CA, s.ALPN = b.CA, []string{"mqtt"}
				if strings.HasPrefix(url, "wss") {
					s.ALPN = nil
				}
			}
			if url == mutual.Secured || url == mutual.SecuredWS {
				s.TLS.Cert, s.TLS.Key = cert, key
			}
			cfg, got := receiving(s, "one")
			c := dial(t, cfg)
			subscribe(t, c, mqttc.Subscription{Filter: "t", QoS: 1})
			publish(t, c, mqttc.Message{Topic: "t", Payload: make([]byte, 60_000), QoS: 1})
			if m := got.next(t); len(m.Payload) != 60_000 {
				t.Errorf("%s: %d bytes came", url, len(m.Payload))
			} else if err := c.Acknowledge(m); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		for name, s := range map[string]mqttc.Settings{"a stranger's authority": settings(b.Secured, version), "no certificate": settings(mutual.Secured, version)} {
			s.CA = b.CA
			if name == "a stranger's authority" {
				s.CA = stranger.File
			}
			_, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: s, ClientID: "one"})
			want := "unknown authority, CN="
			if name == "no certificate" {
				want = "wants to be shown" // a certificate; see tls.cert
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
		for url, names := range map[string]map[string]string{
			b.Secured:   {"localhost": "", "broker.local": "not of broker.local"},
			b.SecuredWS: {"localhost": "", "broker.local": "not of broker.local"},
			"mqtts://" + strings.TrimPrefix(b.URL, "mqtt://"): {"": "write mqtt:// in url"},
		} {
			for name, want := range names {
				s := settings(url, version)
				s.CA, s.TLS.ServerName = b.CA, name
				c, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: s, ClientID: "one"})
				if err == nil {
					_ = c.Close()
				}
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("%s, by the name %q: got %v, want %q", url, name, err, want)
				}
			}
		}
	}
}

func TestCertificatesAreReadAnew(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{Mutual: true})
	stranger := nettest.NewAuthority(t, t.TempDir(), "stranger")
	cert, key := stranger.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	s := settings(b.Secured, mqttc.Five)
	s.CA, s.TLS.Cert, s.TLS.Key = b.CA, cert, key
	var d mqttc.Dialer
	if _, err := d.Dial(t.Context(), mqttc.Config{Settings: s, ClientID: "one"}); err == nil {
		t.Fatal("a stranger was let in")
	}
	ours, ourKey := b.Authority.Files(t, "gateway", x509.ExtKeyUsageClientAuth)
	for from, to := range map[string]string{ours: cert, ourKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	c, err := d.Dial(t.Context(), mqttc.Config{Settings: s, ClientID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// before5 stands before a broker as one that speaks 3.1.1 alone: it refuses MQTT 5 in the words of 3.1.1, or without any.
func before5(t *testing.T, broker string, silent bool) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				head := make([]byte, 9) // type, length, "MQTT" with its length, level
				for n := 0; n < len(head); {
					m, err := conn.Read(head[n:])
					if err != nil {
						return
					}
					n += m
				}
				if head[8] != 4 {
					if !silent {
						_, _ = conn.Write([]byte{0x20, 2, 0, 1})
					}
					return
				}
				to, err := net.Dial("tcp", strings.TrimPrefix(broker, "mqtt://"))
				if err != nil {
					return
				}
				defer to.Close()
				_, _ = to.Write(head)
				go func() {
					_, _ = to.(*net.TCPConn).ReadFrom(conn)
					_ = to.Close()
				}()
				_, _ = conn.(*net.TCPConn).ReadFrom(to)
			}()
		}
	}()
	return "mqtt://" + l.Addr().String()
}

func TestABrokerThatSpeaks311AloneIsSpokenTo(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	for _, silent := range []bool{false, true} {
		url := before5(t, b.URL, silent)
		var d mqttc.Dialer
		for range 2 {
			c, err := d.Dial(t.Context(), mqttc.Config{Settings: settings(url, mqttc.Auto), ClientID: "old"})
			if err != nil {
				t.Fatal(err)
			}
			if c.Version() != mqttc.Three {
				t.Errorf("version %s, want 3.1.1", c.Version())
			}
			publish(t, c, mqttc.Message{Topic: "t", Payload: []byte("x"), QoS: 2})
			_ = c.Close()
		}
		_, err := new(mqttc.Dialer).Dial(t.Context(), mqttc.Config{Settings: settings(url, mqttc.Five), ClientID: "old"})
		if err == nil || !silent && (!strings.Contains(err.Error(), "does not speak this version") || !dodona.IsPermanent(err)) {
			t.Errorf("asked for 5 alone: %v", err)
		}
	}
}

func TestAMessageThatIsTooLargeIsPassedOver(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		cfg, got := receiving(settings(b.URL, version), "in")
		large := make(chan string, 10)
		cfg.MaxPacket, cfg.Oversized = 10_000, func(topic string, size int) { large <- fmt.Sprint(topic, " ", size) }
		in := dial(t, cfg)
		subscribe(t, in, mqttc.Subscription{Filter: "#", QoS: 2})
		out := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: "out"})
		for qos := range byte(3) {
			publish(t, out, mqttc.Message{Topic: "large", Payload: make([]byte, 20_000), QoS: qos})
			publish(t, out, mqttc.Message{Topic: "small", Payload: []byte("x"), QoS: qos})
			m := got.next(t)
			if m.Topic != "small" {
				t.Fatalf("got %s", m.Topic)
			}
			if err := in.Acknowledge(m); err != nil {
				t.Fatal(err)
			}
		}
		if version == mqttc.Three && len(large) != 3 {
			t.Errorf("told of %d large ones, want 3", len(large))
		}
		publish(t, in, mqttc.Message{Topic: "$end", QoS: 2}) // behind the acknowledgements
		in.Abort()
		cfg, got = receiving(settings(b.URL, version), "in")
		dial(t, cfg)
		got.none(t, 200*time.Millisecond) // they were acknowledged
	})
}

func TestManyMessagesAreUnderWayAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, version mqttc.Version) {
		b := mosquittotest.Start(t, mosquittotest.Options{})
		cfg, got := receiving(settings(b.URL, version), "in")
		in := dial(t, cfg)
		subscribe(t, in, mqttc.Subscription{Filter: "t", QoS: 1})
		out := dial(t, mqttc.Config{Settings: settings(b.URL, version), ClientID: "out"})
		var waits []func(context.Context) error
		for n := range 500 {
			wait, err := out.Send(t.Context(), mqttc.Message{Topic: "t", Payload: fmt.Append(nil, n), QoS: 1})
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, wait)
		}
		for n := range 500 {
			m := got.next(t)
			if string(m.Payload) != fmt.Sprint(n) {
				t.Fatalf("message %d is %s", n, m.Payload)
			}
			if err := in.Acknowledge(m); err != nil {
				t.Fatal(err)
			}
			if err := waits[n](t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
