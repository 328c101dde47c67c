package capability

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// The bounds of the serial capability for one event.
const (
	maxPorts         = 4
	maxSerialCalls   = 256 // of serial_read and serial_write
	maxSerialWrite   = 4096
	maxSerialRead    = 64 << 10
	maxSerialTimeout = 2000 // ms
	maxSerialName    = 255  // bytes
)

// The calls of a transcript.
const (
	callSerialOpen  = "serial_open"
	callSerialRead  = "serial_read"
	callSerialWrite = "serial_write"
)

var serial = abi.Set{
	Module: manifest.ABI, Needs: "serial", Granted: hasSerial, Reaches: hasSerial,
	Missing: func(w abi.World) string { return absent(w.Host.Serial == nil, "no serial ports for modules") },
	Functions: []abi.Function{
		{Name: "serial_open", Signature: "ii:i", Call: abi.With((*ports).open)},
		{Name: "serial_read", Signature: "iiii:i", Call: abi.With((*ports).read)},
		{Name: "serial_write", Signature: "iii:i", Call: abi.With((*ports).write)},
		{Name: "serial_close", Signature: "i:i", Call: abi.With((*ports).close)},
	},
	Entries: []abi.Entry{
		{Call: callSerialOpen, Most: maxPorts - 1}, {Call: callSerialRead, Sized: true}, {Call: callSerialWrite, Most: maxSerialWrite},
	},
	Open: func(w abi.World) func() abi.Kept {
		return func() abi.Kept { return &ports{granted: w.Granted.Serial, host: w.Host} }
	},
}

func hasSerial(c manifest.Capabilities) bool { return len(c.Serial) > 0 }

// ports are those that one event has opened.
type ports struct {
	granted []string
	host    *abi.Host
	list    [maxPorts]openPort
	lines   int // calls of serial_read and serial_write
}

// Rest closes all.
func (k *ports) Rest() {
	for i := range k.list {
		k.list[i].close()
	}
	k.lines = 0
}

// An openPort is a port that the guest has a handle of. On a replay there is no port behind it.
type openPort struct {
	used bool
	port abi.Port
}

func (p *openPort) close() {
	if p.port != nil {
		_ = p.port.Close() // the guest has what it read
	}
	*p = openPort{}
}

// port returns the open port of a handle; nil if there is none.
func (k *ports) port(handle uint64) *openPort {
	if h := uint32(handle); h < maxPorts && k.list[h].used {
		return &k.list[h]
	}
	return nil
}

func (k *ports) open(g abi.Guest, s []uint64) {
	id := g.View(s[0], s[1])
	g.Pay(abi.OutsideFuel, len(id))
	free := slices.IndexFunc(k.list[:], func(p openPort) bool { return !p.used })
	switch {
	case len(id) > maxSerialName || !slices.Contains(k.granted, string(id)):
		abi.Reply(s, -abi.EACCES)
		return
	case g.Outside():
		abi.Reply(s, -abi.EAGAIN)
		return
	case free < 0:
		abi.Reply(s, -abi.ENOSPC)
		return
	}
	name := string(id)
	answer, room := g.Ask(callSerialOpen, name, -abi.ENOSPC, func(ctx context.Context) abi.Heard {
		port, err := k.host.Serial(ctx, name)
		if err != nil {
			g.Tell(err)
			return abi.Heard{Code: -abi.EIO}
		}
		k.list[free] = openPort{true, port}
		return abi.Heard{Code: int32(free)}
	})
	switch {
	case !room:
		answer.Code = -abi.ENOSPC
	case answer.Code >= 0 && int(answer.Code) != free:
		panic(abi.Differs("the transcript has another handle of " + answer.String()))
	case answer.Code >= 0:
		k.list[free].used = true
	}
	abi.Reply(s, answer.Code)
}

// line reports whether the guest may use a port once more, and replies if it may not.
func (k *ports) line(g abi.Guest, s []uint64, p *openPort) bool {
	switch {
	case g.Outside():
		abi.Reply(s, -abi.EAGAIN)
		return false
	case p == nil:
		abi.Reply(s, -abi.EINVAL)
		return false
	case k.lines == maxSerialCalls:
		abi.Reply(s, -abi.ENOSPC)
		return false
	}
	k.lines++
	return true
}

// serial_read(handle, dst, len, timeoutMs)
func (k *ports) read(g abi.Guest, s []uint64) {
	to := g.View(s[1], s[2])
	g.Pay(0, len(to))
	p := k.port(s[0])
	if !k.line(g, s, p) {
		return
	}
	timeout := min(uint32(s[3]), maxSerialTimeout)
	request := strconv.Itoa(int(uint32(s[0]))) + " " + strconv.Itoa(len(to)) + " " + strconv.Itoa(int(timeout))
	most := min(len(to), maxSerialRead, max(g.Room()-abi.CallCost-len(request), 0))
	if most == 0 && len(to) > 0 {
		abi.Reply(s, -abi.ENOSPC)
		return
	}
	answer, room := g.Ask(callSerialRead, request, -abi.ENOSPC, func(ctx context.Context) abi.Heard {
		return p.read(ctx, most, time.Duration(timeout)*time.Millisecond)
	})
	switch {
	case !room:
		answer.Code = -abi.ENOSPC
	case len(answer.Result) > len(to):
		panic(abi.Differs("the transcript has more than " + answer.String() + " asked for"))
	}
	copy(to, answer.Result)
	abi.Reply(s, answer.Code)
}

func (p *openPort) read(ctx context.Context, most int, timeout time.Duration) abi.Heard {
	if most == 0 {
		return abi.Heard{}
	}
	until := time.Now().Add(timeout)
	if end, has := ctx.Deadline(); has && end.Before(until) {
		until = end
	}
	if err := p.port.SetReadDeadline(until); err != nil {
		return abi.Heard{Code: -abi.EIO}
	}
	b := make([]byte, most)
	n, err := p.port.Read(b)
	switch {
	case n > 0:
		return abi.Heard{Code: int32(n), Result: b[:n], MS: time.Now().UnixMilli()}
	case errors.Is(err, os.ErrDeadlineExceeded), err == nil:
		return abi.Heard{Code: -abi.ETIMEDOUT}
	case errors.Is(err, io.EOF):
		return abi.Heard{}
	}
	return abi.Heard{Code: -abi.EIO}
}

func (k *ports) write(g abi.Guest, s []uint64) {
	b := g.View(s[1], s[2])
	g.Pay(0, len(b))
	p := k.port(s[0])
	if !k.line(g, s, p) {
		return
	}
	b = b[:min(len(b), maxSerialWrite)]
	request := strconv.Itoa(int(uint32(s[0]))) + " " + base64.StdEncoding.EncodeToString(b)
	answer, room := g.Ask(callSerialWrite, request, -abi.ENOSPC, func(context.Context) abi.Heard {
		n, err := p.port.Write(slices.Clone(b))
		if err != nil && n == 0 {
			return abi.Heard{Code: -abi.EIO}
		}
		return abi.Heard{Code: int32(min(max(n, 0), len(b)))}
	})
	if !room {
		answer.Code = -abi.ENOSPC
	}
	abi.Reply(s, answer.Code)
}

func (k *ports) close(g abi.Guest, s []uint64) {
	g.Pay(0, 0)
	p := k.port(s[0])
	if p == nil {
		abi.Reply(s, -abi.EINVAL)
		return
	}
	p.close()
	abi.Reply(s, 0)
}
