package capability

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
)

const (
	maxGets     = 8 // of one event
	callHTTPGet = "http_get"
)

var httpGet = abi.Set{
	Module: manifest.ABI, Needs: "http_get", Granted: mayGet, Reaches: mayGet,
	Functions: []abi.Function{{Name: "http_get", Signature: "ii:i", Call: abi.With((*gets).call)}},
	Entries:   []abi.Entry{{Call: callHTTPGet, Sized: true}},
	Open: func(w abi.World) func() abi.Kept {
		granted, get := w.Granted.HTTPGet.WithDefaults(), w.Host.Get
		if get == nil {
			get = egress.New(fetching(granted, w.Host.Route))
		}
		return func() abi.Kept { return &gets{get: get, limit: granted.Bytes} }
	},
}

// fetching is what a module fetches with if nobody does it for it: all its instances with the same, so that they share the rate.
func fetching(granted manifest.HTTPGet, by httpc.Route) egress.Options {
	return egress.Options{Hosts: granted.Hosts, PerSecond: granted.PerSecond, Bytes: granted.Bytes, Route: by}
}

func mayGet(c manifest.Capabilities) bool { return c.HTTPGet != nil }

// gets are those of one event.
type gets struct {
	get   func(ctx context.Context, url string, limit int) (status int, body []byte, err error)
	limit int // bytes of one answer
	count int
}

// Rest lets the next event have as many.
func (k *gets) Rest() { k.count = 0 }

func (k *gets) call(g abi.Guest, s []uint64) {
	address := g.View(s[0], s[1])
	g.Pay(abi.OutsideFuel, len(address))
	unstage(g)
	switch {
	case len(address) == 0 || len(address) > egress.MaxURL || !abi.IsPlain(address):
		abi.Reply(s, -abi.EINVAL)
		return
	case g.Outside():
		abi.Reply(s, -abi.EAGAIN)
		return
	case k.count == maxGets:
		abi.Reply(s, -abi.ENOSPC)
		return
	}
	k.count++
	url := string(address)
	answer, room := g.Ask(callHTTPGet, url, -abi.ENOSPC, func(ctx context.Context) abi.Heard {
		return k.fetch(g, ctx, url)
	})
	if !room {
		answer.Code = -abi.ENOSPC
	}
	stage(g, s, answer)
}

func (k *gets) fetch(g abi.Guest, ctx context.Context, url string) abi.Heard {
	status, body, err := k.get(ctx, url, k.limit)
	switch {
	case errors.Is(err, egress.ErrURL):
		return abi.Heard{Code: -abi.EINVAL}
	case errors.Is(err, egress.ErrNotGranted):
		g.Tell(err)
		return abi.Heard{Code: -abi.EACCES}
	case errors.Is(err, egress.ErrRate):
		return abi.Heard{Code: -abi.EAGAIN}
	case errors.Is(err, egress.ErrTooLarge), err == nil && len(body) > k.limit:
		return abi.Heard{Code: -abi.ENOSPC}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return abi.Heard{Code: -abi.ETIMEDOUT}
	case err != nil:
		g.Tell(err)
		return abi.Heard{Code: -abi.EIO}
	case status < 200 || status > 299:
		return abi.Heard{Code: -1000 - int32(status)}
	}
	return abi.Heard{Code: int32(len(body)), Result: body, MS: time.Now().UnixMilli()}
}
