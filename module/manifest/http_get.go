package manifest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

// HTTPGet is the capability to fetch over HTTPS. Zero numbers of what is asked have the defaults of
// [HTTPGet.WithDefaults]; zero numbers of what is granted allow what is asked.
type HTTPGet struct {
	Hosts     []string `json:"hosts"`               // "api.kraken.com" or "api.kraken.com:8443"
	PerSecond int      `json:"perSecond,omitempty"` // default 2, at most 10
	Bytes     int      `json:"bytes,omitempty"`     // of one response; default 65,536, at most 1 MiB
}

// The defaults and bounds of [HTTPGet].
const (
	DefaultGetPerSecond = 2
	DefaultGetBytes     = 64 << 10
	MaxGetPerSecond     = 10
	MaxGetBytes         = 1 << 20
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

// Fetching is an [HTTPGet] as one of the [Ways].
type fetching struct{ field **HTTPGet }

func (f fetching) check(of capability) (out []Flaw) {
	if *f.field == nil {
		return nil
	}
	g := f.there()
	switch {
	case len(g.Hosts) == 0 || len(g.Hosts) > MaxNames:
		return of.flawed(refuse(Malformed, "name each host that the module fetches from", "http_get names %d hosts, want 1 to %d", len(g.Hosts), MaxNames))
	case g.PerSecond < 0 || g.PerSecond > MaxGetPerSecond:
		return of.flawed(refuse(Beyond, "", "http_get.perSecond is %d, want 1 to %d", g.PerSecond, MaxGetPerSecond))
	case g.Bytes < 0 || g.Bytes > MaxGetBytes:
		return of.flawed(refuse(Beyond, "", "http_get.bytes is %d, want 1 to %d", g.Bytes, MaxGetBytes))
	}
	for i, host := range g.Hosts {
		if wrong := checkHost(host); wrong != nil {
			out = append(out, of.flawedAt(i, wrong))
		} else if (HTTPGet{Hosts: g.Hosts[:i]}).Allows(host) {
			out = append(out, of.flawedAt(i, refuse(Malformed, "write it once", "http_get names the host %s twice", host)))
		}
	}
	return out
}

func (f fetching) sentences(says string) (out []string) {
	g := f.there().WithDefaults()
	for _, host := range g.Hosts {
		out = append(out, fmt.Sprintf("%s https://%s, ≤ %d/s, ≤ %s", says, host, g.PerSecond, size(g.Bytes)))
	}
	return out
}

func (f fetching) missing(of capability, granted shape) []string {
	if *f.field == nil {
		return nil
	}
	g, has := f.there().WithDefaults(), granted.(fetching).there()
	out := unlisted(of.name, g.Hosts, has.Hosts, has.Allows)
	if has.PerSecond != 0 && g.PerSecond > has.PerSecond {
		out = append(out, fmt.Sprintf("%s %d times a second: %d are granted", of.name, g.PerSecond, has.PerSecond))
	}
	if has.Bytes != 0 && g.Bytes > has.Bytes {
		out = append(out, fmt.Sprintf("%s of %d bytes: %d are granted", of.name, g.Bytes, has.Bytes))
	}
	return out
}

func (f fetching) keep(granted shape) {
	asked, allowed := f.there().WithDefaults(), granted.(fetching).there()
	both := HTTPGet{PerSecond: lower(asked.PerSecond, allowed.PerSecond), Bytes: lower(asked.Bytes, allowed.Bytes)}
	for _, host := range asked.Hosts {
		if allowed.Allows(host) {
			both.Hosts = append(both.Hosts, host)
		}
	}
	if *f.field = nil; len(both.Hosts) > 0 {
		*f.field = &both
	}
}

func (f fetching) pretend() { *f.field = &HTTPGet{Hosts: []string{"host"}} }

func (fetching) forms(name string) []string {
	return []string{name + "=HOST", name + ".perSecond=N", name + ".bytes=N"}
}

func (f fetching) written(name string) []string { return assigned(name, f.there().Hosts) }

func (f fetching) add(bound, value string, _ bool) error {
	g := f.there()
	switch bound {
	case "":
		g.Hosts = append(g.Hosts, strings.Split(value, ",")...)
	case "perSecond", "bytes":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return errors.New("want a whole number above 0")
		}
		if bound == "bytes" {
			g.Bytes = int(n)
		} else {
			g.PerSecond = int(n)
		}
	default:
		return errForm
	}
	*f.field = &g
	return nil
}

// there returns what is asked for; without it, no host.
func (f fetching) there() HTTPGet {
	if *f.field == nil {
		return HTTPGet{}
	}
	return **f.field
}

// checkHost takes one spelling of a host, so that what is granted can be compared with what is asked.
func checkHost(host string) *Refusal {
	bad := func(do string) *Refusal {
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

// Host returns a host as hosts are compared, with the port of HTTPS if it names none and in lower case: two spellings of one
// host are equal then.
func Host(host string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "443")
}

// Allows reports whether a host is one of g's, with the same port.
func (g HTTPGet) Allows(host string) bool {
	host = Host(host)
	return slices.ContainsFunc(g.Hosts, func(h string) bool { return Host(h) == host })
}

// lower returns the lower of what is asked and what is allowed; 0 allows all.
func lower(asked, allowed int) int {
	if allowed == 0 {
		return asked
	}
	return min(asked, allowed)
}

func size(n int) string {
	if n%1024 == 0 {
		return strconv.Itoa(n/1024) + " KiB"
	}
	return strconv.Itoa(n) + " bytes"
}
