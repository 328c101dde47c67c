package opcua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/source"
)

// A client is an open source. It makes a connection for what it needs, and another one after anything went wrong with it; when that is, its pump says.
type client struct {
	settings Settings
	env      source.Env
	items    []*item   // of ids, and of what paths found
	looked   time.Time // when they were looked for
	observe  func(context.Context) (dodona.Batch, error)

	mu      sync.Mutex
	session *session
	closed  bool
}

// An item is a node that is observed.
type item struct {
	name     string        // of its readings
	node     *ua.NodeID    // as the server numbers it now; nil while it has no such namespace, or nothing at such a path
	lacking  ua.StatusCode // what it is while there is no node
	deadband Deadband
	told     string // the status that was logged of it last; empty while it is well
	at       time.Time
	watched  bool // by the subscription
}

// open prepares a client and does not dial.
func open(_ context.Context, s Settings, env source.Env) (dodona.Source, error) {
	if err := s.Check(); err != nil {
		return nil, dodona.Permanent(err)
	}
	if s.Security != securityNone && env.Folder == "" {
		return nil, dodona.Permanent(errors.New("there is no folder for certificates"))
	}
	c := &client{settings: s, env: env}
	c.observe = c.poll
	if s.Pushed() {
		c.observe = (&subscriber{client: c}).observe
	}
	if u, err := url.Parse(s.Endpoint); err == nil && s.Security == securityNone && s.User != "" && !loopback.Is(u.Hostname()) {
		env.Log.Warn(env.Source+": the password goes to whoever poses as the server, for security is None", "source", env.Source)
	}
	return c, nil
}

// Observe returns what the server says. After an error the connection is gone, and the next call makes another.
func (c *client) Observe(ctx context.Context) (b dodona.Batch, err error) {
	defer func() { // what is left of the library
		if v := recover(); v != nil {
			err = fmt.Errorf("what the server sent cannot be read: %v", v)
		}
		if err != nil {
			c.drop()
		}
	}()
	if b, err = c.observe(ctx); err != nil && ctx.Err() != nil {
		return dodona.Batch{}, ctx.Err()
	}
	return b, err
}

// Close ends the session.
func (c *client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.drop()
	return nil
}

var errClosed = errors.New("the source is closed")

// ready returns an open session; fresh says that it was made now.
func (c *client) ready(ctx context.Context) (s *session, fresh bool, err error) {
	c.mu.Lock()
	s, closed := c.session, c.closed
	c.mu.Unlock()
	if closed {
		return nil, false, dodona.Permanent(errClosed)
	}
	if s != nil {
		return s, false, nil
	}
	if s, err = c.connect(ctx); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go s.leave() // Close is done already, and nobody waits longer than its farewells take
		return nil, false, dodona.Permanent(errClosed)
	}
	c.session = s
	return s, true, nil
}

// drop ends the session, if there is one.
func (c *client) drop() {
	c.mu.Lock()
	s := c.session
	c.session = nil
	c.mu.Unlock()
	if s != nil {
		s.leave()
	}
}

// resolve finds the nodes of the settings on a server that was connected to just now.
func (c *client) resolve(ctx context.Context, s *session) error {
	before := map[string]*item{}
	for _, i := range c.items {
		before[i.name] = i
	}
	c.items, c.looked = nil, c.env.Now()
	seen := map[string]*item{}
	add := func(name string, node *ua.NodeID, lacking ua.StatusCode, d Deadband) {
		if known := seen[name]; known != nil {
			if d.IsZero() { // who wants each change has it
				known.deadband = d
			}
			return
		}
		i := &item{name: name, node: node, lacking: lacking, deadband: d}
		if was := before[name]; was != nil {
			i.told = was.told
		}
		seen[name] = i
		c.items = append(c.items, i)
	}
	var patterns []string
	bands := map[string]Deadband{}
	for _, n := range c.settings.sorted() {
		if n.Path != "" {
			if was, found := bands[n.Path]; !found || !was.IsZero() {
				bands[n.Path] = n.Deadband
			}
			patterns = append(patterns, n.Path)
			continue
		}
		name, err := parseNodeName(n.ID)
		if err != nil {
			return dodona.Permanent(err)
		}
		node, err := name.at(s.namespaces)
		if err != nil {
			node = nil
		}
		add(name.String(), node, ua.StatusBadNodeIDUnknown, n.Deadband)
	}
	if len(patterns) == 0 {
		return nil
	}
	found, err := s.browse(ctx, patterns)
	if err != nil {
		return fmt.Errorf("browse: %w", err)
	}
	for _, f := range found {
		add(f.path, f.node, ua.StatusBadNoMatch, bands[f.pattern])
	}
	for _, p := range patterns {
		if !slices.ContainsFunc(found, func(f variable) bool { return matches(p, f.path) }) {
			add(p, nil, ua.StatusBadNoMatch, bands[p])
		}
	}
	return nil
}

// lookAgain is how long what has no node is left alone: a controller may load its nodes long after its server has started.
const lookAgain = 30 * time.Second

// again looks once more for what has no node, if it is time, and reports whether the items are others than before.
func (c *client) again(ctx context.Context, s *session) (changed bool, err error) {
	if c.env.Now().Sub(c.looked) < lookAgain || !slices.ContainsFunc(c.items, func(i *item) bool { return i.node == nil }) {
		return false, nil
	}
	before := c.items
	if err := s.learn(ctx); err != nil {
		return false, err
	}
	if err := c.resolve(ctx, s); err != nil {
		return false, err
	}
	same := slices.EqualFunc(before, c.items, func(a, b *item) bool { return a.name == b.name && (a.node == nil) == (b.node == nil) })
	if same {
		c.items = before
	}
	return !same, nil
}

// reading returns what a server said of an item.
func (c *client) reading(i *item, body []byte, how string, received time.Time) dodona.Reading {
	v, err := parseValue(body)
	r := dodona.Reading{Source: c.env.Source, Item: i.name, Body: bytes.Clone(body), ContentType: contentType, Received: received}
	switch {
	case err != nil:
		r.Quality = dodona.Bad
	default:
		r.Quality = qualityOf(v.status)
		r.SourceTime = v.sourceTime
	}
	i.at = received
	c.tell(i, v.status, r.Quality)
	if overflowed(v.status) {
		// Fault (dropped): values change faster than the server queues them (its overflow bit).
		c.env.Dropped(1, fmt.Sprintf("the server's queue for %s was full; raise queue, or publish more often", plain.Line(i.name, 100)))
	}
	r.Detail = fmt.Sprintf("%s %s, %s, %s", how, c.settings.Peer(), statusName(v.status), describedType(v))
	return r
}

const contentType = "application/opcua+uabinary"

func describedType(v value) string {
	switch {
	case v.variant == nil:
		return "no value"
	case v.mask&ua.VariantArrayValues != 0:
		return typeName(v.kind()) + "[]"
	}
	return typeName(v.kind())
}

// tell says in the log that a node went bad, or is well again.
func (c *client) tell(i *item, status ua.StatusCode, q dodona.Quality) {
	now := ""
	if q == dodona.Bad {
		now = statusName(status)
	}
	if i.told == now {
		return
	}
	if was := i.told; now == "" {
		c.env.Log.Info(fmt.Sprintf("%s: node %s is well again after %s", c.env.Source, plain.Line(i.name, 100), was), "source", c.env.Source)
	} else {
		c.env.Log.Warn(fmt.Sprintf("%s: node %s is bad: %s; the other nodes go on", c.env.Source, plain.Line(i.name, 100), reasonOf(status)), "source", c.env.Source)
	}
	i.told = now
}

// refused is the DataValue that has nothing but a status.
func refused(status ua.StatusCode) []byte {
	return []byte{ua.DataValueStatusCode, byte(status), byte(status >> 8), byte(status >> 16), byte(status >> 24)}
}
