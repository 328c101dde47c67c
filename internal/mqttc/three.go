package mqttc

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// three speaks MQTT 3.1.1.
type three struct {
	conn   *Conn
	client mqtt.Client
}

// beginThree has the broker let the connection in.
func (c *Conn) beginThree(ctx context.Context, password string) error {
	t := &three{conn: c}
	s := c.cfg.Settings
	o := mqtt.NewClientOptions()
	o.AddBroker("tcp://" + c.broker) // for its books: the connection is there already
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return c.wire, nil })
	o.SetProtocolVersion(4)
	o.SetClientID(c.cfg.ClientID)
	o.SetUsername(c.cfg.User)
	o.SetPassword(password)
	o.SetCleanSession(!c.session())
	o.SetKeepAlive(max(s.KeepAlive, time.Second))
	o.SetPingTimeout(pingGrace)
	o.SetWriteTimeout(writeLimit)
	o.SetConnectTimeout(s.ConnectTimeout)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetAutoAckDisabled(true)
	o.SetOrderMatters(true)
	o.SetStore(mqtt.NewMemoryStore())
	o.SetDefaultPublishHandler(t.received)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.end(c.lost(err)) })
	if w := c.cfg.Will; w != nil {
		o.SetBinaryWill(w.Topic, w.Payload, w.QoS, w.Retained)
	}
	t.client = mqtt.NewClient(o)
	token, _ := t.client.Connect().(*mqtt.ConnectToken)
	select {
	case <-token.Done():
	case <-ctx.Done():
		_ = c.wire.Close() // which ends the handshake
		<-token.Done()
		return ctx.Err()
	}
	if code := token.ReturnCode(); code != 0 && code <= 5 {
		return &Refused{What: "the connection", Code: code, version: Three}
	}
	if err := token.Error(); err != nil {
		return err
	}
	c.lib, c.resumed = t, token.SessionPresent()
	return nil
}

func (t *three) received(_ mqtt.Client, m mqtt.Message) {
	if t.conn.cfg.Receive == nil {
		return
	}
	t.conn.cfg.Receive(Message{
		Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retained: m.Retained(), Duplicate: m.Duplicate(), id: m.MessageID(), of: m,
	})
}

// await waits for what the library does, but no longer than for the connection.
func (t *three) await(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-t.conn.ended:
		return t.conn.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *three) subscribe(ctx context.Context, subscriptions []Subscription) ([]byte, error) {
	filters := map[string]byte{}
	for _, s := range subscriptions {
		filters[s.Filter] = s.QoS
	}
	token, _ := t.client.SubscribeMultiple(filters, nil).(*mqtt.SubscribeToken)
	err := t.await(ctx, token)
	codes := make([]byte, len(subscriptions))
	for i, s := range subscriptions {
		code, answered := token.Result()[s.Filter]
		if !answered && err != nil {
			return nil, err
		}
		if !answered {
			return nil, errors.New("the broker answers for another number of topics")
		}
		codes[i] = code
	}
	return codes, nil
}

func (t *three) acknowledge(m Message) error {
	if of, is := m.of.(mqtt.Message); is {
		of.Ack()
	}
	return nil
}

func (t *three) send(_ context.Context, m Message) (func(context.Context) error, error) {
	token := t.client.Publish(m.Topic, m.QoS, m.Retained, m.Payload)
	return func(ctx context.Context) error { return t.await(ctx, token) }, nil
}

func (t *three) close() { t.client.Disconnect(uint(goodbye / time.Millisecond)) }

func (t *three) abort() { t.client.Disconnect(0) }
