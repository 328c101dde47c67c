package manifest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// The defaults and bounds of [HTTPGet], and how many names a list of capabilities may have.
const (
	DefaultGetPerSecond = 2
	DefaultGetBytes     = 64 << 10
	MaxGetPerSecond     = 10
	MaxGetBytes         = 1 << 20
	MaxNames            = 64
)

// WithDefaults returns g with the defaults in place of zeros.
func (g HTTPGet) WithDefaults() HTTPGet {
	if g.PerSecond == 0 {
		g.PerSecond = DefaultGetPerSecond
	}
	if g.Bytes == 0 {
		g.Bytes = DefaultGetBytes
	}
	return g
}

// Check returns an error, a [*Refusal], unless every parameter is within bounds and stands once.
func (c Capabilities) Check() error {
	if c.HTTPGet != nil {
		if err := c.HTTPGet.check(); err != nil {
			return err
		}
	}
	for _, l := range c.lists() {
		if err := checkSources(l.name, *l.field); err != nil {
			return err
		}
	}
	return nil
}

func (g HTTPGet) check() error {
	switch {
	case len(g.Hosts) == 0 || len(g.Hosts) > MaxNames:
		return refuse(Malformed, "name each host that the module fetches from", "http_get names %d hosts, want 1 to %d", len(g.Hosts), MaxNames)
	case g.PerSecond < 0 || g.PerSecond > MaxGetPerSecond:
		return refuse(Beyond, "", "http_get.perSecond is %d, want 1 to %d", g.PerSecond, MaxGetPerSecond)
	case g.Bytes < 0 || g.Bytes > MaxGetBytes:
		return refuse(Beyond, "", "http_get.bytes is %d, want 1 to %d", g.Bytes, MaxGetBytes)
	}
	for i, host := range g.Hosts {
		if err := checkHost(host); err != nil {
			return err
		}
		if slices.ContainsFunc(g.Hosts[:i], func(h string) bool { return withPort(h) == withPort(host) }) {
			return refuse(Malformed, "write it once", "http_get names the host %s twice", host)
		}
	}
	return nil
}

// checkHost takes one spelling of a host, so that what is granted can be compared with what is asked.
func checkHost(host string) error {
	bad := func(do string) error {
		return refuse(Malformed, do, "http_get names the host %s", quote(host))
	}
	if strings.Contains(host, "/") { // a URL would look like a host with a port
		return bad("write the host alone, such as api.example.com or api.example.com:8443: no scheme, no path")
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
		return bad("the port must be 1 to 65535")
	}
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		written := addr.String()
		if addr.Is6() && name == host { // without a port the brackets are still there
			written = "[" + written + "]"
		}
		if addr.Zone() != "" || written != name {
			return bad("write the address as " + written)
		}
		return nil
	}
	if len(name) > 253 || name == "" {
		return bad("write a host such as api.example.com or api.example.com:8443")
	}
	for label := range strings.SplitSeq(name, ".") {
		if dodona.CheckName(label, 1) != nil || strings.HasSuffix(label, "-") {
			return bad("write a host such as api.example.com or api.example.com:8443: lower case, no wildcard, other alphabets as xn--…")
		}
	}
	return nil
}

// withPort returns host with the port of HTTPS if it has none, so that two spellings of one host are equal.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "443")
}

func checkSources(capability string, names []string) error {
	if len(names) > MaxNames {
		return refuse(Beyond, "", "%s names %d sources, at most %d are allowed", capability, len(names), MaxNames)
	}
	for i, name := range names {
		if err := dodona.CheckName(name, 1); err != nil {
			return refuse(Malformed, "write the names of sources as in the configuration", "%s: %v", capability, err)
		}
		if slices.Contains(names[:i], name) {
			return refuse(Malformed, "write it once", "%s names %s twice", capability, name)
		}
	}
	return nil
}

// Sentences says what c lets a module do, to the operator: one sentence a line, the last "nothing else".
func (c Capabilities) Sentences() []string {
	var out []string
	if c.HTTPGet != nil {
		g := c.HTTPGet.WithDefaults()
		for _, host := range g.Hosts {
			out = append(out, fmt.Sprintf("may GET https://%s, ≤ %d/s, ≤ %s", host, g.PerSecond, size(g.Bytes)))
		}
	}
	for _, l := range c.lists() {
		for _, name := range *l.field {
			out = append(out, l.sentence+" "+name)
		}
	}
	for _, f := range c.flags() {
		if *f.field {
			out = append(out, f.sentence)
		}
	}
	if len(out) == 0 {
		return []string{"may reach nothing but its input"}
	}
	return append(out, "nothing else")
}

func size(n int) string {
	if n%1024 == 0 {
		return strconv.Itoa(n/1024) + " KiB"
	}
	return strconv.Itoa(n) + " bytes"
}

// A list is a capability whose parameters are names of sources.
type list struct {
	name     string
	field    *[]string
	sentence string // before a name
}

// lists returns those of c, in the order of their names in the manifest.
func (c *Capabilities) lists() []list {
	return []list{
		{"read_sensor", &c.ReadSensor, "may read sensor"},
		{"serial", &c.Serial, "may read and write serial port"},
	}
}

// A flag is a capability without parameters.
type flag struct {
	name     string
	field    *bool
	sentence string
}

// Everything returns a value with every capability, for looking at modules that nobody asks anything for yet. It is no
// grant: its names and hosts are none.
func Everything() Capabilities {
	c := Capabilities{HTTPGet: &HTTPGet{Hosts: []string{"host"}}}
	for _, l := range c.lists() {
		*l.field = []string{"source"}
	}
	for _, f := range c.flags() {
		*f.field = true
	}
	return c
}

// flags returns those of c, in the order of their names in the manifest.
func (c *Capabilities) flags() []flag {
	return []flag{
		{"files", &c.Files, "may read the files of one directory, which you choose"},
		{"now_ms", &c.NowMS, "may know the instant of the round"},
		{"random", &c.Random, "may draw random bytes, the same on every machine"},
		{"verify", &c.Verify, "may check ECDSA and Ed25519 signatures"},
		{"state", &c.State, "may keep 4 KiB from one round to the next"},
	}
}

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

func (g HTTPGet) allows(host string) bool {
	return slices.ContainsFunc(g.Hosts, func(h string) bool { return withPort(h) == withPort(host) })
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

// lower returns the lower of what is asked and what is allowed; 0 allows all.
func lower(asked, allowed int) int {
	if allowed == 0 {
		return asked
	}
	return min(asked, allowed)
}

func common(a, b []string) (out []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// Add adds one capability as it is written on a command line: http_get=HOST, http_get.perSecond=N, http_get.bytes=N,
// read_sensor=NAME, serial=NAME, files, now_ms, random, verify or state.
func (c *Capabilities) Add(text string) error {
	name, value, valued := strings.Cut(text, "=")
	get := func() *HTTPGet {
		if c.HTTPGet == nil {
			c.HTTPGet = &HTTPGet{}
		}
		return c.HTTPGet
	}
	number := func(field *int) error {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return fmt.Errorf("capability %s: want a whole number above 0", quote(text))
		}
		*field = int(n)
		return nil
	}
	switch name {
	case "http_get":
		get().Hosts = append(get().Hosts, strings.Split(value, ",")...)
		return nil
	case "http_get.perSecond":
		return number(&get().PerSecond)
	case "http_get.bytes":
		return number(&get().Bytes)
	}
	for _, l := range c.lists() {
		if l.name == name {
			*l.field = append(*l.field, strings.Split(value, ",")...)
			return nil
		}
	}
	for _, f := range c.flags() {
		if f.name == name && !valued {
			*f.field = true
			return nil
		}
	}
	return fmt.Errorf("capability %s: want http_get=HOST, http_get.perSecond=N, http_get.bytes=N, read_sensor=NAME, serial=NAME, files, now_ms, random, verify or state", quote(text))
}
