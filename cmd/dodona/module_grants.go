package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/manifest"
)

// grantWays are what --grant takes, for people.
const grantWays = "http_get=HOST, read_sensor=NAME:FILE, files=DIR, state, now_ms, random or verify"

// grants are what a module that is tried may reach, and what it finds there.
type grants struct {
	manifest.Capabilities
	sensors map[string]dodona.Reading
	dir     string             // of files
	state   map[string][]byte  // that it finds
	fetches map[string]fetched // by URL; nil: it fetches from the network
}

// A fetched is what a module is told that an HTTP server answered.
type fetched struct {
	status int
	body   []byte
}

// parseGrants reads grants as the command line and test files have them; files are read relative to dir.
func parseGrants(texts []string, at func(file string) string) (g grants, err error) {
	g.sensors = map[string]dodona.Reading{}
	for _, text := range texts {
		if err := g.add(text, at); err != nil {
			return g, fmt.Errorf("grant %q: %w", text, err)
		}
	}
	return g, nil
}

func (g *grants) add(text string, at func(file string) string) error {
	name, value, valued := strings.Cut(text, "=")
	if want := map[string]string{"http_get": "HOST", "read_sensor": "NAME:FILE", "files": "DIR"}[name]; want != "" && value == "" {
		return fmt.Errorf("want %s=%s", name, want)
	} else if want == "" && valued {
		return fmt.Errorf("want %s", grantWays)
	}
	switch name {
	case "http_get":
		if g.HTTPGet == nil {
			g.HTTPGet = &manifest.HTTPGet{}
		}
		g.HTTPGet.Hosts = append(g.HTTPGet.Hosts, strings.Split(value, ",")...)
	case "read_sensor":
		source, file, found := strings.Cut(value, ":")
		if !found {
			return errors.New("want read_sensor=NAME:FILE, where FILE holds the source's last reading")
		}
		body, err := readFile(at(file), 16<<20)
		if err != nil {
			return err
		}
		g.ReadSensor = append(g.ReadSensor, source)
		g.sensors[source] = dodona.Reading{Source: source, Body: body, ContentType: contentType(file), Received: time.Now()}
	case "files":
		dir := at(value)
		if info, err := os.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is no directory", dir)
		}
		g.Files, g.dir = true, dir
	case "state":
		g.State = true
	case "now_ms":
		g.NowMS = true
	case "random":
		g.Random = true
	case "verify":
		g.Verify = true
	case "serial", "serial_open":
		return errors.New("a serial port can be granted by a node's configuration alone")
	default:
		return fmt.Errorf("want %s", grantWays)
	}
	return nil
}

// host returns the world that the module may see.
func (g grants) host() module.Host {
	h := module.Host{
		Number: extract.Number,
		Reading: func(_ context.Context, source string) (dodona.Reading, error) {
			if r, found := g.sensors[source]; found {
				return r, nil
			}
			return dodona.Reading{}, dodona.ErrNotFound
		},
		State: func(dodona.FeedID) map[string][]byte { return g.state },
	}
	if g.HTTPGet == nil {
		return h
	}
	h.Get = module.NewGetter(module.GetterOptions{Hosts: g.HTTPGet.Hosts, PerSecond: g.HTTPGet.PerSecond, Bytes: g.HTTPGet.Bytes})
	if g.fetches != nil {
		h.Get = g.replay
	}
	return h
}

// replay answers from what a test has recorded.
func (g grants) replay(_ context.Context, text string, _ int) (int, []byte, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || !slices.Contains(g.HTTPGet.Hosts, u.Host) {
		return 0, nil, module.ErrNotGranted
	}
	answer, found := g.fetches[text]
	if !found {
		return 404, nil, nil
	}
	return answer.status, answer.body, nil
}

// contentType guesses the media type of a file by its name; empty if it does not say.
func contentType(file string) string {
	switch {
	case strings.HasSuffix(file, ".json"):
		return "application/json"
	case strings.HasSuffix(file, ".txt"):
		return "text/plain; charset=utf-8"
	}
	return ""
}
