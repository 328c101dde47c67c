//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/dodona-oracle/dodona/internal/plain"
)

// TestWhatAStrangerSendsSteersNothing: escapes of terminals, marks of direction, breaks, HTML, bytes that are no UTF-8 and megabytes, in names,
// values and times, come out of no command, of no document of the API, of no metric and of no log.
func TestWhatAStrangerSendsSteersNothing(t *testing.T) {
	t.Parallel()
	const evil = "\x1b[31mred\x1b]0;owned\x07\u202egnp.exe\u2066<script>alert(1)</script>\r\nFAKE LINE\u2028\u009b2J"
	document, err := json.Marshal(map[string]any{"n": 1.5, "text": evil, evil: 3})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "gw.yaml")
	for name, text := range map[string]string{"evil.json": string(document), "big.json": `{"big": "` + strings.Repeat("A", 1<<20-64) + `"}`, "evil.bin": "\xff\xfe" + evil + "\xc3", "gw.yaml": fmt.Sprintf(`node: {name: gw-7, data: ./data, key: {hex: %q}}
api: {listen: "127.0.0.1:0"}
sources:
  good: {file: {path: %[2]q}, value: {pointer: /n}}
  text: {file: {path: %[2]q}, value: {pointer: /text}}
  word: {file: {path: %[2]q}, value: {pointer: /text, enum: {on: 1}}}
  time: {file: {path: %[2]q}, value: {pointer: /n, time: /text}}
  none: {file: {path: %[2]q}, value: {pointer: /zz}}
  big:  {file: {path: %[4]q}, value: {pointer: /big}}
  raw:  {file: {path: %[3]q}, value: {pointer: /n}}
feeds:
  some: {every: 1s, stale: 1h, need: 1, from: [good, text, word, time, none, big, raw]}
  lost: {every: 1s, stale: 1h, from: [text]}
`, pointsKey, filepath.Join(dir, "evil.json"), filepath.Join(dir, "evil.bin"), filepath.Join(dir, "big.json"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0 // how often what the stranger sent was shown
	harmless := func(where, text string, most int) {
		t.Helper()
		if strings.Contains(text, "FAKE LINE") {
			seen++
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "FAKE LINE") {
				t.Errorf("%s has a line of the stranger's own: %q", where, line)
			}
		}
		if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); at >= 0 || !utf8.ValidString(text) {
			t.Errorf("%s says what no terminal may be told: %q", where, plain.Line(text[max(at-40, 0):], 200))
		}
		if len(text) > most {
			t.Errorf("%s says %d bytes, want at most %d: it begins %q", where, len(text), most, text[:200])
		}
	}
	run := func(args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // some exit with 1, for nothing is usable
		return string(out)
	}
	const most = 32 << 10
	for _, name := range []string{"good", "text", "word", "time", "none", "big", "raw"} {
		harmless("source read "+name, run("source", "read", file, name), most)
	}
	for _, name := range []string{"some", "lost"} {
		harmless("feed try "+name, run("feed", "try", file, name), most)
	}

	node := launch(t, dir, "run", file)
	node.awaitURL()
	eventually(t, patience, func() error {
		if text := run("explain", "some", "--api", node.url); !strings.Contains(text, "FAKE LINE") {
			return fmt.Errorf("explain does not tell why the others do not count: %s\n%s", text, node.stderr)
		}
		if text := run("status", "--all", "--api", node.url); !strings.Contains(text, "FAKE LINE") {
			return fmt.Errorf("status does not tell what is unusable: %s\n%s", text, node.stderr)
		}
		return nil
	})
	for _, args := range [][]string{{"explain", "some"}, {"explain", "some", "--json"}, {"status"}, {"status", "--all"}, {"status", "--json"}} {
		harmless(strings.Join(args, " "), run(append(args, "--api", node.url)...), 4*most)
	}
	for _, path := range []string{"/v1/status", "/v1/sources", "/v1/feeds", "/metrics"} {
		body, err := get(node.url + path)
		if err != nil {
			t.Fatal(err)
		}
		harmless(path, string(body), 8*most)
	}
	node.stop()
	harmless("the log", node.stderr.String(), 8*most)
	if seen < 10 {
		t.Errorf("what the stranger sent is shown in %d places alone, so little was looked at", seen)
	}
}
