package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/dodona-oracle/dodona/all"
	"github.com/dodona-oracle/dodona/config"
)

// TestTheGuideOfMQTTHasConfigurationsThatPass reads each of the page as check does.
func TestTheGuideOfMQTTHasConfigurationsThatPass(t *testing.T) {
	page, err := os.ReadFile("../docs/guide/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d configurations", len(blocks))
	}
	kinds := append(config.KindsOf(all.Sources()...), config.KindsOf(all.Sinks()...)...)
	for _, block := range blocks {
		if _, err := config.Load(strings.NewReader(block[1]), "mqtt.md", kinds); err != nil {
			t.Errorf("%v\n%s", err, block[1])
		}
	}
}

func TestTwoWithOneClientIDAreRefused(t *testing.T) {
	kinds := config.KindsOf(all.Sources()...)
	load := func(first, second string) error {
		_, err := config.Load(strings.NewReader(`
sources:
  a: {mqtt: {url: "mqtt://broker", topics: [a], client_id: `+first+`}}
  b: {mqtt: {url: "mqtt://broker:1883", topics: [b], client_id: `+second+`}}
feeds: {f: {every: 1s, from: [a, b]}}
`), "f.yaml", kinds)
		return err
	}
	if err := load("gw", "gw"); err == nil || !strings.Contains(err.Error(), `client_id gw at broker:1883, which source "a" has`) {
		t.Errorf("one id for two: %v", err)
	}
	if err := load(`"{node}"`, "gw"); err != nil {
		t.Errorf("two ids: %v", err)
	}
	if err := load(`"{node}-{name}"`, `"{node}-{name}"`); err != nil {
		t.Errorf("the name makes two ids: %v", err)
	}
}
