package peertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a peer may take to begin on a busy machine.
const patience = 2 * time.Minute

// A Command says how a peer is started, and how it is known that it listens: by a line that it prints, or else by Ready.
type Command struct {
	Name string
	Args []string
	Dir  string   // empty: the test's own
	Env  []string // beside that of the test
	User *syscall.Credential

	ReadyLine string                          // part of what it prints once it listens
	Ready     func(ctx context.Context) error // fails until it listens; see [Dial]
}

// A Process is a peer that runs, in a process group of its own. Its methods fail the test; they are not safe for concurrent use, but for Output.
type Process struct {
	t       testing.TB
	command Command

	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
	said  *said
}

// Start starts a peer and waits until it listens. The test's end kills it, and shows what it printed if the test failed.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	p := &Process{t: t, command: c, said: &said{}}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", c.Name, p.Output())
		}
	})
	p.start()
	return p
}

func (p *Process) start() {
	p.t.Helper()
	line := make(chan struct{})
	p.said.await(p.command.ReadyLine, line)
	p.cmd = exec.Command(p.command.Name, p.command.Args...)
	p.cmd.Dir = p.command.Dir
	p.cmd.Env = append(os.Environ(), p.command.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: p.command.User}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.command.Name, err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait() // how it ends is the test's to judge, by what it printed
	}(p.cmd, p.ended)
	if err := p.await(line); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.command.Name, err, p.Output())
	}
}

// await waits until the peer listens.
func (p *Process) await(line <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("it does not print " + p.command.ReadyLine)
	for {
		if p.command.Ready != nil {
			if last = p.command.Ready(ctx); last == nil {
				return nil
			}
		} else if p.command.ReadyLine == "" {
			return nil
		}
		select {
		case <-line:
			if p.command.Ready == nil {
				return nil
			}
			line = nil
		case <-p.ended:
			return errors.New("it ended before it listened")
		case <-ctx.Done():
			return fmt.Errorf("it does not listen after %s: %w", patience, last)
		case <-tick.C:
		}
	}
}

// Pid returns the id of the process that was started last.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends the peer and what it started, as kill -9 does, and waits. It may be called twice.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop asks the peer to end (SIGTERM) and waits; one that does not end in ten seconds is killed.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

func (p *Process) end(how syscall.Signal) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	p.signal(how)
	p.signal(syscall.SIGCONT)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

// Restart starts a peer that has ended once more, and waits until it listens.
func (p *Process) Restart() {
	p.t.Helper()
	p.Kill()
	p.start()
}

// Freeze stops the peer where it is (SIGSTOP): its sockets stay open, and nobody answers.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen peer go on.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// signal reaches the whole group: a server may be several processes.
func (p *Process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) } // it may have ended

// Output returns the last of what the peer printed.
func (p *Process) Output() string { return p.said.String() }

// Ended is closed when the process that was started last has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// mostSaid bounds what is kept of what a peer prints.
const mostSaid = 64 << 10

// said keeps what a peer prints, and waits for a line.
type said struct {
	mu   sync.Mutex
	text []byte
	line string
	seen chan struct{} // nil: nobody waits
}

// await closes seen once line stands in what is printed from now on.
func (s *said) await(line string, seen chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.line, s.seen = nil, line, seen
	if line == "" {
		s.seen = nil
	}
}

// Write keeps the last of what is printed.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	if s.seen != nil && bytes.Contains(s.text, []byte(s.line)) {
		close(s.seen)
		s.seen = nil
	}
	if over := len(s.text) - mostSaid; over > mostSaid {
		s.text = append([]byte(nil), s.text[over:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(string(s.text))
}
