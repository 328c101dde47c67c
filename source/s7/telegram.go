package s7

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes of telegrams.
const (
	leastPDU   = 240 // every controller has telegrams of that size, and those with less are spoken to in parts
	wantedPDU  = 960
	smallest   = 64 // below that a peer does not mean it
	askHead    = 12 // S7 header of 10, function and count
	answerHead = 14 // S7 header of 12, function and count
	itemSize   = 12
	readHead   = answerHead + 4 // and the head of one item
	maxItems   = 20
	maxFrame   = 4 << 10
)

const (
	protocol = 0x32
	job      = 1
	ackData  = 3
	setup    = 0xf0
	read     = 0x04
)

// errFrame: what came is no answer to what was asked. The connection is of no use any more.
// Fault (exchange): what comes is no S7, or the answer to another request.
var errFrame = errors.New("the answer is not one of S7")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errFrame, fmt.Sprintf(format, args...))
}

// frame puts a packet of ISO-on-TCP (RFC 1006) around the body.
func frame(cotp, body []byte) []byte {
	n := 4 + len(cotp) + len(body)
	out := append([]byte{3, 0, byte(n >> 8), byte(n)}, cotp...)
	return append(out, body...)
}

var dataUnit = []byte{2, 0xf0, 0x80}

// readFrame returns the head of ISO 8073 of one packet, and what follows it.
func readFrame(r io.Reader) (head, body []byte, err error) {
	var start [5]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, nil, err
	}
	n := int(binary.BigEndian.Uint16(start[2:4]))
	switch {
	case start[0] != 3:
		return nil, nil, broken("it begins with 0x%02x, want 0x03 (RFC 1006)", start[0])
	case n < 7 || n > maxFrame:
		return nil, nil, broken("a packet of %d bytes, want 7 to %d", n, maxFrame)
	case int(start[4])+5 > n || start[4] < 2:
		return nil, nil, broken("a head of %d bytes in a packet of %d", start[4], n)
	}
	rest := make([]byte, n-5)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, nil, err
	}
	return rest[:start[4]], rest[start[4]:], nil
}

// readData returns the S7 telegram that one or more packets carry.
func readData(r io.Reader) (telegram []byte, err error) {
	for {
		head, body, err := readFrame(r)
		if err != nil {
			return nil, err
		}
		if len(head) != 2 || head[0] != 0xf0 {
			return nil, broken("a packet of type 0x%02x, want data", head[0])
		}
		telegram = append(telegram, body...)
		switch {
		case len(telegram) > maxFrame:
			return nil, broken("a telegram of more than %d bytes", maxFrame)
		case head[1]&0x80 != 0:
			return telegram, nil
		case len(body) == 0:
			return nil, broken("a packet without data")
		}
	}
}

// connectRequest asks for a connection between two ends, which controllers call TSAPs.
func connectRequest(local, remote uint16) []byte {
	return frame([]byte{
		17, 0xe0, 0, 0, 0, 1, 0,
		0xc0, 1, 0x0a, // packets of 1024 bytes
		0xc1, 2, byte(local >> 8), byte(local),
		0xc2, 2, byte(remote >> 8), byte(remote),
	}, nil)
}

// header is that of a job.
func header(reference uint16, parameters []byte) []byte {
	return append([]byte{protocol, job, 0, 0, byte(reference >> 8), byte(reference), byte(len(parameters) >> 8), byte(len(parameters)), 0, 0}, parameters...)
}

func setupRequest(reference uint16) []byte {
	return header(reference, []byte{setup, 0, 0, 1, 0, 1, wantedPDU >> 8, wantedPDU & 0xff})
}

func readRequest(reference uint16, blocks []block) []byte {
	parameters := []byte{read, byte(len(blocks))}
	for _, b := range blocks {
		bit := b.at * 8
		parameters = append(parameters, 0x12, 0x0a, 0x10, 2, byte(b.n>>8), byte(b.n), byte(b.db>>8), byte(b.db), areaCodes[b.area], byte(bit>>16), byte(bit>>8), byte(bit))
	}
	return header(reference, parameters)
}

// A refusal is what a controller says instead of data.
type refusal struct{ class, code byte }

func (r refusal) Error() string {
	switch {
	case r.class == 0x81 && r.code == 0x04, r.class == 0x85:
		// Fault (point): a controller does not permit access.
		return fmt.Sprintf("the controller refuses to be read (0x%02x%02x): permit access with PUT/GET communication, and full access (no protection), in its properties", r.class, r.code)
	case r.class == 0x84 || r.class == 0x83:
		return fmt.Sprintf("the controller cannot do that now (0x%02x%02x)", r.class, r.code)
	}
	return fmt.Sprintf("the controller refuses (0x%02x%02x)", r.class, r.code)
}

// answer returns the parameters and the data of a telegram that answers a job.
func answer(telegram []byte, reference uint16, function byte) (parameters, data []byte, err error) {
	if len(telegram) < 12 {
		return nil, nil, broken("a telegram of %d bytes", len(telegram))
	}
	nParameters, nData := int(binary.BigEndian.Uint16(telegram[6:])), int(binary.BigEndian.Uint16(telegram[8:]))
	switch got := binary.BigEndian.Uint16(telegram[4:]); {
	case telegram[0] != protocol:
		return nil, nil, broken("protocol 0x%02x", telegram[0])
	case telegram[1] != ackData && telegram[1] != 2:
		return nil, nil, broken("a telegram of kind %d, want an answer", telegram[1])
	case got != reference:
		return nil, nil, broken("it is to question %d, and %d was asked: a late answer to another one", got, reference)
	case 12+nParameters+nData != len(telegram):
		return nil, nil, broken("%d bytes that say they are %d", len(telegram), 12+nParameters+nData)
	case telegram[10] != 0 || telegram[11] != 0:
		return nil, nil, refusal{telegram[10], telegram[11]}
	}
	parameters, data = telegram[12:12+nParameters], telegram[12+nParameters:]
	if len(parameters) < 2 || parameters[0] != function {
		return nil, nil, broken("an answer to another function than was asked")
	}
	return parameters, data, nil
}

// setupAnswer returns the size of telegrams that the controller takes.
func setupAnswer(telegram []byte, reference uint16) (pdu int, err error) {
	parameters, _, err := answer(telegram, reference, setup)
	if err != nil {
		return 0, err
	}
	if len(parameters) != 8 {
		return 0, broken("a setup of %d bytes", len(parameters))
	}
	pdu = int(binary.BigEndian.Uint16(parameters[6:]))
	if pdu < smallest || pdu > wantedPDU {
		return 0, broken("telegrams of %d bytes, want %d to %d", pdu, smallest, wantedPDU)
	}
	return pdu, nil
}

// A part is what came of one block: its bytes, or why there are none.
type part struct {
	bytes []byte
	code  byte // 0: all is well
}

const noError = 0xff

// readAnswer returns what came of each block that was asked for.
func readAnswer(telegram []byte, reference uint16, blocks []block) (parts []part, err error) {
	parameters, data, err := answer(telegram, reference, read)
	if err != nil {
		return nil, err
	}
	if len(parameters) != 2 || int(parameters[1]) != len(blocks) {
		return nil, broken("%d items, and %d were asked for", parameters[1], len(blocks))
	}
	for i, b := range blocks {
		if len(data) < 4 {
			return nil, broken("item %d of %d has no head", i+1, len(blocks))
		}
		code, transport, n := data[0], data[1], int(binary.BigEndian.Uint16(data[2:]))
		if data = data[4:]; code != noError {
			parts = append(parts, part{code: max(code, 1)})
			if n = size(transport, n); code != 0 && n > 0 && n <= len(data) && transport != 0 {
				data = data[n:]
			}
			continue
		}
		n = size(transport, n)
		switch {
		case n != b.n:
			return nil, broken("%s has %d bytes, and %d were asked for", b.item(), n, b.n)
		case n > len(data):
			return nil, broken("%s is cut off", b.item())
		}
		parts = append(parts, part{bytes: append([]byte(nil), data[:n]...)})
		if n += n % 2; n > len(data) { // a byte fills it up, but for the last one
			n = len(data)
		}
		data = data[n:]
	}
	if len(data) > 0 {
		return nil, broken("%d bytes more than were asked for", len(data))
	}
	return parts, nil
}

// size returns how many bytes an item has, which says bits or bytes by its transport size.
func size(transport byte, n int) int {
	switch transport {
	case 3, 4, 5: // bit, byte or word, integer: in bits
		return (n + 7) / 8
	}
	return n
}

// why says what the code of an item means.
func why(code byte) string {
	switch code {
	case 0x0a:
		return "there is no such data block, or it is optimised: switch off optimised block access in its attributes, or read it by OPC UA"
	case 0x05:
		return "the address is beyond the end of its area"
	case 0x03:
		return "access is denied: permit PUT/GET and full access in the controller's properties"
	case 0x06, 0x07:
		return "the controller does not read that type there"
	case 0x01:
		return "a module does not answer (hardware fault)"
	}
	// Fault (point): a controller has no such block, or none that long.
	return fmt.Sprintf("the controller says 0x%02x", code)
}
