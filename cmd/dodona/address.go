package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/api"
	"github.com/dodona-oracle/dodona/config"
	"github.com/dodona-oracle/dodona/internal/secret"
)

// find returns the node that is meant: --api says where it listens, else the configuration of --config, else $DODONA_API, else the service's
// configuration if there is one, else it is in the usual place. That a node at hand runs by another configuration than the given one is an error.
func (n nodeFlags) find(ctx context.Context, term terminal) (client, error) {
	s, err := n.scene(ctx, term.in, serviceUnit)
	switch {
	case err != nil:
		return client{}, err
	case n.Config == "" && s.config == "":
		return s.client, nil
	case s.loaded == nil && n.Config != "":
		return client{}, mistakes(term, s.misunderstood())
	case s.loaded == nil:
		s.lost = fmt.Sprintf("; %s could not be asked: %v", s.config, s.misunderstood())
		return s.client, nil
	}
	err = s.mistaken(ctx)
	if err != nil && n.Config == "" {
		term.complain(fmt.Errorf("note: %w", err))
		err = nil
	}
	return s.client, err
}

// scene reads the configuration that says most of the node that is meant, and where that listens.
func (n nodeFlags) scene(ctx context.Context, stdin io.Reader, unit string) (*scene, error) {
	s := &scene{client: client{url: defaultAPI}, unit: service{name: unit}}
	environment := os.Getenv("DODONA_API")
	file := n.Config
	if file == "" && n.API == "" && environment == "" && isFile(serviceConfig) {
		file = serviceConfig
	}
	s.read(file, stdin)
	if n.Token != "" {
		s.token, s.whose = secret.String{File: n.Token}, "--token "+inWords(n.Token)
	}
	switch {
	case n.API != "":
		s.url, s.said = n.API, "--api"
	case s.loaded != nil:
		s.url, s.said = urlOf(s.loaded.API.Listen), "api.listen of "+s.config
	case n.Config == "" && environment != "":
		u, err := wholeAPI(environment, "$DODONA_API")
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		s.url, s.said = u, "$DODONA_API"
	}
	if s.loaded != nil && s.token.IsZero() && len(s.loaded.API.Tokens) > 0 {
		s.showToken(ctx, s.loaded.API.Tokens[0])
	}
	if s.said != "--api" && s.said != "$DODONA_API" {
		s.down, s.hangs = s.dead, s.runs
	}
	if s.loaded != nil && n.API == "" {
		return s, s.listens(ctx)
	}
	return s, nil
}

// dead says who knows how the service fares, if this machine has it and it is the node that is meant.
func (s *scene) dead(ctx context.Context) string {
	moved, unit := s.moved(ctx), s.service(ctx)
	if unit.err != nil || s.config != "" && !isSame(s.config, unit.config) {
		return moved
	}
	return moved + fmt.Sprintf("; systemctl status %s says how its service fares, journalctl -u %[1]s what it said last", unit.name)
}

// runs names the process of the node that is meant, if this machine shows it.
func (s *scene) runs(ctx context.Context) string {
	h, _ := s.seenHome(ctx)
	if h.pid == 0 {
		return ""
	}
	return fmt.Sprintf("process %d of %s", h.pid, s.config)
}

// moved says which process runs by the configuration although nobody answers where that says by now.
func (s *scene) moved(ctx context.Context) string {
	if s.loaded == nil || s.config == "-" || !strings.HasPrefix(s.said, "api.listen of ") {
		return ""
	}
	h, _ := s.seenHome(ctx)
	if h.pid == 0 {
		h.pid = holderOf(s.there(ctx, s.loaded.Node.Data))
	}
	if h.pid == 0 {
		return ""
	}
	where := "--api URL asks it where it listens"
	for _, port := range portsOf(h.pid) {
		url := "http://" + net.JoinHostPort("127.0.0.1", port)
		_, err := client{url: url}.process(ctx) // no token goes to a port that no configuration names
		if refusal := (*refusalError)(nil); err == nil || errors.As(err, &refusal) && refusal.status == http.StatusUnauthorized {
			where = "it answers at --api " + url
			break
		}
	}
	return fmt.Sprintf("; process %d runs by %s as that was when it began, and only a restart takes up another api.listen; %s", h.pid, s.config, where)
}

// read reads a configuration as far as it can be understood.
func (s *scene) read(file string, stdin io.Reader) {
	s.config = file
	if file != "" && file != "-" {
		if path, err := filepath.Abs(file); err == nil {
			s.config = path
		}
	}
	s.written, s.unread = readWhole(s.config, stdin)
	if s.unread == nil {
		s.masked, s.unread = config.LoadMasked(bytes.NewReader(s.written), s.config, allKinds())
		s.loaded = s.masked.Understood
	}
}

// listens makes sure that the node of the configuration can be asked, where its command line says if that says it.
func (s *scene) listens(ctx context.Context) error {
	listen := s.loaded.API.Listen
	if h := s.home(ctx); h.listen != "" {
		listen = h.listen
		s.url, s.said = urlOf(listen), fmt.Sprintf("--listen of process %d", h.pid)
	}
	switch _, port, err := net.SplitHostPort(listen); {
	case !s.loaded.Has(config.Serve):
		return failure{exitUsage, fmt.Errorf("the node of %s answers nobody: its roles have no %s (--api URL asks another node)", s.config, config.Serve)}
	case err != nil:
		return failure{exitUsage, fmt.Errorf("api.listen of %s does not say where to ask: %w", s.config, err)}
	case port == "0":
		return failure{exitUsage, fmt.Errorf("the node of %s listens on any free port: --api URL says which it took, as it told at its start", s.config)}
	}
	return nil
}

// urlOf returns where this machine reaches who listens at an address.
func urlOf(listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}

// showToken takes a token of the configuration, as its node means it.
func (s *scene) showToken(ctx context.Context, token secret.String) {
	switch {
	case token.File != "" && !filepath.IsAbs(token.File):
		token.File, s.at = s.there(ctx, token.File), s.begins(ctx)
	case token.Env != "":
		if value, found := environmentOf(s.home(ctx).pid)[token.Env]; found {
			token = secret.New(value)
		}
	}
	s.token, s.whose = token, "the first of api.tokens in "+s.config
}

// processTime bounds how long a node is waited for that is only asked which it is.
const processTime = 5 * time.Second

// process asks the node which process it is.
func (n client) process(ctx context.Context) (p api.Process, err error) {
	n.limit = processTime
	err = n.tell(ctx, "/v1/process", &p)
	return p, err
}

// mistaken says that the node that is asked does not run by the configuration. Where nobody can tell, because it is elsewhere, down, or of an
// earlier version, it says nothing.
func (s *scene) mistaken(ctx context.Context) error {
	p, err := s.process(ctx)
	if errors.Is(err, errMute) {
		s.hung = err
	}
	if err != nil || p.PID == 0 {
		return nil
	}
	s.known = p.SHA256 == s.loaded.SHA256 || p.File != "" && isSame(p.File, s.config)
	switch _, gone := os.Stat(p.File); {
	case s.known:
		return nil
	case p.File == "":
		return fmt.Errorf("the node at %s runs by a configuration from its standard input, not by %s: it is another one (without --config it is asked all the same)", s.url, s.config)
	case gone != nil: // of another root, perhaps; it may be the same file
		return nil
	}
	return fmt.Errorf("the node at %s runs by %s, not by %s: it is another one (--config %s asks it)", s.url, p.File, s.config, inWords(p.File))
}

// misunderstood says why the configuration is not known.
func (s *scene) misunderstood() error { return errors.Join(s.unread, s.masked.Mistakes) }
