package mqttc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session/state"

	"github.com/dodona-oracle/dodona/internal/unit"
)

// five speaks MQTT 5.
type five struct {
	conn    *Conn
	client  *paho.Client
	session deferred
}

// A deferred session acknowledges what came when its owner says so. The library does when its handler returns, or else keeps a list and a
// clock of its own; and it makes the session forget the connection while another goroutine writes to it.
type deferred struct{ *state.State }

// Ack is called by the library, and does nothing.
func (deferred) Ack(*packets.Publish) error { return nil }

// ConnectionLost is called by the library, and does nothing: closing the state says the same once the library is done with it.
func (deferred) ConnectionLost(*packets.Disconnect) error { return nil }

// beginFive has the broker let the connection in.
func (c *Conn) beginFive(ctx context.Context, password string) error {
	c.wire.pieces = true
	f := &five{conn: c, session: deferred{state.NewInMemory()}}
	f.client = paho.NewClient(paho.ClientConfig{
		ClientID: c.cfg.ClientID, Conn: c.wire, Session: f.session, PacketTimeout: c.cfg.Settings.ConnectTimeout,
		PingHandler:       &pinger{every: c.cfg.Settings.KeepAlive},
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){f.received},
		OnClientError:     func(err error) { c.end(c.lost(err)) },
		OnServerDisconnect: func(d *paho.Disconnect) {
			told := &Refused{What: "the connection", Code: d.ReasonCode, version: Five}
			if d.Properties != nil {
				told.Why = d.Properties.ReasonString
			}
			c.end(toldError{told})
		},
	})
	ack, err := f.client.Connect(ctx, c.connectFive(password))
	if ack != nil && ack.ReasonCode >= 0x80 {
		refused := &Refused{What: "the connection", Code: ack.ReasonCode, version: Five}
		if ack.Properties != nil {
			refused.Why = ack.Properties.ReasonString
		}
		return refused
	}
	if err != nil {
		return err
	}
	c.lib, c.resumed = f, ack.SessionPresent
	keepAlive := c.cfg.Settings.KeepAlive
	if p := ack.Properties; p != nil {
		if p.ServerKeepAlive != nil {
			keepAlive = time.Duration(*p.ServerKeepAlive) * time.Second
		}
		if p.SessionExpiryInterval != nil {
			c.lifetime = time.Duration(*p.SessionExpiryInterval) * time.Second
		}
		said := limits{noRetain: !p.RetainAvailable, maxQoS: unlimited.maxQoS}
		if p.MaximumQoS != nil {
			said.maxQoS = *p.MaximumQoS
		}
		if p.MaximumPacketSize != nil {
			said.maxPacket = int(min(*p.MaximumPacketSize, math.MaxInt32))
		}
		c.limits = c.limits.and(said)
	}
	if keepAlive > 0 {
		c.wire.expect(keepAlive)
	}
	go func() { // the library is told of its end by nobody if it ended itself
		<-f.client.Done()
		_ = f.session.Close() // in memory
		select {
		case <-c.ended:
		case <-time.After(goodbye): // why is said beside
			c.end(errors.New("the connection was lost"))
		}
	}()
	return nil
}

// lost says in words why a library gave the connection up. Neither has an error of its own for a ping without an answer; they close the connection then.
func (c *Conn) lost(err error) error {
	if strings.Contains(strings.ToLower(err.Error()), "pingresp") || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("no packet from the broker in %s, though it was pinged: it is frozen, or the way to it is cut", unit.FormatDuration(time.Duration(c.wire.due.Load())))
	}
	return fmt.Errorf("the connection was lost: %w", err)
}

func (c *Conn) connectFive(password string) *paho.Connect {
	s := c.cfg.Settings
	connect := &paho.Connect{
		ClientID: c.cfg.ClientID, KeepAlive: seconds(s.KeepAlive), CleanStart: !c.session(),
		Username: c.cfg.User, UsernameFlag: c.cfg.User != "", Password: []byte(password), PasswordFlag: password != "",
		Properties: &paho.ConnectProperties{RequestProblemInfo: true},
	}
	expiry, receive := uint32(0), uint16(min(s.ReceiveMaximum, maxReceive))
	if c.session() {
		expiry = uint32(s.Session / time.Second)
	}
	most := uint32(c.wire.most)
	connect.Properties.SessionExpiryInterval, connect.Properties.ReceiveMaximum, connect.Properties.MaximumPacketSize = &expiry, &receive, &most
	if w := c.cfg.Will; w != nil {
		connect.WillMessage = &paho.WillMessage{Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retained}
		if w.ContentType != "" {
			connect.WillProperties = &paho.WillProperties{ContentType: w.ContentType}
		}
	}
	return connect
}

// seconds returns a time as the protocol has it, rounded up.
func seconds(d time.Duration) uint16 { return uint16((d + time.Second - 1) / time.Second) }

func (f *five) received(r paho.PublishReceived) (bool, error) {
	if f.conn.cfg.Receive == nil {
		return true, nil
	}
	p := r.Packet.Packet()
	m := Message{Topic: p.Topic, Payload: p.Payload, QoS: p.QoS, Retained: p.Retain, Duplicate: p.Duplicate, id: p.PacketID}
	if p.Properties != nil {
		m.ContentType = p.Properties.ContentType
		for _, u := range p.Properties.User {
			m.Properties = append(m.Properties, [2]string{u.Key, u.Value})
		}
	}
	f.conn.cfg.Receive(m)
	return true, nil
}

func (f *five) subscribe(ctx context.Context, subscriptions []Subscription) ([]byte, error) {
	request := &paho.Subscribe{}
	for _, s := range subscriptions {
		o := paho.SubscribeOptions{Topic: s.Filter, QoS: s.QoS}
		if s.NewOnly {
			o.RetainHandling = 1
		}
		request.Subscriptions = append(request.Subscriptions, o)
	}
	ack, err := f.client.Subscribe(ctx, request)
	if ack != nil && len(ack.Reasons) == len(subscriptions) {
		return ack.Reasons, nil
	}
	return nil, cmp.Or(err, errors.New("the broker answers for another number of topics"))
}

func (f *five) acknowledge(m Message) error {
	return f.session.State.Ack(&packets.Publish{PacketID: m.id, QoS: m.QoS})
}

func (f *five) send(ctx context.Context, m Message) (func(context.Context) error, error) {
	p := &paho.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retained, Properties: &paho.PublishProperties{ContentType: m.ContentType}}
	for _, u := range m.Properties {
		p.Properties.User.Add(u[0], u[1])
	}
	if err := f.fits(p); err != nil {
		return nil, err
	}
	if m.QoS == 0 {
		_, err := f.client.Publish(ctx, p)
		return func(context.Context) error { return nil }, err
	}
	packet, answer := p.Packet(), make(chan packets.ControlPacket, 1)
	if err := f.session.AddToSession(ctx, packet, answer); err != nil {
		return nil, err
	}
	if _, err := packet.WriteTo(f.conn.wire); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return f.await(ctx, m, answer) }, nil
}

// fits says why a message is larger than the broker takes; nil: it is not.
func (f *five) fits(p *paho.Publish) error {
	most := f.conn.limits.maxPacket
	about := 32 + len(p.Topic) + len(p.Payload) + len(p.Properties.ContentType) // heads and lengths are not so many
	for _, u := range p.Properties.User {
		about += 5 + len(u.Key) + len(u.Value)
	}
	if most == 0 || about <= most {
		return nil
	}
	size, err := p.Packet().WriteTo(io.Discard)
	if err != nil || size <= int64(most) {
		return err
	}
	return &TooLarge{Topic: p.Topic, Size: int(size), Most: most}
}

// await waits for the acknowledgement of what was sent.
func (f *five) await(ctx context.Context, m Message, answer <-chan packets.ControlPacket) error {
	var code byte
	select {
	case got := <-answer:
		switch p := got.Content.(type) {
		case *packets.Puback:
			code = p.ReasonCode
		case *packets.Pubrec:
			code = p.ReasonCode
		case *packets.Pubcomp:
			code = p.ReasonCode
		default:
			return errors.New("the connection ended before the broker had taken the message")
		}
	case <-f.conn.ended:
		return f.conn.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
	if code >= 0x80 {
		return &Refused{What: "a message to " + m.Topic, Code: code, version: Five}
	}
	return nil
}

func (f *five) close() {
	_ = f.client.Disconnect(&paho.Disconnect{ReasonCode: 0}) // it may be gone already
}

func (f *five) abort() { <-f.client.Done() }
