package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dodona-oracle/dodona"
)

const notSupported = "answers of several members are not built yet; one node signs alone"

// at reports a mistake at a setting such as "journal.raw.age", which the message begins with.
func (l *loader) at(setting, format string, args ...any) {
	place := l.placeOf(setting)
	l.report.Mistake(place, "", setting+": "+fmt.Sprintf(format, args...))
}

// checkSections checks everything but sources and feeds: each section by itself, and then beside the others.
func (l *loader) checkSections() {
	for _, s := range sections(l.config) {
		l.check(s)
	}
	l.lookAt(subject{node: l.root, at: l.root.At}, "node.key", l.config.Node.Key)
	l.config.Node.withKey()
	l.checkQuorum()
	l.checkRoles()
	l.checkJournal()
	l.checkModules()
}

func (l *loader) checkQuorum() {
	q := l.config.Network.Quorum
	if q == nil {
		return
	}
	const members = "network.quorum.members"
	n := len(q.Members)
	place := l.placeOf(members)
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
	if len(roles) == 0 {
		l.at("roles", "want at least one of %s", strings.Join(Role("").Words(), ", "))
		return
	}
	for i, r := range roles {
		if slices.Index(roles, r) != i && slices.Contains(allRoles, r) {
			l.report.Mistake(l.placeOf(fmt.Sprintf("roles[%d]", i)), "", fmt.Sprintf("roles: %s stands twice", r))
		}
	}
	if written, _ := l.path("roles"); l.report.Wrong(written) {
		return
	}
	shared := l.config.Journal.Shared()
	for _, r := range allRoles {
		if !slices.Contains(roles, r) && !shared {
			place := l.placeOf("roles")
			l.report.Warn(place, "", fmt.Sprintf("nobody can %s: this process leaves it out, and no other one reaches its journal", r), "set journal.listen or journal.url, or take roles out")
			return
		}
	}
}

// checkJournal warns of what works, but hardly as it was meant.
func (l *loader) checkJournal() {
	place := l.placeOf("journal.url")
	servers := l.config.Journal.Servers()
	for _, text := range servers {
		if u, err := url.Parse(text); err == nil && u.User != nil {
			l.report.Warn(place, "", "journal.url holds a password or token in clear", "keep the file readable by the node alone (chmod 600)")
		}
	}
	if len(servers) > 0 && l.config.Node.Name == defaults().Node.Name {
		l.report.Warn(place, "", fmt.Sprintf("a shared journal, but this node has the name %q that every node has", l.config.Node.Name), "set node.name")
	}
}
