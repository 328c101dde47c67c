package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// A home is where a node runs by a configuration: relative paths of that begin in its folder.
type home struct {
	folder string // empty: nobody says which
	pid    int    // of the node, if it is known to run
	listen string // where its command line lets it serve, above api.listen
	by     string // who says so
}

// home returns where the node of the configuration runs. The process says it best; the service manager knows it while the node is down too;
// the node itself is asked where its process cannot be looked at.
func (s *scene) home(ctx context.Context) home {
	if s.stands == nil {
		s.stands = new(home) // the node is asked with a token whose file may be relative
		h := s.findHome(ctx)
		if s.seeksToken() {
			s.stands = nil // with the token the node itself can be asked
			return h
		}
		s.stands = &h
	}
	return *s.stands
}

// seeksToken reports whether the token is still to be found. A node that wants one tells nobody else where it runs: who does is another one, and
// may want a file of this user's to be read for a token and sent to it.
func (s *scene) seeksToken() bool {
	return s.loaded != nil && len(s.loaded.API.Tokens) > 0 && s.token.IsZero()
}

// believed reports whether the command line of a process is taken for true. Any user can start a program under any command line, in any folder: it is
// believed if it is of this user, of root, of the owner of the configuration, or of the service.
func (s *scene) believed(ctx context.Context, pid int) bool {
	users := []string{"0", strconv.Itoa(os.Geteuid())}
	if info, err := os.Stat(s.config); err == nil {
		if owner, is := info.Sys().(*syscall.Stat_t); is {
			users = append(users, strconv.FormatUint(uint64(owner.Uid), 10))
		}
	}
	status, _ := readProc(pid, "status") // it may have ended
	_, after, _ := strings.Cut(string(status), "\nUid:")
	line, _, _ := strings.Cut(after, "\n")
	ids := strings.Fields(line) // real, effective, saved and of the file system: a program may have been started as another user's
	stranger := func(id string) bool { return !slices.Contains(users, id) }
	return len(ids) > 0 && !slices.ContainsFunc(ids, stranger) || pid == s.service(ctx).pid
}

func (s *scene) findHome(ctx context.Context) home {
	h, seen := s.seenHome(ctx)
	if seen || s.config == "" || s.config == "-" || s.seeksToken() {
		return h
	}
	if p, err := s.process(ctx); err == nil && p.File != "" && isSame(p.File, s.config) {
		return home{folder: p.Folder, pid: p.PID, by: "the node at " + s.url}
	}
	return h
}

// runsBy returns the folder where a node runs by a configuration, and who says so, without asking a node.
func runsBy(ctx context.Context, config string) (folder, by string) {
	s := &scene{config: config, unit: service{name: serviceUnit}}
	h, seen := s.seenHome(ctx)
	if !seen {
		return "", ""
	}
	return h.folder, h.by
}

// seenHome returns the home that this machine shows; if it shows none, perhaps why.
func (s *scene) seenHome(ctx context.Context) (h home, seen bool) {
	if s.config == "" || s.config == "-" {
		return home{}, false
	}
	running := slices.DeleteFunc(processesBy(s.config), func(h home) bool { return !s.believed(ctx, h.pid) })
	elsewhere := func(h home) bool { return h.folder != running[0].folder }
	if len(running) > 0 && !slices.ContainsFunc(running, elsewhere) {
		return running[0], true
	}
	if unit := s.service(ctx); unit.dir != "" && isSame(s.config, unit.config) {
		return home{folder: unit.dir, pid: unit.pid, by: "unit " + unit.name + " of systemd"}, true
	}
	return torn(running), false
}

// torn says of several processes that nobody can tell which is meant.
func torn(running []home) home {
	if len(running) < 2 {
		return home{}
	}
	return home{by: fmt.Sprintf("nobody can tell which is meant: processes %d and %d run by it in different folders", running[0].pid, running[1].pid)}
}

// there returns a path of the configuration as its node means it, or, if nobody says where that runs, as it is.
func (s *scene) there(ctx context.Context, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.home(ctx).folder, path)
}

// begins says where relative paths of the configuration begin, and who says so.
func (s *scene) begins(ctx context.Context) string {
	h := s.home(ctx)
	if h.folder != "" {
		return fmt.Sprintf("relative paths of %s begin in %s, where %s runs by it", s.config, h.folder, h.by)
	}
	why := h.by
	if why == "" {
		why = fmt.Sprintf("no process is seen to run by it, and neither is unit %s of systemd", s.unit.name)
	}
	here, _ := os.Getwd()
	return fmt.Sprintf("relative paths of %s begin in the folder where its node runs; which that is, nobody says (%s), so it was sought in %s", s.config, why, here)
}

// processesBy returns the homes of the processes on this machine that are nodes by a configuration, as far as this user may look.
func processesBy(config string) (list []home) {
	entries, _ := os.ReadDir("/proc") // without it nobody is found
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, err := readProc(pid, "cmdline")
		if err != nil {
			continue
		}
		file, listen := ranBy(strings.Split(strings.TrimRight(string(command), "\x00"), "\x00"))
		in := fmt.Sprintf("/proc/%d/", pid)
		base := in + "cwd"
		if filepath.IsAbs(file) {
			base = in + "root"
		}
		if file == "" || !isSame(base+"/"+file, config) {
			continue
		}
		folder, err := os.Readlink(in + "cwd")
		if err != nil || !isSame(folder, in+"cwd") { // of another root, or removed
			continue
		}
		list = append(list, home{folder: folder, pid: pid, listen: listen, by: fmt.Sprintf("process %d", pid)})
	}
	return list
}

// ranBy returns what a command line of a node says of its configuration and of where it serves; no file if it is not one of a node.
func ranBy(args []string) (file, listen string) {
	var words []string
	for i := 1; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch into := map[string]*string{"-c": &file, "--config": &file, "--listen": &listen}[name]; {
		case into != nil && !joined && i+1 < len(args):
			i++
			*into = args[i]
		case into != nil:
			*into = value
		case !strings.HasPrefix(args[i], "-"):
			words = append(words, args[i])
		}
	}
	switch {
	case len(words) > 0 && words[0] != "run":
		return "", ""
	case file == "" && len(words) == 2:
		file = words[1]
	}
	return file, listen
}

// isSame reports whether two paths lead to one file or folder.
func isSame(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// inWords is a path for people.
func inWords(path string) string { return plain.ShellWord(printable(path)) }
