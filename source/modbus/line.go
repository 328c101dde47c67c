package modbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/tty"
)

// dial connects to the device or its gateway.
func (s *Settings) dial(ctx context.Context) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, s.ConnectTimeout)
	defer cancel()
	address := s.hostPort()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, dialed(err))
	}
	if s.TLS == nil {
		return connection, nil
	}
	config, err := s.TLS.config(address)
	if err != nil {
		_ = connection.Close() // nothing was sent
		return nil, err
	}
	var watch expiry.Watch
	secured := tls.Client(watch.Conn(connection), watch.Config(config))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = secured.Close() // nothing was sent
		err = fmt.Errorf("connect to %s by TLS: %w", address, handshake.Failed(err, time.Now(), "leave out tls (its port is 502 then, mostly)"))
		if httpc.IsUntrusted(err) {
			return nil, dodona.Permanent(err)
		}
		return nil, err
	}
	return secured, nil
}

// dialed leaves out of an error what its reader knows.
func dialed(err error) error {
	var of *net.OpError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// config reads the files anew, so that renewed certificates count from the next connection on.
func (t *TLS) config(address string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	c, err := httpc.Route{CA: t.CA, TLS: t.Certificate}.Secured(host)
	if err != nil {
		return nil, dodona.Permanent(fmt.Errorf("tls: %w", err))
	}
	return c, nil
}

// openSerial opens the serial port.
func (s *Settings) openSerial(context.Context) (line, error) {
	port, err := tty.Open(*s.Serial)
	if err != nil {
		return nil, err
	}
	_ = port.Discard() // what came before is of no request of ours
	return port, nil
}

// pause returns how long the line rests between two requests: what is set, and on a serial line at least the three and a half characters
// that end a frame.
func (s *Settings) pause() time.Duration {
	if s.Serial == nil {
		return s.Pause
	}
	const least = 1750 * time.Microsecond
	return max(s.Pause, least, s.Serial.Character()*7/2)
}
