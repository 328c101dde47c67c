package main

import (
	"os"
	"os/exec"
	"path/filepath"
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

// TestDeliveryGuideMakesTheKeyThatItsConfigurationNames: the commands run as they are printed, and nothing is wrong with the file where they ran.
func TestDeliveryGuideMakesTheKeyThatItsConfigurationNames(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/guide/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, made := t.TempDir(), ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "(umask 077; mkdir -p keys") || strings.HasPrefix(line, "dodona key new ") {
			cmd := exec.Command("bash", "-c", line)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, said)
			}
			made += string(said)
		}
	}
	if !strings.Contains(made, "key: {file: keys/writer.json, password: {file: keys/writer.password}}") {
		t.Errorf("the commands do not print the line of the guide's configuration:\n%s", made)
	}
	t.Chdir(dir)
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	shown, _, _ := strings.Cut(after, "```")
	if c, err := config.LoadFor(strings.NewReader(shown), "delivery.md", allKinds(), nil); err != nil || len(c.Warnings) != 0 {
		t.Errorf("where they ran: %v, %v", c, err)
	}
}
