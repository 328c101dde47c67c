package plant

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"
)

const (
	maxChunk     = 65535   // bytes of what a client sends at once
	maxMessage   = 1 << 18 // bytes of all chunks of it
	maxIdle      = 3 * time.Minute
	uaWriteLimit = 10 * time.Second // for a client to take what is sent
	uaLifetime   = time.Hour        // of a token, at most
)

// A uaChannel is a connection, with its secure channel without security and the one session that it may have.
type uaChannel struct {
	part *opcuaPart
	conn net.Conn
	id   uint32

	mu       sync.Mutex // of what is below; while something is sent too
	token    uint32
	sequence uint32
	session  uaSession
	publish  chan struct{} // closed at the end
}

var errBye = errors.New("the client says goodbye")

// read takes in what the client sends until the connection ends.
func (c *uaChannel) read() (err error) {
	defer func() { // a library decodes what a stranger sent
		if v := recover(); v != nil {
			err = fmt.Errorf("what it sent cannot be read: %v", v)
		}
	}()
	if err := c.hello(); err != nil {
		return err
	}
	var message []byte
	for {
		kind, frame, err := c.frame()
		if err != nil {
			return err
		}
		if kind[:3] == "CLO" {
			return errBye
		}
		if kind[:3] != "OPN" && kind[:3] != "MSG" {
			return c.wrong(ua.StatusBadTCPMessageTypeInvalid)
		}
		body, number, err := c.unwrap(kind[:3], frame)
		if err != nil {
			return c.wrong(ua.StatusBadTCPInternalError)
		}
		switch kind[3] {
		case 'A':
			message = nil
			continue
		case 'C', 'F':
			if message = append(message, body...); len(message) > maxMessage {
				return c.wrong(ua.StatusBadTCPMessageTooLarge)
			}
		default:
			return c.wrong(ua.StatusBadTCPMessageTypeInvalid)
		}
		if kind[3] == 'C' {
			continue
		}
		if err := c.take(kind[:3], number, message); err != nil {
			return err
		}
		message = nil
	}
}

// frame reads one chunk whole.
func (c *uaChannel) frame() (kind string, body []byte, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(maxIdle)); err != nil {
		return "", nil, err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return "", nil, err
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size < 8 || size > maxChunk {
		return "", nil, c.wrong(ua.StatusBadTCPMessageTooLarge)
	}
	body = make([]byte, size-8)
	_, err = io.ReadFull(c.conn, body)
	return string(head[:4]), body, err
}

// wrong tells the client why the connection ends.
func (c *uaChannel) wrong(code ua.StatusCode) error {
	out := ua.NewBuffer(nil)
	out.WriteUint32(uint32(code))
	out.WriteString("")
	_ = c.write("ERRF", out.Bytes())
	return code
}

func (c *uaChannel) write(kind string, body []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(uaWriteLimit)); err != nil {
		return err
	}
	out := binary.LittleEndian.AppendUint32([]byte(kind), uint32(8+len(body)))
	_, err := c.conn.Write(append(out, body...))
	return err
}

// hello agrees on the sizes of messages.
func (c *uaChannel) hello() error {
	kind, body, err := c.frame()
	if err != nil {
		return err
	}
	if kind != "HELF" || len(body) < 24 {
		return c.wrong(ua.StatusBadTCPMessageTypeInvalid)
	}
	out := ua.NewBuffer(nil)
	for _, n := range []uint32{0, maxChunk, maxChunk, maxMessage, 0} {
		out.WriteUint32(n)
	}
	return c.write("ACKF", out.Bytes())
}

// unwrap returns what stands in a chunk, and the number of its request.
func (c *uaChannel) unwrap(kind string, frame []byte) (body []byte, number uint32, err error) {
	in := ua.NewBuffer(frame)
	in.ReadUint32() // the channel, which is that of the connection
	if kind == "OPN" {
		if policy := in.ReadString(); policy != ua.SecurityPolicyURINone {
			return nil, 0, errors.New("it wants security")
		}
		in.ReadBytes()
		in.ReadBytes()
	} else {
		in.ReadUint32() // the token
	}
	in.ReadUint32() // the sequence
	number = in.ReadUint32()
	if in.Error() != nil {
		return nil, 0, in.Error()
	}
	return frame[in.Pos():], number, nil
}

// take answers one request.
func (c *uaChannel) take(kind string, number uint32, message []byte) error {
	_, decoded, err := ua.DecodeService(message)
	req, is := decoded.(ua.Request)
	if err != nil && !errors.Is(err, ua.StatusBadServiceUnsupported) || err == nil && !is {
		return c.wrong(ua.StatusBadDecodingError)
	}
	var handle uint32
	if is && req.Header() != nil {
		handle = req.Header().RequestHandle
	}
	if open, is := req.(*ua.OpenSecureChannelRequest); is && kind == "OPN" {
		return c.open(open, number, handle)
	}
	if is && req.Header() == nil || c.token == 0 {
		return c.wrong(ua.StatusBadTCPSecureChannelUnknown)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	resp, err := c.serve(req, number)
	var code ua.StatusCode
	if errors.As(err, &code) {
		resp = &ua.ServiceFault{}
	} else if err != nil {
		return err
	}
	if resp == nil { // it is answered later
		return nil
	}
	return c.respond("MSG", number, handle, code, resp)
}

// open gives the client a token.
func (c *uaChannel) open(req *ua.OpenSecureChannelRequest, number, handle uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if req.SecurityMode != ua.MessageSecurityModeNone {
		return c.respond("OPN", number, handle, ua.StatusBadSecurityModeRejected, &ua.ServiceFault{})
	}
	lifetime := time.Duration(req.RequestedLifetime) * time.Millisecond
	if lifetime < time.Minute || lifetime > uaLifetime {
		lifetime = uaLifetime
	}
	c.token++
	return c.respond("OPN", number, handle, ua.StatusOK, &ua.OpenSecureChannelResponse{
		SecurityToken: &ua.ChannelSecurityToken{ChannelID: c.id, TokenID: c.token, CreatedAt: time.Now().UTC(), RevisedLifetime: uint32(lifetime / time.Millisecond)},
	})
}

// respond sends a response, with mu held. All are shorter than the least chunk that a client takes.
func (c *uaChannel) respond(kind string, number, handle uint32, code ua.StatusCode, resp ua.Response) error {
	resp.SetHeader(&ua.ResponseHeader{
		Timestamp: time.Now().UTC(), RequestHandle: handle, ServiceResult: code, ServiceDiagnostics: &ua.DiagnosticInfo{}, AdditionalHeader: ua.NewExtensionObject(nil),
	})
	typ, err := ua.Encode(ua.NewFourByteExpandedNodeID(0, ua.ServiceTypeID(resp)))
	if err != nil {
		return fmt.Errorf("encode the type of a response: %w", err)
	}
	body, err := ua.Encode(resp)
	if err != nil {
		return fmt.Errorf("encode a response: %w", err)
	}
	out := ua.NewBuffer(nil)
	out.WriteUint32(c.id)
	if kind == "OPN" {
		out.WriteString(ua.SecurityPolicyURINone)
		out.WriteUint32(0xffffffff)
		out.WriteUint32(0xffffffff)
	} else {
		out.WriteUint32(c.token)
	}
	c.sequence++
	out.WriteUint32(c.sequence)
	out.WriteUint32(number)
	return c.write(kind+"F", append(append(out.Bytes(), typ...), body...))
}
