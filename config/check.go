package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
)

const (
	leastMemory  = 32 * unit.MiB
	leastStream  = unit.MiB
	leastAge     = time.Minute
	leastToken   = 16 // characters
	notSupported = "answers of several members are not built yet; one node signs alone"
)

// at reports a mistake at a setting such as "journal.raw.age", which the message begins with.
func (l *loader) at(setting, format string, args ...any) {
	_, place := l.path(setting)
	l.report.Mistake(place, "", setting+": "+fmt.Sprintf(format, args...))
}

// tell reports an error whose message begins with a setting such as "journal.raw.age", there.
func (l *loader) tell(err error) {
	m := mistakeOf(err)
	setting, rest, _ := strings.Cut(m.Message, ": ")
	_, place := l.path(setting)
	if l.config.TwoLine && setting == "node.key.hex" {
		m.Message = twoLineKey + ": " + rest
	}
	l.report.Add(m, place)
}

// mistakeOf returns what an error says, and what it says to do about it: its method Hint.
func mistakeOf(err error) strict.Mistake {
	m := strict.Mistake{Message: err.Error()}
	if hinting := interface{ Hint() string }(nil); errors.As(err, &hinting) {
		m.Hint = hinting.Hint()
	}
	return m
}

// checkSections checks everything but sources and feeds.
func (l *loader) checkSections() {
	l.checkNode()
	l.checkNetwork()
	l.checkRoles()
	l.checkJournal()
	l.checkAnchor()
	l.checkModules()
	l.checkAPI()
	l.oneOf("log.level", l.config.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", l.config.Log.Format, "text", "json")
}

func (l *loader) oneOf(setting, got string, want ...string) {
	if slices.Contains(want, got) {
		return
	}
	_, place := l.path(setting)
	m := strict.Mistake{Message: fmt.Sprintf("%s: %s: want %s", setting, strict.QuoteAll(got), either(want))}
	if near := strict.Nearest(got, want); near != "" {
		m.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	l.report.Add(m, place)
}

// either prints a choice for people: "a, b or c".
func either(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (l *loader) checkNode() {
	n := &l.config.Node
	if err := dodona.CheckName(n.Name, 1); err != nil {
		l.at("node.name", "%s", err)
	}
	if n.Data == "" {
		l.at("node.data", "want a folder, such as ./data")
	}
	if n.Memory < leastMemory {
		l.at("node.memory", "%s: want at least %s", n.Memory, leastMemory)
	}
	if err := n.Key.Check("node.key", "a node"); err != nil {
		l.tell(err)
	}
	if n.Key.IsZero() {
		n.Key.File = path.Join(n.Data, "keys", "node.json")
	}
}

func (l *loader) checkNetwork() {
	if err := dodona.CheckName(l.config.Network.Name, 4); err != nil {
		l.at("network.name", "%s", err)
	}
	q := l.config.Network.Quorum
	if q == nil {
		return
	}
	const members = "network.quorum.members"
	n := len(q.Members)
	_, place := l.path(members)
	if slices.ContainsFunc(q.Members, dodona.Address.IsZero) {
		if l.report.Count() == 0 { // else it may be an address that could not be read, and is told
			l.at(members, "the zero address belongs to nobody")
		}
		return
	}
	slices.SortFunc(q.Members, func(a, b dodona.Address) int { return strings.Compare(a.String(), b.String()) })
	if len(slices.Compact(slices.Clone(q.Members))) != n {
		l.at(members, "an address stands twice")
		return
	}
	if n == 0 || n > dodona.MaxMembers {
		l.report.Mistake(place, "", fmt.Sprintf("%s: want 1 to %d addresses, got %d", members, dodona.MaxMembers, n))
		return
	}
	least := dodona.LeastK(n)
	if k, _ := l.path("network.quorum.k"); k == nil {
		q.K = least
	}
	if q.K < least || q.K > n {
		l.at("network.quorum.k", "%d of %d: want %s (less could attest two answers for one round)", q.K, n, fromTo(least, n))
	}
	if n > 1 {
		l.at(members, "%s", notSupported)
	}
}

func fromTo(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

func (l *loader) checkRoles() {
	roles := l.config.Roles
	list, place := l.path("roles")
	if len(roles) == 0 {
		l.at("roles", "want at least one of %s", strings.Join(roleNames(), ", "))
		return
	}
	for i, r := range roles {
		if list != nil && i < len(list.Items) {
			place = list.Items[i].At
		}
		switch {
		case !slices.Contains(allRoles, r):
			m := strict.Mistake{Message: fmt.Sprintf("roles: %s: want %s", strict.QuoteAll(string(r)), either(roleNames()))}
			if near := strict.Nearest(string(r), roleNames()); near != "" {
				m.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			l.report.Add(m, place)
		case slices.Index(roles, r) != i:
			l.report.Mistake(place, "", fmt.Sprintf("roles: %s stands twice", r))
		}
	}
	shared := l.config.Journal.URL != "" || l.config.Journal.Listen != ""
	for _, r := range allRoles {
		if !slices.Contains(roles, r) && !shared {
			_, place := l.path("roles")
			l.report.Warn(place, "", fmt.Sprintf("nobody can %s: this process leaves it out, and no other one reaches its journal", r), "set journal.listen or journal.url, or take roles out")
			return
		}
	}
}

func roleNames() (names []string) {
	for _, r := range allRoles {
		names = append(names, string(r))
	}
	return names
}

// The bounds of the distance between anchors.
const (
	leastAnchor = time.Second
	mostAnchor  = 24 * time.Hour
)

func (l *loader) checkAnchor() {
	if every := l.config.Anchor.Every; every < leastAnchor || every > mostAnchor || every%time.Second != 0 {
		l.at("anchor.every", "%s: want whole seconds, 1s to 24h", unit.FormatDuration(every))
	}
}

func (l *loader) checkJournal() {
	j := l.config.Journal
	l.oneOf("journal.durability", j.Durability, "batch", "strict")
	if j.URL != "" {
		l.checkJournalURL(j.URL)
	}
	if j.Listen != "" {
		switch host, err := hostOf(j.Listen); {
		case err != nil:
			l.at("journal.listen", "%s", err)
		case !loopback.Is(host):
			l.at("journal.listen", "%s: want a loopback address, such as 127.0.0.1:4222; other machines share a journal by journal.url", strict.QuoteAll(j.Listen))
		case j.URL != "":
			l.at("journal.listen", "goes with the embedded journal, but journal.url names another one")
		}
	}
	if j.Readers.Grace < 0 {
		l.at("journal.readers.grace", "%s: want 0s or more", unit.FormatDuration(j.Readers.Grace))
	}
	for name, limits := range map[string]Limits{"journal.raw": j.Raw, "journal.proof": j.Proof} {
		if limits.Bytes < leastStream {
			l.at(name+".bytes", "%s: want at least %s", limits.Bytes, leastStream)
		}
		if limits.Age < leastAge {
			l.at(name+".age", "%s: want at least %s", unit.FormatDuration(limits.Age), unit.FormatDuration(leastAge))
		}
	}
}

func (l *loader) checkJournalURL(list string) {
	for _, text := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		switch {
		case err != nil || u.Hostname() == "":
			l.at("journal.url", "want an address such as nats://10.0.0.2:4222")
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			l.at("journal.url", "scheme %s: want nats, tls, ws or wss", strict.QuoteAll(u.Scheme))
		case u.User != nil:
			_, place := l.path("journal.url")
			l.report.Warn(place, "", "journal.url holds a password or token in clear", "keep the file readable by the node alone (chmod 600)")
		}
	}
	if l.config.Node.Name == defaults().Node.Name {
		_, place := l.path("journal.url")
		l.report.Warn(place, "", fmt.Sprintf("a shared journal, but this node has the name %q that every node has", l.config.Node.Name), "set node.name")
	}
}

func (l *loader) checkAPI() {
	a := l.config.API
	host, err := hostOf(a.Listen)
	if err != nil {
		l.at("api.listen", "%s", err)
		return
	}
	tokens, place := l.path("api.tokens")
	if !loopback.Is(host) && len(a.Tokens) == 0 && (tokens == nil || len(tokens.Items) == 0) {
		l.at("api.listen", "%s can be reached from other machines, so it needs api.tokens, such as tokens: [{file: keys/api-token}]", strict.QuoteAll(a.Listen))
	}
	for i, t := range a.Tokens {
		if !t.Inline() {
			continue
		}
		if text, _ := t.Reveal(); len(text) < leastToken { // in clear: cannot fail
			if tokens != nil && i < len(tokens.Items) {
				place = tokens.Items[i].At
			}
			l.report.Mistake(place, "", fmt.Sprintf("api.tokens: a token has at least %d characters", leastToken))
		}
	}
}

// hostOf returns the host of "host:port", which is empty for all addresses of the machine.
func hostOf(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%s: want ADDRESS:PORT, such as 127.0.0.1:8080", strict.QuoteAll(listen))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("port %s: want 0 to 65535", strict.QuoteAll(port))
	}
	return host, nil
}
