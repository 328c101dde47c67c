package config

import (
	"fmt"
	"net"
	"path"
	"strings"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/feed"
	"github.com/dodona-oracle/dodona/internal/keyfile"
	"github.com/dodona-oracle/dodona/internal/loopback"
	"github.com/dodona-oracle/dodona/internal/strict"
	"github.com/dodona-oracle/dodona/internal/unit"
	"github.com/dodona-oracle/dodona/module"
)

// checkModules compares what modules may take with what the node may, and fills in what follows from the node's settings.
func (l *loader) checkModules() {
	m, n := &l.config.Modules, l.config.Node
	if m.Dir == "" {
		m.Dir = modulesIn(n)
	}
	if value, place := l.path("modules.memory"); value != nil && m.Memory < module.LeastMemory {
		l.report.Mistake(place, "", fmt.Sprintf("modules.memory: %s: want at least %s", m.Memory, module.LeastMemory))
	}
	if m.Memory == 0 {
		m.Memory = sharedMemory(n)
	}
	if m.Memory > n.Memory {
		l.at("modules.memory", "%s is more than node.memory, %s", m.Memory, n.Memory)
	}
}

// modulesIn is the folder of modules unless the file says another.
func modulesIn(n Node) string { return path.Join(n.Data, "modules") }

// sharedMemory is what modules may take together unless the file says otherwise.
func sharedMemory(n Node) unit.Size { return n.Memory / 8 }

// follows reports whether a setting has no value of its own: it is what another one makes it.
func (c *Config) follows(setting string) bool {
	switch setting {
	case "modules.memory":
		return c.Modules.Memory == sharedMemory(c.Node)
	case "modules.dir":
		return c.Modules.Dir == modulesIn(c.Node)
	case "node.key.file":
		return c.Node.Key.File == keyfile.Own(c.Node.Data)
	}
	return false
}

// checkModule checks what a feed says about its module against the rest of the file.
func (l *loader) checkModule(s feed.Settings, where string, n *strict.Node) {
	value, place := n.Descend(n.At, "module")
	if s.Module == nil {
		if points, pointsAt := n.Descend(n.At, "points"); points != nil {
			l.report.Add(strict.Mistake{
				Where: where, Message: "points: belongs to a feed with a module; without one the points are those of from",
				Hint: "take it out, or name a module",
			}, pointsAt)
		}
		return
	}
	m := l.config.Modules
	if m.Trust == "" && !m.Unsigned && !l.untrusted && !l.unread(l.root, "modules.trust") && !l.unread(l.root, "modules.unsigned") {
		l.untrusted = true // one mistake, however many feeds name modules
		l.report.Add(strict.Mistake{
			Where: where, Message: "module: whose signature counts is not said: modules.trust is missing",
			Hint: "modules: {trust: trust.json}, or modules: {unsigned: true} for trying things out",
		}, place)
	}
	at := func(setting string) *strict.Span {
		_, at := value.Descend(place, setting)
		return at
	}
	for i, name := range s.Module.Allow.ReadSensor {
		if _, found := l.sources[name]; !found && dodona.CheckName(name, 1) == nil { // else it is told to be no name
			m := strict.Mistake{Where: where, Message: fmt.Sprintf("module.allow.read_sensor: there is no source %s", strict.QuoteAll(name))}
			m.Near(name, l.sourceNames())
			l.report.Add(m, at(fmt.Sprintf("allow.read_sensor[%d]", i)))
		}
	}
	if ports := s.Module.Allow.Serial; len(ports) > 0 {
		l.report.Mistake(at("allow.serial"), where, fmt.Sprintf("module.allow.serial: there is no serial source %s: no source of this build lends its port to a module", strict.QuoteAll(ports[0])))
	}
	for i, host := range s.Module.Allow.HTTPGet {
		name, _, err := net.SplitHostPort(host)
		if err != nil { // no port
			name = strings.Trim(host, "[]")
		}
		if loopback.Is(name) {
			l.report.Warn(at(fmt.Sprintf("allow.http_get[%d]", i)), where, "module.allow.http_get: "+strict.QuoteAll(host)+" is a private address, which modules never reach", "")
		}
	}
}
