//go:build integration

package packaging

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dodona-oracle/dodona/internal/logtest"
)

// TestTheAlertsComeWhenTheyShould by Prometheus' own judgement.
func TestTheAlertsComeWhenTheyShould(t *testing.T) {
	said(t, "promtool", "check", "rules", "packaging/prometheus/dodona.rules.yml")
	said(t, "promtool", "test", "rules", "packaging/prometheus/dodona.rules.test.yml")
}

// TestTheAlertsKnowTheMetrics: a name that no node measures never fires.
func TestTheAlertsKnowTheMetrics(t *testing.T) {
	rules, err := os.ReadFile("prometheus/dodona.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/guide/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	operations, err := os.ReadFile("../docs/guide/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(dodona|process)_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 16 {
		t.Fatalf("found %q", names)
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("no metric is called %s", name)
		}
	}
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(operations), "`"+alert[1]+"`") {
			t.Errorf("docs/guide/operations.md does not say what to do when %s comes", alert[1])
		}
	}
}

// TestPrometheusFindsNoFaultInTheMetrics of a node with sources, feeds, and a sink.
func TestPrometheusFindsNoFaultInTheMetrics(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "node.yaml")
	text := `
node: {data: ./data}
api: {listen: "127.0.0.1:0"}
anchor: {every: 1s}
sources: {s: {sim: {seed: 1}}, gone: {file: {path: ./none.jsonl, format: lines}}}
feeds: {f: {every: 200ms, decimals: 2, from: [s]}, g: {every: 200ms, decimals: 2, from: [gone]}}
sinks: {out: {stdout: {}}, hook: {webhook: {url: "http://127.0.0.1:1", secret: {file: secret}}}}
`
	for name, text := range map[string]string{config: text, filepath.Join(dir, "secret"): "0123456789abcdef0123456789abcdef"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := exec.Command(built(t), "run", config)
	node.Dir = dir
	var talk logtest.Text
	node.Stderr = &talk
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = node.Process.Signal(syscall.SIGTERM)
		_ = node.Wait()
	}()
	var metrics string
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		metrics = scraped(t, talk.String())
		if missing := without(metrics, "\ndodona_anchor_seal_seconds_count ", `dodona_sink_delivered_total{sink="out"}`, `dodona_sink_up{sink="hook"} 0`, `dodona_source_up{source="gone"} 0`); missing == "" {
			break
		} else if time.Now().After(limit) {
			t.Fatalf("%q is not among\n%s", missing, metrics)
		}
	}
	for _, c := range alerts {
		for _, s := range c.series {
			if name, there := s.measured(); there && !strings.Contains(metrics, "\n"+name) {
				t.Errorf("%s goes by %s, which is not there from the start on:\n%s", c.alert, name, metrics)
			}
		}
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(metrics)
	if told, err := check.CombinedOutput(); err != nil || len(told) > 0 {
		t.Errorf("promtool says: %v\n%s\nof\n%s", err, told, metrics)
	}
}

// scraped returns what a node that said where it serves measures; "" as long as it did not.
func scraped(t *testing.T, talk string) string {
	t.Helper()
	served := regexp.MustCompile(`page and API at (\S+)`).FindStringSubmatch(talk)
	if served == nil {
		return ""
	}
	answer, err := http.Get(served[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// without returns the first part that is not in text, or "".
func without(text string, parts ...string) string {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return part
		}
	}
	return ""
}
