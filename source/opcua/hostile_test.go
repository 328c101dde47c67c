package opcua

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"github.com/dodona-oracle/dodona/internal/fuzztest"
)

// talking returns a channel that is open to a peer of ours, which says what a server never should; no server that somebody else wrote does.
func talking(t testing.TB) (c *channel, says func(kind string, body []byte)) {
	near, far := net.Pipe()
	algo, err := (&channel{security: security{policy: ua.SecurityPolicyURINone, mode: ua.MessageSecurityModeNone}}).asymmetric()
	if err != nil {
		t.Fatal(err)
	}
	c = &channel{
		conn: near, security: security{policy: ua.SecurityPolicyURINone, mode: ua.MessageSecurityModeNone}, now: time.Now, id: 7,
		limits: limits{chunk: leastChunk, message: 64 << 10}, pending: map[uint32]chan answer{}, ended: make(chan struct{}),
		tokens: []*token{{id: 1, algo: algo, renew: time.Now().Add(time.Hour), expires: time.Now().Add(2 * time.Hour)}},
	}
	go c.read()
	go func() { _, _ = io.Copy(io.Discard, far) }() // what is asked; it ends with far
	t.Cleanup(func() {
		_ = far.Close()
		c.end()
	})
	sequence := uint32(0)
	return c, func(kind string, body []byte) {
		sequence++
		out := binary.LittleEndian.AppendUint32(nil, 7)
		for _, n := range []uint32{1, sequence, 1} {
			out = binary.LittleEndian.AppendUint32(out, n)
		}
		_ = far.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, _ = far.Write(framed(kind, append(out, body...))) // the channel may have ended
	}
}

// answered returns what a request gets that is number 1.
func answered(t testing.TB, c *channel) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, wait, err := c.expect()
	if err != nil {
		return err
	}
	_, err = c.await(ctx, wait, 1, id.ReadRequest_Encoding_DefaultBinary)
	return err
}

func responseHeader(kind uint16, status ua.StatusCode) []byte {
	out := []byte{1, 0, byte(kind), byte(kind >> 8)}
	out = append(out, make([]byte, 12)...)
	out = binary.LittleEndian.AppendUint32(out, uint32(status))
	return append(out, 0, 0, 0, 0, 0, 0, 0, 0)
}

func TestWhatNoServerShouldSayEndsTheConnectionAndNothingElse(t *testing.T) {
	const read = id.ReadResponse_Encoding_DefaultBinary
	big := make([]byte, 60<<10)
	for name, c := range map[string]struct {
		say  func(says func(string, []byte))
		want string
	}{
		"a fault": {func(s func(string, []byte)) {
			s("MSGF", responseHeader(id.ServiceFault_Encoding_DefaultBinary, ua.StatusBadTooManyOperations))
		}, "BadTooManyOperations"},
		"another answer":             {func(s func(string, []byte)) { s("MSGF", responseHeader(id.BrowseResponse_Encoding_DefaultBinary, 0)) }, "answered a request of type 631"},
		"nothing":                    {func(s func(string, []byte)) { s("MSGF", nil) }, "read the header"},
		"diagnostics without an end": {func(s func(string, []byte)) { s("MSGF", append(responseHeader(read, 0)[:20], bytesOf(0x40, 5000)...)) }, "nested too deep"},
		"more than it may":           {func(s func(string, []byte)) { s("MSGC", big); s("MSGF", big) }, "more than max_size"},
		"chunks without an end": {func(s func(string, []byte)) {
			for range maxChunks + 1 {
				s("MSGC", nil)
			}
		}, "more than max_size"},
		"an abort":                   {func(s func(string, []byte)) { s("MSGA", []byte{0, 0, 0x0a, 0x80, 4, 0, 0, 0, 'b', 'u', 's', 'y'}) }, "BadTimeout: busy"},
		"an unknown sort":            {func(s func(string, []byte)) { s("XYZF", nil) }, "unknown sort"},
		"an unknown sort of chunk":   {func(s func(string, []byte)) { s("MSGX", nil) }, "unknown sort"},
		"a channel that is not ours": {func(s func(string, []byte)) { s("OPNF", nil) }, "the message ends too early"},
		"the end of the channel":     {func(s func(string, []byte)) { s("CLOF", nil) }, "closed the secure channel"},
		"an error of the transport":  {func(s func(string, []byte)) { s("ERRF", nil) }, "the server says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			channel, says := talking(t)
			said := make(chan error, 1)
			go func() { said <- answered(t, channel) }()
			for { // until the request is there
				channel.mu.Lock()
				asked := len(channel.pending) > 0
				channel.mu.Unlock()
				if asked {
					break
				}
				time.Sleep(time.Millisecond)
			}
			c.say(says)
			if err := <-said; err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func bytesOf(b byte, n int) (out []byte) {
	for range n {
		out = append(out, b)
	}
	return out
}

// FuzzResponses has any bytes be the body of a response that is read by hand.
func FuzzResponses(f *testing.F) {
	f.Add(append(responseHeader(634, 0), 1, 0, 0, 0, 1, 6, 5, 0, 0, 0))
	f.Add(append(responseHeader(431, 0), 1, 0, 0, 0))
	f.Add(append(responseHeader(530, 0), bytesOf(1, 60)...))
	fuzztest.Run(f, func(_ *testing.T, body []byte) {
		for _, asked := range []uint16{id.ReadRequest_Encoding_DefaultBinary, id.GetEndpointsRequest_Encoding_DefaultBinary, id.BrowseRequest_Encoding_DefaultBinary} {
			in, err := answer{body: body}.response(asked)
			if err != nil {
				continue
			}
			again := *in
			for range in.count(1) {
				in.dataValue()
			}
			in = &cursor{rest: again.rest}
			in.endpoints()
			in = &cursor{rest: again.rest}
			var list []variable
			in.references(variable{path: "Plant"}, &list)
		}
	})
}

// FuzzChunk has any bytes be a signed and encrypted chunk.
func FuzzChunk(f *testing.F) {
	f.Add([]byte("MSGF0123456789"), true)
	f.Add(make([]byte, 200), false)
	nonce := bytesOf(3, 32)
	algo, err := symmetric(nonce)
	if err != nil {
		f.Fatal(err)
	}
	fuzztest.Run(f, func(t *testing.T, frame []byte, encrypted bool) {
		if len(frame) < 16 {
			return
		}
		if body, err := new(channel).verify(algo, frame, 16, encrypted); err == nil {
			t.Errorf("%x is taken for signed: %x", frame, body)
		}
	})
}

func symmetric(nonce []byte) (*uapolicy.EncryptionAlgorithm, error) {
	return uapolicy.Symmetric(ua.SecurityPolicyURIBasic256Sha256, nonce, nonce)
}

// TestChunksOpenAsTheyWereSealed has bodies of all lengths around a block.
func TestChunksOpenAsTheyWereSealed(t *testing.T) {
	algo, err := symmetric(bytesOf(3, 32)) // the same nonce on both sides: each opens what it seals
	if err != nil {
		t.Fatal(err)
	}
	for size := range 70 {
		for _, encrypted := range []bool{false, true} {
			c, head := new(channel), binary.LittleEndian.AppendUint32(header("MSGF", 7), 1)
			chunk, err := c.seal(algo, head, bytesOf(9, size), true, encrypted)
			if err != nil {
				t.Fatal(err)
			}
			if binary.LittleEndian.Uint32(chunk[4:]) != uint32(len(chunk)) {
				t.Errorf("a chunk of %d bytes says that it has %d", len(chunk), binary.LittleEndian.Uint32(chunk[4:]))
			}
			back, err := c.verify(algo, chunk, 16, encrypted)
			if err != nil || len(back) != size {
				t.Errorf("%d bytes come back as %d, %v", size, len(back), err)
			}
			chunk[len(chunk)-1] ^= 1
			if _, err := c.verify(algo, chunk, 16, encrypted); !errors.Is(err, errForged) {
				t.Errorf("a changed chunk: %v", err)
			}
			for cut := range len(chunk) {
				if cut < 16 {
					continue
				}
				if _, err := c.verify(algo, chunk[:cut], 16, encrypted); !errors.Is(err, errForged) {
					t.Errorf("a chunk of which %d bytes are there: %v", cut, err)
				}
			}
		}
	}
}
