package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/backoff"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/sink"
)

// A publisher is a sink with a connection to its broker, or without one for now.
type publisher struct {
	s      Settings
	env    sink.Env
	topic  template
	status string // topic; empty: none
	spark  *edge  // nil: JSON

	dialer mqttc.Dialer
	turn   chan struct{} // full while somebody has the connection

	// Of whoever has the turn:
	conn   *mqttc.Conn // nil: none
	since  time.Time   // when it was made
	thrown thrown
	alone  bool // a message was refused: the next ones go one by one, so that what is behind it is not sent for nothing

	mu    sync.Mutex
	ended <-chan struct{} // of the connection; nil: there is none
	note  string          // what the broker lacks, and what is done without it
}

func open(_ context.Context, s Settings, env sink.Env) (sink.PointSink, error) {
	p := &publisher{s: s, env: env, turn: make(chan struct{}, 1)}
	usual := pointsTopic
	if env.Policy.NamesAnswers() {
		usual = answersTopic
	}
	p.topic = s.template(cmp.Or(s.Topic, usual), env.Sink)
	if s.Status != none {
		p.status = s.template(s.Status, env.Sink).fill("{node}", env.Node)
	}
	if s.Format == Sparkplug {
		p.spark = newEdge(s, env)
		p.status = "" // births and deaths say it
	}
	return p, nil
}

// take waits for the connection; false: ctx ended.
func (p *publisher) take(ctx context.Context) bool {
	select {
	case p.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *publisher) leave() { <-p.turn }

// connect sees that there is a connection, and says so on it.
func (p *publisher) connect(ctx context.Context) error {
	if p.conn != nil && p.conn.Err() == nil {
		return nil
	}
	p.drop()
	clientID, user := p.s.Identity(mqttc.Names{Node: p.env.Node, Name: p.env.Sink})
	if err := p.thrown.holds(p.env.Now(), clientID); err != nil {
		return err
	}
	cfg := mqttc.Config{Settings: p.s.Settings, ClientID: clientID, User: user, Clean: true, Will: p.will()}
	if p.spark != nil {
		cfg.Will, cfg.Receive = p.spark.begin(), p.spark.receive
	}
	conn, err := p.dialer.Dial(ctx, cfg)
	if err != nil {
		p.thrown = thrown{} // it is the broker that is not there
		return judged(err)
	}
	p.conn, p.since = conn, p.env.Now()
	p.mu.Lock()
	p.ended = conn.Done()
	p.mu.Unlock()
	if err := judged(p.birth(ctx)); err != nil {
		p.drop()
		if dodona.IsPermanent(err) { // of what says who is there, and not of an observation
			err = sink.Stalled(errors.New(err.Error()))
		}
		return err
	}
	p.env.Log.Info("connected to the broker", "broker", conn.Broker(), "version", conn.Version())
	p.doWithout(conn)
	return nil
}

// birth says on a new connection that the sink is there.
func (p *publisher) birth(ctx context.Context) error {
	if p.spark != nil {
		return p.spark.births(ctx, p)
	}
	if p.status == "" {
		return nil
	}
	return p.publish(ctx, p.says(true))
}

// will is what the broker says if the connection ends without a goodbye.
func (p *publisher) will() *mqttc.Message {
	if p.status == "" {
		return nil
	}
	m := p.says(false)
	return &m
}

const contentJSON = "application/json"

// says returns the message that the sink is there, or not.
func (p *publisher) says(online bool) mqttc.Message {
	return mqttc.Message{Topic: p.status, Payload: p.presence(online), QoS: 1, AtMost: true, Retained: true, ContentType: contentJSON}
}

func (p *publisher) presence(online bool) []byte {
	via := ""
	if p.env.Mark != "" {
		via = fmt.Sprintf(`,"via":[%q]`, p.env.Mark) // a source of this node is not to take it for a measurement
	}
	return fmt.Appendf(nil, `{"online":%t,"node":%q,"sink":%q%s}`, online, p.env.Node, p.env.Sink, via)
}

// publish sends a message and waits for its acknowledgement. Whoever calls it judges the error.
func (p *publisher) publish(ctx context.Context, m mqttc.Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.s.Timeout, p.silent())
	defer cancel()
	if err := p.conn.Publish(ctx, m); err != nil {
		return because(ctx, err)
	}
	return nil
}

func (p *publisher) silent() error {
	return fmt.Errorf("the broker at %s did not answer within %s", p.where(), p.s.Timeout)
}

func (p *publisher) where() string {
	if u, err := url.Parse(p.s.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return "its url"
}

// because returns why a context ended, if that is why something failed.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// drop ends the connection without a goodbye.
func (p *publisher) drop() {
	if p.conn == nil {
		return
	}
	p.lost(p.conn)
	p.conn.Abort()
	p.conn = nil
	p.mu.Lock()
	p.ended = nil
	p.mu.Unlock()
}

// ofMessage are the reason codes that speak of a message: its topic, its payload, its size.
var ofMessage = map[byte]bool{0x90: true, 0x95: true, 0x99: true}

// judged says of a failure whether it speaks of the message, of the broker for good, or of now.
func judged(err error) error {
	var refused *mqttc.Refused
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*mqttc.TooLarge)):
		return sink.Never(err)
	case errors.As(err, &refused) && ofMessage[refused.Code]:
		return dodona.Permanent(err)
	case mqttc.IsHopeless(err), dodona.IsPermanent(err):
		return sink.Stalled(errors.New(err.Error())) // not of the record, though trying again soon mends nothing
	}
	return err
}

// Send publishes observations, and returns when the broker has acknowledged all of them.
func (p *publisher) Send(ctx context.Context, events []sink.ObservationEvent) (sink.Sent, error) {
	if !p.take(ctx) {
		return sink.Sent{}, ctx.Err()
	}
	defer p.leave()
	if err := p.connect(ctx); err != nil {
		return sink.Sent{}, err
	}
	if p.alone {
		events = events[:1]
	}
	parts, err := p.messages(events)
	if err != nil {
		return sink.Sent{}, dodona.Permanent(err)
	}
	sent, err := p.sendAll(ctx, parts)
	refused := p.isRefused(err)
	p.alone = refused && !errors.As(err, new(*mqttc.TooLarge)) || err != nil && sent.Done == 0 && p.conn.Err() != nil // some brokers end the connection instead
	if err != nil && !refused {
		p.drop()
	}
	return sent, judged(err)
}

// isRefused reports whether a message is refused, and the connection is as good as before.
func (p *publisher) isRefused(err error) bool {
	return (errors.As(err, new(*mqttc.Refused)) || errors.As(err, new(*mqttc.TooLarge))) && p.conn.Err() == nil
}

// A part is a message and how many observations it has.
type part struct {
	mqttc.Message
	events int
}

// messages returns the messages of observations, in their order.
func (p *publisher) messages(events []sink.ObservationEvent) (parts []part, err error) {
	if p.spark != nil {
		return p.spark.data(events, byte(p.s.QoS), p.conn.MaxPacket()), nil
	}
	for _, e := range events {
		text, err := e.JSON()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{mqttc.Message{
			Topic: p.topic.of(e), Payload: text, QoS: byte(p.s.QoS), Retained: p.s.Retain, ContentType: contentJSON,
		}, 1})
	}
	return parts, nil
}

// TopicOf returns the topic of an observation.
func (p *publisher) TopicOf(e sink.ObservationEvent) string {
	if p.spark != nil {
		return p.spark.topic("DDATA", e.Device)
	}
	return p.topic.of(e)
}

// sendAll sends messages one behind the other, and then waits for each acknowledgement: the broker has as many under way as it allows.
func (p *publisher) sendAll(ctx context.Context, parts []part) (sent sink.Sent, err error) {
	var waits []func(context.Context) error
	within := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeoutCause(ctx, p.s.Timeout, p.silent())
		defer cancel()
		if err := f(ctx); err != nil {
			return because(ctx, err)
		}
		return nil
	}
	for _, m := range parts {
		sent.Tried += m.events // even if it fails: some of it may be on its way
		if err = within(func(ctx context.Context) error {
			wait, err := p.conn.Send(ctx, m.Message)
			waits = append(waits, wait)
			return err
		}); err != nil {
			waits = waits[:len(waits)-1]
			if errors.As(err, new(*mqttc.TooLarge)) {
				sent.Tried -= m.events
			}
			break
		}
	}
	for i, wait := range waits {
		if failed := within(wait); failed != nil {
			return sent, failed
		}
		sent.Done += parts[i].events
	}
	return sent, err
}

// Deliver publishes one answer, or anchor.
func (p *publisher) Deliver(ctx context.Context, recs []dodona.Record) (receipts []dodona.Receipt, err error) {
	if !p.take(ctx) {
		return nil, ctx.Err()
	}
	defer p.leave()
	for _, rec := range recs {
		if err := p.connect(ctx); err != nil {
			return receipts, err
		}
		topic := p.topic.fill("{feed}", rec.Key, "{node}", p.env.Node)
		if err := p.publish(ctx, mqttc.Message{
			Topic: topic, Payload: rec.Body, QoS: byte(p.s.QoS), Retained: p.s.Retain, ContentType: contentJSON,
			Properties: [][2]string{{"id", string(rec.Topic) + "/" + rec.Key + "/" + rec.ID}},
		}); err != nil {
			if !p.isRefused(err) {
				p.drop()
			}
			return receipts, judged(err)
		}
		receipts = append(receipts, dodona.Receipt{Status: dodona.ReceiptDelivered, Detail: "published on " + topic})
	}
	return receipts, nil
}

// again is how soon the broker is dialled while there is nothing to publish.
var again = backoff.Backoff{Min: time.Second, Max: 30 * time.Second}

// Run keeps the connection while there is nothing to publish, and says again who is there when somebody asks.
func (p *publisher) Run(ctx context.Context) error {
	for attempt := 1; ctx.Err() == nil; {
		if !p.take(ctx) {
			return nil
		}
		err := p.connect(ctx)
		asked := err == nil && p.spark != nil && p.spark.isAsked()
		if asked {
			err = p.spark.births(ctx, p)
		}
		p.leave()
		if err != nil && ctx.Err() == nil {
			p.env.Log.Warn("the broker is not there; what is to be published waits", "error", err, "attempt", attempt)
			attempt++
			backoff.Wait(ctx, again.Next(attempt, nil))
			continue
		}
		attempt = 1
		if asked {
			backoff.Wait(ctx, bornFor)
		}
		p.rest(ctx)
	}
	return nil
}

// rest waits until the connection has ended, or somebody asks for births.
func (p *publisher) rest(ctx context.Context) {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	var asked <-chan struct{}
	if p.spark != nil {
		asked = p.spark.asked
	}
	select {
	case <-ended:
	case <-asked:
		p.spark.ask()
	case <-ctx.Done():
	}
}

// Close says that the sink goes, and says goodbye.
func (p *publisher) Close() error {
	p.turn <- struct{}{}
	defer p.leave()
	if p.conn == nil || p.conn.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(p.s.Timeout, goodbye))
	defer cancel()
	var err error
	if p.spark != nil {
		err = p.conn.Publish(ctx, p.spark.death())
	} else if w := p.will(); w != nil {
		err = p.conn.Publish(ctx, *w)
	}
	if err != nil {
		p.drop() // so that the broker says it
		return nil
	}
	return p.conn.Close()
}

// goodbye is how long a broker may take to hear that the sink goes.
const goodbye = 3 * time.Second
