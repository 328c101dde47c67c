package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// maxProc bounds what is read of one of the kernel's files.
const maxProc = 256 << 10

// readKernel reads a file that the kernel makes, which says of no size.
func readKernel(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxProc))
}

func readProc(pid int, name string) ([]byte, error) {
	if pid <= 0 {
		return nil, errors.New("no process of the node is known on this machine")
	}
	return readKernel(fmt.Sprintf("/proc/%d/%s", pid, name))
}

// holderOf returns which process has a data folder, 0 if none can be told.
func holderOf(data string) int {
	text, err := readSome(filepath.Join(data, "lock"), 32)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return 0
	}
	info, err := os.Stat(filepath.Join(data, "lock"))
	if err != nil {
		return 0
	}
	locks, err := readKernel("/proc/locks")
	status, is := info.Sys().(*syscall.Stat_t)
	if err == nil && is {
		inode := fmt.Sprintf(":%d ", status.Ino)
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "FLOCK") && strings.Contains(line, inode) {
				return pid
			}
		}
	}
	return 0
}

// A report is text under headings.
type report struct{ strings.Builder }

func (r *report) head(what string) { fmt.Fprintf(r, "## %s\n", what) }

// file adds what one of the kernel's files says, or why not.
func (r *report) file(path string) {
	text, err := readKernel(path)
	r.text(path, text, err)
}

func (r *report) text(what string, text []byte, err error) {
	r.head(what)
	if err != nil {
		fmt.Fprintf(r, "missing: %v\n\n", err)
		return
	}
	r.WriteString(plain.Lines(strings.TrimRight(string(text), "\n"), maxProc) + "\n\n")
}

func machinePart(_ context.Context, s *scene) ([]byte, error) {
	var r report
	fmt.Fprintf(&r, "%s/%s, %s\n\n", runtime.GOOS, runtime.GOARCH, count(runtime.NumCPU(), "processor"))
	for _, path := range []string{"/proc/version", "/etc/os-release", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/pressure/io", "/proc/pressure/memory", "/proc/pressure/cpu"} {
		r.file(path)
	}
	places := []string{"/", os.TempDir()}
	if s.data != "" {
		places = append(places, s.data)
	}
	for _, place := range places {
		r.head("disk of " + place)
		r.WriteString(diskOf(place) + "\n\n")
	}
	return []byte(r.String()), nil
}

// diskOf says what a place has room for, and how it is mounted.
func diskOf(place string) string {
	var at unix.Statfs_t
	if err := unix.Statfs(place, &at); err != nil {
		return "missing: " + err.Error()
	}
	block := int64(at.Bsize)
	return fmt.Sprintf("%s of %s free, %s for others than root; %d of %d inodes free\n%s",
		unit.About(int64(at.Bfree)*block), unit.About(int64(at.Blocks)*block), unit.About(int64(at.Bavail)*block), at.Ffree, at.Files, mountOf(place))
}

// mountOf returns the line of the mount that a place is in.
func mountOf(place string) string {
	path, err := filepath.Abs(place)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	text, unread := readKernel("/proc/self/mounts")
	if err := errors.Join(err, unread); err != nil {
		return "missing: " + err.Error()
	}
	best, at := "", -1
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		dir := strings.TrimSuffix(fields[1], "/")
		if (path == dir || strings.HasPrefix(path, dir+"/")) && len(dir) > at {
			best, at = fmt.Sprintf("mounted: %s on %s (%s)", fields[2], fields[1], mountOptions(fields[3])), len(dir)
		}
	}
	return best
}

// mountOptions leaves out what options of some file systems say of users and their passwords.
func mountOptions(options string) string {
	list := strings.Split(options, ",")
	list = slices.DeleteFunc(list, func(o string) bool {
		name, _, has := strings.Cut(o, "=")
		return has && (secretName.MatchString(name) || strings.HasPrefix(name, "user"))
	})
	return strings.Join(list, ",")
}

func limitsPart(_ context.Context, s *scene) ([]byte, error) {
	if _, err := readProc(s.pid, "limits"); err != nil {
		return nil, err
	}
	var r report
	fmt.Fprintf(&r, "process %d\n\n", s.pid)
	for _, name := range []string{"status", "limits", "cgroup", "oom_score", "io", "schedstat"} {
		text, err := readProc(s.pid, name)
		r.text(name, text, err)
	}
	r.head("open files")
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid)); err != nil {
		fmt.Fprintf(&r, "missing: %v\n\n", err)
	} else {
		fmt.Fprintf(&r, "%d\n\n", len(open))
	}
	for _, path := range groupFiles(s.pid) {
		r.file(path)
	}
	return []byte(r.String()), nil
}

// groupFiles returns the files of a process' control group that say what it may take and takes.
func groupFiles(pid int) (list []string) {
	text, err := readProc(pid, "cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for _, place := range []string{"/sys/fs/cgroup" + fields[2], "/sys/fs/cgroup/" + fields[1] + fields[2], "/sys/fs/cgroup/" + fields[1]} {
			for _, name := range []string{"memory.max", "memory.high", "memory.current", "memory.peak", "memory.events", "cpu.max", "cpu.stat", "pids.max", "pids.current", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.failcnt", "cpu.cfs_quota_us"} {
				path := filepath.Join(place, name)
				if _, err := os.Stat(path); err == nil && !slices.Contains(list, path) {
					list = append(list, path)
				}
			}
		}
	}
	return list
}

func clockPart(context.Context, *scene) ([]byte, error) {
	var r report
	now := time.Now()
	fmt.Fprintf(&r, "now   %s\nlocal %s\n", now.UTC().Format(time.RFC3339Nano), now.Format("2006-01-02T15:04:05 MST (-07:00)"))
	r.WriteString(disciplined() + "\n\n")
	r.file("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return []byte(r.String()), nil
}

// environmentPart names variables that change how a node runs; most values are harmless, but nobody would look at each.
func environmentPart(_ context.Context, s *scene) ([]byte, error) {
	env := environmentOf(s.pid)
	var names []string
	for name := range env {
		upper := strings.ToUpper(name)
		switch {
		case strings.HasPrefix(upper, "DODONA_"), strings.HasPrefix(upper, "GO"), strings.HasSuffix(upper, "_PROXY"), strings.HasPrefix(upper, "SSL_CERT"),
			upper == "TZ", upper == "TMPDIR", upper == "LANG", strings.HasPrefix(upper, "LC_"), upper == "NOTIFY_SOCKET", upper == "WATCHDOG_USEC":
			names = append(names, plain.Line(name, 100))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, errors.New("no variable that matters is set")
	}
	return []byte("set, here or in the node's process:\n" + strings.Join(names, "\n") + "\n"), nil
}

// Bounds of the list of files.
const maxFiles = 5000

func dataPart(ctx context.Context, s *scene) ([]byte, error) {
	if err := s.knowsData(ctx); err != nil {
		return nil, err
	}
	var r report
	now := time.Now()
	files, more, total := 0, 0, int64(0)
	fmt.Fprintf(&r, "%s (no contents)\n\n%-10s %-9s %12s %24s  %s\n", s.data, "mode", "owner", "bytes", "changed", "name")
	err := filepath.WalkDir(s.data, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(s.data, path)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			fmt.Fprintf(&r, "missing: %s\n", plain.Line(err.Error(), 500))
			return nil
		}
		info, err := e.Info()
		if err != nil { // it went away meanwhile
			return nil
		}
		if info.Mode().IsRegular() {
			total += info.Size()
		}
		if files++; files > maxFiles {
			more++
			return nil
		}
		fmt.Fprintf(&r, "%-10s %-9s %12d %24s  %s\n", info.Mode(), owner(info), info.Size(), since(info.ModTime(), now), plain.Line(name, 500))
		return nil
	})
	if err != nil {
		fmt.Fprintf(&r, "missing: %v\n", err)
	}
	if more > 0 {
		fmt.Fprintf(&r, "and %d more\n", more)
	}
	fmt.Fprintf(&r, "\n%s in %s\n", unit.About(total), count(files, "file and folder"))
	return []byte(r.String()), nil
}

func owner(info fs.FileInfo) string {
	if status, is := info.Sys().(*syscall.Stat_t); is {
		return fmt.Sprintf("%d:%d", status.Uid, status.Gid)
	}
	return "?"
}

// since says when something was, for people who look from elsewhere.
func since(t, now time.Time) string {
	if t.After(now.Add(time.Second)) {
		return t.UTC().Format("2006-01-02T15:04:05Z") + " ahead"
	}
	return now.Sub(t).Round(time.Second).String() + " ago"
}
