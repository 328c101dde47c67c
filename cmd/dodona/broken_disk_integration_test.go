//go:build integration

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/dodona-oracle/dodona"
	"github.com/dodona-oracle/dodona/internal/logtest"
)

// answersIn returns the answers that a node has written to a file, and fails on two that say different things of one round.
func answersIn(t *testing.T, path string) map[dodona.Round]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := make(map[dodona.Round]string)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var answer struct {
			Body struct {
				Attestation struct {
					Report dodona.Report `json:"report"`
				} `json:"attestation"`
			} `json:"body"`
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		report := answer.Body.Attestation.Report
		if before, twice := found[report.Round]; twice && before != report.Value.String() {
			t.Errorf("round %s was signed as %s and as %s", report.Round, before, report.Value)
		}
		found[report.Round] = report.Value.String()
	}
	return found
}

// TestADiskThatTakesNothingSignsNothingAndIsToldOf: from some moment on it answers each flush with EIO. The kernel is made to say so by strace.
func TestADiskThatTakesNothingSignsNothingAndIsToldOf(t *testing.T) {
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, out := filepath.Join(dir, "node.yaml"), filepath.Join(dir, "out")
	text := "node: {data: ./data}\napi: {listen: \"127.0.0.1:0\"}\nsources: {s: {sim: {seed: 1, every: 200ms}}}\nfeeds: {f: {every: 200ms, from: [s]}}\nsinks: {out: {stdout: {}}}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(line ...string) *process {
		t.Helper()
		to, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		p := &process{t: t, cmd: exec.Command(line[0], line[1:]...), stderr: new(logtest.Text)}
		p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, to, p.stderr
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
		return p
	}
	run := []string{program, "run", config}
	broken := start(append([]string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=60+"}, run...)...)
	api := broken.awaitURL()
	eventually(t, patience, func() error {
		said, err := exec.Command(program, "status", "--api", api).CombinedOutput()
		if code := broken.cmd.ProcessState; code != nil {
			return fmt.Errorf("the node ended: %s", broken.stderr)
		}
		if !strings.HasPrefix(string(said), "failing: journal: ") || !strings.Contains(string(said), "input/output error") {
			return fmt.Errorf("status says %v:\n%s", err, said)
		}
		return nil
	})
	before := answersIn(t, out)
	if len(before) == 0 {
		t.Fatal("nothing was signed before")
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", broken.cmd.Process.Pid)) // of strace: the node alone
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGINT)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.cmd.Wait(); strings.Contains(broken.stderr.String(), "its disk did not take all") != (err != nil) ||
		strings.Contains(broken.stderr.String(), "close journal") == strings.Contains(broken.stderr.String(), "everything acknowledged is on disk") {
		t.Errorf("it ended with %v; it said:\n%s", err, broken.stderr)
	}
	mended := start(run...)
	mended.awaitURL()
	eventually(t, patience, func() error {
		if now := answersIn(t, out); len(now) < len(before)+2 {
			return fmt.Errorf("%d answers, and %d when the disk failed; it said:\n%s", len(now), len(before), mended.stderr)
		}
		return nil
	})
	if code := mended.stop(); code != exitDone {
		t.Errorf("it ended with %d; it said:\n%s", code, mended.stderr)
	}
}
