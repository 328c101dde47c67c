//go:build integration

package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona/internal/mosquittotest"
	"github.com/dodona-oracle/dodona/internal/peertest"
)

// TestExplainTellsWhereThePointsOfAFeedWent: of a feed's input, and of one observation by the id that the broker's readers have, while the node
// runs and, by its receipt, after a restart. What differs from run to run is masked.
func TestExplainTellsWhereThePointsOfAFeedWent(t *testing.T) {
	t.Parallel()
	b := mosquittotest.Start(t, mosquittotest.Options{})
	at, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, file := filepath.Join(dir, "boiler.jsonl"), filepath.Join(dir, "gw.yaml")
	for name, text := range map[string]string{log: "{\"t\": 83.4, \"p\": 1.2}\n", file: fmt.Sprintf(`node: {name: gw-7, data: ./data, key: {hex: %q}}
api: {listen: "127.0.0.1:0"}
sources:
  boiler:
    file: {path: %q, format: lines}
    points: {temperature: {pointer: /t, unit: Cel}, pressure: {pointer: /p, unit: bar}}
    device: boiler-1
feeds: {heat: {decimals: 1, every: 1s, unit: Cel, stale: 1h, from: [boiler.temperature]}}
sinks: {plant: {mqtt: {url: %q, topic: "edge/{device_id}/{point}", retain: true}}}
`, pointsKey, log, b.URL)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	explain := func(node *process, args ...string) (string, error) {
		cmd := exec.Command(program, append([]string{"explain", "--api", node.url}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return string(out), nil
	}
	node := launch(t, dir, "run", file)
	node.awaitURL()
	told := func(args ...string) string {
		t.Helper()
		var text string
		eventually(t, patience, func() (err error) {
			if text, err = explain(node, args...); err == nil && !strings.Contains(text, "acknowledged by") {
				err = fmt.Errorf("it does not say that it went: %s\n%s", text, node.stderr)
			}
			return err
		})
		return masked(text)
	}
	feed := told("heat")
	heard, err := exec.Command(peertest.Debian(t, "mosquitto_sub"), "-p", at.Port(), "-t", "edge/boiler-1/boiler.temperature", "-C", "1", "-W", "60").CombinedOutput()
	said := regexp.MustCompile(`"id":"([0-9a-f]{32})","point":"boiler.temperature"`).FindSubmatch(heard)
	if err != nil || said == nil {
		t.Fatalf("heard %s: %v", heard, err)
	}
	id := string(said[1])
	session := "$ dodona explain heat\n" + feed + "\n$ dodona explain " + strings.Repeat("d", 32) + "\n" + told(id)
	node.stop()
	node = launch(t, dir, "run", file)
	node.awaitURL()
	if again := told(id); !strings.HasSuffix(session, again) {
		t.Errorf("after a restart it is told otherwise:\n%s", again)
	}
	if _, err := explain(node, strings.Repeat("0", 32)); err == nil || !strings.Contains(err.Error(), "no record that is kept of boiler has observation 0000") {
		t.Errorf("of an id that nobody has: %v", err)
	}
	golden := filepath.Join("testdata", "explain-points.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(session), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), session); diff != "" {
		t.Errorf("the session is another one (-want +got):\n%s", diff)
	}
}

var maskings = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?`), "2026-11-22 12:04:31"},
	{regexp.MustCompile(`\b\d{13}\b`), "1795349071000"},
	{regexp.MustCompile(`0x[0-9a-f]{4}…[0-9a-f]{4}`), "0xdddd…dddd"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), strings.Repeat("d", 32)},
	{regexp.MustCompile(`\+\d+ ms`), "+1 ms"},
	{regexp.MustCompile(`http://127.0.0.1:\d+`), "http://127.0.0.1:8080"},
	{regexp.MustCompile(`/\S*/boiler.jsonl`), "/log/boiler.jsonl"},
	{regexp.MustCompile(` +anchored .*`), "  anchored     …"},
}

// masked puts the same in place of what is another each time.
func masked(text string) string {
	for _, m := range maskings {
		text = m.what.ReplaceAllString(text, m.with)
	}
	return text
}
