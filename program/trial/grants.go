package trial

import (
	"cmp"
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
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// GrantWays are what --grant takes, for people.
const GrantWays = "http_get=HOST, read_sensor=NAME:FILE, files=DIR, state, now_ms, random or verify"

// Grants are what a module that is tried may reach, and what it finds there.
type Grants struct {
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

// ParseGrants reads grants as the command line and test files have them; at says where a file is that they name.
func ParseGrants(texts []string, at func(file string) string) (Grants, error) {
	g := Grants{sensors: map[string]dodona.Reading{}}
	for _, text := range texts {
		if err := g.add(text, at); err != nil {
			return g, fmt.Errorf("grant %q: %w", text, err)
		}
	}
	return g, g.Check()
}

func (g *Grants) add(text string, at func(file string) string) error {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "read_sensor":
		source, file, found := strings.Cut(value, ":")
		if !found || source == "" || file == "" {
			return errors.New("want read_sensor=NAME:FILE, where FILE holds the source's last reading")
		}
		body, err := manifest.ReadFile(at(file), MaxInput)
		if err != nil {
			return err
		}
		g.ReadSensor = append(g.ReadSensor, source)
		g.sensors[source] = dodona.Reading{Source: source, Body: body, ContentType: ContentType(file), Received: time.Now()}
		return nil
	case "files":
		if value == "" {
			return errors.New("want files=DIR")
		}
		if info, err := os.Stat(at(value)); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is no directory", at(value))
		}
		g.Files, g.dir = true, at(value)
		return nil
	case "serial":
		return errors.New("a serial port can be granted by a node's configuration alone")
	}
	if strings.Contains(name, ".") || name == "http_get" && value == "" || g.Add(text) != nil {
		return errors.New("want " + GrantWays)
	}
	return nil
}

// grantTexts are what the capabilities are called where they are granted, one by one.
func grantTexts(c manifest.Capabilities) (out []string) {
	if c.HTTPGet != nil {
		for _, host := range c.HTTPGet.Hosts {
			out = append(out, "http_get="+host)
		}
	}
	for _, name := range c.ReadSensor {
		out = append(out, "read_sensor="+name)
	}
	for _, name := range c.Serial {
		out = append(out, "serial="+name)
	}
	for _, flag := range []string{"files", "state", "now_ms", "random", "verify"} {
		if (Grants{Capabilities: c}).allow(flag) {
			out = append(out, flag)
		}
	}
	return out
}

// importedGrants are the capabilities that a module's imports need. Hosts and sensors are not in its imports.
func importedGrants(code []byte) (out []string) {
	core, err := wasm.Unwrap(code)
	if err != nil {
		return nil // loading it says why
	}
	m, err := wasm.Parse(core)
	if err != nil {
		return nil
	}
	for _, i := range m.Imports {
		needs, _ := module.Needs(i.Module, i.Name)
		if needs != "" && !strings.Contains(needs, " ") && !slices.Contains(out, needs) { // "http_get or state": another import says which
			out = append(out, needs)
		}
	}
	return out
}

// allow reports whether g has a capability; http_get and read_sensor alone are any host and any sensor.
func (g Grants) allow(text string) bool {
	switch text {
	case "http_get":
		return g.HTTPGet != nil
	case "read_sensor":
		return len(g.ReadSensor) > 0
	}
	var one manifest.Capabilities
	return one.Add(text) == nil && one.Missing(g.Capabilities) == nil
}

// lacking returns what must be granted besides, as it is written.
func (g Grants) lacking(needed []string) (out []string) {
	for _, text := range needed {
		if g.allow(text) {
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		switch name {
		case "http_get":
			text = "http_get=" + cmp.Or(value, "HOST")
		case "read_sensor":
			text = "read_sensor=" + cmp.Or(value, "NAME") + ":FILE"
		case "files":
			text = "files=DIR"
		case "serial":
			text = "serial (which a node's configuration alone can grant)"
		}
		out = append(out, text)
	}
	return out
}

// host returns the world as a module with these capabilities may see it.
func (g Grants) host(c manifest.Capabilities) abi.Host {
	h := abi.Host{
		Number: extract.Number,
		Reading: func(_ context.Context, source string) (dodona.Reading, error) {
			if r, found := g.sensors[source]; found {
				return r, nil
			}
			return dodona.Reading{}, dodona.ErrNotFound
		},
		State: func(dodona.FeedID) map[string][]byte { return g.state },
	}
	switch {
	case c.HTTPGet == nil:
	case g.fetches != nil:
		h.Get = g.recorded
	default:
		h.Get = egress.New(egress.Options{Hosts: c.HTTPGet.Hosts, PerSecond: c.HTTPGet.PerSecond, Bytes: c.HTTPGet.Bytes})
	}
	return h
}

// recorded answers from what a test has recorded.
func (g Grants) recorded(_ context.Context, text string, _ int) (int, []byte, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || !slices.Contains(g.HTTPGet.Hosts, u.Host) {
		return 0, nil, egress.ErrNotGranted
	}
	answer, found := g.fetches[text]
	if !found {
		return 404, nil, nil
	}
	return answer.status, answer.body, nil
}
