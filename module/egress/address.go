package egress

import "net/netip"

// notPublic4 are the IPv4 networks that IANA's special-purpose registry calls not globally reachable, and what is no host.
var notPublic4 = prefixes(
	"0.0.0.0/8",       // this network, unspecified
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared by carriers (CGNAT)
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local; clouds give credentials at 169.254.169.254
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
)

// notPublic6 are the same of the only IPv6 network that is global unicast, 2000::/3.
var notPublic6 = prefixes(
	"2001::/23",     // protocol assignments; Teredo embeds IPv4 addresses
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: embeds an IPv4 address
	"3fff::/20",     // documentation
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	nat64         = netip.MustParsePrefix("64:ff9b::/96") // of RFC 6052: ends in an IPv4 address
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// isPublic reports whether a belongs to a host of the public internet. An IPv6 address that stands for an IPv4 one is
// as public as that.
func isPublic(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	not := notPublic4
	if a.Is6() {
		if !globalUnicast.Contains(a) {
			return false
		}
		not = notPublic6
	}
	for _, p := range not {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}
