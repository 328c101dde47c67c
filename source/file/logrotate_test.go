package file

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logrotate runs Debian's logrotate on the log with the given directives, once.
func (l *log) logrotate(directives string) {
	l.t.Helper()
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if program = "/usr/sbin/logrotate"; !exists(program) {
			l.t.Skip("logrotate is not installed; scripts/deps.sh install does it")
		}
	}
	conf := l.beside("logrotate.conf")
	l.put("logrotate.conf", fmt.Sprintf("%q {\n rotate 9\n missingok\n%s\n}\n", l.path, directives))
	// No environment of ours, and a state of its own: nothing of the machine is touched.
	run := exec.Command(program, "--force", "--state", l.beside("logrotate.state"), conf)
	run.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if out, err := run.CombinedOutput(); err != nil {
		l.t.Fatalf("logrotate: %v: %s", err, out)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLogrotateLosesNothing: each scheme of logrotate, with a reader that runs, one that lags, one that is down, and one that is killed in the
// middle; the writer reopens at once, late, or never within a rotation.
func TestLogrotateLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name, directives string
		reopens          bool // the writer must be told
	}{
		{"create", "create 0600", true},
		{"nocreate", "nocreate", true},
		{"copytruncate", "copytruncate", false},
		{"dateext", "create 0600\n dateext\n dateformat -%Y%m%d-SEQ", true},
		{"dateext with extension", "create 0600\n dateext\n dateformat -%Y%m%d0SEQ\n extension .jsonl", true},
		{"delaycompress", "create 0600\n compress\n delaycompress", true},
		{"extension", "create 0600\n extension .jsonl", true},
		{"olddir", "create 0600\n olddir old\n createolddir 700", true},
	} {
		for _, reader := range []string{"runs", "lags", "is killed"} {
			t.Run(c.name+", the reader "+reader, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rotateWith(t, c.directives, c.reopens, reader) })
			})
		}
	}
}

func rotateWith(t *testing.T, directives string, reopens bool, mode string) {
	l := newLog(t)
	l.must(os.Chmod(filepath.Dir(l.path), 0o700)) // as logrotate wants it
	l.write("0\n")
	r := newReader(l, func(s *Settings) {
		if mode == "lags" {
			s.Every = 20 * time.Second
		}
	})
	defer func() { r.close() }()
	r.read(time.Second)
	var want []string
	n := 0
	line := func() {
		n++
		l.write(fmt.Sprintln(n))
		want = append(want, fmt.Sprint(n))
	}
	for turn := range 4 {
		line()
		l.logrotate(strings.ReplaceAll(directives, "SEQ", fmt.Sprint(turn+1)))
		if mode == "is killed" { // what it delivered last was not journaled, so it comes again from where the journal is
			r.killed()
		}
		line() // by a writer that was not told yet
		if turn%2 == 1 {
			r.read(5 * time.Second)
		}
		if reopens {
			l.reopen()
		}
		line()
		r.read(5 * time.Second)
	}
	r.read(5 * time.Minute)
	if lags := mode == "lags" && strings.Contains(directives, "compress\n"); lags {
		if len(r.lines) <= len(want) && (r.dropped == 0 || !strings.Contains(strings.Join(r.causes, " "), "were not read before: let it compress later")) {
			t.Errorf("delivered %d of %d lines, dropped %d %q, want that it is told what was compressed", len(r.lines), len(want)+1, r.dropped, r.causes)
		}
		return
	}
	if got := strings.Join(r.lines, " "); got != "0 "+strings.Join(want, " ") || r.dropped != 0 {
		t.Errorf("delivered %s, dropped %d %q; want 0 %s", got, r.dropped, r.causes, strings.Join(want, " "))
	}
}

// killed ends the reader as a kill does: between what it was about to deliver and the journal.
func (r *reader) killed() {
	r.t.Helper()
	if _, err := r.tail.Observe(r.t.Context()); err != nil {
		r.t.Error(err)
	}
	r.restart()
}
