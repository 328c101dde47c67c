package plant

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A modbusPart is the boiler: unit 1, whose holding and input registers are the same, and one coil.
type modbusPart struct {
	gate  *gate
	world world
	lying atomic.Bool
}

func startModbus(ctx context.Context, c Config, w world) (part, error) {
	g, err := listen(ctx, address(c.Host, c.Modbus))
	if err != nil {
		return nil, fmt.Errorf("listen for modbus: %w", err)
	}
	return &modbusPart{gate: g, world: w}, nil
}

func (m *modbusPart) devices() []Device {
	return []Device{{Name: "boiler", Protocol: Modbus, Address: m.gate.Addr().String(), Points: []Point{
		{"temperature", "Cel", "unit 1, holding 0 (40001), int16, scale 0.1"},
		{"pressure", "bar", "unit 1, holding 1 (40002), uint16, scale 0.01"},
		{"burner", "", "unit 1, holding 2 (40003), uint16, 0 or 1"},
		{"hours", "h", "unit 1, holding 3 (40004 and 40005), uint32"},
	}}}
}

func (m *modbusPart) fault(_ string, f Fault) {
	m.lying.Store(f == Lie)
	m.gate.set(f)
}

func (m *modbusPart) run(ctx context.Context) {
	var clients sync.WaitGroup
	defer clients.Wait()
	stop := context.AfterFunc(ctx, func() { _ = m.gate.Close() })
	defer stop()
	for {
		c, err := m.gate.Accept()
		if err != nil {
			return
		}
		clients.Go(func() { m.serve(c) })
	}
}

// registers are what the boiler has now, from address 0. One that lies has a broken probe.
func (m *modbusPart) registers() []uint16 {
	b := m.world.boiler(time.Now())
	if m.lying.Load() {
		b.temperature, b.pressure = 32767, 65535
	}
	return []uint16{uint16(int16(b.temperature)), uint16(b.pressure), uint16(b.burner), uint16(b.hours >> 16), uint16(b.hours)}
}

// The exceptions.
const (
	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	noTarget        = 11 // there is no such unit
)

// serve answers requests until the client ends, or says what is no Modbus.
func (m *modbusPart) serve(c net.Conn) {
	defer c.Close()
	head := make([]byte, 7)
	for {
		if c.SetDeadline(time.Now().Add(idleTime)) != nil {
			return
		}
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		size := int(binary.BigEndian.Uint16(head[4:])) // with the unit
		if binary.BigEndian.Uint16(head[2:]) != 0 || size < 2 || size > 254 {
			return
		}
		pdu := make([]byte, size-1)
		if _, err := io.ReadFull(c, pdu); err != nil {
			return
		}
		answer := m.answer(head[6], pdu)
		out := append([]byte{head[0], head[1], 0, 0, 0, byte(1 + len(answer)), head[6]}, answer...)
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func (m *modbusPart) answer(unit byte, pdu []byte) []byte {
	body, err := m.read(unit, pdu)
	var e exception
	if errors.As(err, &e) {
		return []byte{pdu[0] | 0x80, byte(e)}
	}
	return append([]byte{pdu[0], byte(len(body))}, body...)
}

type exception byte

func (e exception) Error() string { return fmt.Sprintf("exception %d", byte(e)) }

// read returns the registers or bits that a request asks for. Nothing can be written.
func (m *modbusPart) read(unit byte, pdu []byte) ([]byte, error) {
	if unit > 1 && unit != 255 { // what speaks TCP alone is 0, 1 or 255
		return nil, exception(noTarget)
	}
	if pdu[0] < 1 || pdu[0] > 4 {
		return nil, exception(illegalFunction)
	}
	if len(pdu) != 5 {
		return nil, exception(illegalValue)
	}
	first, count := int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:]))
	registers := m.registers()
	if pdu[0] <= 2 { // coil 0 and input 0 are the burner
		if count < 1 || count > 2000 {
			return nil, exception(illegalValue)
		}
		if first != 0 || count != 1 {
			return nil, exception(illegalAddress)
		}
		return []byte{byte(registers[2])}, nil
	}
	if count < 1 || count > 125 {
		return nil, exception(illegalValue)
	}
	if first+count > len(registers) {
		return nil, exception(illegalAddress)
	}
	var body []byte
	for _, r := range registers[first : first+count] {
		body = binary.BigEndian.AppendUint16(body, r)
	}
	return body, nil
}
