// Package tmuxtest runs programs on a real terminal, that of tmux, for tests.
package tmuxtest

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/peertest"
)

// patience is how long a screen may take to become what a test expects: far longer than on any machine that does not hang.
const patience = 2 * time.Minute

// A Terminal is a window in which a program runs. Its methods fail the test.
type Terminal struct {
	t      testing.TB
	socket string
}

// Start runs a program in a window of its own, and keeps the window when it has ended; the test's end closes it. Env is
// added to the environment, as in os/exec.
func Start(t testing.TB, columns, rows int, env []string, program ...string) *Terminal {
	t.Helper()
	term := &Terminal{t: t, socket: filepath.Join(peertest.ShortFolder(t), "s")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() }) // it may have ended
	args := []string{"-u", "-f", "/dev/null", "-S", term.socket, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)}
	for _, pair := range env {
		args = append(args, "-e", pair)
	}
	args = append(args, "sh", "-c", `trap '' INT; "$@"; echo "exit $?"; exec sleep 1000`, "sh")
	if out, err := exec.Command("tmux", append(args, program...)...).CombinedOutput(); err != nil {
		t.Fatalf("start tmux, which scripts/deps.sh installs: %v: %s", err, out)
	}
	return term
}

func (t *Terminal) tmux(args ...string) string {
	t.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", t.socket}, args...)...).CombinedOutput()
	if err != nil {
		t.t.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Resize makes the window wider or narrower, higher or lower.
func (t *Terminal) Resize(columns, rows int) {
	t.t.Helper()
	t.tmux("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
}

// Press sends keys as tmux names them, such as C-c.
func (t *Terminal) Press(keys ...string) {
	t.t.Helper()
	t.tmux(append([]string{"send-keys"}, keys...)...)
}

// Lines returns what is on the screen, without empty lines at its end.
func (t *Terminal) Lines() []string {
	t.t.Helper()
	return lines(t.tmux("capture-pane", "-p"))
}

// All returns what is on the screen and what has scrolled out of it.
func (t *Terminal) All() []string {
	t.t.Helper()
	return lines(t.tmux("capture-pane", "-p", "-S", "-"))
}

func lines(screen string) []string {
	screen = strings.TrimRight(screen, "\n ")
	if screen == "" {
		return nil
	}
	return strings.Split(screen, "\n")
}

// Await waits until what is looked at is as it should be, and tells what it was when it never is.
func (t *Terminal) Await(what string, fits func(lines []string) bool) []string {
	t.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		shown := t.Lines()
		if fits(shown) {
			return shown
		}
		if time.Now().After(end) {
			t.t.Fatalf("the screen is never %s, but\n%s", what, strings.Join(shown, "\n"))
		}
	}
}

// Alternate reports whether the program has gone to the terminal's other screen.
func (t *Terminal) Alternate() bool {
	t.t.Helper()
	return strings.TrimSpace(t.tmux("display-message", "-p", "#{alternate_on}")) == "1"
}
