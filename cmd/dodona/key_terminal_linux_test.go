package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// A seat is somebody at a terminal in which the program runs.
type seat struct {
	t     *testing.T
	cmd   *exec.Cmd
	keys  *os.File // the side of the person
	tty   *os.File // that of the program
	shown logtest.Text
	ended chan error
}

// sit starts the program in a terminal of its own.
func sit(t *testing.T, dir string, in *os.File, args ...string) *seat {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	s := &seat{t: t, cmd: exec.Command(program, args...), keys: keys, tty: tty, ended: make(chan error, 1)}
	s.cmd.Dir, s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = dir, tty, tty, tty
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if in != nil {
		s.cmd.Stdin, s.cmd.SysProcAttr.Ctty = in, 1
	}
	s.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(&s.shown, keys) }() // ends when the terminal is closed
	go func() { s.ended <- s.cmd.Wait() }()
	return s
}

// answers waits for a question, until nothing that is typed is shown, and types a line.
func (s *seat) answers(times int, question, line string) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		if strings.Count(s.shown.String(), question) < times || s.echoes() {
			return fmt.Errorf("it does not ask %q without showing what is typed; the terminal shows:\n%s", question, s.shown.String())
		}
		return nil
	})
	if _, err := s.keys.WriteString(line); err != nil {
		s.t.Fatal(err)
	}
}

// echoes reports whether the terminal shows what is typed.
func (s *seat) echoes() bool {
	state, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// ends waits until the program has ended with a code, and the terminal shows what is typed again.
func (s *seat) ends(code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Fatalf("it does not end; the terminal shows:\n%s", s.shown.String())
	}
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("it ended with %d, want %d; the terminal shows:\n%s", got, code, s.shown.String())
	}
	if !s.echoes() {
		s.t.Error("the terminal does not show what is typed any more")
	}
}

// shows waits until the terminal shows a text.
func (s *seat) shows(text string) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		if !strings.Contains(s.shown.String(), text) {
			return fmt.Errorf("the terminal does not show %q but:\n%s", text, s.shown.String())
		}
		return nil
	})
}

// TestAPasswordIsAskedForOnATerminalAndNeverShown: twice for a new key, until both are the same, and once to open one.
func TestAPasswordIsAskedForOnATerminalAndNeverShown(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	dir := t.TempDir()
	s := sit(t, dir, nil, "key", "new", "k.json")
	s.answers(1, "new password for k.json", "\n")
	s.answers(2, "new password for k.json", "correct horse\n")
	s.answers(1, "the same again", "correct hose\n")
	s.answers(3, "new password for k.json", "correct horse\n")
	s.answers(2, "the same again", "correct horse\n")
	s.ends(exitDone)
	s.shows("signature_key: {file: k.json, password: {file: k.password}}")
	s.shows("(umask 077; cat > k.password)")
	if shown := s.shown.String(); strings.Contains(shown, "horse") || strings.Contains(shown, "hose") {
		t.Errorf("a password was shown:\n%s", shown)
	}
	show := sit(t, dir, nil, "key", "show", "--check", "k.json")
	show.answers(1, "password of k.json", "correct horse\n")
	show.ends(exitDone)
	show.shows("0x")
	wrong := sit(t, dir, nil, "key", "show", "--check", "k.json")
	wrong.answers(1, "password of k.json", "battery\n")
	wrong.ends(exitFailed)
	wrong.shows("the password does not open this keystore")
}

// TestNoKeyIsMadeWithAPasswordThatWasNeverSaidTwice: nobody could open it.
func TestNoKeyIsMadeWithAPasswordThatWasNeverSaidTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	dir := t.TempDir()
	s := sit(t, dir, nil, "key", "new", "k.json")
	for i := 1; i <= 3; i++ {
		s.answers(i, "new password for k.json", "correct horse\n")
		s.answers(i, "the same again", "correct hose\n")
	}
	s.ends(exitUsage)
	s.shows("no password was said twice; nothing was written")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestAKeyOfStandardInputIsKeptUnderAPasswordOfTheTerminal: the one is data, and the other is typed.
func TestAKeyOfStandardInputIsKeptUnderAPasswordOfTheTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hex"), []byte(twoLineKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "hex"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := sit(t, dir, in, "key", "import", "k.json")
	s.answers(1, "new password for k.json", "battery staple\n")
	s.answers(1, "the same again", "battery staple\n")
	s.ends(exitDone)
	s.shows("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f")
	typed := sit(t, dir, nil, "key", "import", "--raw", "raw")
	typed.answers(1, "private key, 64 hex digits", twoLineKey+"\n")
	typed.ends(exitDone)
	typed.shows("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f")
	if strings.Contains(typed.shown.String(), twoLineKey[2:]) {
		t.Error("the key was shown")
	}
}

// TestWhoIsInterruptedAtAPasswordLeavesTheTerminalAsItWas, and no file.
func TestWhoIsInterruptedAtAPasswordLeavesTheTerminalAsItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct {
		key  string
		code int
	}{"Ctrl-C": {"\x03", 128 + int(syscall.SIGINT)}, "Ctrl-\\": {"\x1c", 128 + int(syscall.SIGQUIT)}} {
		s := sit(t, dir, nil, "key", "new", "k.json")
		s.answers(1, "new password for k.json", c.key)
		s.ends(c.code)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: it left %v", name, left)
		}
	}
}
