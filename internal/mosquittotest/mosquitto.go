// Package mosquittotest runs mosquitto for tests: a broker of MQTT that nobody here wrote.
package mosquittotest

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/nettest"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// Options say what the broker asks for. The zero value lets everybody in, in clear.
type Options struct {
	TLS       bool               // also over TLS, and over WebSocket
	Mutual    bool               // and there a certificate is asked for
	Password  bool               // of the user edge, which is [Password]
	Lines     []string           // of its configuration
	Listener  []string           // of the one without TLS
	Authority *nettest.Authority // whose certificates are shown and trusted; nil: one of its own
}

// Password is that of the user edge.
const Password = "s3cret"

// A Broker runs, or does not, as [peertest.Process] says. It keeps its state over kills.
type Broker struct {
	*peertest.Process
	URL       string // mqtt://
	WebSocket string // ws://, where there is TLS
	Secured   string // mqtts://
	SecuredWS string // wss://
	Folder    string
	Authority *nettest.Authority
	CA        string // the file of its certificate

	ports []int
}

// Start starts a broker on ports of its own, and waits until it listens.
func Start(t testing.TB, o Options) *Broker {
	t.Helper()
	b := &Broker{Folder: t.TempDir(), Authority: o.Authority}
	port := peertest.Port(t)
	b.ports = append(b.ports, port)
	b.URL = fmt.Sprintf("mqtt://127.0.0.1:%d", port)
	user := "root"
	if os.Getuid() != 0 {
		user = "nobody"
	}
	conf := []string{
		"persistence true", "persistence_location " + b.Folder + "/", "autosave_interval 1", "max_queued_messages 0", "user " + user,
		"set_tcp_nodelay true",
	}
	if o.Password {
		passwords := filepath.Join(b.Folder, "passwords")
		if out, err := exec.Command(peertest.Debian(t, "mosquitto_passwd"), "-b", "-c", passwords, "edge", Password).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
		conf = append(conf, "allow_anonymous false", "password_file "+passwords)
	} else {
		conf = append(conf, "allow_anonymous true")
	}
	conf = append(conf, o.Lines...)
	conf = append(conf, fmt.Sprintf("listener %d 127.0.0.1", port))
	conf = append(conf, o.Listener...)
	if o.TLS || o.Mutual {
		conf = append(conf, b.secured(t, o)...)
	}
	file := filepath.Join(b.Folder, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Process = peertest.Start(t, peertest.Command{Name: peertest.Debian(t, "mosquitto"), Args: []string{"-c", file}, Ready: b.listens})
	return b
}

// listens reports whether every port is there: they come one after the other.
func (b *Broker) listens(ctx context.Context) error {
	for _, port := range b.ports {
		if err := peertest.Dial(port)(ctx); err != nil {
			return err
		}
	}
	return nil
}

// secured returns the listeners with TLS, and those over WebSocket.
func (b *Broker) secured(t testing.TB, o Options) (conf []string) {
	t.Helper()
	if b.Authority == nil {
		b.Authority = nettest.NewAuthority(t, b.Folder, "broker-ca")
	}
	b.CA = b.Authority.File
	cert, key := b.Authority.Files(t, "broker", x509.ExtKeyUsageServerAuth)
	for _, l := range []struct {
		url          *string
		scheme, rest string
		protocol     string
		tls          bool
	}{
		{&b.Secured, "mqtts", "", "mqtt", true}, {&b.SecuredWS, "wss", "/mqtt", "websockets", true}, {&b.WebSocket, "ws", "/mqtt", "websockets", false},
	} {
		port := peertest.Port(t)
		b.ports = append(b.ports, port)
		*l.url = fmt.Sprintf("%s://127.0.0.1:%d%s", l.scheme, port, l.rest)
		conf = append(conf, fmt.Sprintf("listener %d 127.0.0.1", port), "protocol "+l.protocol)
		if !l.tls {
			continue
		}
		conf = append(conf, "cafile "+b.CA, "certfile "+cert, "keyfile "+key)
		if o.Mutual {
			conf = append(conf, "require_certificate true", "use_identity_as_username true")
		}
	}
	return conf
}
