package native

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheCompilerMakesDoWithWhatItIsGiven: a node may have been started with less than the child would set itself, and may not take more.
func TestTheCompilerMakesDoWithWhatItIsGiven(t *testing.T) {
	ordinary := []string{"setpriv", "--bounding-set", "-sys_nice,-sys_resource"}
	if os.Geteuid() != 0 {
		ordinary = nil
	}
	for name, start := range map[string][]string{
		"nice 11":             {"nice", "-n", "11"},
		"nice 19":             {"nice", "-n", "19"},
		"small files":         {"prlimit", "--fsize=2000000"},
		"few files":           {"prlimit", "--nofile=24"},
		"little CPU":          {"prlimit", "--cpu=20"},
		"files that are open": {"bash", "-c", `for i in $(seq 3 40); do eval "exec $i</dev/null"; done; exec "$0" "$@"`},
	} {
		t.Run(name, func(t *testing.T) {
			o := inChild(t, Options{})
			o.Worker = slices.Concat(ordinary, start, o.Worker)
			runs(t, newStore(t, o), answering(1))
		})
	}
}

// TestTheCompilerYields to whoever started it.
func TestTheCompilerYields(t *testing.T) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 10, 17, 19} {
		nice := min(niceSyscall-own+more, 19)
		c := exec.Command("nice", "-n", strconv.Itoa(more), os.Args[0], workerCommand, "plain", ".", "30", strconv.Itoa(256<<20))
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// The child reads its module only when it has yielded. What does not fit into a pipe is the proof that it reads.
		if _, err := in.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		raw, err := unix.Getpriority(unix.PRIO_PROCESS, c.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		of := niceSyscall - raw
		if of <= nice && of < mostNice {
			t.Errorf("niceness %d starts a compiler of %d", nice, of)
		}
		_ = in.Close()
		_ = c.Wait() // zeros are no module
	}
}

// TestThreadsThatTheSystemDeniesAreNotMemory that a module takes.
func TestThreadsThatTheSystemDeniesAreNotMemory(t *testing.T) {
	for text, threads := range map[string]bool{
		"runtime: failed to create new OS thread (have 3 already; errno=11)\nruntime: may need to increase max user processes (ulimit -u)\nfatal error: newosproc\n": true,
		"runtime: failed to create new OS thread (have 3 already; errno=12)\nfatal error: newosproc\n":                                                               false,
		"fatal error: runtime: out of memory\n": false,
	} {
		if said := (&tail{text: []byte(text)}); said.outOfThreads() != threads || !threads && !said.outOfMemory() {
			t.Errorf("%s: threads %t, memory %t", text, said.outOfThreads(), said.outOfMemory())
		}
	}
}
