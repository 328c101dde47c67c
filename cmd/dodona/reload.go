package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/dodona-oracle/dodona/api"
)

type reloadCommand struct {
	nodeFlags
	Config string `help:"The configuration that the node runs by: it is checked first, and says where the node listens (but for --api)." placeholder:"FILE"`
}

// Run lets a node read its configuration again, and prints what changed.
func (c reloadCommand) Run(ctx context.Context, term terminal) error {
	if c.Config != "" {
		loaded, err := nodeConfig(c.Config, term.in)
		if err != nil {
			return mistakes(term, err)
		}
		c.at(loaded.API)
	}
	body, err := c.ask(ctx, http.MethodPost, "/v1/reload", "application/json")
	if err != nil {
		return err
	}
	if c.JSON {
		return printRaw(term.out, body)
	}
	var done api.Reloaded
	if err := json.Unmarshal(body, &done); err != nil {
		return fmt.Errorf("read what was reloaded: %w", err)
	}
	changed := false
	for _, list := range []struct {
		verb  string
		names []string
	}{{"started", done.Started}, {"stopped", done.Stopped}, {"replaced", done.Replaced}, {"changed", done.Settings}} {
		if len(list.names) > 0 {
			changed = true
			if err := term.line("%-8s  %s", list.verb, strings.Join(list.names, ", ")); err != nil {
				return err
			}
		}
	}
	if !changed {
		return term.line("nothing changed; %d sources, feeds and sinks as before", done.Kept)
	}
	return term.line("as before %d sources, feeds and sinks", done.Kept)
}

// at names the node that listens as a configuration says, unless the command line named one.
func (n *nodeFlags) at(s api.Settings) {
	if n.API == defaultAPI {
		host, port, _ := net.SplitHostPort(s.Listen) // the configuration was checked
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
			if ip != nil && ip.To4() == nil {
				host = "::1"
			}
		}
		n.API = "http://" + net.JoinHostPort(host, port)
	}
	if n.Token == "" && len(s.Tokens) > 0 {
		n.bearer = s.Tokens[0]
	}
}
