package module

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// openPlain are the flags with which opening a file neither follows a link nor waits for a pipe.
const openPlain = unix.O_NOFOLLOW | unix.O_NONBLOCK

// through names a folder that is open by what holds it: whatever is at its name by now, it is that folder.
func through(folder *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(folder.Fd())) }

// workingFolder is through what a process works in, whatever is at its name by now.
const workingFolder = "/proc/self/cwd"

// replace lets a file that is open be another one, all at once; what locks that locks it then.
func replace(f, by *os.File) error { return unix.Dup3(int(by.Fd()), int(f.Fd()), unix.O_CLOEXEC) }

// confine makes the child the head of a process group, which is killed as one, and lets it die with this process.
func confine(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// cpuGrace is how many seconds of CPU a child has to say that it has used up what it may use.
const cpuGrace = 2

// restrict limits this process for good: seconds of CPU, bytes of memory beyond what it has now, files, and its share of
// the processor. If the system runs out of memory, it is the one to go.
func restrict(cpu, memory uint64) error {
	out := make(chan os.Signal, 1)
	signal.Notify(out, unix.SIGXCPU)
	go endOutOfCPU(out)
	size, err := addressSpace()
	if err != nil {
		return err
	}
	for resource, most := range map[int]unix.Rlimit{
		unix.RLIMIT_AS:     {Cur: size + memory, Max: size + memory},
		unix.RLIMIT_CPU:    {Cur: cpu, Max: cpu + cpuGrace}, // the first makes a signal, the second kills
		unix.RLIMIT_FSIZE:  {Cur: largestCode, Max: largestCode},
		unix.RLIMIT_NOFILE: {Cur: 32, Max: 32},
		unix.RLIMIT_CORE:   {},
	} {
		if err := unix.Setrlimit(resource, &most); err != nil {
			return fmt.Errorf("set resource limit %d to %d: %w", resource, most.Cur, err)
		}
	}
	debug.SetMemoryLimit(int64(memory / 2))
	if unix.Getpgrp() == unix.Getpid() {
		// Less than what serves events, and not so little that a busy machine compiles nothing. Of the group, because of the process would be of this thread alone.
		if err := unix.Setpriority(unix.PRIO_PGRP, 0, 10); err != nil {
			return fmt.Errorf("set priority: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges to come: %w", err)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where /proc is read-only, the system chooses
	return nil
}

// endOutOfCPU ends this process when the kernel says that it is out of CPU. It lives for as long as the process.
func endOutOfCPU(out <-chan os.Signal) {
	<-out
	_, _ = os.Stderr.WriteString(outOfCPU + "\n")
	syscall.Exit(1) // not os.Exit, which waits for a second with -race
}

// addressSpace returns how many bytes of addresses this process has taken.
func addressSpace() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(pages), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read /proc/self/statm: %w", err)
	}
	return n * uint64(os.Getpagesize()), nil
}
