//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestARMv7RunsTheSameLine runs the program built for a 32-bit gateway, emulated, and checks its answer with the one for
// this machine: 64-bit alignment and word sizes have broken many Go programs on ARM.
func TestARMv7RunsTheSameLine(t *testing.T) {
	t.Parallel()
	const emulator = "/usr/bin/qemu-arm-static"
	if _, err := os.Stat(emulator); err != nil {
		t.Fatalf("%s is missing; run: make deps", emulator)
	}
	dir := t.TempDir()
	arm := filepath.Join(dir, "dodona-arm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", arm, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	config := "sources: {s: {sim: {seed: 1, every: 500ms}}}\nfeeds: {f: {decimals: 2, every: 1s, from: [s]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(emulator, arm, "run", "gateway.yaml", "--listen", "127.0.0.1:0"), stderr: new(logtest.Text)}
	p.cmd.Dir, p.cmd.Stderr = dir, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	eventually(t, patience, func() error {
		if m := served.FindStringSubmatch(p.stderr.String()); m != nil {
			p.url = m[1]
		}
		body, err := get(p.url + "/v1/feeds/f/latest")
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "answer.json"), body, 0o600)
	})
	if out := shell(t, dir, p, "dodona verify answer.json"); !strings.HasPrefix(out, "valid: ") {
		t.Errorf("verify says %s", out)
	}
	if out := shell(t, dir, p, "dodona bundle export f > bundle.json; dodona replay bundle.json"); !strings.Contains(out, "the same: ") {
		t.Errorf("replay here of a round there says %s", out)
	}
	here := shell(t, dir, p, "dodona replay bundle.json")
	there := shell(t, dir, p, emulator+" "+arm+" replay bundle.json")
	if here != there {
		t.Errorf("replay says here\n%s\nand there\n%s", here, there)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("it ended with %d; it said:\n%s", code, p.stderr)
	}
}
