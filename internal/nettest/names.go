package nettest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Names leads every name to one address.
type Names struct {
	mu   sync.Mutex
	next []netip.Addr // the last one stays
}

// NewNames answers with each address once, and with the last one ever after.
func NewNames(addresses ...string) *Names {
	n := new(Names)
	for _, text := range addresses {
		n.next = append(n.next, netip.MustParseAddr(text))
	}
	return n
}

// Move leads all names to another address.
func (n *Names) Move(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next = []netip.Addr{netip.MustParseAddr(address)}
}

// Resolver returns one that asks here.
func (n *Names) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // no packets, so messages have their length in front
		go n.serve(server)           // ends with its connection
		return client, nil
	}}
}

func (n *Names) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := n.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer answers a question of type A or AAAA (RFC 1035 §4), if the address is of the type.
func (n *Names) answer(query []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	head := []byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}
	body := append([]byte{}, query[12:end+5]...)
	address := n.next[0]
	if want := map[bool]uint16{true: 1, false: 28}[address.Is4()]; kind == want {
		head[7] = 1 // answer
		data := address.AsSlice()
		body = append(append(body, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data))), data...)
		if len(n.next) > 1 {
			n.next = n.next[1:]
		}
	}
	return append(head, body...)
}
