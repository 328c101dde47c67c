package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/mqttc"
	"github.com/dodona-oracle/dodona/internal/observed"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/source"
)

var errClosed = errors.New("the source is closed")

// A subscriber observes one broker. Its pump tries again when a connection cannot be made or has ended.
type subscriber struct {
	settings Settings
	env      source.Env
	filters  []string
	dialer   mqttc.Dialer
	inbox    *inbox
	known    *known
	host     *host // of Sparkplug; nil without
	closing  chan struct{}
	once     sync.Once

	mu   sync.Mutex // for Close, which may come at any time
	conn *mqttc.Conn

	over      uint64    // which connection it is
	unsettled []letter  // what was observed last and is not acknowledged
	again     uint64    // messages that came again over this connection
	trimmed   time.Time // when the broker granted less than was asked for, so that it is said once
}

func newSubscriber(s Settings, env source.Env) *subscriber {
	s.Complete()
	u := &subscriber{
		settings: s, env: env, filters: s.filters(), inbox: newInbox(s.ReceiveMaximum, env.Dropped), known: newKnown(s.MaxTopics), closing: make(chan struct{}),
	}
	if s.Sparkplug != nil {
		u.host = newHost(s, env)
	}
	return u
}

// filters returns what to subscribe to.
func (s *Settings) filters() []string {
	switch {
	case s.Sparkplug != nil:
		return s.sparkplugFilters()
	case len(s.Topics) > 0:
		return s.Topics
	}
	return s.presetFilters()
}

// Close ends the connection. Observe returns then.
func (u *subscriber) Close() error {
	u.once.Do(func() { close(u.closing) })
	u.mu.Lock()
	conn := u.conn
	u.conn = nil
	u.mu.Unlock()
	u.inbox.close()
	if conn != nil {
		u.leave(conn)
	}
	return nil
}

// leave says goodbye.
func (u *subscriber) leave(conn *mqttc.Conn) {
	if u.host != nil {
		u.host.leave(conn)
	}
	_ = conn.Close() // it says goodbye as well as it can
}

// Observe waits for messages.
func (u *subscriber) Observe(ctx context.Context) (dodona.Batch, error) {
	conn, fresh, err := u.connection(ctx)
	if err != nil {
		return dodona.Batch{}, err
	}
	if fresh {
		return dodona.Batch{}, nil // which tells that the broker is there
	}
	u.giveUp(conn)
	for {
		if b := u.batch(conn); len(b.Readings) > 0 {
			return b, nil
		}
		select {
		case <-u.inbox.ready:
		case <-conn.Done():
			if b := u.batch(conn); len(b.Readings) > 0 {
				return b, nil // its last words
			}
			return dodona.Batch{}, u.lost(conn)
		case <-ctx.Done():
			return dodona.Batch{}, ctx.Err()
		case <-u.closing:
			return dodona.Batch{}, errClosed
		case <-u.host.doubts():
		}
	}
}

// giveUp acknowledges what was observed and did not get into the journal: whoever took it has given it up and counted it, and the broker
// sends no more than its window.
func (u *subscriber) giveUp(conn *mqttc.Conn) {
	if len(u.unsettled) > 0 {
		_ = u.acknowledge(conn) // what fails is seen by whoever waits
	}
}

// lost drops a connection that has ended, once what it brought was observed.
func (u *subscriber) lost(conn *mqttc.Conn) error {
	u.mu.Lock()
	u.conn = nil
	u.mu.Unlock()
	u.inbox.close()
	u.unsettled = nil // the broker sends it again
	if u.host != nil {
		u.host.lost()
	}
	_ = conn.Close() // which ends what is left of it
	err := conn.Err()
	if mqttc.IsHopeless(err) {
		err = dodona.Permanent(err)
	}
	return fmt.Errorf("%s: %w", conn.Broker(), err)
}

// connection returns the connection, and whether it was made just now.
func (u *subscriber) connection(ctx context.Context) (conn *mqttc.Conn, fresh bool, err error) {
	u.mu.Lock()
	conn = u.conn
	u.mu.Unlock()
	if conn != nil {
		return conn, false, nil
	}
	select {
	case <-u.closing:
		return nil, false, errClosed
	default:
	}
	u.over++
	u.again = 0
	u.inbox.reopen()
	if conn, err = u.dial(ctx); err != nil {
		u.inbox.close()
		return nil, false, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.closing:
		u.leave(conn)
		return nil, false, errClosed
	default:
	}
	u.conn = conn
	return conn, true, nil
}

// dial connects and subscribes.
func (u *subscriber) dial(ctx context.Context) (*mqttc.Conn, error) {
	s := u.settings
	cfg := mqttc.Config{Settings: s.Settings, MaxPacket: s.MaxSize + 2*maxTopic}
	cfg.ClientID, cfg.User = s.Identity(mqttc.Names{Node: u.env.Node, Name: u.env.Source})
	if u.env.Trial {
		cfg.ClientID, cfg.Clean = fmt.Sprintf("%s-try-%06x", cfg.ClientID, rand.Uint32()>>8), true // the node's own stays connected
	}
	var blocks bool // of 3.1.1, which knows no window
	over := u.over
	known := make(chan struct{}) // once blocks is
	cfg.Receive = func(m mqttc.Message) {
		<-known
		l := letter{Message: m, over: over}
		if l.large = len(m.Payload) > int(s.MaxSize); l.large {
			u.tooLarge(m.Topic, len(m.Payload))
			l.Payload = nil
		}
		if !l.large || l.QoS > 0 { // to be acknowledged in its turn
			u.inbox.put(l, blocks)
		}
	}
	cfg.Oversized = u.tooLarge
	if u.host != nil {
		cfg.Clean, cfg.Will = true, u.host.will()
	}
	conn, err := u.dialer.Dial(ctx, cfg)
	if err != nil {
		close(known)
		return nil, err
	}
	blocks = conn.Version() == mqttc.Three
	close(known)
	if err := u.subscribe(ctx, conn); err != nil {
		_ = conn.Close() // there is nothing to lose
		return nil, err
	}
	u.env.Log.Info(fmt.Sprintf("%s: connected to %s with MQTT %s as %q%s", u.env.Source, conn.Broker(), conn.Version(), cfg.ClientID, resumed(conn)), "source", u.env.Source)
	return conn, nil
}

func resumed(conn *mqttc.Conn) string {
	if conn.Resumed() {
		return ", where the last session ended"
	}
	return ""
}

func (u *subscriber) tooLarge(topic string, size int) {
	// Fault (dropped): a message is larger than max_size.
	u.env.Dropped(1, fmt.Sprintf("a message of %s is larger than max_size %s: %.200s", unit.Size(size), u.settings.MaxSize, topic))
}

// subscribeAtOnce is how many filters one request has; brokers that are rented out take no more than eight.
const subscribeAtOnce = 8

func (u *subscriber) subscribe(ctx context.Context, conn *mqttc.Conn) error {
	var all []mqttc.Subscription
	for _, filter := range u.filters {
		all = append(all, mqttc.Subscription{Filter: filter, QoS: byte(u.settings.QoS), NewOnly: conn.Resumed()})
	}
	for some := range slices.Chunk(all, subscribeAtOnce) {
		granted, err := conn.Subscribe(ctx, some...)
		if mqttc.IsHopeless(err) {
			err = dodona.Permanent(err)
		}
		if err != nil {
			return err
		}
		for i, qos := range granted {
			if int(qos) < u.settings.QoS && u.trimmed.IsZero() {
				u.trimmed = u.env.Now()
				u.env.Log.Warn(fmt.Sprintf("%s: %s grants QoS %d for %s, not %d", u.env.Source, conn.Broker(), qos, some[i].Filter, u.settings.QoS), "source", u.env.Source)
			}
		}
	}
	if u.host != nil {
		return u.host.arrive(ctx, conn)
	}
	return nil
}

// batch returns what came, and acknowledges what there is nothing to remember of.
func (u *subscriber) batch(conn *mqttc.Conn) (b dodona.Batch) {
	now := u.env.Now()
	letters := u.inbox.take(maxBatch, int(maxBatchBytes))
	for _, l := range letters {
		b.Readings = append(b.Readings, u.readings(conn, l, now)...)
	}
	if u.host != nil {
		b.Readings = append(b.Readings, u.host.due(now, conn)...)
	}
	for _, l := range letters {
		if l.QoS > 0 {
			u.unsettled = append(u.unsettled, l)
		}
	}
	if len(b.Readings) == 0 {
		_ = u.acknowledge(conn) // what fails is seen by whoever waits
		return b
	}
	b.Ack = func(context.Context) error { return u.acknowledge(conn) }
	return b
}

// acknowledge tells the broker that what was observed last need not be sent again. Where the connection has ended, the broker sends it
// again, and it is known.
func (u *subscriber) acknowledge(conn *mqttc.Conn) error {
	letters := u.unsettled
	u.unsettled = nil
	for _, l := range letters {
		u.known.settle(l, 2*u.settings.ReceiveMaximum)
		if l.over == u.over && conn.Err() == nil {
			_ = conn.Acknowledge(l.Message) // the connection says why
		}
	}
	return nil
}

// readings returns what there is to remember of a message.
func (u *subscriber) readings(conn *mqttc.Conn, l letter, now time.Time) []dodona.Reading {
	if u.known.again(l) {
		u.again++
		if u.again&(u.again-1) == 0 {
			u.env.Log.Info(fmt.Sprintf("%s: %s came again that the journal has, since the connection was made", u.env.Source, unit.Count(u.again, "message")), "source", u.env.Source)
		}
		return nil
	}
	if l.large || !slices.ContainsFunc(u.filters, func(f string) bool { return matches(f, l.Topic) }) {
		return nil // too large; or of a subscription that the session has from earlier settings
	}
	if u.isOwn(l) {
		// Fault (dropped): what a sink of this node published comes back.
		u.env.Dropped(1, fmt.Sprintf("this node published it, and reading it would feed it to itself; name topics, groups or metrics without it: %.200s", l.Topic))
		return nil
	}
	if u.host != nil {
		return u.host.readings(conn, l.Message, now)
	}
	return u.reading(conn, l, now)
}

// isOwn reports whether a message is what a sink of this node said: an observation with its mark, or a message of its edge node.
func (u *subscriber) isOwn(l letter) bool {
	if parts := strings.Split(l.Topic, "/"); parts[0] == namespace && len(parts) >= 4 {
		return !verbs[parts[2]].other && u.env.Own(parts[1]+"/"+parts[3])
	}
	return observed.Passed(l.Payload, u.env.Mark)
}

// unknownTime is the source's time of what was measured nobody knows when: 1970, which every feed calls stale.
var unknownTime = time.Unix(0, 0).UTC()

func (u *subscriber) reading(conn *mqttc.Conn, l letter, now time.Time) []dodona.Reading {
	if err := u.known.admit(l.Topic); err != nil {
		u.env.Dropped(1, fmt.Sprintf("%.200s: %v", l.Topic, err))
		return nil
	}
	again := u.known.says(l)
	r := dodona.Reading{
		Source: u.env.Source, Item: l.Topic, Body: l.Payload, ContentType: l.ContentType, Received: now,
		Detail: fmt.Sprintf("MQTT %s from %s, QoS %d, %d B", conn.Version(), conn.Broker(), l.QoS, len(l.Payload)),
	}
	if r.ContentType == "" {
		r.ContentType = u.settings.ContentType
	}
	if l.Duplicate {
		r.Detail += ", sent again"
	}
	if l.Retained {
		if again {
			return nil
		}
		r.Quality, r.SourceTime = dodona.Uncertain, unknownTime
		// Fault (stale): a message is retained: nobody knows how old it is.
		r.Detail = "retained: it was published nobody knows when; " + r.Detail
	}
	return []dodona.Reading{r}
}
