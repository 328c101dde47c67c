package capability

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/manifest"
)

const (
	maxSensors     = 64  // of one event
	maxSensor      = 255 // bytes of a source's name
	callReadSensor = "read_sensor"
)

var readSensor = abi.Set{
	Module: manifest.ABI, Needs: "read_sensor", Granted: mayRead, Reaches: mayRead,
	Missing:   func(w abi.World) string { return absent(w.Host.Reading == nil, "no journaled readings for modules") },
	Functions: []abi.Function{{Name: "read_sensor", Signature: "ii:i", Call: abi.With((*sensors).call)}},
	Entries:   []abi.Entry{{Call: callReadSensor, Sized: true}},
	Open: func(w abi.World) func() abi.Kept {
		return func() abi.Kept { return &sensors{granted: w.Granted.ReadSensor, host: w.Host} }
	},
}

func mayRead(c manifest.Capabilities) bool { return len(c.ReadSensor) > 0 }

// sensors are those that one event has read.
type sensors struct {
	granted []string
	host    *abi.Host
	count   int
}

// Rest lets the next event read as many.
func (k *sensors) Rest() { k.count = 0 }

func (k *sensors) call(g abi.Guest, s []uint64) {
	id := g.View(s[0], s[1])
	g.Pay(abi.OutsideFuel, len(id))
	unstage(g)
	switch {
	case len(id) > maxSensor || !slices.Contains(k.granted, string(id)):
		abi.Reply(s, -abi.EACCES)
		return
	case g.Outside():
		abi.Reply(s, -abi.EAGAIN)
		return
	case k.count == maxSensors:
		abi.Reply(s, -abi.ENOSPC)
		return
	}
	k.count++
	source := string(id)
	answer, room := g.Ask(callReadSensor, source, -abi.ENOSPC, func(ctx context.Context) abi.Heard {
		return k.read(g, ctx, source)
	})
	if !room {
		answer.Code = -abi.ENOSPC
	}
	stage(g, s, answer)
}

func (k *sensors) read(g abi.Guest, ctx context.Context, source string) abi.Heard {
	r, err := k.host.Reading(ctx, source)
	switch {
	case errors.Is(err, dodona.ErrNotFound):
		return abi.Heard{Code: -abi.ENOENT}
	case err != nil:
		g.Tell(err)
		return abi.Heard{Code: -abi.EIO}
	case len(r.Body) > math.MaxInt32:
		return abi.Heard{Code: -abi.ENOSPC}
	}
	return abi.Heard{Code: int32(len(r.Body)), Result: r.Body, MS: r.Received.UnixMilli()}
}
