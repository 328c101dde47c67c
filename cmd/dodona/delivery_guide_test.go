package main

import (
	"os"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/config"
)

// TestGuidesShowConfigurationsThatAreRight reads the first one in each of these pages as check does.
func TestGuidesShowConfigurationsThatAreRight(t *testing.T) {
	for _, page := range []string{"delivery.md", "networks.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../../docs/guide/" + page)
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(text), "```yaml\n")
			shown, _, found := strings.Cut(after, "```")
			if !found {
				t.Fatal("the guide shows no configuration")
			}
			c, err := config.Load(strings.NewReader(shown), page, allKinds())
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Sinks) != 2 || len(c.Warnings) != 0 {
				t.Errorf("%d sinks, warnings %v", len(c.Sinks), c.Warnings)
			}
			// Its long form is the same configuration.
			long, err := c.Expand(allKinds())
			if err != nil {
				t.Fatal(err)
			}
			again, err := config.Load(strings.NewReader(string(long)), "expanded.yaml", allKinds())
			if err != nil {
				t.Fatalf("%v\n%s", err, long)
			}
			if d := config.Diff(c, again); len(d.Sinks.Equal) != 2 || len(d.Sources.Equal) != len(c.Sources) {
				t.Errorf("expanding changes it: %s\n%s", d, long)
			}
		})
	}
}
