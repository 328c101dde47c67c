//go:build integration

package packaging

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// alerts says with which series each alert fires, after four hours of one value a minute: those whose values begin with _
// are not there before what they tell of has happened, all others from a node's start on.
var alerts = []struct {
	alert  string
	series []series
}{
	{"DodonaDown", nil}, // as where the job has another name
	{"DodonaDown", []series{{`up{job="dodona"}`, "0x300"}}},
	{"DodonaRestarts", []series{{`process_start_time_seconds{job="dodona"}`, "1000+60x300"}}},
	{"DodonaFeedWithoutAnswer", []series{{`dodona_feed_missed_in_a_row{feed="f"}`, "0x200 3x100"}}},
	{"DodonaFeedMissesRounds", []series{
		{`dodona_feed_answered_total{feed="f"}`, "0x300"},
		{`dodona_feed_missed_total{feed="f"}`, "0+6x300"},
		{`dodona_feed_round_timestamp_seconds{feed="f"}`, "0+60x300"},
		{`dodona_feed_due_timestamp_seconds{feed="f"}`, "10+60x300"},
	}},
	{"DodonaFeedMissesRounds", []series{ // one an hour
		{`dodona_feed_answered_total{feed="f"}`, "0x300"},
		{`dodona_feed_missed_total{feed="f"}`, "0x59 1x59 2x59 3x59 4x59"},
		{`dodona_feed_round_timestamp_seconds{feed="f"}`, "0x59 3600x59 7200x59 10800x120"},
		{`dodona_feed_due_timestamp_seconds{feed="f"}`, "3600x59 7200x59 10800x59 14400x120"},
	}},
	{"DodonaFeedStands", []series{{`dodona_feed_round_timestamp_seconds{feed="f"}`, "0x300"}, {`dodona_feed_due_timestamp_seconds{feed="f"}`, "10x300"}}},
	{"DodonaFeedStands", []series{{`dodona_feed_round_timestamp_seconds{feed="f"}`, "90000x300"}, {`dodona_feed_due_timestamp_seconds{feed="f"}`, "90010x300"}}},
	{"DodonaSourceDown", []series{{`dodona_source_up{source="s"}`, "0x300"}}},
	{"DodonaReadingsDropped", []series{{`dodona_source_dropped_total{source="s"}`, "_x230 1x70"}}},
	{"DodonaSinkStuck", []series{{`dodona_sink_up{sink="hook"}`, "0x300"}}},
	{"DodonaSinkStuck", []series{{`dodona_sink_up{sink="main"}`, "1x300"}, {`dodona_sink_troubles{sink="main"}`, "_x200 1x100"}}},
	{"DodonaSinkRefused", []series{{`dodona_sink_dead_total{sink="hook"}`, "_x230 1x70"}}},
	{"DodonaSinkPoor", []series{{`dodona_sink_balance_ether{sink="main"}`, "_x200 0.001x100"}}},
	{"DodonaJournalWaits", []series{{`dodona_journal_blocked{stream="RAW"}`, "_x230 1x70"}}},
	{"DodonaRecordsLost", []series{{`dodona_journal_lost_total{stream="RAW"}`, "_x230 1x70"}}},
	{"DodonaRecordsGivenUp", []series{{`dodona_node_dropped_total{what="round"}`, "_x230 1x70"}}},
	{"DodonaKeyElsewhere", []series{{`dodona_sign_refused_total{reason="conflict"}`, "_x230 1x70"}}},
	{"DodonaAnchorsStand", []series{{`dodona_anchor_sealed_total`, "0x300"}}},
	{"DodonaModuleFails", []series{{`dodona_module_failures_total{cause="trap"}`, "_x200 1+1x100"}}},
}

// A series is a metric with its label, and its values as promtool writes them.
type series struct{ name, values string }

// measured returns how a node begins the line of a series, and whether it is one of a node, and there from the start on.
func (s series) measured() (begin string, there bool) {
	begin, label, _ := strings.Cut(s.name, "{")
	if key, _, found := strings.Cut(label, "="); found && key != "job" { // which Prometheus puts there
		begin += "{" + key + "="
	} else {
		begin += " "
	}
	return begin, !strings.HasPrefix(s.name, "up{") && !strings.HasPrefix(s.values, "_")
}

// TestEachAlertFiresWithTheSeriesThatThereAre, by Prometheus' own judgement: one whose series is not there is silent for ever.
func TestEachAlertFiresWithTheSeriesThatThereAre(t *testing.T) {
	rules, err := filepath.Abs("prometheus/dodona.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n", rules)
	for _, c := range alerts {
		fmt.Fprintf(&b, "  - name: %s\n    interval: 1m\n    input_series:\n", c.alert)
		for _, s := range append(c.series, series{`unrelated`, "0x300"}) {
			fmt.Fprintf(&b, "      - {series: '%s', values: %q}\n", s.name, s.values)
		}
		fmt.Fprintf(&b, "    promql_expr_test:\n      - expr: 'count(ALERTS{alertname=%q, alertstate=\"firing\"})'\n        eval_time: 4h\n        exp_samples: [{labels: '{}', value: 1}]\n", c.alert)
	}
	file := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said(t, "promtool", "test", "rules", file)
}

// TestEveryAlertIsInTheTable with every metric that it goes by.
func TestEveryAlertIsInTheTable(t *testing.T) {
	text, err := os.ReadFile("prometheus/dodona.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`\b(?:up|(?:dodona|process)_[a-z_]+)\b`)
	rules := strings.Split(string(text), "- alert: ")[1:]
	if len(rules) < 16 {
		t.Fatalf("found %q", rules)
	}
	goesBy := func(alert, wanted string) bool {
		for _, c := range alerts {
			if c.alert == alert && slices.ContainsFunc(c.series, func(s series) bool { return metric.FindString(s.name) == wanted }) {
				return true
			}
		}
		return false
	}
	for _, rule := range rules {
		name, rest, _ := strings.Cut(rule, "\n")
		expr, _, _ := strings.Cut(rest, "labels:")
		_, expr, _ = strings.Cut(expr, "expr:")
		for _, want := range metric.FindAllString(expr, -1) {
			if !goesBy(name, want) {
				t.Errorf("no row says with which %s %s fires", want, name)
			}
		}
	}
}
