package trial

import (
	"cmp"
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

// A place is where a capability leads in a trial.
type place struct {
	name    string
	one     string // for people: what stands for one of those that it reaches, such as HOST; empty: it is granted as a whole
	standIn string // for people: what is found there instead of what a node has; empty: nothing must be said
	nodes   bool   // a node alone can grant it

	// parse grants what stands behind the equals sign; nil: it is granted as a manifest asks for it.
	parse func(g *Grants, value string, at func(file string) string) error
}

// places are all capabilities, in the order in which people are told of them: first those that are granted otherwise than they are
// asked for, because what they reach is a node's, and something must stand in for that.
var places = withOthers([]place{
	{name: "http_get", one: "HOST"},
	{name: "read_sensor", one: "NAME", standIn: "FILE", parse: (*Grants).addSensor},
	{name: "serial", nodes: true, parse: func(*Grants, string, func(string) string) error {
		return errors.New("a serial port can be granted by a node's configuration alone")
	}},
	{name: "files", standIn: "DIR", parse: (*Grants).addFiles},
	{name: "state"},
})

// withOthers returns list with the capabilities that are not in it, as manifests ask for them.
func withOthers(list []place) []place {
	for _, form := range manifest.Forms() {
		name, one, _ := strings.Cut(form, "=")
		isBound := strings.Contains(name, ".")
		if !isBound && !slices.ContainsFunc(list, func(p place) bool { return p.name == name }) {
			list = append(list, place{name: name, one: one})
		}
	}
	return list
}

// indexOf returns where the capability of a grant is among places, -1 if there is none.
func indexOf(text string) int {
	name, _, _ := strings.Cut(text, "=")
	return slices.IndexFunc(places, func(p place) bool { return p.name == name })
}

// form returns how one of those that a capability reaches is granted, for people.
func (p place) form(one string) string {
	switch {
	case one == "" && p.standIn == "":
		return p.name
	case one == "" || p.standIn == "":
		return p.name + "=" + one + p.standIn
	}
	return p.name + "=" + one + ":" + p.standIn
}

// GrantForms are what --grant takes, for people.
func GrantForms() (out []string) {
	for _, p := range places {
		if !p.nodes {
			out = append(out, p.form(p.one))
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
	_, value, _ := strings.Cut(text, "=")
	if i := indexOf(text); i >= 0 {
		switch p := places[i]; {
		case p.parse != nil:
			return p.parse(g, value, at)
		case (p.one == "") == (value == "") && g.Add(text) == nil:
			return nil
		}
	}
	return errors.New("want " + strict.Either(GrantForms()))
}

// addSensor grants a source, of which a file holds the last reading.
func (g *Grants) addSensor(value string, at func(file string) string) error {
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
}

// addFiles grants a folder.
func (g *Grants) addFiles(value string, at func(file string) string) error {
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
}

// grantTexts are what the capabilities are called where they are granted, one by one.
func grantTexts(c manifest.Capabilities) []string {
	texts := c.Written()
	slices.SortStableFunc(texts, func(a, b string) int { return indexOf(a) - indexOf(b) })
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
	name, one, _ := strings.Cut(text, "=")
	i := indexOf(text)
	if i < 0 || places[i].nodes {
		return name + " (which a node's configuration alone can grant)"
	}
	return places[i].form(cmp.Or(one, places[i].one))
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
