package mqttc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/expiry"
	"github.com/dodona-oracle/dodona/internal/handshake"
	"github.com/dodona-oracle/dodona/internal/httpc"
)

// address returns the host and port of a broker.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = schemes[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// A Dialer makes connections, one after the other, to one broker. It remembers which version the broker speaks, and what it lacks.
type Dialer struct {
	mu   sync.Mutex
	old  bool // the broker speaks 3.1.1 alone
	when time.Time

	lacks    limits
	until    time.Time // they are believed
	wordless int       // refusals without a word, in a row
}

// oldFor is how long a broker that refused MQTT 5 is not asked again: it may be a newer one then.
const oldFor = time.Hour

func (d *Dialer) version(asked Version) Version {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case asked == Five || asked == Three:
		return asked
	case d.old && time.Since(d.when) < oldFor:
		return Three
	}
	return Auto
}

func (d *Dialer) isOld() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.old, d.when = true, time.Now()
}

// Dial connects and returns once the broker has let the connection in. It reads the password and the files of certificates anew. An error
// that trying again soon will not mend is [dodona.IsPermanent].
func (d *Dialer) Dial(ctx context.Context, cfg Config) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Settings.ConnectTimeout)
	defer cancel()
	u, err := url.Parse(cfg.Settings.URL)
	if err != nil {
		return nil, dodona.Permanent(errors.New("url: not a URL"))
	}
	c, err := d.connect(ctx, cfg, u)
	if err == nil {
		return c, nil
	}
	err = fmt.Errorf("connect to %s: %w", address(u), err)
	if IsHopeless(err) || httpc.IsUntrusted(err) {
		err = dodona.Permanent(err)
	}
	return nil, err
}

// connect tries what version there may be.
func (d *Dialer) connect(ctx context.Context, cfg Config, u *url.URL) (*Conn, error) {
	version := d.version(cfg.Settings.Version)
	if version != Three {
		c, older, err := d.try(ctx, cfg, u, Five)
		if err == nil || version == Five || !older {
			return c, err
		}
		c, _, second := d.try(ctx, cfg, u, Three)
		if second != nil {
			return nil, fmt.Errorf("%w (with MQTT 5: %w)", second, err)
		}
		d.isOld()
		return c, nil
	}
	c, _, err := d.try(ctx, cfg, u, Three)
	return c, err
}

// try connects with one version. A broker that refuses the will, because it keeps no messages or takes no QoS, is asked again without: what is
// published is worth more than that it is said who is there. One of 3.1.1 says nothing, so what it lacks is tried.
func (d *Dialer) try(ctx context.Context, cfg Config, u *url.URL, version Version) (c *Conn, older bool, err error) {
	lacks := d.known()
	for {
		c, older, err = attempt(ctx, cfg, u, version, lacks)
		worse, refused := less(lacks, lacks.will(cfg.Will), err)
		if !refused {
			break
		}
		lacks = worse
		d.learn(lacks, learnedFor)
	}
	silent := errors.As(err, new(wordless)) && version == Three && ctx.Err() == nil
	if d.silent(silent) <= mostSilent {
		return c, older, err
	}
	for _, guess := range guesses(lacks.will(cfg.Will)) {
		if c, _, second := attempt(ctx, cfg, u, version, guess.and(lacks)); second == nil {
			d.learn(guess.and(lacks), guessedFor)
			d.silent(false)
			return c, false, nil
		}
	}
	return nil, older, err
}

// attempt connects with one version to a broker of which it is known what it lacks. Older says that a broker which speaks 3.1.1 alone would have answered so.
func attempt(ctx context.Context, cfg Config, u *url.URL, version Version, lacks limits) (c *Conn, older bool, err error) {
	password, err := cfg.Settings.Password.Reveal()
	if err != nil {
		return nil, false, fmt.Errorf("password: %w", err)
	}
	raw, err := open(ctx, cfg.Settings, u)
	if err != nil {
		return nil, false, err
	}
	cfg.Will = lacks.will(cfg.Will)
	w := newWire(raw, cfg)
	c = &Conn{cfg: cfg, limits: lacks, wire: w, version: version, broker: address(u), lifetime: cfg.Settings.Session, ended: make(chan struct{})}
	begin := c.beginFive
	if version == Three {
		begin = c.beginThree
	}
	if err := begin(ctx, password); err != nil {
		_ = w.Close() // whatever it says: there is no connection
		var refused *Refused
		answer := w.answer.Load()
		switch {
		case errors.As(err, &refused):
			older = refused.Code == 0x84 // else it speaks the version, and means something else
		case answer != nil && answer.length == 2 && version == Five:
			older, err = true, &Refused{What: "the connection", Code: answer.code, version: Three}
		default:
			older = ctx.Err() == nil // it may close without a word
			if cause := w.cause(); cause != nil && ctx.Err() == nil {
				err = cause
			}
		}
		return nil, older, handshake.Explain(err, time.Now()) // TLS 1.3 tells behind the handshake that a certificate is wanted
	}
	return c, false, nil
}

// session reports whether the broker is to keep one.
func (c *Conn) session() bool {
	return !c.cfg.Clean && !c.cfg.Settings.Clean && c.cfg.Settings.Session > 0
}

// open opens what MQTT is spoken over.
func open(ctx context.Context, s Settings, u *url.URL) (net.Conn, error) {
	var secured *tls.Config
	if s.secured() {
		var err error
		if secured, err = (httpc.Route{CA: s.CA, TLS: s.TLS}).Secured(u.Hostname()); err != nil {
			return nil, err
		}
		secured.NextProtos = s.ALPN
	}
	var watch expiry.Watch
	secured = watch.Config(secured)
	if u.Scheme == "ws" || u.Scheme == "wss" {
		conn, err := openWebSocket(ctx, s, u, secured)
		if err != nil || secured == nil {
			return conn, err
		}
		return watch.Conn(conn), nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(u))
	if err != nil || secured == nil {
		return conn, err
	}
	tunnel := tls.Client(watch.Conn(conn), secured)
	if err := tunnel.HandshakeContext(ctx); err != nil {
		_ = tunnel.Close() // the handshake says what is wrong
		return nil, handshake.Failed(err, time.Now(), "write mqtt:// in url (port 1883), and mqtts:// for port 8883")
	}
	return tunnel, nil
}

// openWebSocket has the library dial, which knows no context; a connection that comes too late is closed.
func openWebSocket(ctx context.Context, s Settings, u *url.URL, secured *tls.Config) (net.Conn, error) {
	type opened struct {
		conn net.Conn
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		none := func(*http.Request) (*url.URL, error) { return nil, nil } // whatever the environment says
		conn, err := mqtt.NewWebsocket(u.String(), secured, s.ConnectTimeout, nil, &mqtt.WebsocketOptions{Proxy: none})
		done <- opened{conn, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, fmt.Errorf("WebSocket: %w", handshake.Explain(o.err, time.Now()))
		}
		return o.conn, nil
	case <-ctx.Done():
		go func() {
			if o := <-done; o.conn != nil {
				_ = o.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}
