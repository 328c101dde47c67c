package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// crashing is how this test's own program is told to crash as a node may: see crash.
const crashing = "DODONA_TEST_CRASHES"

// crash crashes as a node may that has a fault; no input of the real program does.
func crash(how string) {
	outlive()
	switch how {
	case "panic":
		var beside sync.WaitGroup
		beside.Go(func() { panic("a fault in some goroutine") })
		beside.Wait()
	case "nil":
		var none *supervisor
		none.log.Info("not to be")
	case "map":
		shared := make(map[int]int)
		for range 4 {
			go func() { // ends with the process
				for i := 0; ; i++ {
					shared[i%8] = i
				}
			}()
		}
		select {}
	}
}

// unrestarted returns the statuses after which the unit is not started again.
func unrestarted(t *testing.T) []string {
	t.Helper()
	unit, err := os.ReadFile("../../packaging/dodona.service")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Restart=always$`).Match(unit) {
		t.Fatal("the unit does not say Restart=always")
	}
	var not []string
	for _, line := range regexp.MustCompile(`(?m)^RestartPreventExitStatus=(.*)$`).FindAllSubmatch(unit, -1) {
		not = append(not, strings.Fields(string(line[1]))...)
	}
	if !slices.Contains(not, strconv.Itoa(exitUsage)) {
		t.Fatalf("the unit starts again after all but %q; want that it is not after a wrong configuration", not)
	}
	return not
}

// statusOf returns how systemd calls the status with which a process ended: a number, or the name of the signal.
func statusOf(t *testing.T, err error) string {
	t.Helper()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		t.Fatalf("it did not end badly: %v", err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		return strconv.Itoa(status.ExitStatus())
	}
	if status.CoreDump() {
		t.Error("its memory was written to a file, and the key with it")
	}
	return map[syscall.Signal]string{syscall.SIGABRT: "SIGABRT", syscall.SIGKILL: "SIGKILL"}[status.Signal()]
}

// TestACrashIsStartedAgain: what ends a node that a restart may mend is none of the statuses that the unit leaves down.
func TestACrashIsStartedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts nodes")
	}
	t.Parallel()
	not := unrestarted(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for how, says := range map[string]string{
		"panic": "panic: a fault in some goroutine", "nil": "nil pointer dereference", "map": "concurrent map",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), crashing+"="+how)
			said, err := cmd.CombinedOutput()
			if status := statusOf(t, err); status != "SIGABRT" || slices.Contains(not, status) {
				t.Errorf("it ended with %s; the unit is not started again after %q", status, not)
			}
			if !strings.Contains(string(said), says) {
				t.Errorf("it does not say %q but:\n%.1000s", says, said)
			}
		})
	}
	for signal, want := range map[syscall.Signal]string{
		syscall.SIGABRT: "SIGABRT", // the watchdog's
		syscall.SIGQUIT: "SIGABRT", syscall.SIGSEGV: "SIGABRT", syscall.SIGBUS: "SIGABRT",
		syscall.SIGKILL: "SIGKILL", // the kernel's, where memory is short
	} {
		t.Run(fmt.Sprintf("signal %d", signal), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launchIn(t, dir, []string{"GOTRACEBACK=single"}, "run", twoLines(t, dir, price(t, `{"p":1}`)), "--listen", "127.0.0.1:0")
			p.awaitURL()
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if status := statusOf(t, p.cmd.Wait()); status != want || slices.Contains(not, status) {
				t.Errorf("it ended with %s, want %s; the unit is not started again after %q", status, want, not)
			}
		})
	}
}

// TestAWrongConfigurationIsNotStartedAgain: nothing mends it but a person.
func TestAWrongConfigurationIsNotStartedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	t.Parallel()
	not := unrestarted(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	const rest = "\nsources: {s: {sim: {seed: 1}}}\nfeeds: {f: {every: 1h, from: [s]}}\n"
	const free = "api: {listen: \"127.0.0.1:0\"}\n"
	for name, c := range map[string]struct {
		text string // of the configuration; empty: there is none
		says string
		once bool // nothing but a person mends it
	}{
		"no configuration":      {"", "no such file", true},
		"a mistake":             {"nod: {}", "unknown key", true},
		"no key":                {free + "node: {data: ./data, key: {file: none}}", "open none: no such file", true},
		"a key that is none":    {free + "node: {data: ./data, key: {file: lines}}", "lines", true},
		"no password":           {free + "node: {data: ./data, key: {file: lines, password: {file: none}}}", "none", true},
		"no token":              {"api: {listen: \"127.0.0.1:0\", tokens: [{file: none}]}\nnode: {data: ./data}", "read token 1 of api.tokens", true},
		"no folder for data":    {free + "node: {data: ./lines/data}", "lines: not a directory", true},
		"a folder of a newer":   {free + "node: {data: ./newer}", "use the newer program", true},
		"a port that is taken":  {"api: {listen: \"" + taken.Addr().String() + "\"}\nnode: {data: ./data}", "has that port", false},
		"an address of another": {"api: {listen: \"192.0.2.1:0\", tokens: [{file: token}]}\nnode: {data: ./data}", "has no such address", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, map[string]string{"newer/format": "99\n", "lines": "one\ntwo\n", "token": "a token that nobody guesses\n"})
			if c.text != "" {
				write(t, dir, map[string]string{"node.yaml": c.text + rest})
			}
			p := launch(t, dir, "run", "node.yaml")
			if status := statusOf(t, p.cmd.Wait()); slices.Contains(not, status) != c.once {
				t.Errorf("it ended with %s; the unit is not started again after %q", status, not)
			}
			if said := fmt.Sprint(p.stderr); !strings.Contains(said, c.says) {
				t.Errorf("it does not say %q but:\n%s", c.says, said)
			}
		})
	}
}
