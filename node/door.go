package node

import (
	"context"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
)

// A door is where the node answers over HTTP, from before its journal is open until all else has ended.
type door struct {
	server *api.Server
	unit   *unit
	err    error // why it broke, once it has
}

// listen opens the door, if this process serves and it is not open yet.
func (n *Node) listen(ctx context.Context) error {
	c := n.cfg
	if n.door != nil || !c.Has(config.Serve) {
		return nil
	}
	server, err := api.Listen(ctx, c.API.Listen, api.Config{
		Starting: n.starts.problems, Stream: n.stream, Tokens: c.API.Tokens, Hosts: c.API.Hosts, Metrics: n.metrics, Recorder: n.recorder, Log: n.log, Now: n.now, Runs: n.runs,
	})
	if err != nil {
		return lastingSecret(err)
	}
	d := &door{server: server}
	d.unit = start(context.WithoutCancel(ctx), func(ctx context.Context) { d.err = server.Run(ctx) })
	n.door = d
	return nil
}

// watch returns once ctx has ended and nobody is answered any more, or why the door broke.
func (d *door) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		d.unit.stop()
		return nil
	case <-d.unit.done:
		return d.err
	}
}

// shut lets nobody in any more, and waits for who is answered. It may be called twice.
func (d *door) shut() {
	if d != nil {
		d.unit.stop()
	}
}
