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

// A readme is a page with a session, and the folder and the node that its commands have.
type readme struct {
	dir  string
	host string // of the local server that stands for the one of the page
	node *process
	ids  [][2]string // of the page, and of this run: keys are made anew
}

// sessionHost is the server on this machine that the page asks.
const sessionHost = "127.0.0.1:9911"

// TestReadmeSession runs the session of the README as it stands, against a real node and a local price server, and
// compares what is printed with what is written: everything but hex, times, ports and durations must be equal.
func TestReadmeSession(t *testing.T) {
	block := regexp.MustCompile("(?s)## A session\\n.*?```\\n(.*?)```").FindStringSubmatch(pageText(t, "README.md"))
	if block == nil {
		t.Fatal("the README has no session")
	}
	url := price(t, `{"symbol":"BTCUSDT","price":"43218.55000000"}`)
	page := &readme{dir: t.TempDir(), host: strings.TrimPrefix(url, "http://")}
	commands := strings.Split(block[1], "$ ")[1:]
	for _, step := range commands {
		command, want, _ := strings.Cut(step, "\n")
		page.step(t, command, want)
	}
	if len(commands) < 6 {
		t.Errorf("only %d commands in the README's session", len(commands))
	}
}

// step runs one command of the page, and compares what it prints.
func (r *readme) step(t *testing.T, command, want string) {
	t.Helper()
	if rest, found := strings.CutPrefix(command, "dodona run "); found {
		r.node = launch(t, r.dir, "run", strings.TrimSuffix(strings.TrimSpace(rest), " &"), "--listen", "127.0.0.1:0")
		r.node.awaitURL()
		eventually(t, patience, func() error { _, err := get(r.node.url + "/v1/feeds/btc.usd/latest"); return err })
		compare(t, command, r.node.stderr.String(), want)
		ids := regexp.MustCompile(`\b0x([0-9a-f]{64}|[0-9a-f]{40})\b`)
		there, here := ids.FindAllString(want, -1), ids.FindAllString(r.node.stderr.String(), -1)
		for i := range min(len(there), len(here)) {
			r.ids = append(r.ids, [2]string{there[i], here[i]})
		}
		return
	}
	for _, id := range r.ids {
		command = strings.ReplaceAll(command, id[0], id[1])
	}
	if regexp.MustCompile(`0x[0-9a-f]{40}`).MatchString(command) && len(r.ids) == 0 {
		t.Errorf("$ %s names an id that no node has told", command)
	}
	compare(t, command, shell(t, r.dir, r.node, strings.ReplaceAll(command, sessionHost, r.host)), want)
}

// TestReadmeShortestConfiguration runs the two lines of the README with the key that is made as it says.
func TestReadmeShortestConfiguration(t *testing.T) {
	found := regexp.MustCompile("(?s)## The shortest configuration\n.*?```yaml\n(.*?)```.*?```\n(.*?)```").FindStringSubmatch(pageText(t, "README.md"))
	if found == nil {
		t.Fatal("the README has no shortest configuration with the commands that go with it")
	}
	dir, url := t.TempDir(), price(t, `{"symbol":"BTCUSDT","price":"43218.55000000"}`)
	local := regexp.MustCompile(`https://\S+`).ReplaceAllLiteralString(found[1], url)
	if err := os.WriteFile(filepath.Join(dir, "price.yaml"), []byte(local), 0o600); err != nil {
		t.Fatal(err)
	}
	for command := range strings.Lines(found[2]) {
		command, _, _ = strings.Cut(command, "#")
		rest, runs := strings.CutPrefix(strings.TrimSpace(command), "dodona run ")
		if !runs {
			if out, err := guideShell(t, dir, must(binary()), command); err != nil {
				t.Fatalf("$ %s\n%s%v", command, out, err)
			}
			continue
		}
		p := launch(t, dir, "run", rest, "--listen", "127.0.0.1:0")
		p.awaitURL()
		eventually(t, patience, func() error { _, err := get(p.url + "/v1/feeds/answer/latest"); return err })
		if said := p.stderr.String(); strings.Contains(said, "warning") {
			t.Errorf("the shortest configuration is warned of:\n%s", said)
		}
	}
}

// must returns a path that there is.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
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
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
	if p != nil {
		cmd.Args[2] = strings.ReplaceAll(command, "http://127.0.0.1:8080", p.url)
		cmd.Env = append(cmd.Env, "DODONA_API="+p.url)
	}
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
