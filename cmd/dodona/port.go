package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
)

// otherPort says of a node that cannot listen why not, and where it can.
func otherPort(ctx context.Context, err error, c *config.Config, path string) error {
	if !errors.Is(err, api.ErrListen) {
		return err
	}
	host, port, _ := net.SplitHostPort(c.API.Listen)
	why, from := "", port
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = holder(ctx, c.API.Listen)
	case errors.Is(err, syscall.EACCES):
		why, from = "ports below 1024 are for root alone, or for who has CAP_NET_BIND_SERVICE", defaultPort
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why, host = "this machine has no such address", "127.0.0.1"
	default:
		return err
	}
	free := freeNear(ctx, host, from)
	hint := fmt.Sprintf("dodona run %s --listen %s serves elsewhere", inWords(path), free)
	if !c.TwoLine {
		hint += fmt.Sprintf(", and so does api: {listen: %q} in the configuration", free)
	}
	return fmt.Errorf("%w: %s; %s", err, why, hint)
}

// holder says who has a port, as far as that tells.
func holder(ctx context.Context, listen string) string {
	p, err := client{url: urlOf(listen)}.process(ctx)
	switch {
	case err == nil && p.File != "":
		return fmt.Sprintf("process %d, the node of %s, has that port", p.PID, p.File)
	case err == nil && p.PID != 0:
		return fmt.Sprintf("process %d, another node, has that port", p.PID)
	}
	return "another program has that port"
}

// freeNear returns an address of a host with the first port above the given one that is free, or with any free one.
func freeNear(ctx context.Context, host, port string) string {
	const most = 20
	n, _ := strconv.Atoi(port) // of a service's name: 0, which is any free one
	for i := n + 1; n > 0 && i <= min(n+most, 1<<16-1); i++ {
		address := net.JoinHostPort(host, strconv.Itoa(i))
		if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	return net.JoinHostPort(host, "0")
}
