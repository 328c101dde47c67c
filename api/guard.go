package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/secret"
)

// A guard decides who may ask. Without tokens the API listens on loopback only, where the danger is a web page
// in a browser on the same machine: it may send requests here (cross-site requests), and may even read the
// answers if its own name resolves to 127.0.0.1 (DNS rebinding).
type guard struct {
	tokens []secret.String
	hosts  []string
}

// host refuses names that this node does not go by. With tokens no page can do anything under any name,
// because browsers do not send bearer tokens by themselves.
func (g *guard) host(r *http.Request) *problem {
	if len(g.tokens) > 0 || g.knows(r.Host) {
		return nil
	}
	return &problem{
		kind: "host", status: http.StatusMisdirectedRequest,
		detail: fmt.Sprintf("this node does not answer to the host %s: use localhost or an IP address, or name the host under api.hosts in the configuration, as behind a proxy that keeps the name it was asked by", clip(r.Host)),
	}
}

func (g *guard) knows(hostport string) bool {
	name := hostport
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" || slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// RequestHeader must accompany a request that changes something when there are no tokens: a web page cannot
// send it to another site. Its value is free.
const RequestHeader = "Dodona-Request"

// origin refuses what another site's page asks for. Links to us may be followed; that tells the page nothing.
func (g *guard) origin(r *http.Request, a access) *problem {
	site := r.Header.Get("Sec-Fetch-Site")
	foreign := site == "cross-site" || site == "same-site"
	if foreign && (a == writer || r.Header.Get("Sec-Fetch-Mode") != "navigate") {
		return &problem{kind: "origin", status: http.StatusForbidden, detail: "pages of other sites may not ask this node"}
	}
	if a == writer && len(g.tokens) == 0 && r.Header.Get(RequestHeader) == "" {
		return &problem{
			kind: "origin", status: http.StatusForbidden,
			detail: fmt.Sprintf("this request needs the header %s with any value, such as -H '%s: me': no page of another site can send it", RequestHeader, RequestHeader),
		}
	}
	return nil
}

// token refuses whoever has none of the tokens. It takes as long for each wrong one, and looks at all of them.
func (g *guard) token(r *http.Request) *problem {
	if len(g.tokens) == 0 {
		return nil
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(given)))
	match := 0
	for _, t := range g.tokens {
		want, err := t.Reveal()
		wantSum := sha256.Sum256([]byte(want))
		if err == nil && want != "" {
			match |= subtle.ConstantTimeCompare(sum[:], wantSum[:])
		}
	}
	if match == 1 && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return &problem{
		kind: "token", status: http.StatusUnauthorized,
		detail: "this needs a token: send the header Authorization: Bearer TOKEN with one of those under api.tokens in the configuration",
	}
}

// minTokenBytes makes guessing hopeless: 16 random characters are 80 bits or more.
const minTokenBytes = 16

// CheckTokens returns an error for a token that cannot be read or is too short to be safe.
func CheckTokens(tokens []secret.String) error {
	for i, t := range tokens {
		text, err := t.Reveal()
		if err != nil {
			return fmt.Errorf("read token %d of api.tokens: %w", i+1, err)
		}
		if err := (*Settings)(nil).CheckSecret("", text); err != nil {
			return fmt.Errorf("token %d of api.tokens: %w", i+1, err)
		}
	}
	return nil
}
