package trial

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/extract"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/module"
	"github.com/dodona-oracle/dodona/module/abi"
	"github.com/dodona-oracle/dodona/module/egress"
	"github.com/dodona-oracle/dodona/module/manifest"
	"github.com/dodona-oracle/dodona/module/wasm"
)

// A place is a capability that is granted here otherwise than it is asked for, because what it reaches is a node's, and
// something must stand in for that.
type place struct {
	name string
	form string // how it is granted, for people; empty: it is not
}

var places = []place{{"http_get", "http_get=HOST"}, {"read_sensor", "read_sensor=NAME:FILE"}, {"serial", ""}, {"files", "files=DIR"}, {"state", "state"}}

// placeOf returns where a capability is among places; behind them if it is granted as it is asked for.
func placeOf(text string) int {
	name, _, _ := strings.Cut(text, "=")
	name, _, _ = strings.Cut(name, ".")
	if at := slices.IndexFunc(places, func(p place) bool { return p.name == name }); at >= 0 {
		return at
	}
	return len(places)
}

// GrantForms are what --grant takes, for people.
func GrantForms() (out []string) {
	for _, p := range places {
		if p.form != "" {
			out = append(out, p.form)
		}
	}
	for _, form := range manifest.Forms() {
		if placeOf(form) == len(places) {
			out = append(out, form)
		}
	}
	return out
}

// Grants are what a module that is tried may reach, and what it finds there.
type Grants struct {
	manifest.Capabilities
	sensors map[string]dodona.Reading
	dir     string             // of files
	state   map[string][]byte  // that it finds
	fetches map[string]fetched // by what is [asked]; nil: it fetches from the network
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
		return errors.New("want " + strict.Either(GrantForms()))
	}
	return nil
}

// grantTexts are what the capabilities are called where they are granted, one by one.
func grantTexts(c manifest.Capabilities) []string {
	texts := c.Written()
	slices.SortStableFunc(texts, func(a, b string) int { return placeOf(a) - placeOf(b) })
	return texts
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

// allow reports whether g has what a text of grantTexts names; a capability alone is anything that it may reach.
func (g Grants) allow(text string) bool {
	name, _, one := strings.Cut(text, "=")
	if !one {
		return g.Has(name)
	}
	var c manifest.Capabilities
	return c.Add(text) == nil && c.Missing(g.Capabilities) == nil
}

// lacking returns what must be granted besides, as it is written.
func (g Grants) lacking(needed []string) (out []string) {
	for _, text := range needed {
		if !g.allow(text) {
			out = append(out, granting(text))
		}
	}
	return out
}

// granting says how to grant what a text of grantTexts names.
func granting(text string) string {
	name, value, one := strings.Cut(text, "=")
	for _, form := range GrantForms() {
		capability, parameter, _ := strings.Cut(form, "=")
		if capability != name {
			continue
		}
		if of, rest, _ := strings.Cut(parameter, ":"); one && rest != "" {
			return name + "=" + value + ":" + rest
		} else if one && of != "" {
			return text
		}
		return form
	}
	return name + " (which a node's configuration alone can grant)"
}

// host returns the world as a module may see it.
func (g Grants) host() abi.Host {
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
	if g.fetches != nil {
		h.Get = g.recorded
	}
	return h
}

// recorded answers from what a test has recorded. What may be fetched, and which URLs are one, is as at a node; how often, is
// not asked: in a test no time passes.
func (g Grants) recorded(_ context.Context, text string, _ int) (int, []byte, error) {
	u, err := egress.Granted(text, g.HTTPGet.Hosts)
	if err != nil {
		return 0, nil, err
	}
	answer, found := g.fetches[asked(u)]
	if !found {
		return http.StatusNotFound, nil, nil
	}
	return answer.status, answer.body, nil
}

// asked returns what a server sees of a URL.
func asked(u *url.URL) string { return u.Host + u.RequestURI() }
