package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dodona-oracle/dodona/internal/plain"
	"github.com/dodona-oracle/dodona/internal/unit"
)

// A child is a process that compiles.
type child struct {
	command []string // that it is started by, before its arguments; nil: there is none
	limits  childLimits
}

// childLimits bound one compilation.
type childLimits struct {
	cpu    time.Duration // of processor, whole seconds
	wall   time.Duration
	memory int64 // bytes, beyond what the program needs to start
}

// defaultChildLimits are enough for the largest module that is accepted (a Go program of 3 MiB takes 1.3 s and 60 MiB on
// a server) on a processor twenty times slower.
var defaultChildLimits = childLimits{cpu: 30 * time.Second, wall: 2 * time.Minute, memory: 256 << 20}

// errTooMuch is what compiling ends with when it goes beyond the child's limits. Another attempt ends the same way.
type errTooMuch struct{ of string }

func (e errTooMuch) Error() string {
	return "compiling took more than " + e.of +
		"; make the module smaller: split its largest functions and their loops, or let the compiler optimise for size (-Oz)"
}

// compile runs the child in a folder until it has compiled into it, or has come to a limit.
func (c child) compile(ctx context.Context, wasm []byte, mode, dir string) error {
	ended, cancel := context.WithTimeout(ctx, c.limits.wall)
	defer cancel()
	args := append(append([]string(nil), c.command[1:]...), mode, workingFolder,
		strconv.Itoa(int(c.limits.cpu/time.Second)), strconv.FormatInt(c.limits.memory, 10))
	cmd := exec.CommandContext(ended, c.command[0], args...)
	cmd.Env = []string{}
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(wasm)
	said := &tail{}
	cmd.Stderr = said
	cmd.WaitDelay = time.Second
	confine(cmd)
	// The child dies with the thread that started it, so the thread must stay for as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if err == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("compile: %w", ctx.Err())
	case cmd.ProcessState == nil && !isThere(dir):
		return fmt.Errorf("start compiler's child in %s: %w", dir, fs.ErrNotExist)
	case cmd.ProcessState == nil && noFiles(err):
		return fmt.Errorf("start compiler's child: %w; %s", err, moreFiles)
	case cmd.ProcessState == nil && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("start compiler's child: %w; the file of this program is gone or was replaced: start it again", err)
	case cmd.ProcessState == nil && errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("start compiler's child: %w; %s", err, moreTasks)
	case cmd.ProcessState == nil:
		return fmt.Errorf("start compiler's child: %w", err)
	case ended.Err() != nil:
		return fmt.Errorf("compiling took more than %s, of which %s of CPU: the machine has too much else to do", c.limits.wall, spent(cmd.ProcessState).Round(time.Second))
	case said.outOfCPU(), spent(cmd.ProcessState) >= c.limits.cpu:
		return errTooMuch{c.limits.cpu.String() + " of CPU"}
	case said.outOfThreads():
		return fmt.Errorf("compile: the child may start no further thread; %s", moreTasks)
	case said.outOfMemory() && memoryLimit() > 0:
		return fmt.Errorf("compiling took more memory than %s, or than is left of the %s that this process may have: raise that (LimitAS, LimitDATA, ulimit -v, -d), or make the module smaller",
			unit.About(c.limits.memory), unit.About(int64(memoryLimit())))
	case said.outOfMemory():
		return errTooMuch{unit.About(c.limits.memory) + " of memory"}
	}
	if text := said.first(); text != "" {
		for _, cause := range []syscall.Errno{syscall.ENOENT, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EFBIG, syscall.EMFILE, syscall.ENFILE} {
			if what, is := strings.CutSuffix(text, cause.Error()); is {
				return fmt.Errorf("compile in %s: %s%w", dir, what, cause)
			}
		}
		return fmt.Errorf("compile: %s", text)
	}
	return fmt.Errorf("compile: the child ended: %w; if the system killed it for memory, give it more", err)
}

func isThere(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// moreTasks is what to do where a process or thread cannot be started.
const moreTasks = "allow more processes (TasksMax, LimitNPROC, ulimit -u), or end some"

// spent is the processor time of a process that has ended, rounded up to what the kernel counts limits in.
func spent(s *os.ProcessState) time.Duration {
	return s.UserTime() + s.SystemTime() + 50*time.Millisecond
}

// A tail keeps the beginning of what a child says, which is where the reason is.
type tail struct{ text []byte }

// Write keeps up to 4 KiB.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), 4096-len(t.text))]...)
	return len(p), nil
}

// outOfCPU is what the child says last when the kernel has told it that it is out of CPU. The account that the parent
// gets may be shorter than the kernel's.
const outOfCPU = "out of CPU"

func (t *tail) outOfCPU() bool { return string(t.text) == outOfCPU+"\n" }

// outOfThreads reports whether the child could start no further thread for want of them, and not of memory.
func (t *tail) outOfThreads() bool {
	return bytes.Contains(t.text, []byte("failed to create new OS thread")) && bytes.Contains(t.text, []byte("errno=11"))
}

func (t *tail) outOfMemory() bool {
	for _, sign := range []string{
		"out of memory", "cannot allocate memory", "failed to create new OS thread", "arena", "address space", "errno=12",
	} {
		if bytes.Contains(t.text, []byte(sign)) {
			return true
		}
	}
	return false
}

// longestLine is the length in bytes up to which a line of what a child says is shown.
const longestLine = 100

// first returns the first line, fit to print.
func (t *tail) first() string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(t.text)), "\n")
	return plain.Line(line, longestLine)
}
