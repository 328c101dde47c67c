package fielddoc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryMetricHasALabelAndAHelp(t *testing.T) {
	manual, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Metric{}
	for _, g := range manual.Metrics {
		if g.Doc == "" {
			t.Errorf("telemetry/%s.go does not say what is measured", g.Name)
		}
		for _, m := range g.Metrics {
			found[m.Name] = m
		}
	}
	if got, want := found["dodona_sink_dead_total"], (Metric{"NewCounters", "dodona_sink_dead_total", "sink", "Records refused for good"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(found) < 80 || found["go_info"].Label != "version" {
		t.Errorf("%d metrics, go_info is %+v", len(found), found["go_info"])
	}
}

// TestAWrongMetricIsTold plants mistakes, because a check that cannot fail is none.
func TestAWrongMetricIsTold(t *testing.T) {
	for src, want := range map[string]string{
		`NewCounter("source_readings_total", "Readings")`:                                            "want a name such as",
		`NewCounter("dodona_source-readings_total", "Readings")`:                                     "want a name such as",
		`NewCounter("dodona_readings", "Readings")`:                                                  "ends in _total",
		`NewGauges("dodona_readings_total", "source", "Readings")`:                                   "ends in _total",
		`NewTimer("dodona_answer", "Time")`:                                                          "ends in _seconds",
		`NewGauge("dodona_age_seconds", "Age")`:                                                      "ends in _seconds",
		`NewGauge("dodona_round_timestamp_milliseconds", "Round")`:                                   "base unit",
		`NewGauges("dodona_balance_gwei", "sink", "Balance")`:                                        "base unit",
		`NewCounters("dodona_readings_total", "", "Readings")`:                                       "cannot be a label",
		`NewCounters("dodona_readings_total", "name", "Readings")`:                                   "cannot be a label",
		`NewTimers("dodona_answer_seconds", "le", "Time")`:                                           "cannot be a label",
		`NewCounter("dodona_readings_total", "")`:                                                    "want a help",
		`NewCounter("dodona_readings_total", "Readings.")`:                                           "want a help",
		`NewCounter(name, "Readings")`:                                                               "must be literals",
		`NewCounter("dodona_readings_total", "source", "Readings")`:                                  "got 3 texts, want 2",
		`[]any{NewGauge("dodona_open", "Open"), telemetry.NewGauges("dodona_open", "sink", "Open")}`: "declared twice",
	} {
		top := t.TempDir()
		dir := filepath.Join(top, "telemetry")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte("package telemetry\n\nvar x = "+src+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(top); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", src, err, want)
		}
	}
}
