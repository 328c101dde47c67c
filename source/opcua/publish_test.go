package opcua

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/dodona-oracle/dodona/source"
)

// A publisher is a peer of ours that is asked for notifications, and hands one out when the test says so: no server that somebody else wrote shows what it was told.
type publisher struct {
	t        *testing.T
	conn     net.Conn
	sequence uint32
	asked    chan asked
}

// An asked is one request for a notification.
type asked struct {
	number uint32
	acks   []uint32
}

const published7 = 7 // the subscription

// publishing returns a subscriber of a subscription that stands, and its publisher.
func publishing(t *testing.T) (*subscriber, *publisher) {
	near, far := net.Pipe()
	none := security{policy: ua.SecurityPolicyURINone, mode: ua.MessageSecurityModeNone}
	algo, err := (&channel{security: none}).asymmetric()
	if err != nil {
		t.Fatal(err)
	}
	c := &channel{
		conn: near, security: none, now: time.Now, id: 7, limits: limits{chunk: leastChunk, message: 64 << 10}, pending: map[uint32]chan answer{}, ended: make(chan struct{}),
		tokens: []*token{{id: 1, algo: algo, renew: time.Now().Add(time.Hour), expires: time.Now().Add(2 * time.Hour)}},
	}
	p := &publisher{t: t, conn: far, asked: make(chan asked, 100)}
	read := make(chan struct{})
	go c.read()
	go func() {
		defer close(read)
		p.read()
	}()
	t.Cleanup(func() {
		_ = far.Close()
		c.end()
		<-read
	})
	client := &client{settings: *Kind.Settings().(*Settings), env: source.Env{Source: "plc", Now: time.Now, Dropped: func(uint64, string) {}}}
	client.settings.Refresh = 0
	of := &session{channel: c, client: client, auth: ua.NewTwoByteNodeID(0)}
	client.session = of
	return &subscriber{client: client, of: of, id: published7, period: time.Minute, most: outstanding, sign: time.Now()}, p
}

func (p *publisher) read() {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(p.conn, head); err != nil {
			return
		}
		rest := make([]byte, binary.LittleEndian.Uint32(head[4:])-8)
		if _, err := io.ReadFull(p.conn, rest); err != nil {
			return
		}
		var req ua.PublishRequest
		if _, err := ua.Decode(rest[20:], &req); err != nil { // behind channel, token, sequence, number and type
			p.t.Errorf("%x: %v", rest, err)
			return
		}
		got := asked{number: binary.LittleEndian.Uint32(rest[12:])}
		for _, a := range req.SubscriptionAcknowledgements {
			if a.SubscriptionID != published7 {
				p.t.Errorf("a notification of subscription %d is acknowledged", a.SubscriptionID)
			}
			got.acks = append(got.acks, a.SequenceNumber)
		}
		p.asked <- got
	}
}

// requests returns the next n requests, and fails if there are more.
func (p *publisher) requests(n int) (list []asked) {
	p.t.Helper()
	for range n {
		select {
		case a := <-p.asked:
			list = append(list, a)
		case <-time.After(time.Minute):
			p.t.Fatalf("%d requests came, want %d", len(list), n)
		}
	}
	if len(p.asked) > 0 {
		p.t.Fatalf("a request more than %d came: %v", n, <-p.asked)
	}
	return list
}

func (p *publisher) answer(to asked, body []byte) {
	p.t.Helper()
	p.sequence++
	out := binary.LittleEndian.AppendUint32(nil, 7)
	for _, n := range []uint32{1, p.sequence, to.number} {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := p.conn.Write(framed("MSGF", append(out, body...))); err != nil {
		p.t.Fatal(err)
	}
}

// notification is one of no values, with a number.
func notification(sequence uint32) []byte {
	out := responseHeader(id.PublishResponse_Encoding_DefaultBinary, ua.StatusOK)
	out = binary.LittleEndian.AppendUint32(out, published7)
	out = append(out, 0, 0, 0, 0, 0) // nothing could be published again, and there is no more
	out = binary.LittleEndian.AppendUint32(out, sequence)
	out = append(out, make([]byte, 8)...)                                                                                                                          // when
	out = append(out, 1, 0, 0, 0, 1, 0, byte(id.DataChangeNotification_Encoding_DefaultBinary&0xff), byte(id.DataChangeNotification_Encoding_DefaultBinary>>8), 1) // one part
	return append(out, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

func TestANotificationIsAcknowledgedOnceAndOnlyOnceItIsKept(t *testing.T) {
	t.Parallel()
	s, p := publishing(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.publish(ctx); err != nil {
		t.Fatal(err)
	}
	waiting := p.requests(outstanding)
	for n, kept := range []bool{true, false, true, true} {
		p.answer(waiting[0], notification(uint32(n+1)))
		waiting = waiting[1:]
		b, err := s.next(ctx)
		if err != nil || b.Ack == nil {
			t.Fatalf("notification %d: %v", n+1, err)
		}
		if kept {
			if err := b.Ack(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.publish(ctx); err != nil {
			t.Fatal(err)
		}
		next := p.requests(1)
		var want []uint32
		if kept {
			want = []uint32{uint32(n + 1)}
		}
		if !slices.Equal(next[0].acks, want) {
			t.Errorf("after notification %d: %v are acknowledged, want %v", n+1, next[0].acks, want)
		}
		waiting = append(waiting, next...)
	}
}

func TestAServerThatWantsFewerRequestsHasFewer(t *testing.T) {
	t.Parallel()
	s, p := publishing(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.publish(ctx); err != nil {
		t.Fatal(err)
	}
	waiting := p.requests(outstanding)
	tooMany := responseHeader(id.ServiceFault_Encoding_DefaultBinary, ua.StatusBadTooManyPublishRequests)
	for most := outstanding - 1; most >= 1; most-- {
		p.answer(waiting[0], tooMany)
		waiting = waiting[1:]
		if b, err := s.next(ctx); err != nil || b.Ack != nil {
			t.Fatalf("%d requests are too many: %v", most+1, err)
		}
		if err := s.publish(ctx); err != nil {
			t.Fatal(err)
		}
		p.requests(0)
	}
	for n := range 3 { // it stays at one
		p.answer(waiting[0], notification(uint32(n+1)))
		if _, err := s.next(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.publish(ctx); err != nil {
			t.Fatal(err)
		}
		waiting = p.requests(1)
	}
	p.answer(waiting[0], tooMany)
	if _, err := s.next(ctx); err == nil {
		t.Error(fmt.Errorf("one request is too many for it, and that is no error"))
	}
}

func TestAServerWithoutSecuritySaysWhatToSet(t *testing.T) {
	c := &client{settings: *Kind.Settings().(*Settings)}
	plain := endpoint{mode: ua.MessageSecurityModeNone, policy: ua.SecurityPolicyURINone, tokens: []userToken{{kind: ua.UserTokenTypeAnonymous}}}
	_, _, err := c.choose([]endpoint{plain})
	const want = "it offers None (anonymous users); with security: None whoever is on the way reads and changes what it says"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	secured := plain
	secured.mode, secured.policy = ua.MessageSecurityModeSign, ua.SecurityPolicyURIBasic256Sha256
	if _, _, err := c.choose([]endpoint{plain, secured}); err == nil || !strings.HasSuffix(err.Error(), "it offers None (anonymous users); Sign Basic256Sha256 (anonymous users)") {
		t.Errorf("of two: %v", err)
	}
}
