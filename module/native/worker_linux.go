package native

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
	inherited, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	files := uint64(len(inherited)) + 32
	for resource, most := range map[int]unix.Rlimit{
		unix.RLIMIT_AS:     {Cur: size + memory, Max: size + memory},
		unix.RLIMIT_CPU:    {Cur: cpu, Max: cpu + cpuGrace}, // the first makes a signal, the second kills
		unix.RLIMIT_FSIZE:  {Cur: LargestCode, Max: LargestCode},
		unix.RLIMIT_NOFILE: {Cur: files, Max: files},
		unix.RLIMIT_CORE:   {},
	} {
		if err := lower(resource, most); err != nil {
			return fmt.Errorf("set resource limit %d to %d: %w", resource, most.Cur, err)
		}
	}
	debug.SetMemoryLimit(int64(memory / 2))
	if unix.Getpgrp() == unix.Getpid() {
		yield()
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges to come: %w", err)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where /proc is read-only, the system chooses
	return nil
}

// lower sets a resource limit, or keeps the one there is if that is lower already.
func lower(resource int, most unix.Rlimit) error {
	var is unix.Rlimit
	if err := unix.Getrlimit(resource, &is); err != nil {
		return err
	}
	most.Cur, most.Max = min(most.Cur, is.Max), min(most.Max, is.Max)
	return unix.Setrlimit(resource, &most)
}

// The niceness of the compiler: less than what serves events has, and not so little that a busy machine compiles nothing.
const (
	niceness    = 10
	nicerBy     = 5
	mostNice    = 19
	niceSyscall = 20 // less the niceness is what the system call returns
)

// yield takes a smaller share of the processor than whoever started this process has, where the system lets it. Of the group, because of the process would be of
// this thread alone.
func yield() {
	nice := niceness
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		nice = min(max(nice, niceSyscall-raw+nicerBy), mostNice)
	}
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, nice)
}

// memoryLimit returns how many bytes of addresses, or of data, this process may have, 0 if as many as it likes.
func memoryLimit() (least uint64) {
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var is unix.Rlimit
		if err := unix.Getrlimit(resource, &is); err == nil && is.Max != unix.RLIM_INFINITY && (least == 0 || is.Max < least) {
			least = is.Max
		}
	}
	return least
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
