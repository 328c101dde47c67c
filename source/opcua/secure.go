package opcua

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// How chunks are signed and encrypted (Part 6, 6.7.2), with the library's cryptography.

// asymmetric returns what secures the exchange of tokens.
func (c *channel) asymmetric() (*uapolicy.EncryptionAlgorithm, error) {
	if !c.security.secured() {
		return uapolicy.Asymmetric(c.security.policy, nil, nil)
	}
	return uapolicy.Asymmetric(c.security.policy, c.security.own.key, c.security.server.key)
}

// write sends a message in as many chunks as it takes.
func (c *channel) write(kind uint16, number uint32, body []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	sort := "MSG"
	switch kind {
	case id.OpenSecureChannelRequest_Encoding_DefaultBinary:
		return c.writeOpening(number, body)
	case id.CloseSecureChannelRequest_Encoding_DefaultBinary:
		sort = "CLO"
	}
	c.mu.Lock()
	var current *token
	if n := len(c.tokens); n > 0 {
		current = c.tokens[n-1]
	}
	channel := c.id
	c.mu.Unlock()
	if current == nil {
		return errors.New("the secure channel is not open")
	}
	encrypted := c.security.mode == ua.MessageSecurityModeSignAndEncrypt
	room := c.room(current.algo)
	for first := true; first || len(body) > 0; first = false {
		part, last := body[:min(room, len(body))], byte('C')
		if body = body[len(part):]; len(body) == 0 {
			last = 'F'
		}
		head := binary.LittleEndian.AppendUint32(header(sort+string(last), channel), current.id)
		chunk, err := c.seal(current.algo, head, c.numbered(number, part), c.security.secured(), encrypted)
		if err != nil {
			return err
		}
		if err := c.put(chunk); err != nil {
			return err
		}
	}
	return nil
}

// room returns how much of a message a chunk holds.
func (c *channel) room(algo *uapolicy.EncryptionAlgorithm) int {
	const symmetricHeader, sequenceHeader, paddingSize = 4, 8, 1
	blocks := (c.limits.chunk - headerSize - symmetricHeader) / max(algo.BlockSize(), 1)
	return blocks*max(algo.PlaintextBlockSize(), 1) - sequenceHeader - algo.SignatureLength() - paddingSize
}

// writeOpening sends a request for a token, which the certificates secure.
func (c *channel) writeOpening(number uint32, body []byte) error {
	algo, err := c.asymmetric()
	if err != nil {
		return err
	}
	c.mu.Lock()
	out := header("OPNF", c.id)
	c.mu.Unlock()
	var certificate, thumbprint []byte
	if c.security.secured() {
		certificate, thumbprint = c.security.own.der, c.security.server.thumbprint()
	}
	rest := ua.NewBuffer(nil)
	rest.WriteString(c.security.policy)
	rest.WriteByteString(certificate)
	rest.WriteByteString(thumbprint)
	chunk, err := c.seal(algo, append(out, rest.Bytes()...), c.numbered(number, body), c.security.secured(), c.security.secured())
	if err != nil {
		return err
	}
	return c.put(chunk)
}

func header(kind string, channel uint32) []byte {
	return binary.LittleEndian.AppendUint32(append([]byte(kind), 0, 0, 0, 0), channel)
}

// numbered puts the next sequence number and that of the request before a part of a message.
func (c *channel) numbered(number uint32, part []byte) []byte {
	c.sequence++
	if c.sequence > 1<<32-1025 {
		c.sequence = 1
	}
	out := binary.LittleEndian.AppendUint32(nil, c.sequence)
	return append(binary.LittleEndian.AppendUint32(out, number), part...)
}

// put writes a chunk, and does not wait for ever for a peer that takes nothing.
func (c *channel) put(chunk []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err := c.conn.Write(chunk)
	return err
}

// seal signs a chunk and encrypts what follows its head.
func (c *channel) seal(algo *uapolicy.EncryptionAlgorithm, head, body []byte, signed, encrypted bool) ([]byte, error) {
	if !signed {
		out := append(head, body...)
		binary.LittleEndian.PutUint32(out[4:], uint32(len(out)))
		return out, nil
	}
	size := len(body) + algo.SignatureLength()
	if encrypted {
		plainBlock := algo.PlaintextBlockSize()
		extra := algo.RemoteSignatureLength() > 256
		bytes := 1
		if extra {
			bytes = 2
		}
		padding := (plainBlock - (size+bytes)%plainBlock) % plainBlock
		for range padding + 1 {
			body = append(body, byte(padding))
		}
		if extra {
			body = append(body, byte(padding>>8))
		}
		size = (len(body) + algo.SignatureLength()) / plainBlock * algo.BlockSize()
	}
	out := append(head, body...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(head)+size))
	signature, err := algo.Signature(out)
	if err != nil {
		return nil, fmt.Errorf("sign a message: %w", err)
	}
	out = append(out, signature...)
	if !encrypted {
		return out, nil
	}
	hidden, err := algo.Encrypt(out[len(head):])
	if err != nil {
		return nil, fmt.Errorf("encrypt a message: %w", err)
	}
	return append(out[:len(head):len(head)], hidden...), nil
}

// unwrap returns what follows the security header of a chunk, decrypted and verified.
func (c *channel) unwrap(kind string, frame []byte) ([]byte, error) {
	in := &cursor{rest: frame[8:]}
	channel := in.u32()
	if kind[:3] == "OPN" {
		return c.unwrapOpening(frame, in)
	}
	if kind[:3] != "MSG" {
		return nil, fmt.Errorf("it sent a message of an unknown sort: %s", plain.Quote(kind, 10))
	}
	number := in.u32()
	if in.err != nil {
		return nil, in.err
	}
	c.mu.Lock()
	var used *token
	for _, t := range c.tokens {
		if t.id == number && c.now().Before(t.expires) {
			used = t
		}
	}
	known := c.id
	c.mu.Unlock()
	if used == nil || channel != known {
		// Fault (exchange): a server answers for another channel.
		return nil, errors.New("it sent a message of another secure channel")
	}
	if !c.security.secured() {
		return in.rest, nil
	}
	return c.verify(used.algo, frame, len(frame)-len(in.rest), c.security.mode == ua.MessageSecurityModeSignAndEncrypt)
}

// unwrapOpening is unwrap for the answer to a request for a token. It must come from the certificate that was judged.
func (c *channel) unwrapOpening(frame []byte, in *cursor) ([]byte, error) {
	policy, certificate := in.text(), in.bytes()
	in.bytes() // the thumbprint of ours
	switch {
	case in.err != nil:
		return nil, in.err
	case policy != c.security.policy:
		return nil, fmt.Errorf("it answered under another security policy: %s", plain.Quote(policy, 100))
	case !c.security.secured():
		return in.rest, nil
	case !bytes.HasPrefix(certificate, c.security.server.leaf.Raw):
		// Fault (exchange): a server shows two certificates.
		return nil, errors.New("the secure channel shows another certificate than the endpoint did: somebody may be in between")
	}
	algo, err := c.asymmetric()
	if err != nil {
		return nil, err
	}
	return c.verify(algo, frame, len(frame)-len(in.rest), true)
}

// Fault (exchange): a message is forged or damaged.
var errForged = errors.New("a message of it is not signed as it should be")

// verify decrypts what follows the first head bytes of a chunk, and checks its signature.
func (c *channel) verify(algo *uapolicy.EncryptionAlgorithm, frame []byte, head int, encrypted bool) ([]byte, error) {
	if encrypted {
		clear, err := algo.Decrypt(frame[head:])
		if err != nil {
			return nil, errForged
		}
		frame = append(frame[:head:head], clear...)
	}
	end := len(frame) - algo.RemoteSignatureLength()
	if end < head {
		return nil, errForged
	}
	if err := algo.VerifySignature(frame[:end], frame[end:]); err != nil {
		return nil, errForged
	}
	if !encrypted {
		return frame[head:end], nil
	}
	extra := algo.SignatureLength() > 256
	at := end - 1
	if extra {
		at--
	}
	if at < head {
		return nil, errForged
	}
	padding := int(frame[at])
	if extra {
		padding |= int(frame[end-1]) << 8
	}
	if at -= padding; at < head {
		return nil, errForged
	}
	return frame[head:at], nil
}
