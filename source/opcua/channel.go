package opcua

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A channel is a secure channel (Part 6, 6.7) on a connection of its own. One goroutine reads it; requests may come from several.
// It ends at the first thing that is not as it should be, and is never mended: who needs one dials again.
type channel struct {
	conn     net.Conn
	url      string
	security security
	limits   limits
	now      func() time.Time

	sending  sync.Mutex // one message after another; guards sequence
	sequence uint32

	mu       sync.Mutex
	id       uint32
	tokens   []*token // the newest last
	opening  []byte   // our nonce while the server is asked for a token
	requests uint32
	pending  map[uint32]chan answer
	failure  error

	ended chan struct{} // closed when the reader has ended
}

// A security is how a channel is secured, and with whom.
type security struct {
	policy string // its URI
	mode   ua.MessageSecurityMode
	own    *identity       // ours; nil without security
	server *serverIdentity // nil without security
}

func (s security) secured() bool { return s.mode != ua.MessageSecurityModeNone }

// limits of messages, as client and server agreed.
type limits struct {
	chunk   int // of what is sent
	message int // of what is received
}

// A token is the keys of a channel for some time.
type token struct {
	id      uint32
	algo    *uapolicy.EncryptionAlgorithm
	renew   time.Time
	expires time.Time
}

// An answer is the body of a message, or why there is none.
type answer struct {
	body []byte
	err  error
}

const (
	leastChunk    = 8192
	ownChunk      = 65535
	maxChunks     = 512
	tokenLifetime = time.Hour
	headerSize    = 12
)

// dial connects to address, and says hello to the server that answers to url.
func dial(ctx context.Context, address, url string, s security, most int, now func() time.Time) (*channel, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &channel{
		conn: conn, url: url, security: s, now: now, limits: limits{chunk: leastChunk, message: most},
		pending: map[uint32]chan answer{}, ended: make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err = c.hello(ctx)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("say hello: %w", err)
	}
	go c.read()
	if err := c.open(ctx, ua.SecurityTokenRequestTypeIssue); err != nil {
		c.end()
		return nil, fmt.Errorf("open a secure channel: %w", err)
	}
	return c, nil
}

// hello agrees on the sizes of messages.
func (c *channel) hello(ctx context.Context) error {
	deadline, limited := ctx.Deadline()
	if !limited {
		deadline = time.Now().Add(10 * time.Second)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	out := ua.NewBuffer(nil)
	for _, n := range []uint32{0, ownChunk, ownChunk, uint32(c.limits.message), maxChunks} {
		out.WriteUint32(n)
	}
	out.WriteString(c.url)
	if _, err := c.conn.Write(framed("HELF", out.Bytes())); err != nil {
		return err
	}
	kind, frame, err := c.frame(1024)
	if err != nil {
		return err
	}
	in := &cursor{rest: frame[8:]}
	if kind != "ACKF" {
		// Fault (exchange): something else than OPC UA answers.
		return fmt.Errorf("it answered with %s, so no server of OPC UA is there", plain.Quote(kind, 10))
	}
	in.u32()         // version
	in.u32()         // what it sends at most, which is no more than what we take
	take := in.u32() // what it takes at most
	if in.err != nil || take < leastChunk {
		return errors.New("its acknowledgement cannot be read")
	}
	c.limits.chunk = min(int(take), ownChunk)
	return c.conn.SetDeadline(time.Time{})
}

func framed(kind string, body []byte) []byte {
	out := append([]byte(kind), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[4:], uint32(8+len(body)))
	return append(out, body...)
}

// frame reads one chunk whole. An ERR message is an error.
func (c *channel) frame(most int) (kind string, frame []byte, err error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return "", nil, err
	}
	kind = string(head[:4])
	size := binary.LittleEndian.Uint32(head[4:])
	if size < 8 || size > uint32(most) {
		// Fault (exchange): a message is larger than was agreed.
		return "", nil, fmt.Errorf("it sent a message %s of %d bytes, want 8 to %d", plain.Quote(kind, 10), size, most)
	}
	frame = append(head, make([]byte, size-8)...)
	if _, err := io.ReadFull(c.conn, frame[8:]); err != nil {
		return "", nil, err
	}
	if kind == "ERRF" {
		in := &cursor{rest: frame[8:]}
		code, why := ua.StatusCode(in.u32()), in.text()
		return "", nil, statusError{code: code, told: why}
	}
	return kind, frame, nil
}

// open asks for a token, the first one or the next.
func (c *channel) open(ctx context.Context, kind ua.SecurityTokenRequestType) error {
	algo, err := c.asymmetric()
	if err != nil {
		return err
	}
	nonce, err := algo.MakeNonce()
	if err != nil {
		return fmt.Errorf("make a nonce: %w", err)
	}
	c.mu.Lock()
	c.opening = nonce
	if nonce == nil {
		c.opening = []byte{}
	}
	c.mu.Unlock()
	_, err = c.ask(ctx, nil, &ua.OpenSecureChannelRequest{
		RequestType: kind, SecurityMode: c.security.mode, ClientNonce: nonce, RequestedLifetime: uint32(tokenLifetime / time.Millisecond),
	})
	return err
}

// opened takes in a new token. It is called by the reader, because the next chunk may be secured by it.
func (c *channel) opened(body []byte) error {
	in := &cursor{rest: body}
	if _, status := in.header(); in.err != nil || status != ua.StatusOK {
		return in.err // whoever asked is told the status
	}
	in.u32() // version
	id, t := in.u32(), &token{id: in.u32()}
	in.u64() // created at
	lifetime := time.Duration(in.u32()) * time.Millisecond
	nonce := in.bytes()
	if in.err != nil {
		return in.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opening == nil || c.id != 0 && c.id != id {
		return errors.New("it opened a secure channel that nobody asked for")
	}
	if lifetime <= 0 || lifetime > tokenLifetime {
		lifetime = tokenLifetime
	}
	if c.security.secured() && len(nonce) < len(c.opening) {
		return errors.New("its nonce is too short for the security policy")
	}
	var err error
	if t.algo, err = uapolicy.Symmetric(c.security.policy, c.opening, nonce); err != nil {
		return fmt.Errorf("derive keys: %w", err)
	}
	now := c.now()
	t.renew, t.expires = now.Add(lifetime*3/4), now.Add(lifetime*5/4)
	c.id, c.opening = id, nil
	c.tokens = append(c.tokens, t)
	if len(c.tokens) > 2 {
		c.tokens = c.tokens[1:]
	}
	return nil
}

// due reports whether the newest token is to be renewed.
func (c *channel) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tokens) > 0 && !c.now().Before(c.tokens[len(c.tokens)-1].renew)
}

// A request goes to the server.
type request interface{ ua.Request }

// ask sends a request and returns a cursor behind the header of the response to it.
func (c *channel) ask(ctx context.Context, auth *ua.NodeID, req request) (*cursor, error) {
	wait, number, err := c.send(ctx, auth, req)
	if err != nil {
		return nil, err
	}
	return c.await(ctx, wait, number, ua.ServiceTypeID(req))
}

// await waits for the answer to a request that was sent.
func (c *channel) await(ctx context.Context, wait <-chan answer, number uint32, asked uint16) (*cursor, error) {
	select {
	case got := <-wait:
		return got.response(asked)
	case <-c.ended:
		select {
		case got := <-wait:
			return got.response(asked)
		default:
			return nil, c.why()
		}
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pending, number)
		c.mu.Unlock()
		return nil, ctx.Err()
	}
}

// response returns a cursor behind the header of the response to a request of some type.
func (a answer) response(asked uint16) (*cursor, error) {
	if a.err != nil {
		return nil, a.err
	}
	in := &cursor{rest: a.body}
	kind, status := in.header()
	switch {
	case in.err != nil:
		return nil, fmt.Errorf("read the header of its response: %w", in.err)
	case status>>30 != 0:
		return nil, statusError{code: status}
	case kind != uint32(asked)+3: // each response is numbered after its request (Part 6, annex A)
		return nil, fmt.Errorf("it answered a request of type %d with a message of type %d", asked, kind)
	}
	return in, nil
}

// header passes the type and the header of a response.
func (c *cursor) header() (kind uint32, status ua.StatusCode) {
	id := c.node()
	c.u64() // timestamp
	c.u32() // handle
	status = ua.StatusCode(c.u32())
	c.diagnostics()
	for range c.count(4) {
		c.bytes()
	}
	c.extension()
	return uint32(id.IntID()), status
}

// send sends a request; its answer comes on the channel that is returned.
func (c *channel) send(ctx context.Context, auth *ua.NodeID, req request) (<-chan answer, uint32, error) {
	if auth == nil {
		auth = ua.NewTwoByteNodeID(0)
	}
	kind := ua.ServiceTypeID(req)
	var hint uint32
	if deadline, limited := ctx.Deadline(); limited {
		hint = uint32(max(time.Until(deadline), time.Millisecond) / time.Millisecond)
	}
	number, wait, err := c.expect()
	if err != nil {
		return nil, 0, err
	}
	req.SetHeader(&ua.RequestHeader{
		AuthenticationToken: auth, Timestamp: c.now(), RequestHandle: number, TimeoutHint: hint, AdditionalHeader: ua.NewExtensionObject(nil),
	})
	body, err := encode(ua.NewFourByteExpandedNodeID(0, kind), req)
	if err == nil {
		err = c.write(kind, number, body)
	}
	if err != nil {
		c.mu.Lock()
		delete(c.pending, number)
		c.mu.Unlock()
		return nil, 0, fmt.Errorf("send a request: %w", err)
	}
	return wait, number, nil
}

// expect numbers a request, whose answer comes on the channel.
func (c *channel) expect() (number uint32, wait chan answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return 0, nil, c.broken()
	}
	c.requests++
	wait = make(chan answer, 1)
	c.pending[c.requests] = wait
	return c.requests, wait, nil
}

// encode returns values in OPC UA binary.
func encode(values ...any) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("encode: %v", v)
		}
	}()
	for _, v := range values {
		part, err := ua.Encode(v)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		out = append(out, part...)
	}
	return out, nil
}

// read takes in what the server sends until the channel ends.
func (c *channel) read() {
	err := c.readAll()
	_ = c.conn.Close()
	c.mu.Lock()
	c.failure = err
	c.mu.Unlock()
	close(c.ended)
}

func (c *channel) readAll() (err error) {
	defer func() { // the cryptography of a library, on what a stranger sent
		if v := recover(); v != nil {
			err = fmt.Errorf("what it sent cannot be read: %v", v)
		}
	}()
	partial, held, chunks := map[uint32][]byte{}, 0, 0
	for last := uint32(0); ; {
		kind, frame, err := c.frame(max(ownChunk, c.limits.message))
		if err != nil {
			return err
		}
		if kind[:3] == "CLO" {
			return errors.New("it closed the secure channel")
		}
		body, err := c.unwrap(kind, frame)
		if err != nil {
			return err
		}
		in := &cursor{rest: body}
		sequence, number := in.u32(), in.u32()
		if in.err != nil {
			return in.err
		}
		if last != 0 && sequence != last+1 && !(last > 1<<32-1025 && sequence < 1024) {
			return fmt.Errorf("its messages are out of order: %d came after %d", sequence, last)
		}
		last = sequence
		size := len(in.rest)
		switch kind[3] {
		case 'C':
			partial[number] = append(partial[number], in.rest...)
			chunks++
			if held += size; held > c.limits.message || chunks > maxChunks {
				return fmt.Errorf("it sent a message of more than max_size (%d bytes)", c.limits.message)
			}
			continue
		case 'A':
			code := ua.StatusCode(in.u32())
			c.deliver(number, answer{err: statusError{code: code, told: in.text()}})
		case 'F':
			whole := append(slices.Clip(partial[number]), in.rest...)
			if len(whole) > c.limits.message {
				return fmt.Errorf("it sent a message of more than max_size (%d bytes)", c.limits.message)
			}
			if kind[:3] == "OPN" {
				if err := c.opened(whole); err != nil {
					return err
				}
			}
			c.deliver(number, answer{body: whole})
		default:
			return fmt.Errorf("it sent a chunk of an unknown sort: %s", plain.Quote(kind, 10))
		}
		if held -= len(partial[number]); held <= 0 {
			held, chunks = 0, 0
		}
		delete(partial, number)
	}
}

// deliver hands an answer to whoever waits for it; an answer that nobody waits for any more is nobody's.
func (c *channel) deliver(number uint32, a answer) {
	c.mu.Lock()
	wait := c.pending[number]
	delete(c.pending, number)
	c.mu.Unlock()
	if wait != nil {
		wait <- a
	}
}

// why says why the channel ended.
func (c *channel) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken()
}

// broken is why for who holds mu.
func (c *channel) broken() error {
	if c.failure == nil || errors.Is(c.failure, io.EOF) {
		return errors.New("it closed the connection")
	}
	return c.failure
}

// end closes the connection and waits for the reader.
func (c *channel) end() {
	_ = c.conn.Close()
	<-c.ended
}
