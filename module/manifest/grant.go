package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Missing returns a line for each thing that c asks for and granted does not allow, with what to write in the
// configuration of the feed. It is nil if everything is granted. Zero numbers of a granted HTTPGet allow what is asked.
func (c Capabilities) Missing(granted Capabilities) []string {
	var out []string
	names := func(capability string, asked, allowed []string, allows func(string) bool) {
		for _, name := range asked {
			if !allows(name) {
				out = append(out, fmt.Sprintf("%s of %s: write  allow: {%s: [%s]}", capability, name, capability, strings.Join(union(allowed, asked), ", ")))
			}
		}
	}
	if c.HTTPGet != nil {
		g, has := c.HTTPGet.WithDefaults(), granted.http()
		names("http_get", g.Hosts, has.Hosts, has.allows)
		if has.PerSecond != 0 && g.PerSecond > has.PerSecond {
			out = append(out, fmt.Sprintf("http_get %d times a second: %d are granted", g.PerSecond, has.PerSecond))
		}
		if has.Bytes != 0 && g.Bytes > has.Bytes {
			out = append(out, fmt.Sprintf("http_get of %d bytes: %d are granted", g.Bytes, has.Bytes))
		}
	}
	lists := granted.lists()
	for i, l := range c.lists() {
		has := *lists[i].field
		names(l.name, *l.field, has, func(name string) bool { return slices.Contains(has, name) })
	}
	allowed := granted.flags()
	for i, f := range c.flags() {
		if *f.field && !*allowed[i].field {
			value := "true"
			if f.name == "files" {
				value = "FOLDER"
			}
			out = append(out, fmt.Sprintf("%s: write  allow: {%s: %s}", f.name, f.name, value))
		}
	}
	return out
}

// http returns what c has of http_get; without it, no host.
func (c Capabilities) http() HTTPGet {
	if c.HTTPGet == nil {
		return HTTPGet{}
	}
	return *c.HTTPGet
}

// union returns a and what of b is not in a.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Intersect returns what both c asks for and granted allows: what a module may be given. Zero numbers of a granted
// HTTPGet allow what is asked.
func (c Capabilities) Intersect(granted Capabilities) Capabilities {
	var out Capabilities
	if c.HTTPGet != nil && granted.HTTPGet != nil {
		asked, allowed := c.HTTPGet.WithDefaults(), *granted.HTTPGet
		both := HTTPGet{PerSecond: lower(asked.PerSecond, allowed.PerSecond), Bytes: lower(asked.Bytes, allowed.Bytes)}
		for _, host := range asked.Hosts {
			if allowed.allows(host) {
				both.Hosts = append(both.Hosts, host)
			}
		}
		if len(both.Hosts) > 0 {
			out.HTTPGet = &both
		}
	}
	names, grants := c.lists(), granted.lists()
	for i, l := range out.lists() {
		*l.field = common(*names[i].field, *grants[i].field)
	}
	asked, allowed := c.flags(), granted.flags()
	for i, f := range out.flags() {
		*f.field = *asked[i].field && *allowed[i].field
	}
	return out
}

func common(a, b []string) (out []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
