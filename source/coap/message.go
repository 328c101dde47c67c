package coap

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// The Content-Formats that have a media type here, by their numbers (IANA, CoAP Content-Formats).
var mediaTypes = map[uint32]string{
	0: "text/plain; charset=utf-8", 40: "application/link-format", 41: "application/xml", 42: "application/octet-stream", 47: "application/exi",
	50: "application/json", 60: "application/cbor", 110: "application/senml+json", 112: "application/senml+cbor",
}

// formats are the numbers of those that can be asked for.
var formats = map[Format]uint32{"text": 0, "json": 50, "cbor": 60, "senml+json": 110, "senml+cbor": 112}

const linkFormat = 40

// optionsOf returns the options that a path and a query become (RFC 7252 §6.4).
func optionsOf(path, query string) (message.Options, error) {
	var options message.Options
	if len(path)+len(query) > maxPath {
		return nil, fmt.Errorf("a path of %d bytes, at most %d are sent", len(path)+len(query), maxPath)
	}
	add := func(id message.OptionID, part string) error {
		text, err := url.PathUnescape(part)
		if err != nil {
			return errors.New("a percent sign in it is followed by no hexadecimal")
		}
		if len(text) > 255 {
			return fmt.Errorf("a part of %d bytes in it, CoAP has at most 255", len(text))
		}
		options = append(options, message.Option{ID: id, Value: []byte(text)})
		return nil
	}
	if path = strings.TrimPrefix(path, "/"); path != "" {
		for _, part := range strings.Split(path, "/") {
			if err := add(message.URIPath, part); err != nil {
				return nil, err
			}
		}
	}
	if query != "" {
		for _, part := range strings.Split(query, "&") {
			if err := add(message.URIQuery, part); err != nil {
				return nil, err
			}
		}
	}
	return options, nil
}

// splitPath returns the options of a path as settings have it.
func splitPath(s string) (message.Options, error) {
	if !strings.HasPrefix(s, "/") || !plain.Is(s) || strings.ContainsAny(s, "# ") {
		return nil, errors.New("want a path that begins with a slash, without blanks, such as /temperature")
	}
	path, query, _ := strings.Cut(s, "?")
	return optionsOf(path, query)
}

// with returns options with one more, a number, in their order.
func with(options message.Options, id message.OptionID, value uint32) message.Options {
	var raw []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(value >> shift); b != 0 || len(raw) > 0 {
			raw = append(raw, b)
		}
	}
	return withBytes(options, id, raw)
}

func withBytes(options message.Options, id message.OptionID, raw []byte) message.Options {
	out := append(slices.Clone(options), message.Option{ID: id, Value: raw})
	slices.SortStableFunc(out, func(a, b message.Option) int { return int(a.ID) - int(b.ID) })
	return out
}

// without returns options but those of one kind.
func without(options message.Options, id message.OptionID) message.Options {
	return slices.DeleteFunc(slices.Clone(options), func(o message.Option) bool { return o.ID == id })
}

// newToken returns a token that nobody else can know, so that neither a late answer nor a forged one is taken for another's.
func newToken() message.Token {
	token := make([]byte, message.MaxTokenSize)
	_, _ = rand.Read(token) // never fails
	return token
}

// encode writes a message.
func encode(m message.Message) ([]byte, error) {
	size, err := coder.DefaultCoder.Size(m)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, size)
	_, err = coder.DefaultCoder.Encode(m, raw)
	return raw, err
}

// maxOptions is how many options a message may have.
const maxOptions = 128

// decode reads a datagram. The message keeps it.
func decode(raw []byte) (m message.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the library panicked: %v", v)
		}
	}()
	m.Options = make(message.Options, 0, maxOptions)
	_, err = coder.DefaultCoder.Decode(raw, &m)
	m.Options = slices.Clip(slices.Clone(m.Options))
	return m, err
}

// isResponse reports whether a message answers something.
func isResponse(m message.Message) bool { return m.Code >= codes.Created && m.Code < codes.CSM }

// number returns an option that is a number.
func number(m message.Message, id message.OptionID) (n uint32, found bool) {
	raw, err := m.Options.GetBytes(id)
	if err != nil || len(raw) > 4 {
		return 0, false
	}
	for _, b := range raw {
		n = n<<8 | uint32(b)
	}
	return n, true
}

// maxAge returns for how long an answer is fresh.
func maxAge(m message.Message) time.Duration {
	const (
		unsaid = time.Minute // RFC 7252 §5.10.5
		most   = 24 * time.Hour
	)
	seconds, found := number(m, message.MaxAge)
	if !found {
		return unsaid
	}
	return min(time.Duration(seconds)*time.Second, most)
}

// block is a Block2 option (RFC 7959 §2.2).
type block struct {
	number uint32
	more   bool
	size   int // bytes of every block but the last
}

// blockOf returns the Block2 option of a message.
func blockOf(m message.Message) (b block, found bool, err error) {
	n, found := number(m, message.Block2)
	if !found {
		return b, false, nil
	}
	if n&7 == 7 || n>>4 > 1<<20-1 {
		// Fault (point): a device numbers blocks wrongly.
		return b, false, errors.New("it says a size of blocks that none has")
	}
	return block{n >> 4, n&8 != 0, 16 << (n & 7)}, true, nil
}

// value returns what asks for a block.
func (b block) value() uint32 {
	exponent := uint32(0)
	for size := 16; size < b.size; size *= 2 {
		exponent++
	}
	return b.number<<4 | exponent
}

// codeText writes a code as people know it: 4.04.
func codeText(c codes.Code) string { return fmt.Sprintf("%d.%02d", c>>5, c&31) }
