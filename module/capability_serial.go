package module

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

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

// serialFunctions are linked only with the capability serial.
var serialFunctions = []function{
	{name: "serial_open", signature: "ii:i", call: serialOpen, needs: "serial", granted: hasSerial, missing: noSerial},
	{name: "serial_read", signature: "iiii:i", call: serialRead, needs: "serial", granted: hasSerial, missing: noSerial},
	{name: "serial_write", signature: "iii:i", call: serialWrite, needs: "serial", granted: hasSerial, missing: noSerial},
	{name: "serial_close", signature: "i:i", call: serialClose, needs: "serial", granted: hasSerial, missing: noSerial},
}

func hasSerial(c manifest.Capabilities) bool { return len(c.Serial) > 0 }
func noSerial(h *Host, _ string) string {
	return absent(h.Serial == nil, "no serial ports for modules")
}

// An openPort is a port that the guest has a handle of. On a replay there is no port behind it.
type openPort struct {
	used bool
	port Port
}

func (p *openPort) close() {
	if p.port != nil {
		_ = p.port.Close() // the guest has what it read
	}
	*p = openPort{}
}

// port returns the open port of a handle; nil if there is none.
func (ev *event) port(handle uint64) *openPort {
	if h := uint32(handle); h < maxPorts && ev.ports[h].used {
		return &ev.ports[h]
	}
	return nil
}

func serialOpen(in *instance, s []uint64) {
	id := in.view(s[0], s[1])
	in.pay(outsideFuel, len(id))
	ev := &in.event
	free := slices.IndexFunc(ev.ports[:], func(p openPort) bool { return !p.used })
	switch {
	case len(id) > maxSerialName || !slices.Contains(in.module.spec.Capabilities.Serial, string(id)):
		reply(s, -eacces)
		return
	case in.outside():
		reply(s, -eagain)
		return
	case free < 0:
		reply(s, -enospc)
		return
	}
	name := string(id)
	answer, room := ev.record.ask(in.ctx.Context, callSerialOpen, name, -enospc, func(ctx context.Context) heard {
		port, err := in.module.spec.Host.Serial(ctx, name)
		if err != nil {
			in.tell(err)
			return heard{Code: -eio}
		}
		ev.ports[free] = openPort{true, port}
		return heard{Code: int32(free)}
	})
	switch {
	case !room:
		answer.Code = -enospc
	case answer.Code >= 0 && int(answer.Code) != free:
		panic(stop{cause: CauseReplay, detail: "the transcript has another handle of " + answer.String()})
	case answer.Code >= 0:
		ev.ports[free].used = true
	}
	reply(s, answer.Code)
}

// line reports whether the guest may use a port once more, and replies if it may not.
func (in *instance) line(s []uint64, p *openPort) bool {
	ev := &in.event
	switch {
	case in.outside():
		reply(s, -eagain)
		return false
	case p == nil:
		reply(s, -einval)
		return false
	case ev.lines == maxSerialCalls:
		reply(s, -enospc)
		return false
	}
	ev.lines++
	return true
}

// serial_read(handle, dst, len, timeoutMs)
func serialRead(in *instance, s []uint64) {
	to := in.view(s[1], s[2])
	in.pay(0, len(to))
	ev := &in.event
	p := ev.port(s[0])
	if !in.line(s, p) {
		return
	}
	timeout := min(uint32(s[3]), maxSerialTimeout)
	request := strconv.Itoa(int(uint32(s[0]))) + " " + strconv.Itoa(len(to)) + " " + strconv.Itoa(int(timeout))
	most := min(len(to), maxSerialRead, max(ev.record.room-callCost-len(request), 0))
	if most == 0 && len(to) > 0 {
		reply(s, -enospc)
		return
	}
	answer, room := ev.record.ask(in.ctx.Context, callSerialRead, request, -enospc, func(ctx context.Context) heard {
		return p.read(ctx, most, time.Duration(timeout)*time.Millisecond)
	})
	switch {
	case !room:
		answer.Code = -enospc
	case len(answer.Result) > len(to):
		panic(stop{cause: CauseReplay, detail: "the transcript has more than " + answer.String() + " asked for"})
	}
	copy(to, answer.Result)
	reply(s, answer.Code)
}

func (p *openPort) read(ctx context.Context, most int, timeout time.Duration) heard {
	if most == 0 {
		return heard{}
	}
	until := time.Now().Add(timeout)
	if end, has := ctx.Deadline(); has && end.Before(until) {
		until = end
	}
	if err := p.port.SetReadDeadline(until); err != nil {
		return heard{Code: -eio}
	}
	b := make([]byte, most)
	n, err := p.port.Read(b)
	switch {
	case n > 0:
		return heard{Code: int32(n), Result: b[:n], MS: time.Now().UnixMilli()}
	case errors.Is(err, os.ErrDeadlineExceeded), err == nil:
		return heard{Code: -etimedout}
	case errors.Is(err, io.EOF):
		return heard{}
	}
	return heard{Code: -eio}
}

func serialWrite(in *instance, s []uint64) {
	b := in.view(s[1], s[2])
	in.pay(0, len(b))
	ev := &in.event
	p := ev.port(s[0])
	if !in.line(s, p) {
		return
	}
	b = b[:min(len(b), maxSerialWrite)]
	request := strconv.Itoa(int(uint32(s[0]))) + " " + base64.StdEncoding.EncodeToString(b)
	answer, room := ev.record.ask(in.ctx.Context, callSerialWrite, request, -enospc, func(context.Context) heard {
		n, err := p.port.Write(slices.Clone(b))
		if err != nil && n == 0 {
			return heard{Code: -eio}
		}
		return heard{Code: int32(min(max(n, 0), len(b)))}
	})
	if !room {
		answer.Code = -enospc
	}
	reply(s, answer.Code)
}

func serialClose(in *instance, s []uint64) {
	in.pay(0, 0)
	p := in.event.port(s[0])
	if p == nil {
		reply(s, -einval)
		return
	}
	p.close()
	reply(s, 0)
}
