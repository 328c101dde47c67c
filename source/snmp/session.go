package snmp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// A session is what a device is asked through. It is for one goroutine.
type session struct {
	lib   *gosnmp.GoSNMP
	wire  *wire
	knows bool // the device answered before
}

// connect returns a session. It sends nothing.
func connect(ctx context.Context, s Settings) (*session, error) {
	host, port, err := s.target()
	if err != nil {
		return nil, dodona.Permanent(err)
	}
	lib := &gosnmp.GoSNMP{
		Target: host, Port: port, Transport: "udp", Context: ctx, Timeout: s.Timeout, Retries: s.Retries, MaxOids: gosnmp.MaxOids,
	}
	if err := login(lib, s); err != nil {
		return nil, err
	}
	if err := lib.Connect(); err != nil {
		return nil, fmt.Errorf("reach %s: %w", s.Address, err)
	}
	w := &wire{Conn: lib.Conn}
	lib.Conn = w
	return &session{lib: lib, wire: w}, nil
}

// login takes the secrets.
func login(lib *gosnmp.GoSNMP, s Settings) error {
	if s.Version != "3" {
		lib.Version = map[Version]gosnmp.SnmpVersion{"1": gosnmp.Version1, "2c": gosnmp.Version2c}[s.Version]
		lib.Community = "public"
		if s.Community.IsZero() {
			return nil
		}
		text, err := s.Community.Reveal()
		if err == nil && len(text) > 127 {
			err = fmt.Errorf("it is longer than 127 characters")
		}
		if err != nil {
			return fmt.Errorf("community: %w", err)
		}
		lib.Community = text
		return nil
	}
	usm, flags, err := s.User.parameters()
	if err != nil {
		return fmt.Errorf("user.%w", err)
	}
	lib.Version, lib.SecurityModel, lib.MsgFlags = gosnmp.Version3, gosnmp.UserSecurityModel, flags
	lib.SecurityParameters, lib.ContextName = usm, s.Context
	return nil
}

var auths = map[Auth]gosnmp.SnmpV3AuthProtocol{
	"": gosnmp.NoAuth, "md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha-224": gosnmp.SHA224, "sha-256": gosnmp.SHA256, "sha-384": gosnmp.SHA384, "sha-512": gosnmp.SHA512,
}

var privs = map[Priv]gosnmp.SnmpV3PrivProtocol{
	"": gosnmp.NoPriv, "des": gosnmp.DES, "aes": gosnmp.AES, "aes-192": gosnmp.AES192, "aes-256": gosnmp.AES256, "aes-192-c": gosnmp.AES192C, "aes-256-c": gosnmp.AES256C,
}

// parameters returns what the library wants to know of a user, and how its messages are kept.
func (u *User) parameters() (*gosnmp.UsmSecurityParameters, gosnmp.SnmpV3MsgFlags, error) {
	usm := &gosnmp.UsmSecurityParameters{UserName: u.Name, AuthenticationProtocol: auths[u.Auth], PrivacyProtocol: privs[u.Priv]}
	flags := gosnmp.NoAuthNoPriv
	for _, p := range []struct {
		setting string
		from    secret.String
		into    *string
		flags   gosnmp.SnmpV3MsgFlags
	}{
		{"auth_password", u.AuthPassword, &usm.AuthenticationPassphrase, gosnmp.AuthNoPriv},
		{"priv_password", u.PrivPassword, &usm.PrivacyPassphrase, gosnmp.AuthPriv},
	} {
		if p.from.IsZero() {
			continue
		}
		text, err := p.from.Reveal()
		if err == nil && len(text) < 8 {
			err = fmt.Errorf("it is shorter than eight characters, which v3 does not allow")
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", p.setting, err)
		}
		*p.into, flags = text, p.flags
	}
	return usm, flags, nil
}

func (s *session) close() {
	if s != nil {
		_ = s.lib.Close() // nobody is left to tell
	}
}

// engine reports whether the device said who it is, which v3 asks first.
func (s *session) engine() bool {
	usm, is := s.lib.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	return is && usm.AuthoritativeEngineID != ""
}

// get asks for variables; bulk for those that follow one.
func (s *session) get(ctx context.Context, oids []string) (*gosnmp.SnmpPacket, error) {
	return s.ask(ctx, func() (*gosnmp.SnmpPacket, error) { return s.lib.Get(oids) })
}

func (s *session) next(ctx context.Context, oid string, rows int) (*gosnmp.SnmpPacket, error) {
	if s.lib.Version == gosnmp.Version1 || rows <= 1 {
		return s.ask(ctx, func() (*gosnmp.SnmpPacket, error) { return s.lib.GetNext([]string{oid}) })
	}
	return s.ask(ctx, func() (*gosnmp.SnmpPacket, error) { return s.lib.GetBulk([]string{oid}, 0, uint32(rows)) })
}

// ask makes one request, with its repetitions.
func (s *session) ask(ctx context.Context, request func() (*gosnmp.SnmpPacket, error)) (p *gosnmp.SnmpPacket, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, errBroken
		}
	}()
	s.lib.Context = ctx
	defer s.wire.end(ctx)()
	p, err = request()
	switch {
	case err != nil:
		return nil, undecoded(err)
	case p.PDUType != gosnmp.GetResponse || p.Version != s.lib.Version || p.RequestID == 0:
		return nil, errForeign // the library takes an answer to request 0 for its own
	}
	s.knows = true
	return p, nil
}

// A wire is the socket of a session: it ends a read when the context does, which the library forgets, and keeps the last answer, in which a
// device says why it refuses a user: the library calls that not authentic.
type wire struct {
	net.Conn
	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // of the request that is under way
	asked uint32          // the id of the message of v3 that was sent last
	last  []byte          // what came of it
}

var past = time.Unix(1, 0)

// end ends reads when ctx does, until the function is called that it returns.
func (w *wire) end(ctx context.Context) (stop func()) {
	w.mu.Lock()
	w.ctx, w.last = ctx, w.last[:0]
	w.mu.Unlock()
	unhook := context.AfterFunc(ctx, func() { _ = w.Conn.SetDeadline(past) })
	return func() { unhook() }
}

// SetDeadline sets the deadline, which is over if the context has ended.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	ctx := w.ctx
	w.mu.Unlock()
	err := w.Conn.SetDeadline(t)
	if ctx != nil && ctx.Err() != nil {
		return w.Conn.SetDeadline(past)
	}
	return err
}

// Read reads a datagram.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if id, failed := messageID(b[:n]); failed == nil {
		w.mu.Lock()
		if id == w.asked { // else it is a late one, of another question
			w.last = append(w.last[:0], b[:min(n, 1500)]...)
		}
		w.mu.Unlock()
	}
	return n, err
}

// Write sends a request. What came before is no answer to it.
func (w *wire) Write(b []byte) (int, error) {
	id, _ := messageID(b) // 0 for what is not of v3
	w.mu.Lock()
	w.asked, w.last = id, w.last[:0]
	w.mu.Unlock()
	return w.Conn.Write(b)
}

// report returns which of the reports of RFC 3414 the last datagram holds; 0 if none.
func (w *wire) report() byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return reportOf(w.last)
}

// reportOf finds a report of usmStats (1.3.6.1.6.3.15.1.1.N.0) in a message in clear; 0 if there is none.
func reportOf(message []byte) byte {
	prefix := []byte{tagOID, 10, 0x2b, 6, 1, 6, 3, 15, 1, 1}
	for at := 0; at+len(prefix)+2 <= len(message); at++ {
		if slices.Equal(message[at:at+len(prefix)], prefix) && message[at+len(prefix)+1] == 0 {
			return message[at+len(prefix)]
		}
	}
	return 0
}
