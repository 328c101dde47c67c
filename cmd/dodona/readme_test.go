//go:build integration

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeSession runs the session of the README as it stands, against a real node and a local price server, and
// compares what is printed with what is written: everything but hex, times, ports and durations must be equal.
func TestReadmeSession(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)## A session\\n.*?```\\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no session")
	}
	config := regexp.MustCompile("(?s)## The shortest configuration\n.*?```yaml\n(.*?)```").FindSubmatch(readme)
	if config == nil {
		t.Fatal("the README has no shortest configuration")
	}
	dir := t.TempDir()
	local := regexp.MustCompile(`https://\S+`).ReplaceAllLiteral(config[1], []byte(price(t, `{"symbol":"BTCUSDT","price":"43218.55000000"}`)))
	if err := os.WriteFile(filepath.Join(dir, "price.yaml"), local, 0o600); err != nil {
		t.Fatal(err)
	}
	var p *process
	commands := 0
	for _, step := range strings.Split(string(block[1]), "$ ")[1:] {
		command, want, _ := strings.Cut(step, "\n")
		commands++
		if rest, found := strings.CutPrefix(command, "dodona run "); found {
			p = launch(t, dir, "run", strings.TrimSuffix(strings.TrimSpace(rest), " &"), "--listen", "127.0.0.1:0")
			p.awaitURL()
			eventually(t, patience, func() error { _, err := get(p.url + "/v1/feeds/answer/latest"); return err })
			compare(t, command, p.stderr.String(), want)
			for _, id := range regexp.MustCompile(`0x([0-9a-f]{64}|[0-9a-f]{40})`).FindAllString(string(block[1]), -1) {
				if !strings.Contains(p.stderr.String(), id) {
					t.Errorf("the session says %s, which is neither the key nor the network of the configuration above it", id)
				}
			}
			continue
		}
		compare(t, command, shell(t, dir, p, command), want)
	}
	if commands < 5 {
		t.Errorf("only %d commands in the README's session", commands)
	}
	if lines := strings.Count(string(readme), "\n"); lines > 120 {
		t.Errorf("the README has %d lines, at most 120 are wanted", lines)
	}
}

// shell runs a command of the session with the program of this checkout.
func shell(t *testing.T, dir string, p *process, command string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(command, "http://127.0.0.1:8080", p.url))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "DODONA_API="+p.url)
	out, _ := cmd.CombinedOutput() // a session may show a failure; what it prints is compared
	return string(out)
}

// What differs from run to run, and what it is replaced by.
var varying = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`0x[0-9a-f]{2,}(…[0-9a-f]{4}|…)?`), "0x"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:0"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?`), "TIME"},
	{regexp.MustCompile(`\b1[67]\d{11}\b`), "ROUND"},
	{regexp.MustCompile(`\+?\d+(\.\d+)? m?s\b`), "TOOK"},
	{regexp.MustCompile(`dodona [0-9a-z.-]+: node`), "dodona VERSION: node"},
	{regexp.MustCompile(` +`), " "},
}

func compare(t *testing.T, command, got, want string) {
	t.Helper()
	normal := func(s string) string {
		for _, v := range varying {
			s = v.pattern.ReplaceAllString(s, v.with)
		}
		return strings.TrimSpace(s)
	}
	if normal(got) != normal(want) {
		t.Errorf("$ %s\nprints\n%s\nbut the page says\n%s\n%s", command, got, want, difference(normal(got), normal(want)))
	}
}

func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("first different line is %d: got %q, want %q", i+1, at(g, i), at(w, i))
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
