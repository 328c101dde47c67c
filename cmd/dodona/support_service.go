package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A service is what systemd says of a node's unit.
type service struct {
	name   string
	shown  []byte // its properties
	err    error  // why they are not known
	pid    int
	dir    string // its working directory
	config string // that it runs by
}

// properties of a unit that say how it fares; its environment is none of them.
var properties = []string{
	"Id", "LoadState", "LoadError", "ActiveState", "SubState", "Result", "StatusText", "StatusErrno", "FragmentPath", "DropInPaths", "UnitFileState",
	"NeedDaemonReload", "NRestarts", "ActiveEnterTimestamp", "InactiveEnterTimestamp", "ConditionResult", "ExecMainStartTimestamp", "ExecMainExitTimestamp", "ExecMainCode",
	"ExecMainStatus", "MainPID", "User", "Group", "WorkingDirectory", "WatchdogUSec", "WatchdogTimestamp", "MemoryCurrent", "MemoryPeak", "MemoryMax", "MemoryHigh", "CPUUsageNSec",
	"TasksCurrent", "TasksMax", "LimitNOFILE", "DevicePolicy", "DeviceAllow", "SupplementaryGroups", "ReadWritePaths", "BindPaths",
}

// serviceUnit is the unit of the service that a package installs.
const serviceUnit = "dodona"

// service asks systemd once, if this machine has it, what it says of the unit.
func (s *scene) service(ctx context.Context) service {
	if s.unit.shown == nil && s.unit.err == nil {
		s.unit = lookAtService(ctx, s.unit.name)
	}
	return s.unit
}

func lookAtService(ctx context.Context, name string) service {
	s := service{name: name}
	if strings.HasPrefix(name, "-") || name == "" {
		s.err = fmt.Errorf("%q is no name of a unit", name)
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	s.shown, s.err = told(ctx, "systemctl", "show", name, "--no-pager", "--property="+strings.Join(properties, ","))
	if s.err != nil {
		return s
	}
	values := map[string]string{}
	for line := range strings.Lines(string(s.shown)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	if values["LoadState"] == "not-found" {
		s.err = fmt.Errorf("systemd knows no unit %s (--unit names another one)", name)
		return s
	}
	s.pid, _ = strconv.Atoi(values["MainPID"])
	s.dir = strings.TrimPrefix(values["WorkingDirectory"], "!")
	started, err := told(ctx, "systemctl", "show", name, "--no-pager", "--property=ExecStart")
	if err == nil {
		s.config = configOf(string(started))
	}
	if s.config != "" && !filepath.IsAbs(s.config) {
		s.config = filepath.Join(s.dir, s.config)
	}
	return s
}

// configOf returns the configuration that the command line of a unit names, as systemd shows it: "{ path=… ; argv[]=… ; …".
func configOf(shown string) string {
	if _, command, found := strings.Cut(shown, "argv[]="); found {
		shown, _, _ = strings.Cut(command, " ;")
	}
	file, _ := ranBy(strings.Fields(shown))
	return file
}

func servicePart(_ context.Context, s *scene) ([]byte, error) { return s.unit.shown, s.unit.err }

// lastLines is how many lines of the log are told.
const lastLines = "2000"

func logPart(ctx context.Context, s *scene) ([]byte, error) {
	if s.unit.err != nil {
		return nil, errors.New("a node writes its log to standard error, and systemd does not keep it here: " + s.unit.err.Error())
	}
	text, err := told(ctx, "journalctl", "--unit="+s.unit.name, "--lines="+lastLines, "--no-pager", "--quiet", "--output=short-iso-precise")
	if err != nil {
		return nil, err
	}
	return []byte(plain.Lines(string(text), 2*len(text))), nil
}

// told runs a program of the system and returns what it says, bounded in time and size.
func told(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{to: &out, left: maxGiven}, &limited{to: &talk, left: 4 << 10}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, plain.Excerpt(talk.Bytes(), 500))
	}
	return out.Bytes(), nil
}

// limited takes everything and keeps the first of it.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.left)]
	l.left -= len(keep)
	_, _ = l.to.Write(keep) // into memory
	return len(p), nil
}
