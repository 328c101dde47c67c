package coap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"

	"github.com/dodona-oracle/dodona"
)

// suites are those of DTLS with a pre-shared key; the first is the one that every constrained device has (RFC 7252 §9.1.3.1).
var suites = []dtls.CipherSuiteID{
	dtls.TLS_PSK_WITH_AES_128_CCM_8, dtls.TLS_PSK_WITH_AES_128_CCM, dtls.TLS_PSK_WITH_AES_128_GCM_SHA256, dtls.TLS_PSK_WITH_AES_128_CBC_SHA256,
}

// dial returns a socket to one address, or a DTLS session on it.
func dial(ctx context.Context, s Settings, to string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", to)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if at, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err != nil || isGroup(at.Addr()) {
		_ = conn.Close()
		return nil, dodona.Permanent(fmt.Errorf("%s is a group; one device is asked, and groups never", conn.RemoteAddr()))
	}
	if !s.isSecure() {
		return conn, nil
	}
	session, err := secure(ctx, s, conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return session, nil
}

// secure makes a DTLS session on a socket.
func secure(ctx context.Context, s Settings, conn net.Conn) (net.Conn, error) {
	text, err := s.PSK.Key.Reveal()
	if err != nil {
		return nil, fmt.Errorf("psk.key: %w", err)
	}
	key, err := s.PSK.bytes(text)
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	session, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(conn), conn.RemoteAddr(),
		dtls.WithPSK(func([]byte) ([]byte, error) { return key, nil }),
		dtls.WithPSKIdentityHint([]byte(s.PSK.Identity)),
		dtls.WithCipherSuites(suites...),
	)
	if err != nil {
		return nil, fmt.Errorf("begin the DTLS handshake: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, s.HandshakeTimeout)
	defer cancel()
	begun := time.Now()
	if err := session.HandshakeContext(limited); err != nil {
		_ = session.Close()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			// Fault (exchange): key or identity of DTLS is wrong.
			return nil, fmt.Errorf("the DTLS handshake did not end in %s: PSK or identity? A wrong one is never told; or nobody speaks DTLS there", time.Since(begun).Round(time.Millisecond))
		}
		return nil, fmt.Errorf("the DTLS handshake failed: %w: PSK or identity?", err)
	}
	return session, nil
}
