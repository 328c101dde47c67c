package strict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dodona-oracle/dodona"
)

type recipe struct {
	Name  string
	Every time.Duration
	Steps []struct {
		Heat  dodona.Decimal
		Notes map[string]string `yaml:"notes"`
	}
}

func TestDecodeReadsOtherFilesAsStrictly(t *testing.T) {
	var got recipe
	text := "name: tea\nevery: 5m\nsteps:\n  - heat: 98.50\n    notes: {who: me}\n  - {heat: 20}\n"
	if err := Decode(strings.NewReader(text), "tea.yaml", &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "tea" || got.Every != 5*time.Minute || len(got.Steps) != 2 || got.Steps[0].Heat.String() != "98.5" {
		t.Errorf("read %+v", got)
	}
	if diff := cmp.Diff(map[string]string{"who": "me"}, got.Steps[0].Notes); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeTellsAllMistakesWithTheirLines(t *testing.T) {
	var got recipe
	err := Decode(strings.NewReader("nmae: tea\nevery: soon\nsteps:\n  - {heat: hot}\n"), "tea.yaml", &got)
	var mistakes *MistakesError
	if !errors.As(err, &mistakes) || len(mistakes.Mistakes) != 3 {
		t.Fatalf("got %v; want three mistakes", err)
	}
	for _, want := range []string{`tea.yaml:1:1: unknown key "nmae"`, `did you mean "name"?`, "tea.yaml:2:8: every", "tea.yaml:4:12: steps.heat"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if err := Decode(strings.NewReader("- a list"), "list.yaml", &got); err == nil || !strings.Contains(err.Error(), "want a map with name, every and steps") {
		t.Errorf("a list: %v", err)
	}
	if err := Decode(strings.NewReader("{"), "broken.yaml", &got); err == nil {
		t.Error("half a map was read")
	}
}

// A cover is part of a setting, with a default of its own.
type cover struct {
	Closed bool
	Colour string `yaml:"colour,omitempty"`
}

func (c *cover) Default() { c.Closed = true }

func TestWhatAFileBeginsToSpeakOfKeepsItsOwnDefaults(t *testing.T) {
	var got struct {
		Lid    *cover           `yaml:"lid"`
		Spare  *cover           `yaml:"spare"`
		Others []cover          `yaml:"others"`
		Named  map[string]cover `yaml:"named"`
	}
	text := "lid: {}\nothers: [{colour: red}, {closed: false}]\nnamed: {tin: {colour: blue}}\n"
	if err := Decode(strings.NewReader(text), "covers.yaml", &got); err != nil {
		t.Fatal(err)
	}
	if got.Lid == nil || !got.Lid.Closed || got.Spare != nil {
		t.Errorf("lid %+v, spare %+v", got.Lid, got.Spare)
	}
	if diff := cmp.Diff([]cover{{Closed: true, Colour: "red"}, {}}, got.Others); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]cover{"tin": {Closed: true, Colour: "blue"}}, got.Named); diff != "" {
		t.Error(diff)
	}
}
