package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

// feedsAndRoom is a configuration with as many feeds, and other settings.
func feedsAndRoom(feeds int, every, rest string) string {
	var b strings.Builder
	b.WriteString("sources: {a: {http: {url: \"http://127.0.0.1:1/x\", max_size: 100KiB}, value: /t}}\nfeeds:\n")
	for i := range feeds {
		fmt.Fprintf(&b, "  f%d: {decimals: 2, every: %s, from: [a]}\n", i, every)
	}
	return b.String() + rest
}

func TestProofTooSmallForItsFeedsIsRefusedWithTheSizeThatWorks(t *testing.T) {
	for _, row := range []struct {
		feeds int
		bytes string
		want  string // to set; empty if it is well
	}{
		{400, "1MiB", "13MiB"},
		{400, "12MiB", "13MiB"},
		{400, "13MiB", ""},
		{32, "1MiB", ""},
		{33, "1MiB", "2MiB"},
		{1024, "32MiB", ""},
	} {
		_, err := config.Load(strings.NewReader(feedsAndRoom(row.feeds, "2s", "journal: {proof: {bytes: "+row.bytes+"}}\n")), "f.yaml", kinds())
		if row.want == "" {
			if err != nil {
				t.Errorf("%d feeds in %s: %v, want no mistake", row.feeds, row.bytes, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "journal.proof.bytes: "+row.bytes+" is too small for "+fmt.Sprint(row.feeds)+" feeds") ||
			!strings.Contains(err.Error(), "want at least "+row.want) {
			t.Errorf("%d feeds in %s: %v, want it to say %s", row.feeds, row.bytes, err, row.want)
		}
	}
}

// The size that a mistake or a warning names works.
func TestValidatorsMayBeAwayForAMinute(t *testing.T) {
	const roles = "roles: [observe, serve]\n"
	away := func(bytes string) string {
		c := mustLoad(t, feedsAndRoom(6, "100ms", roles+"journal: {proof: {bytes: "+bytes+"}, listen: 127.0.0.1:4222}\n"))
		for _, w := range c.Warnings {
			if strings.Contains(fmt.Sprint(w), "without a validator") {
				return fmt.Sprint(w)
			}
		}
		return ""
	}
	if w := away("1MiB"); !strings.Contains(w, "after 3s without a validator") || !strings.Contains(w, "17MiB are enough") {
		t.Errorf("warning %q, want the time and the size", w)
	}
	if w := away("17MiB"); w != "" {
		t.Errorf("warning %q, want none", w)
	}
}

func TestExchangeLargerThanTheJournalTakesIsWarnedOf(t *testing.T) {
	warned := func(maxSize, raw string) string {
		c := mustLoad(t, "sources: {a: {http: {url: \"http://127.0.0.1:1/x\", max_size: "+maxSize+"}, value: /t}}\n"+
			"feeds: {x: {decimals: 2, every: 1s, from: [a]}}\njournal: {raw: {bytes: "+raw+"}}\n")
		for _, w := range c.Warnings {
			if strings.Contains(fmt.Sprint(w), "journal.raw.bytes") {
				return fmt.Sprint(w)
			}
		}
		return ""
	}
	if w := warned("1MiB", "1MiB"); !strings.Contains(w, "at least 3MiB") {
		t.Errorf("warning %q, want it to say 3MiB", w)
	}
	for _, row := range [][2]string{{"1MiB", "3MiB"}, {"300KiB", "1MiB"}, {"4MiB", "256MiB"}} {
		if w := warned(row[0], row[1]); w != "" {
			t.Errorf("max_size %s, raw %s: %q, want no warning", row[0], row[1], w)
		}
	}
}
